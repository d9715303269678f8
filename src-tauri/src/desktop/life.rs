//! What runs beside the windows, from the start to the end.

use std::time::Duration;

use tauri::{AppHandle, Emitter as _, Manager as _};
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use super::shell::Shell;
use super::windows;
use super::{raising, tray};
use crate::engine::Engine;
use crate::ui_api::{self, UiErrorCode};

/// What a page listens for; it then asks for what it shows.
const CHANGED: &str = "changed";

/// The shortest time between two pieces of news for a page: what a stranger can make happen often
/// must not keep a window busy.
const NEWS_GAP: Duration = Duration::from_millis(100);

/// The engine's start is waited for this long before the main window opens: its settings say
/// whether it should. When it takes longer something is in its way, and the window says what.
const START_PATIENCE: Duration = Duration::from_secs(3);

/// Starts all of it. Started in the `background`, as at login, no window is opened.
pub(super) fn begin(app: &AppHandle, background: bool) {
    tauri::async_runtime::spawn(quit_when_asked(app.clone()));
    tauri::async_runtime::spawn(open_first_window(app.clone(), background));
    tauri::async_runtime::spawn(live(app.clone()));
}

/// Opens the main window at the start, if it is wanted or needed.
async fn open_first_window(app: AppHandle, background: bool) {
    let shell = app.state::<Shell>().inner().clone();
    let started = if background {
        // At login the panel and the keychain may come after us, and nobody waits for a window.
        Ok(shell.engine().await)
    } else {
        tokio::time::timeout(START_PATIENCE, shell.engine()).await
    };
    let wanted = match started {
        Ok(Ok(engine)) => !background && (wants_window(&engine) || !tray::is_shown(&app).await),
        // This start gives way to another, which has a window of its own.
        Ok(Err(error)) if error.code == UiErrorCode::Conflict => false,
        // It failed, or something is in its way: only the window can say so.
        Ok(Err(_)) | Err(_) => true,
    };
    if wanted {
        windows::open(&app);
    }
}

/// Quits when the main window has gone and there is no tray to open it again.
pub(super) fn quit_without_a_way_back(app: &AppHandle) {
    let app = app.clone();
    tauri::async_runtime::spawn(async move {
        if !tray::is_shown(&app).await && !windows::is_main_there(&app) {
            app.state::<Shell>().quit();
        }
    });
}

fn wants_window(engine: &Engine) -> bool {
    ui_api::settings(engine).map_or(true, |settings| settings.show_window_at_start)
}

/// What goes on while the engine runs; the app ends with it.
async fn live(app: AppHandle) {
    let shell = app.state::<Shell>().inner().clone();
    let Some(engine) = shell.running().await else {
        return;
    };
    if let Some(unseen) = shell.take_unseen() {
        tauri::async_runtime::spawn(raising::attend(app.clone(), engine.clone(), unseen));
    }
    tauri::async_runtime::spawn(show_when_asked(app.clone(), engine.clone()));
    tell_news(&app, &engine, &shell).await;
    // Nothing if quitting is what stopped the engine: a second exit would cut the first one short.
    shell.quit();
}

/// Shows the main window whenever another start of the program asks for it.
async fn show_when_asked(app: AppHandle, engine: Engine) {
    let mut asked = engine.confirmations().watch_show();
    // Another start may have been quicker than this task.
    if *asked.borrow_and_update() > 0 {
        windows::open(&app);
    }
    while asked.changed().await.is_ok() {
        windows::open(&app);
    }
}

/// Tells the pages whenever something may have changed, until the engine stops.
async fn tell_news(app: &AppHandle, engine: &Engine, shell: &Shell) {
    let mut news = engine.events();
    loop {
        tokio::select! {
            event = news.recv() => if matches!(event, Err(RecvError::Closed)) { return },
            () = shell.news() => {}
            () = engine.stopped() => return,
        }
        // All of it is told at once.
        while !matches!(
            news.try_recv(),
            Err(TryRecvError::Empty | TryRecvError::Closed)
        ) {}
        if let Err(error) = app.emit(CHANGED, ()) {
            // Most likely a window that is just going.
            tracing::debug!(%error, "the windows could not be told that something changed");
        }
        tokio::time::sleep(NEWS_GAP).await;
    }
}

/// Quits in order when a page or the system asks for it.
async fn quit_when_asked(app: AppHandle) {
    let shell = app.state::<Shell>().inner().clone();
    tokio::select! {
        () = shell.quitting() => {}
        asked = asked_to_quit() => if let Err(error) = asked {
            tracing::warn!(%error, "signals cannot be listened to");
            shell.quitting().await;
        },
    }
    app.exit(0);
}

#[cfg(unix)]
async fn asked_to_quit() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn asked_to_quit() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}
