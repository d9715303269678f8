//! What happened.

use tauri::async_runtime::spawn_blocking;
use tauri::{State, command};

use crate::desktop::shell::Shell;
use crate::ui_api::{self, ActivityView, UiError};

#[command(rename_all = "snake_case")]
pub(super) async fn activity(
    shell: State<'_, Shell>,
    limit: usize,
) -> Result<Vec<ActivityView>, UiError> {
    let engine = shell.engine().await?;
    // Up to a thousand entries are opened: too much for a thread that others wait for.
    spawn_blocking(move || ui_api::activity(&engine, limit))
        .await
        .map_err(UiError::failed)?
}
