//! Whether the desktop has a place for tray icons.
//!
//! On Linux that is a program on the session bus: `org.kde.StatusNotifierWatcher`, with a host
//! registered at it. GNOME has none unless an extension brings it, and one may come and go while
//! Drawbridge runs. Where there is none, the library behind the icon falls back to the older way of
//! X11, which small window managers' panels still have. Windows and macOS always have a place.
//! See <https://www.freedesktop.org/wiki/Specifications/StatusNotifierItem/> and
//! <https://specifications.freedesktop.org/systemtray-spec/latest/>.

use drawbridge_vault::StoreError;
use tauri::{AppHandle, Manager as _};
use tokio::sync::watch;

use super::shell::Shell;
use super::tray;
use crate::engine::Engine;

/// Whether icons are shown now. Clones are one.
#[derive(Clone)]
pub(super) struct TrayHost(watch::Receiver<Option<bool>>);

impl TrayHost {
    /// Looks now, and goes on looking.
    pub(super) fn watch(runtime: &tokio::runtime::Handle) -> Self {
        let (told, seen) = watch::channel(None);
        runtime.spawn(look(told));
        Self(seen)
    }

    /// Whether icons are shown now. Until that is known they are taken to be: nothing ends by a
    /// mistake.
    pub(super) async fn is_present(&self) -> bool {
        let told = *self.0.borrow();
        // Nobody tells of a panel of X11, so it is looked for when it matters.
        told.unwrap_or(true) || is_on_x11().await
    }
}

/// What is stored when a desktop without a tray was told of.
const NOTICE_SHOWN: &str = "tray_notice_shown";

/// Tells the window of every change, and the owner once that this desktop has no tray.
pub(super) fn follow(app: &AppHandle) {
    let app = app.clone();
    tauri::async_runtime::spawn(async move {
        let shell = app.state::<Shell>().inner().clone();
        let mut seen = app.state::<TrayHost>().0.clone();
        let Some(engine) = shell.running().await else {
            return;
        };
        let mut notice = false;
        // Until it is known there is nothing to tell.
        while seen.wait_for(Option::is_some).await.is_ok() {
            let present = tray::is_shown(&app).await;
            notice |= !present && is_first_time(&engine).await;
            engine.set_tray(present, notice && !present);
            shell.tell_news();
            if seen.changed().await.is_err() {
                return;
            }
        }
    });
}

/// Whether no desktop without a tray was told of before; from now on one was.
async fn is_first_time(engine: &Engine) -> bool {
    let vault = engine.vault();
    match vault.read::<_, StoreError>(|reader| reader.setting(NOTICE_SHOWN)) {
        Ok(None) => {}
        Ok(Some(_)) => return false,
        Err(error) => {
            tracing::warn!(%error, "it is not known whether the missing tray was told of");
            return false;
        }
    }
    tracing::info!(
        "this desktop has no tray: closing the window quits Drawbridge. On GNOME an extension \
         brings one (AppIndicator and KStatusNotifierItem Support)"
    );
    let stored = vault
        .write::<_, StoreError>(|writer| writer.put_setting(NOTICE_SHOWN, "1"))
        .await;
    if let Err(error) = stored {
        tracing::warn!(%error, "the missing tray will be told of again");
    }
    true
}

#[cfg(not(target_os = "linux"))]
async fn look(told: watch::Sender<Option<bool>>) {
    told.send_replace(Some(true));
    // The place is there for as long as anybody asks.
    told.closed().await;
}

#[cfg(not(target_os = "linux"))]
#[expect(clippy::unused_async, reason = "the Linux counterpart waits")]
async fn is_on_x11() -> bool {
    false
}

/// Whether a panel of X11 takes icons.
#[cfg(target_os = "linux")]
async fn is_on_x11() -> bool {
    tokio::task::spawn_blocking(ask_x11).await.unwrap_or(false)
}

/// Asks the display, on this computer, and waits for it.
#[cfg(target_os = "linux")]
fn ask_x11() -> bool {
    use x11rb::protocol::xproto::ConnectionExt as _;
    let owner = || -> Option<u32> {
        let (display, screen) = x11rb::connect(None).ok()?;
        let name = format!("_NET_SYSTEM_TRAY_S{screen}");
        let tray = display.intern_atom(false, name.as_bytes()).ok()?;
        let tray = tray.reply().ok()?.atom;
        let owner = display.get_selection_owner(tray).ok()?.reply().ok()?;
        Some(owner.owner)
    };
    owner().is_some_and(|window| window != x11rb::NONE)
}

#[cfg(target_os = "linux")]
async fn look(told: watch::Sender<Option<bool>>) {
    if let Err(error) = linux::look(&told).await {
        tracing::info!(%error, "the session bus cannot be asked for a tray");
        told.send_replace(Some(false));
    }
    told.closed().await;
}

#[cfg(target_os = "linux")]
mod linux {
    use futures_util::StreamExt as _;
    use tokio::sync::watch;
    use zbus::fdo::{DBusProxy, NameOwnerChangedStream};
    use zbus::names::BusName;

    /// Who keeps the list of icons and of those that show them.
    const WATCHER: &str = "org.kde.StatusNotifierWatcher";

    #[zbus::proxy(
        interface = "org.kde.StatusNotifierWatcher",
        default_service = "org.kde.StatusNotifierWatcher",
        default_path = "/StatusNotifierWatcher"
    )]
    trait Watcher {
        #[zbus(property(emits_changed_signal = "false"))]
        fn is_status_notifier_host_registered(&self) -> zbus::Result<bool>;

        #[zbus(signal)]
        fn status_notifier_host_registered(&self) -> zbus::Result<()>;

        #[zbus(signal)]
        fn status_notifier_host_unregistered(&self) -> zbus::Result<()>;
    }

    /// Tells whether icons are shown, now and whenever that changes.
    pub(super) async fn look(told: &watch::Sender<Option<bool>>) -> zbus::Result<()> {
        let connection = zbus::Connection::session().await?;
        let bus = DBusProxy::new(&connection).await?;
        let watcher = WatcherProxy::new(&connection).await?;
        // All three are listened to before the first look, so that no change falls between.
        let mut owners: NameOwnerChangedStream = bus
            .receive_name_owner_changed_with_args(&[(0, WATCHER)])
            .await?;
        let mut registered = watcher.receive_status_notifier_host_registered().await?;
        let mut unregistered = watcher.receive_status_notifier_host_unregistered().await?;
        loop {
            let present = is_present(&bus, &watcher).await;
            told.send_if_modified(|known| {
                let changed = *known != Some(present);
                *known = Some(present);
                changed
            });
            let goes_on = tokio::select! {
                next = owners.next() => next.is_some(),
                next = registered.next() => next.is_some(),
                next = unregistered.next() => next.is_some(),
                () = told.closed() => return Ok(()),
            };
            if !goes_on {
                return Err(zbus::Error::Failure("the session bus has gone".into()));
            }
        }
    }

    async fn is_present(bus: &DBusProxy<'_>, watcher: &WatcherProxy<'_>) -> bool {
        // Asking the watcher itself would start one where the bus knows how to.
        let Ok(name) = BusName::try_from(WATCHER) else {
            return false;
        };
        bus.name_has_owner(name).await.unwrap_or(false)
            && watcher
                .is_status_notifier_host_registered()
                .await
                .unwrap_or(false)
    }
}
