//! What a page may call. Each command is one line over `ui_api`; which window may call it stands
//! in `src-tauri/permissions`.

use tauri::State;

use super::shell::Shell;
use crate::ui_api::{self, Status, UiError};

/// Where Drawbridge stands. Answers once the engine has started, or has failed to.
#[tauri::command]
pub(super) async fn status(shell: State<'_, Shell>) -> Result<Status, UiError> {
    ui_api::status(&shell.engine().await?)
}
