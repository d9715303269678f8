//! Where secrets lie, and the end of everything stored.

use tauri::{State, command};

use crate::desktop::shell::Shell;
use crate::ui_api::{self, Moved, Rotated, SecretsView, UiError};

#[command(rename_all = "snake_case")]
pub(super) async fn secrets(shell: State<'_, Shell>) -> Result<SecretsView, UiError> {
    ui_api::secrets(&shell.engine().await?)
}

#[command(rename_all = "snake_case")]
pub(super) async fn rotate_secrets(shell: State<'_, Shell>) -> Result<Rotated, UiError> {
    ui_api::rotate(&shell.engine().await?).await
}

#[command(rename_all = "snake_case")]
pub(super) async fn move_key(shell: State<'_, Shell>, to: String) -> Result<Moved, UiError> {
    ui_api::move_key(&shell.engine().await?, &to).await
}

/// There is nothing left to work with: the app quits.
#[command(rename_all = "snake_case")]
pub(super) async fn erase_everything(
    shell: State<'_, Shell>,
    typed: String,
) -> Result<(), UiError> {
    ui_api::erase_everything(&shell.engine().await?, &typed).await?;
    shell.quit();
    Ok(())
}
