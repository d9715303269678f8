//! Where secrets lie, and the end of everything stored.

use tauri::{AppHandle, Runtime, State, command};

use crate::desktop::autostart;
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

/// There is nothing left to work with: the app quits, and is not started at login any more.
#[command(rename_all = "snake_case")]
pub(super) async fn erase_everything<R: Runtime>(
    app: AppHandle<R>,
    shell: State<'_, Shell>,
    typed: String,
) -> Result<(), UiError> {
    let engine = shell.engine().await?;
    // Before all else: when everything is erased the app ends, and this may not run on.
    let was_on = ui_api::means_erasing(&typed) && autostart::is_on(&app).unwrap_or(false);
    if was_on {
        autostart::set(&app, false)?;
    }
    if let Err(error) = ui_api::erase_everything(&engine, &typed).await {
        if was_on && !engine.is_erasing() {
            autostart::set(&app, true)?;
        }
        return Err(error);
    }
    shell.quit();
    Ok(())
}
