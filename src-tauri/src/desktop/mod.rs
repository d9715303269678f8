//! The desktop shell: tray, windows, and the commands that their pages may call. It shows what
//! the engine says and hands on what a person does; it decides nothing.
//!
//! - `commands/`: one line each over `ui_api`, a file for each room
//! - `shell`: the engine as the shell sees it, from its start to its end; what commands share
//! - `life`: what runs beside the windows: news, raising, quitting
//! - `windows`: which windows there are and where they may go
//! - `approval`, `raising`: when the approval window is there, and doing it
//! - `settling`: the two seconds in which nothing can be let in
//! - `notify`: the system's own notification
//! - `tray`, `tray_host`: the icon and its menu, and whether there is a place for it
//! - `clipboard`, `autostart`, `folder`, `second_start`: one thing of the system's each
//! - `acl`, `commands/tests`: what each window may call, and what it is answered, on the mock
//!   runtime of `testing`
//!
//! The pages live in `ui/`, one per window. What a window may call stands in
//! `src-tauri/capabilities` and `src-tauri/permissions`; what stands there for no window is
//! refused to all. No plugin's commands are given to any page.

#[cfg(all(test, feature = "gui-test"))]
mod acl;
mod approval;
mod autostart;
mod clipboard;
mod commands;
mod folder;
mod life;
mod notify;
mod raising;
mod second_start;
mod settling;
mod shell;
#[cfg(all(test, feature = "gui-test"))]
mod testing;
mod tray;
mod tray_host;
mod windows;

use std::future::Future;

use tauri::{AppHandle, Builder, RunEvent, Runtime, WindowEvent};
use tokio::runtime::Handle;

use crate::config::Folders;
use crate::engine::Engine;
use crate::exit::ExitStatus;
use crate::ui_api::UiError;
use clipboard::Clipboard;
use shell::Shell;
use tray::IconFolder;
use tray_host::TrayHost;

pub(crate) use second_start::{First, look_for_first, wait_for_first};

/// How the desktop is to start.
pub(crate) struct Start {
    /// Where things are kept.
    pub(crate) folders: Folders,
    /// Without a window, as at login.
    pub(crate) background: bool,
}

/// Runs the desktop on this thread, which must be the main one, until it is quit.
///
/// What `starter` makes is driven on `runtime`; when the engine cannot start, the window says why,
/// stays, and can have it made again.
pub(crate) fn run<F>(
    runtime: &Handle,
    start: Start,
    starter: impl Fn() -> F + Send + Sync + 'static,
) -> ExitStatus
where
    F: Future<Output = Result<Engine, UiError>> + Send + 'static,
{
    tauri::async_runtime::set(runtime.clone());
    let Start {
        folders,
        background,
    } = start;
    let shell = Shell::start(runtime, Some(folders.web()), starter);
    let host = TrayHost::watch(runtime);
    let built = equipped(Builder::default(), shell.clone())
        .manage(host)
        .manage(IconFolder(folders.run))
        .setup(move |app| {
            tray::show(app.handle());
            tray_host::follow(app.handle());
            life::begin(app.handle(), background);
            second_start::give_way(app.handle());
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

/// All that pages can reach.
fn equipped<R: Runtime>(builder: Builder<R>, shell: Shell) -> Builder<R> {
    autostart::equip(builder)
        .plugin(tauri_plugin_notification::init())
        .manage(shell)
        .manage(Clipboard::default())
        .invoke_handler(commands::handler())
}

#[expect(
    clippy::disallowed_methods,
    reason = "tauri's macro builds the context on a thread, and ends the process when that panics"
)]
fn context<R: Runtime>() -> tauri::Context<R> {
    tauri::generate_context!()
}

fn on_event(app: &AppHandle, event: RunEvent) {
    match event {
        // It does not end with its last window.
        RunEvent::ExitRequested {
            code: None, api, ..
        } => api.prevent_exit(),
        RunEvent::WindowEvent {
            label,
            event: WindowEvent::Destroyed,
            ..
        } if label == windows::MAIN => life::quit_without_a_way_back(app),
        // Its icon in the dock was clicked.
        #[cfg(target_os = "macos")]
        RunEvent::Reopen { .. } => windows::open(app),
        _ => {}
    }
}
