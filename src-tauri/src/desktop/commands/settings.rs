//! The settings.

use tauri::{AppHandle, Runtime, State, command};

use crate::desktop::shell::Shell;
use crate::desktop::{autostart, folder};
use crate::ui_api::{self, SettingsChange, SettingsView, UiError};

#[command(rename_all = "snake_case")]
pub(super) async fn settings(shell: State<'_, Shell>) -> Result<SettingsView, UiError> {
    ui_api::settings(&shell.engine().await?)
}

#[command(rename_all = "snake_case")]
pub(super) async fn change_settings(
    shell: State<'_, Shell>,
    change: SettingsChange,
) -> Result<SettingsView, UiError> {
    ui_api::change_settings(&shell.engine().await?, change).await
}

// What starts at login stands in a file or list of the system: nothing is waited for.
#[command(rename_all = "snake_case")]
#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape of tauri's commands"
)]
pub(super) fn start_at_login<R: Runtime>(app: AppHandle<R>) -> Result<bool, UiError> {
    autostart::is_on(&app)
}

#[command(rename_all = "snake_case")]
#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape of tauri's commands"
)]
pub(super) fn set_start_at_login<R: Runtime>(app: AppHandle<R>, on: bool) -> Result<(), UiError> {
    autostart::set(&app, on)
}

#[command(rename_all = "snake_case")]
pub(super) async fn open_data_folder(shell: State<'_, Shell>) -> Result<(), UiError> {
    let engine = shell.engine().await?;
    folder::show(&engine.folders().data).await
}
