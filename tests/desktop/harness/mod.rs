//! The harness of the tests that see the desktop app as a person's session sees it.
//!
//! A test opens a [`Session`] (a display, a session bus, a real gnome-keyring, a home folder: all
//! its own), puts into it what a desktop environment would bring, starts the app, and looks:
//!
//! | part | is |
//! |---|---|
//! | [`Session`] | the session: `start_app` starts the real binary, `run` another one beside it |
//! | [`App`] | the running app: its output, its processes, what must hold when it ends |
//! | [`Display`] | the X server: which windows there are, the clipboard, closing a window as a window manager does |
//! | [`TrayHost`] | the desktop's place for tray icons; without one there is none, as on plain GNOME |
//! | `TrayItem`, `Menu` | our icon as the desktop sees it: its drawing, its menu, clicks |
//! | [`Notifications`] | the desktop's place for notifications, which keeps what it was told |
//! | [`FileManager`] | the desktop's file manager, which keeps what it was asked to show |
//! | [`Driver`], [`Windows`] | `WebDriver`, which starts the app, and the pages of its windows |
//! | [`Client`], [`Browser`] | an OAuth and MCP client, and the browser of the person at this computer |
//!
//! ```ignore
//! let session = Session::start();
//! let host = TrayHost::start(&session).await;
//! let app = session.start_app();
//! let item = host.item().await;
//! item.menu().await.choose("Stop").await;
//! ```
//! Tests run side by side: nothing has a fixed name, port or display. When the [`App`] falls it
//! must stop within two seconds of TERM and leave no process behind, and no secret of Drawbridge's
//! shape may stand in what it said or logged. What fails prints what the app had said.
//!
//! Whoever drives the pages (`WebDriver`) starts the driver with [`Session::environment`].

mod app;
mod display;
mod file_manager;
mod notifications;
mod session;
mod tray;
mod webdriver;

#[path = "../../app/harness/browser.rs"]
#[expect(dead_code, reason = "shared with tests/app, which uses all of it")]
mod browser;
#[path = "../../app/harness/canary.rs"]
mod canary;
#[path = "../../app/harness/captured.rs"]
#[expect(dead_code, reason = "shared with tests/app, which uses all of it")]
mod captured;
#[path = "../../app/harness/client.rs"]
#[expect(dead_code, reason = "shared with tests/app, which uses all of it")]
mod client;
#[path = "../../app/harness/http.rs"]
#[expect(dead_code, reason = "shared with tests/app, which uses all of it")]
mod http;
#[path = "../../app/harness/processes.rs"]
#[expect(dead_code, reason = "shared with tests/app, which uses all of it")]
mod processes;
#[path = "../../app/harness/secret_service.rs"]
mod secret_service;

use std::future::Future;
use std::time::Duration;

pub(crate) use app::App;
pub(crate) use browser::{Browser, links};
pub(crate) use canary::Canary;
pub(crate) use client::{Authorization, Client, REDIRECT, Tokens};
pub(crate) use display::Display;
pub(crate) use file_manager::FileManager;
pub(crate) use http::{Answer, Network, Sending, text};
pub(crate) use notifications::Notifications;
pub(crate) use processes::{Pinned, descendants, survivors};
pub(crate) use session::Session;
pub(crate) use tray::TrayHost;
pub(crate) use webdriver::{Driver, Windows};

/// How long what a person would see at once may take on a busy machine.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// How long to wait between two looks, where nobody tells of a change.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Ends a process of the app, as the system does when memory is short.
pub(crate) fn end(process: &Pinned) {
    processes::signal(process.pid, processes::Signal::Kill);
}

/// Looks until there is something to see, for [`SOON`] at most.
pub(crate) async fn eventually<T, F>(what: &str, look: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    within(SOON, what, look).await
}

/// Likewise, with a limit that is part of what is promised.
pub(crate) async fn within<T, F>(limit: Duration, what: &str, mut look: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let looking = async {
        loop {
            if let Some(seen) = look().await {
                return seen;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    // Also when a look itself does not come to an end.
    let seen = tokio::time::timeout(limit, looking).await;
    seen.unwrap_or_else(|_| panic!("not within {limit:?}: {what}"))
}
