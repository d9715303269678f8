//! The client whose id and secret are typed in by hand.

use tauri::{State, command};

use crate::desktop::clipboard::{self, Clipboard};
use crate::desktop::shell::Shell;
use crate::ui_api::{self, Revealed, StaticClientInfo, UiError};

#[command(rename_all = "snake_case")]
pub(super) async fn static_client(
    shell: State<'_, Shell>,
) -> Result<Option<StaticClientInfo>, UiError> {
    ui_api::static_client_info(&shell.engine().await?).await
}

#[command(rename_all = "snake_case")]
pub(super) async fn create_static_client(
    shell: State<'_, Shell>,
) -> Result<StaticClientInfo, UiError> {
    ui_api::create_static_client(&shell.engine().await?).await
}

#[command(rename_all = "snake_case")]
pub(super) async fn remove_static_client(shell: State<'_, Shell>) -> Result<(), UiError> {
    ui_api::remove_static_client(&shell.engine().await?).await
}

#[command(rename_all = "snake_case")]
pub(super) async fn add_static_redirect(
    shell: State<'_, Shell>,
    uri: String,
) -> Result<StaticClientInfo, UiError> {
    ui_api::add_static_redirect(&shell.engine().await?, &uri).await
}

#[command(rename_all = "snake_case")]
pub(super) async fn remove_static_redirect(
    shell: State<'_, Shell>,
    uri: String,
) -> Result<StaticClientInfo, UiError> {
    ui_api::remove_static_redirect(&shell.engine().await?, &uri).await
}

#[command(rename_all = "snake_case")]
pub(super) async fn reveal_static_client_secret(
    shell: State<'_, Shell>,
) -> Result<Revealed, UiError> {
    ui_api::reveal_static_client_secret(&shell.engine().await?).await
}

#[command(rename_all = "snake_case")]
pub(super) async fn copy_static_client_secret(
    shell: State<'_, Shell>,
    clipboard: State<'_, Clipboard>,
) -> Result<(), UiError> {
    clipboard::copy_static_client_secret(&clipboard, &shell.engine().await?).await
}
