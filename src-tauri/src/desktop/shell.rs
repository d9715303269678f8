//! The engine as the shell sees it: starting, started or failed; and its news for the pages.

use std::future::Future;
use std::time::Duration;

use tauri::{AppHandle, Emitter as _, Manager as _};
use tokio::runtime::Handle;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::windows;
use crate::engine::Engine;
use crate::ui_api::{UiError, UiErrorCode};

/// What a page listens for; it then asks for what it shows.
const STATUS_CHANGED: &str = "status-changed";

/// The shortest time between two pieces of news for a page: what a stranger can make happen often
/// must not keep a window busy.
const NEWS_GAP: Duration = Duration::from_millis(100);

type Started = Option<Result<Engine, UiError>>;

/// The engine, from its start to its end. Clones are one.
#[derive(Clone)]
pub(super) struct Shell {
    started: watch::Receiver<Started>,
    starting: AbortHandle,
}

impl Shell {
    /// Starts the engine in the background.
    pub(super) fn start(
        runtime: &Handle,
        starting: impl Future<Output = Result<Engine, UiError>> + Send + 'static,
    ) -> Self {
        let (sender, started) = watch::channel(None);
        let task = runtime.spawn(async move {
            let engine = starting.await;
            if let Err(error) = &engine {
                tracing::error!(%error, "Drawbridge did not start");
            }
            sender.send_replace(Some(engine));
        });
        Self {
            started,
            starting: task.abort_handle(),
        }
    }

    /// The engine once it has started.
    ///
    /// # Errors
    /// Why it did not start.
    pub(super) async fn engine(&self) -> Result<Engine, UiError> {
        let mut started = self.started.clone();
        let engine = started
            .wait_for(Option::is_some)
            .await
            .ok()
            .and_then(|engine| engine.clone());
        engine.unwrap_or_else(|| {
            Err(UiError::new(
                UiErrorCode::Unavailable,
                "Drawbridge is stopping",
            ))
        })
    }

    /// Stops the engine, or its start.
    pub(super) async fn stop(&self) {
        self.starting.abort();
        let engine = self.started.borrow().clone();
        if let Some(Ok(engine)) = engine {
            engine.stop().await;
        }
    }
}

/// Tells the main window whenever something may have changed, and quits with the engine.
pub(super) fn tell_news(app: &AppHandle) {
    let app = app.clone();
    tauri::async_runtime::spawn(async move {
        let shell = app.state::<Shell>().inner().clone();
        let Ok(engine) = shell.engine().await else {
            return;
        };
        let mut news = engine.events();
        loop {
            tokio::select! {
                event = news.recv() => if matches!(event, Err(RecvError::Closed)) { break },
                () = engine.stopped() => break,
            }
            tokio::time::sleep(NEWS_GAP).await;
            news = news.resubscribe();
            if let Err(error) = app.emit_to(windows::MAIN, STATUS_CHANGED, ()) {
                tracing::warn!(%error, "the window could not be told that something changed");
            }
        }
        app.exit(0);
    });
}

/// Quits in order when the system asks for it.
pub(super) fn quit_on_signals(app: &AppHandle) {
    let app = app.clone();
    tauri::async_runtime::spawn(async move {
        match asked_to_quit().await {
            Ok(()) => app.exit(0),
            Err(error) => tracing::warn!(%error, "signals cannot be listened to"),
        }
    });
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_failed_start_is_told_to_everybody_who_asks() {
        let failed = async { Err(UiError::failed("port 8787 cannot be used")) };
        let shell = Shell::start(&Handle::current(), failed);
        for _ in 0..2 {
            let error = shell.engine().await.err().unwrap();
            assert_eq!(error.message, "Port 8787 cannot be used");
        }
        shell.stop().await;
    }

    #[tokio::test]
    async fn quitting_while_it_starts_leaves_nobody_waiting() {
        let shell = Shell::start(&Handle::current(), std::future::pending());
        shell.stop().await;
        let error = shell.engine().await.err().unwrap();
        assert_eq!(error.code, UiErrorCode::Unavailable);
    }
}
