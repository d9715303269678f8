//! Whether Drawbridge is started at login.
//!
//! What is registered is this program with [`crate::cli::BACKGROUND`], so that no window opens at
//! login. Windows and macOS keep a list that the plugin knows; pages have no part in it: its own
//! commands are granted to no window.

#[cfg(target_os = "linux")]
mod entry;

use tauri::{AppHandle, Runtime};

use crate::ui_api::UiError;

/// Whether it is started at login.
///
/// # Errors
/// When the system's list cannot be read.
pub(super) fn is_on<R: Runtime>(app: &AppHandle<R>) -> Result<bool, UiError> {
    list::is_on(app).map_err(|error| failed("cannot be read", &error))
}

/// Has it started at login, or not.
///
/// # Errors
/// When the system's list cannot be written.
pub(super) fn set<R: Runtime>(app: &AppHandle<R>, on: bool) -> Result<(), UiError> {
    list::set(app, on).map_err(|error| failed("cannot be changed", &error))
}

fn failed(what: &str, problem: &str) -> UiError {
    UiError::failed(format!(
        "what starts at login {what}: {problem}. Make sure that the list is yours and writable, or \
         use the settings of the system"
    ))
}

pub(super) use list::equip;

#[cfg(target_os = "linux")]
mod list {
    use std::path::PathBuf;

    use tauri::{AppHandle, Builder, Manager as _, Runtime};

    use super::entry;

    /// Nothing is needed.
    pub(in crate::desktop) fn equip<R: Runtime>(builder: Builder<R>) -> Builder<R> {
        builder
    }

    fn file<R: Runtime>(app: &AppHandle<R>) -> Result<PathBuf, String> {
        let configuration = app.path().config_dir();
        configuration
            .map(|folder| entry::file(&folder))
            .map_err(|error| error.to_string())
    }

    pub(super) fn is_on<R: Runtime>(app: &AppHandle<R>) -> Result<bool, String> {
        let file = file(app)?;
        entry::is_on(&file).map_err(|error| format!("{}: {error}", file.display()))
    }

    pub(super) fn set<R: Runtime>(app: &AppHandle<R>, on: bool) -> Result<(), String> {
        let file = file(app)?;
        let done = if on {
            // Of an AppImage the file itself, not what it is unpacked to for this run.
            let program = app.env().appimage.map_or_else(
                || std::env::current_exe().map_err(|error| error.to_string()),
                |image| Ok(PathBuf::from(image)),
            )?;
            entry::write(&file, &program)
        } else {
            entry::remove(&file)
        };
        done.map_err(|error| format!("{}: {error}", file.display()))
    }
}

#[cfg(not(target_os = "linux"))]
mod list {
    use tauri::{AppHandle, Builder, Runtime};
    use tauri_plugin_autostart::ManagerExt as _;

    use crate::cli::BACKGROUND;

    pub(in crate::desktop) fn equip<R: Runtime>(builder: Builder<R>) -> Builder<R> {
        builder.plugin(
            tauri_plugin_autostart::Builder::new()
                .app_name("Drawbridge")
                .arg(BACKGROUND)
                .build(),
        )
    }

    pub(super) fn is_on<R: Runtime>(app: &AppHandle<R>) -> Result<bool, String> {
        let list = app.autolaunch();
        list.is_enabled().map_err(|error| error.to_string())
    }

    pub(super) fn set<R: Runtime>(app: &AppHandle<R>, on: bool) -> Result<(), String> {
        let list = app.autolaunch();
        let done = if on { list.enable() } else { list.disable() };
        done.map_err(|error| error.to_string())
    }
}
