//! What a page asks of its window and of the app around it.

use tauri::{Runtime, State, WebviewWindow, command};

use crate::desktop::approval::Event;
use crate::desktop::clipboard::Clipboard;
use crate::desktop::shell::Shell;
use crate::desktop::windows::{self, View};
use crate::ui_api::UiError;

#[command(rename_all = "snake_case")]
pub(super) async fn copy_text(
    clipboard: State<'_, Clipboard>,
    text: String,
) -> Result<(), UiError> {
    clipboard.copy(text).await
}

#[command(rename_all = "snake_case")]
#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape of tauri's commands"
)]
pub(super) fn show_question(shell: State<'_, Shell>) {
    shell.tell_approval(Event::Wanted);
}

#[command(rename_all = "snake_case")]
#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape of tauri's commands"
)]
pub(super) fn shown_view(shell: State<'_, Shell>) -> Option<View> {
    shell.take_view()
}

#[command(rename_all = "snake_case")]
#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape of tauri's commands"
)]
pub(super) fn zoom<R: Runtime>(window: WebviewWindow<R>, factor: f64) -> Result<(), UiError> {
    windows::zoom(&window, factor).map_err(UiError::failed)
}

#[command(rename_all = "snake_case")]
#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape of tauri's commands"
)]
pub(super) fn quit(shell: State<'_, Shell>) {
    shell.quit();
}
