//! What happened.

use tauri::{State, command};

use crate::desktop::shell::Shell;
use crate::ui_api::{self, ActivityView, UiError};

#[command(rename_all = "snake_case")]
pub(super) async fn activity(
    shell: State<'_, Shell>,
    limit: usize,
) -> Result<Vec<ActivityView>, UiError> {
    ui_api::activity(&shell.engine().await?, limit)
}
