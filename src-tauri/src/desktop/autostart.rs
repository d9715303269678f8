//! Whether Drawbridge is started at login.
//!
//! What is registered is this program with [`BACKGROUND`], so that no window opens at
//! login. Pages have no part in it: the plugin's own commands are granted to no window.

use tauri::plugin::TauriPlugin;
use tauri::{AppHandle, Runtime};
use tauri_plugin_autostart::ManagerExt as _;

use crate::cli::BACKGROUND;
use crate::ui_api::UiError;

/// The plugin that knows where each system keeps its list.
pub(super) fn plugin<R: Runtime>() -> TauriPlugin<R> {
    tauri_plugin_autostart::Builder::new()
        .app_name("Drawbridge")
        .arg(BACKGROUND)
        .build()
}

/// Whether it is started at login.
///
/// # Errors
/// When the system's list cannot be read.
pub(super) fn is_on<R: Runtime>(app: &AppHandle<R>) -> Result<bool, UiError> {
    app.autolaunch()
        .is_enabled()
        .map_err(|error| failed("cannot be read", &error))
}

/// Has it started at login, or not.
///
/// # Errors
/// When the system's list cannot be written.
pub(super) fn set<R: Runtime>(app: &AppHandle<R>, on: bool) -> Result<(), UiError> {
    let list = app.autolaunch();
    let done = if on { list.enable() } else { list.disable() };
    done.map_err(|error| failed("cannot be changed", &error))
}

fn failed(what: &str, error: &tauri_plugin_autostart::Error) -> UiError {
    UiError::failed(format!(
        "what starts at login {what}: {error}. Look whether the folder for it is yours and writable, or use the system's own settings"
    ))
}
