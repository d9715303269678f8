//! Who may come in, and codes for other devices.

use tauri::{Runtime, State, WebviewWindow, command};

use crate::desktop::shell::Shell;
use crate::desktop::windows;
use crate::ui_api::{
    self, ConnectionTerms, ConnectionView, NewToken, PairingShown, PairingView, TokenShown,
    UiError, UiErrorCode,
};

#[command(rename_all = "snake_case")]
pub(super) async fn connections(
    shell: State<'_, Shell>,
    ended: bool,
) -> Result<Vec<ConnectionView>, UiError> {
    ui_api::connections(&shell.engine().await?, ended)
}

#[command(rename_all = "snake_case")]
pub(super) async fn edit_connection<R: Runtime>(
    window: WebviewWindow<R>,
    shell: State<'_, Shell>,
    id: String,
    terms: ConnectionTerms,
) -> Result<ConnectionView, UiError> {
    let gone = windows::gone(&window);
    let engine = shell.engine().await?;
    tokio::select! {
        edited = ui_api::edit_connection(&engine, &id, terms) => edited,
        // Nobody waits for it any more: what it asks is withdrawn.
        () = gone => Err(UiError::new(UiErrorCode::Unavailable, "the window was closed")),
    }
}

#[command(rename_all = "snake_case")]
pub(super) async fn revoke(shell: State<'_, Shell>, id: String) -> Result<(), UiError> {
    ui_api::revoke(&shell.engine().await?, &id).await
}

#[command(rename_all = "snake_case")]
pub(super) async fn revoke_all(shell: State<'_, Shell>) -> Result<usize, UiError> {
    ui_api::revoke_all(&shell.engine().await?).await
}

#[command(rename_all = "snake_case")]
pub(super) async fn create_token(
    shell: State<'_, Shell>,
    token: NewToken,
) -> Result<TokenShown, UiError> {
    ui_api::create_token(&shell.engine().await?, token).await
}

#[command(rename_all = "snake_case")]
pub(super) async fn pair(shell: State<'_, Shell>) -> Result<PairingShown, UiError> {
    ui_api::pair(&shell.engine().await?)
}

#[command(rename_all = "snake_case")]
pub(super) async fn pairing(shell: State<'_, Shell>) -> Result<Option<PairingView>, UiError> {
    Ok(ui_api::pairing(&shell.engine().await?))
}

#[command(rename_all = "snake_case")]
pub(super) async fn end_pairing(shell: State<'_, Shell>) -> Result<(), UiError> {
    ui_api::end_pairing(&shell.engine().await?);
    Ok(())
}
