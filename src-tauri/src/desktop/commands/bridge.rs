//! The bridge: its state, opening and closing it.

use jiff::Timestamp;
use tauri::{State, command};

use crate::desktop::shell::Shell;
use crate::ui_api::{self, ChecklistView, Status, UiError};

#[command(rename_all = "snake_case")]
pub(super) async fn status(shell: State<'_, Shell>) -> Result<Status, UiError> {
    ui_api::status(&shell.engine().await?)
}

/// For a start that failed because of something that can be mended meanwhile, like a locked
/// keychain.
#[command(rename_all = "snake_case")]
pub(super) async fn retry_start(shell: State<'_, Shell>) -> Result<(), UiError> {
    shell.retry().await
}

#[command(rename_all = "snake_case")]
pub(super) async fn open_bridge(shell: State<'_, Shell>) -> Result<(), UiError> {
    ui_api::open_bridge(&shell.engine().await?).await
}

#[command(rename_all = "snake_case")]
pub(super) async fn close_bridge(shell: State<'_, Shell>) -> Result<(), UiError> {
    ui_api::close_bridge(&shell.engine().await?).await
}

#[command(rename_all = "snake_case")]
pub(super) async fn arm(shell: State<'_, Shell>) -> Result<Timestamp, UiError> {
    let until = ui_api::arm(&shell.engine().await?);
    shell.tell_news();
    until
}

#[command(rename_all = "snake_case")]
pub(super) async fn checklist(shell: State<'_, Shell>) -> Result<ChecklistView, UiError> {
    ui_api::checklist(&shell.engine().await?)
}
