//! The desktop shell: tray, windows, and the commands that their pages may call. It shows what
//! the engine says and hands on what a person does; it decides nothing.
//!
//! - `commands`: one line each over `ui_api`
//! - `shell`: the engine as the shell sees it, from its start to its end
//! - `tray`: the icon and its menu
//! - `windows`: which windows there are and where they may go
//!
//! The pages live in `ui/`, one per window. What a window may call stands in
//! `src-tauri/capabilities` and `src-tauri/permissions`; what stands there for no window is
//! refused to all.

mod commands;
mod shell;
mod tray;
mod windows;

use std::future::Future;

use tauri::{App, AppHandle, RunEvent};
use tokio::runtime::Handle;

use crate::engine::Engine;
use crate::exit::ExitStatus;
use crate::ui_api::UiError;
use shell::Shell;

/// Runs the desktop on this thread, which must be the main one, until it is quit.
///
/// `starting` is driven on `runtime`. The window opens at once and says what is going on; when the
/// engine cannot start it says why, and stays.
pub(crate) fn run(
    runtime: &Handle,
    starting: impl Future<Output = Result<Engine, UiError>> + Send + 'static,
) -> ExitStatus {
    tauri::async_runtime::set(runtime.clone());
    let shell = Shell::start(runtime, starting);
    let built = tauri::Builder::default()
        .manage(shell.clone())
        .invoke_handler(tauri::generate_handler![commands::status])
        .setup(|app| {
            open(app);
            Ok(())
        })
        .build(context());
    let code = match built {
        Ok(app) => app.run_return(on_event),
        Err(error) => {
            tracing::error!(%error, "the window system cannot be used; try `drawbridge serve`");
            1
        }
    };
    runtime.block_on(shell.stop());
    if code == 0 {
        ExitStatus::Done
    } else {
        ExitStatus::Failed
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "tauri's macro builds the context on a thread, and ends the process when that panics"
)]
fn context() -> tauri::Context {
    tauri::generate_context!()
}

fn open(app: &App) {
    if let Err(error) = tray::show(app.handle()) {
        tracing::warn!(%error, "there is no tray icon: closing the window quits Drawbridge");
    }
    if let Err(error) = windows::show_main(app.handle()) {
        tracing::error!(%error, "the window cannot be opened; try `drawbridge serve`");
        app.handle().exit(1);
    }
    shell::tell_news(app.handle());
    shell::quit_on_signals(app.handle());
}

fn on_event(app: &AppHandle, event: RunEvent) {
    if let RunEvent::ExitRequested {
        code: None, api, ..
    } = event
        && tray::is_shown(app)
    {
        // The last window was closed; the tray goes on.
        api.prevent_exit();
    }
}
