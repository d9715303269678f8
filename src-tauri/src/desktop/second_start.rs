//! A second start with the same data folder: it shows the window of the first one, and ends.
//!
//! Which is the first is decided by the lock of the data folder, never by what is asked here: of
//! two that start in the same moment, the one without the lock gives way.

use std::time::Duration;

use tauri::{AppHandle, Manager as _};

use super::shell::Shell;
use crate::cli::Terminal;
use crate::control::{AskError, Client};
use crate::exit::ExitStatus;
use crate::ui_api::{Ask, UiError, UiErrorCode};

/// What a second start says of a first one that does not answer.
const SILENT: &str =
    "Drawbridge is running already, but does not answer. Stop it, or end its process";

/// What a second start says.
const SHOWN: &str = "Drawbridge is running already; look at its window or its tray icon";

/// How long the first one may take to answer. It may be starting, and waiting for the keychain: it
/// answers when it has it, and shows its window of its own accord when it does not get it.
const ANSWER_WAIT: Duration = Duration::from_secs(75);
/// How long one that was just started may take until it can be asked at all, and how often that is
/// tried.
const START_WAIT: Duration = Duration::from_secs(5);
const ASK_EVERY: Duration = Duration::from_millis(100);

/// What a second start found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum First {
    /// Nobody: this is the first one.
    Absent,
    /// The first one shows its window.
    Shown,
    /// The first one has none to show, or did not answer; in words for standard error.
    NotShown(String),
}

impl First {
    /// What a start that found this ends with, having said so; nothing when it goes on.
    pub(crate) fn ends(self) -> Option<ExitStatus> {
        match self {
            Self::Absent => None,
            Self::Shown => {
                // Whoever started it may not listen.
                let _unheard = Terminal.line(SHOWN);
                Some(ExitStatus::Done)
            }
            Self::NotShown(problem) => {
                Terminal.note(&problem);
                Some(ExitStatus::Failed)
            }
        }
    }

    /// Why a start that lost the data folder to the one it found has no engine.
    pub(crate) fn gives_way(self) -> UiError {
        match self {
            Self::NotShown(problem) => UiError::failed(problem),
            Self::Absent | Self::Shown => {
                let _unheard = Terminal.line(SHOWN);
                UiError::new(UiErrorCode::Conflict, SHOWN)
            }
        }
    }
}

/// Asks the Drawbridge that runs with this data folder to show its window; at login
/// (`background`) it is left alone.
pub(crate) async fn look_for_first(client: &Client, background: bool) -> First {
    if background {
        return if client.is_answered().await {
            First::Shown
        } else {
            First::Absent
        };
    }
    let asked = tokio::time::timeout(ANSWER_WAIT, client.ask::<()>(&Ask::ShowWindow));
    match asked.await {
        Ok(Ok(())) => First::Shown,
        Ok(Err(AskError::NotRunning)) => First::Absent,
        Ok(Err(error)) => First::NotShown(error.to_string()),
        Err(_) => First::NotShown(SILENT.to_owned()),
    }
}

/// The same when the lock is known to be taken: by one that may be just starting.
pub(crate) async fn wait_for_first(client: &Client, background: bool) -> First {
    let answered = tokio::time::timeout(START_WAIT, async {
        loop {
            if client.is_answered().await {
                return;
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
    });
    match answered.await {
        Ok(()) => look_for_first(client, background).await,
        Err(_) => First::NotShown(SILENT.to_owned()),
    }
}

/// Ends this start when another one turned out to be the first.
pub(super) fn give_way(app: &AppHandle) {
    let app = app.clone();
    tauri::async_runtime::spawn(async move {
        let shell = app.state::<Shell>().inner().clone();
        if let Err(error) = shell.engine().await
            && error.code == UiErrorCode::Conflict
        {
            shell.quit();
        }
    });
}
