//! The tray icon and its menu: shows what [`model`] says, changing only what changed, and hands on
//! what is chosen.

mod model;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use drawbridge_vault::ensure_private_directory;
use tauri::image::Image;
use tauri::menu::{IsMenuItem, Menu, MenuEvent, MenuItem, PredefinedMenuItem};
use tauri::tray::{MouseButton, MouseButtonState, TrayIcon, TrayIconBuilder, TrayIconEvent};
use tauri::{AppHandle, Manager as _, Wry};
use tokio::sync::broadcast::error::RecvError;

use super::clipboard::Clipboard;
use super::shell::Shell;
use super::tray_host::TrayHost;
use super::windows::{self, View};
use crate::engine::Engine;
use crate::ui_api;
use model::{Facts, Look, Picture};

const TRAY: &str = "main";
const TOGGLE: &str = "toggle";
const COPY: &str = "copy";
const APPROVALS: &str = "approvals";
const MISSED: &str = "missed";
const OPEN: &str = "open";
const QUIT: &str = "quit";

/// Where the count of missed requests stands: below the approvals.
const MISSED_POSITION: usize = 5;

/// The shortest time between two changes: what a stranger can make happen often must not keep the
/// panel busy.
const NEWS_GAP: Duration = Duration::from_millis(100);

/// macOS colours the icon as its menu bar is.
const IS_TEMPLATE: bool = cfg!(target_os = "macos");

/// The icon, its menu, and what they show.
struct Tray {
    icon: TrayIcon,
    menu: Menu<Wry>,
    state: MenuItem<Wry>,
    toggle: MenuItem<Wry>,
    copy: MenuItem<Wry>,
    approvals: MenuItem<Wry>,
    missed: MenuItem<Wry>,
    shown: Mutex<Look>,
    /// Whether opening or closing that was asked for here is under way.
    busy: AtomicBool,
}

/// Shows the icon, and keeps it as the engine is. Without a tray it says so in the log.
///
/// Must be called on the main thread.
pub(super) fn show(app: &AppHandle) {
    // The library behind the icon is loaded when it is first used, and its absence is a panic.
    let built = catch_unwind(AssertUnwindSafe(|| Tray::build(app)));
    match built {
        Ok(Ok(tray)) => {
            app.manage(tray);
            follow(app);
        }
        Ok(Err(error)) => tracing::warn!(%error, "{NO_TRAY}"),
        Err(_) => tracing::warn!(
            "{NO_TRAY}. The library libayatana-appindicator3 is missing: install it to have one"
        ),
    }
}

const NO_TRAY: &str = "there is no tray icon: closing the window quits Drawbridge";

/// Is there an icon by which the windows can be opened again?
pub(super) async fn is_shown(app: &AppHandle) -> bool {
    if app.try_state::<Tray>().is_none() {
        return false;
    }
    let host = app.try_state::<TrayHost>().map(|host| host.inner().clone());
    match host {
        Some(host) => host.is_present().await,
        None => true,
    }
}

impl Tray {
    fn build(app: &AppHandle) -> tauri::Result<Self> {
        let look = Look::of(&Facts::starting());
        let item = |id: &str, label: &str, enabled| {
            MenuItem::with_id(app, id, label, enabled, None::<&str>)
        };
        let state = item("state", &look.state, false)?;
        let toggle = item(TOGGLE, &look.toggle.label, look.toggle.enabled)?;
        let copy = item(COPY, &look.copy.label, look.copy.enabled)?;
        let approvals = item(APPROVALS, &look.approvals.label, look.approvals.enabled)?;
        let missed = item(MISSED, "", true)?;
        let separator = || PredefinedMenuItem::separator(app);
        let menu = Menu::with_items(
            app,
            &[
                &state as &dyn IsMenuItem<Wry>,
                &separator()?,
                &toggle,
                &copy,
                &approvals,
                &separator()?,
                &item(OPEN, "Open Drawbridge", true)?,
                &item(QUIT, "Quit Drawbridge", true)?,
            ],
        )?;
        let mut icon = TrayIconBuilder::with_id(TRAY)
            .icon(image(look.picture))
            .icon_as_template(IS_TEMPLATE)
            .tooltip(&look.tooltip)
            .menu(&menu)
            .show_menu_on_left_click(cfg!(target_os = "macos"))
            .on_menu_event(chosen)
            .on_tray_icon_event(clicked);
        if let Some(folder) = app.try_state::<IconFolder>() {
            icon = icon.temp_dir_path(folder.private()?);
        }
        Ok(Self {
            icon: icon.build(app)?,
            menu,
            state,
            toggle,
            copy,
            approvals,
            missed,
            shown: Mutex::new(look),
            busy: AtomicBool::new(false),
        })
    }

    /// Changes what is different from what is shown. On the main thread.
    fn change(&self, look: Look) -> tauri::Result<()> {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if look.picture != shown.picture {
            self.icon
                .set_icon_with_as_template(Some(image(look.picture)), IS_TEMPLATE)?;
        }
        if look.tooltip != shown.tooltip {
            self.icon.set_tooltip(Some(&look.tooltip))?;
        }
        if look.state != shown.state {
            self.state.set_text(&look.state)?;
        }
        for (item, now, before) in [
            (&self.toggle, &look.toggle, &shown.toggle),
            (&self.copy, &look.copy, &shown.copy),
            (&self.approvals, &look.approvals, &shown.approvals),
        ] {
            if now.label != before.label {
                item.set_text(&now.label)?;
            }
            if now.enabled != before.enabled {
                item.set_enabled(now.enabled)?;
            }
        }
        if look.missed != shown.missed {
            match &look.missed {
                Some(words) => {
                    self.missed.set_text(words)?;
                    if shown.missed.is_none() {
                        self.menu.insert(&self.missed, MISSED_POSITION)?;
                    }
                }
                None => self.menu.remove(&self.missed)?,
            }
        }
        *shown = look;
        Ok(())
    }
}

/// Where the icon is handed over as a file: a folder of our own, not one that all programs share.
pub(super) struct IconFolder(pub(super) PathBuf);

impl IconFolder {
    /// The folder, made private: the engine, which keeps its socket there, comes later.
    fn private(&self) -> std::io::Result<&Path> {
        ensure_private_directory(&self.0).map_err(std::io::Error::other)?;
        Ok(&self.0)
    }
}

/// Keeps the tray as the engine is, until the engine stops.
fn follow(app: &AppHandle) {
    let app = app.clone();
    tauri::async_runtime::spawn(async move {
        let shell = app.state::<Shell>().inner().clone();
        if shell.engine().await.is_err() {
            show_facts(&app, &Facts::failed());
        }
        let Some(engine) = shell.running().await else {
            return;
        };
        let mut news = engine.events();
        let mut questions = ui_api::watch_questions(&engine);
        loop {
            questions.look();
            show_engine(&app, &engine);
            tokio::select! {
                event = news.recv() => if matches!(event, Err(RecvError::Closed)) { return },
                other = questions.changed() => if other.is_none() { return },
                () = engine.stopped() => return,
            }
            tokio::time::sleep(NEWS_GAP).await;
            news = news.resubscribe();
        }
    });
}

/// Shows what the engine says now.
fn show_engine(app: &AppHandle, engine: &Engine) {
    let busy = app
        .try_state::<Tray>()
        .is_some_and(|tray| tray.busy.load(Ordering::Acquire));
    let waiting = engine.oauth().approvals().len() + engine.confirmations().waiting().len();
    match ui_api::status(engine) {
        Ok(status) => show_facts(app, &Facts::of(&status, waiting, busy)),
        Err(error) => tracing::warn!(%error, "the tray cannot be kept up to date"),
    }
}

fn show_facts(app: &AppHandle, facts: &Facts) {
    let look = Look::of(facts);
    let owned = app.clone();
    let sent = app.run_on_main_thread(move || {
        if let Some(tray) = owned.try_state::<Tray>()
            && let Err(error) = tray.change(look)
        {
            tracing::warn!(%error, "the tray cannot be changed");
        }
    });
    if let Err(error) = sent {
        tracing::debug!(%error, "the tray is gone");
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape of tauri's callback"
)]
fn chosen(app: &AppHandle, event: MenuEvent) {
    match event.id().as_ref() {
        TOGGLE => with_engine(app, toggle),
        COPY => with_engine(app, copy_connector_url),
        APPROVALS => windows::show_approval(app),
        MISSED => windows::show_view(app, View::Activity),
        OPEN => windows::open(app),
        QUIT => app.state::<Shell>().quit(),
        _ => {}
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape of tauri's callback"
)]
fn clicked(icon: &TrayIcon, event: TrayIconEvent) {
    if let TrayIconEvent::Click {
        button: MouseButton::Left,
        button_state: MouseButtonState::Up,
        ..
    } = event
        && cfg!(not(target_os = "macos"))
    {
        windows::open(icon.app_handle());
    }
}

/// Does something with the engine, in the background, if it has started.
fn with_engine<F>(app: &AppHandle, work: impl FnOnce(AppHandle, Engine) -> F + Send + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    let app = app.clone();
    tauri::async_runtime::spawn(async move {
        let shell = app.state::<Shell>().inner().clone();
        // What failed to start says so in the window.
        if let Ok(engine) = shell.engine().await {
            work(app, engine).await;
        }
    });
}

/// Opens what is closed, closes what is open; once at a time.
async fn toggle(app: AppHandle, engine: Engine) {
    let begun = app
        .try_state::<Tray>()
        .is_some_and(|tray| !tray.busy.swap(true, Ordering::AcqRel));
    if !begun {
        return;
    }
    show_engine(&app, &engine);
    if engine.state() == ui_api::State::Open {
        engine.close().await;
    } else if let Err(error) = engine.open().await {
        // The state says so too, and the window says what to do.
        tracing::error!(%error, "Drawbridge could not be opened");
        windows::open(&app);
    }
    if let Some(tray) = app.try_state::<Tray>() {
        tray.busy.store(false, Ordering::Release);
    }
    show_engine(&app, &engine);
}

async fn copy_connector_url(app: AppHandle, engine: Engine) {
    let url = engine.addresses().connector_url();
    let clipboard = app.state::<Clipboard>().inner().clone();
    if let Err(error) = clipboard.copy(url).await {
        tracing::error!(%error, "the connector URL was not copied");
        // There it can be selected by hand.
        windows::show_view(&app, windows::View::Connect);
    }
}

/// The icon's drawing, on a tile of its own; the panel scales it.
#[cfg(not(target_os = "macos"))]
fn image(picture: Picture) -> Image<'static> {
    match picture {
        Picture::Closed => tauri::include_image!("icons/tray/closed.png"),
        Picture::Opening => tauri::include_image!("icons/tray/opening.png"),
        Picture::Open => tauri::include_image!("icons/tray/open.png"),
        Picture::Attention => tauri::include_image!("icons/tray/attention.png"),
    }
}

/// The icon's shape; the menu bar colours it.
#[cfg(target_os = "macos")]
fn image(picture: Picture) -> Image<'static> {
    match picture {
        Picture::Closed => tauri::include_image!("icons/tray/closed-template.png"),
        Picture::Opening => tauri::include_image!("icons/tray/opening-template.png"),
        Picture::Open => tauri::include_image!("icons/tray/open-template.png"),
        Picture::Attention => tauri::include_image!("icons/tray/attention-template.png"),
    }
}
