//! The windows: which there are, how they look before their page does, and where their pages may
//! go. A window is made when it is wanted and destroyed when it is closed, so that no web process
//! stays without a window.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;
use tauri::webview::{Color, NewWindowResponse, PageLoadEvent, PermissionResponse};
use tauri::{
    AppHandle, Emitter as _, Manager as _, Runtime, Theme, Url, UserAttentionType, WebviewUrl,
    WebviewWindow, WebviewWindowBuilder, WindowEvent,
};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::approval::Event;
use super::shell::Shell;

/// The label of the main window; its capability is `src-tauri/capabilities/main.json`.
pub(super) const MAIN: &str = "main";
/// The label of the approval window; its capability is `src-tauri/capabilities/approval.json`.
pub(super) const APPROVAL: &str = "approval";

/// The event that asks the main window's page for a view.
const SHOW_VIEW: &str = "show-view";

/// A window is shown when its page has loaded, so that nothing white flashes up; a page that takes
/// longer than this is waited for in plain view.
const SHOW_AT_THE_LATEST: Duration = Duration::from_millis(600);

/// How far a page can be zoomed.
const SMALLEST: f64 = 0.5;
const LARGEST: f64 = 3.0;

/// The colour of `--background` in `ui/src/tokens.css`, for what is seen before the page is.
const LIGHT: Color = Color(0xfa, 0xf9, 0xf7, 0xff);
const DARK: Color = Color(0x1a, 0x19, 0x17, 0xff);

/// Zooming by keys where the webview has none of its own; the page's own code needs no right to it.
#[cfg(not(windows))]
const ZOOM_KEYS: &str = include_str!("zoom.js");

/// A view of the main window that the shell asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum View {
    /// The bridge's state, its address and the checklist.
    Connect,
    /// The servers.
    Servers,
    /// What happened.
    Activity,
}

/// How a window is made, in logical pixels.
struct Plan {
    label: &'static str,
    page: &'static str,
    title: &'static str,
    size: (f64, f64),
    least: (f64, f64),
    on_top: bool,
}

const MAIN_PLAN: Plan = Plan {
    label: MAIN,
    page: "main.html",
    title: "Drawbridge",
    size: (900.0, 640.0),
    least: (720.0, 520.0),
    on_top: false,
};

const APPROVAL_PLAN: Plan = Plan {
    label: APPROVAL,
    page: "approval.html",
    title: "Drawbridge asks",
    size: (480.0, 600.0),
    least: (440.0, 480.0),
    on_top: true,
};

/// Opens the main window, or brings it to the front.
pub(super) fn open<R: Runtime>(app: &AppHandle<R>) {
    show_main(app, None);
}

/// The same, on this view.
pub(super) fn show_view<R: Runtime>(app: &AppHandle<R>, view: View) {
    show_main(app, Some(view));
}

fn show_main<R: Runtime>(app: &AppHandle<R>, view: Option<View>) {
    if let Err(error) = try_show_main(app, view) {
        tracing::error!(%error, "the window cannot be opened; try `drawbridge serve`");
    }
}

fn try_show_main<R: Runtime>(app: &AppHandle<R>, view: Option<View>) -> tauri::Result<()> {
    let Some(window) = app.get_webview_window(MAIN) else {
        app.state::<Shell>().ask_for_view(view);
        return build(app, &MAIN_PLAN).map(drop);
    };
    if view.is_some() {
        // A page that does not listen yet asks for it.
        app.state::<Shell>().ask_for_view(view);
        app.emit_to(MAIN, SHOW_VIEW, view)?;
    }
    to_front(&window)
}

/// Brings the question to the front, if one waits.
pub(super) fn show_approval<R: Runtime>(app: &AppHandle<R>) {
    app.state::<Shell>().tell_approval(Event::Wanted);
}

/// Makes a page larger or smaller; 1 is the size it was drawn for.
///
/// # Errors
/// When the webview is gone.
pub(super) fn zoom<R: Runtime>(window: &WebviewWindow<R>, factor: f64) -> tauri::Result<()> {
    let factor = if factor.is_finite() { factor } else { 1.0 };
    window.set_zoom(factor.clamp(SMALLEST, LARGEST))
}

/// Makes the approval window. It shows itself.
///
/// # Errors
/// When the system does not give one.
pub(super) fn make_approval<R: Runtime>(app: &AppHandle<R>) -> tauri::Result<()> {
    let window = build(app, &APPROVAL_PLAN)?;
    let watched = window.clone();
    window.on_window_event(move |event| on_approval_event(&watched, event));
    Ok(())
}

/// Whether there is a main window.
pub(super) fn is_main_there<R: Runtime>(app: &AppHandle<R>) -> bool {
    app.get_webview_window(MAIN).is_some()
}

/// Whether there is an approval window.
pub(super) fn is_approval_there<R: Runtime>(app: &AppHandle<R>) -> bool {
    app.get_webview_window(APPROVAL).is_some()
}

/// Brings the approval window to the front, if it is there.
pub(super) fn focus_approval<R: Runtime>(app: &AppHandle<R>) -> tauri::Result<()> {
    let Some(window) = app.get_webview_window(APPROVAL) else {
        return Ok(());
    };
    to_front(&window)?;
    if !window.is_focused()? {
        // Where the system does not let a window take the focus, it shows that it wants it.
        window.request_user_attention(Some(UserAttentionType::Critical))?;
    }
    Ok(())
}

/// Is done once this window is gone. A command is not ended with the window whose page called it.
pub(super) fn gone<R: Runtime>(window: &WebviewWindow<R>) -> WaitForCancellationFutureOwned {
    let gone = CancellationToken::new();
    let told = gone.clone();
    window.on_window_event(move |event| {
        if matches!(event, WindowEvent::Destroyed) {
            told.cancel();
        }
    });
    gone.cancelled_owned()
}

/// Takes the approval window away.
pub(super) fn destroy_approval<R: Runtime>(app: &AppHandle<R>) -> tauri::Result<()> {
    app.get_webview_window(APPROVAL)
        .map_or(Ok(()), |window| window.destroy())
}

fn on_approval_event<R: Runtime>(window: &WebviewWindow<R>, event: &WindowEvent) {
    let shell = window.state::<Shell>();
    match event {
        WindowEvent::CloseRequested { api, .. } => {
            // It denies what is shown; whether the window goes, the queue says.
            api.prevent_close();
            shell.tell_approval(Event::Closing);
        }
        WindowEvent::Focused(true) => shell.settling().focused(Instant::now()),
        WindowEvent::Destroyed => {
            shell.settling().gone();
            shell.tell_approval(Event::Gone);
        }
        _ => {}
    }
}

fn build<R: Runtime>(app: &AppHandle<R>, plan: &Plan) -> tauri::Result<WebviewWindow<R>> {
    let revealed = Arc::new(AtomicBool::new(false));
    let ready = revealed.clone();
    let builder = WebviewWindowBuilder::new(app, plan.label, WebviewUrl::App(plan.page.into()))
        .title(plan.title)
        .inner_size(plan.size.0, plan.size.1)
        .min_inner_size(plan.least.0, plan.least.1)
        .prevent_overflow()
        .center()
        .visible(false)
        .always_on_top(plan.on_top)
        .background_color(LIGHT)
        .devtools(cfg!(debug_assertions))
        .disable_drag_drop_handler()
        .general_autofill_enabled(false)
        .on_navigation(is_own_page)
        .on_new_window(|_, _| NewWindowResponse::Deny)
        .on_download(|_, _| false)
        .on_permission_request(|_, _| PermissionResponse::Deny)
        .on_page_load(move |window, load| {
            if load.event() == PageLoadEvent::Finished {
                tracing::debug!(window = window.label(), "the page has loaded");
                reveal(&window, &ready);
            }
        });
    #[cfg(windows)]
    let builder = builder.zoom_hotkeys_enabled(true);
    #[cfg(not(windows))]
    let builder = builder.initialization_script(ZOOM_KEYS);
    let builder = match app.state::<Shell>().web_folder() {
        Some(folder) => builder.data_directory(folder.to_owned()),
        None => builder,
    };
    let window = builder.build()?;
    if let Err(error) = dress(&window) {
        // Nobody would ever see it, nor make another while it is there.
        window.destroy()?;
        return Err(error);
    }
    let gone = revealed.clone();
    window.on_window_event(move |event| {
        if matches!(event, WindowEvent::Destroyed) {
            gone.store(true, Ordering::Relaxed);
        }
    });
    let late = window.clone();
    tauri::async_runtime::spawn(async move {
        tokio::time::sleep(SHOW_AT_THE_LATEST).await;
        reveal(&late, &revealed);
    });
    Ok(window)
}

/// What can be done to a window only once it is there.
fn dress<R: Runtime>(window: &WebviewWindow<R>) -> tauri::Result<()> {
    #[cfg(target_os = "linux")]
    linux::dress(window)?;
    if window.theme()? == Theme::Dark {
        window.set_background_color(Some(DARK))?;
    }
    Ok(())
}

#[cfg(target_os = "linux")]
mod linux {
    use std::sync::Mutex;
    use std::time::{Duration, Instant};

    use tauri::{Runtime, WebviewWindow};
    use webkit2gtk::{HardwareAccelerationPolicy, SettingsExt as _, WebViewExt as _};

    use super::MAIN;

    /// A page that breaks off again within this time of being loaded anew will go on doing so.
    const BROKE_OFF_AGAIN: Duration = Duration::from_secs(30);

    pub(super) fn dress<R: Runtime>(window: &WebviewWindow<R>) -> tauri::Result<()> {
        let broken = window.clone();
        let before = Mutex::new(None);
        window.with_webview(move |webview| {
            let view = webview.inner();
            // The pages are text that stands still. Drawn without the graphics processor they come
            // up sooner and take 80 MiB less; where there is none (a virtual machine), much sooner.
            if let Some(settings) = view.settings() {
                settings.set_hardware_acceleration_policy(HardwareAccelerationPolicy::Never);
            }
            view.connect_web_process_terminated(move |_, reason| {
                tracing::error!(window = broken.label(), ?reason, "the page broke off");
                let again = before.lock().is_ok_and(|mut before| {
                    let now = Instant::now();
                    let last: Option<Instant> = before.replace(now);
                    last.is_some_and(|last| now.saturating_duration_since(last) < BROKE_OFF_AGAIN)
                });
                mend(&broken, again);
            });
        })
    }

    /// A window whose page's process has ended stays blank. The main one loads its page anew; any
    /// other goes, which answers for what it showed, and so does the main one if that is no help.
    fn mend<R: Runtime>(window: &WebviewWindow<R>, again: bool) {
        let window = window.clone();
        // Not from within the web view's own call.
        tauri::async_runtime::spawn(async move {
            let mended = if window.label() == MAIN && !again {
                window.reload()
            } else {
                window.destroy()
            };
            if let Err(error) = mended {
                tracing::error!(window = window.label(), %error, "the window stays blank");
            }
        });
    }
}

/// Shows a window that was just made, once.
fn reveal<R: Runtime>(window: &WebviewWindow<R>, revealed: &AtomicBool) {
    if revealed.swap(true, Ordering::Relaxed) {
        return;
    }
    if let Err(error) = to_front(window) {
        tracing::error!(window = window.label(), %error, "the window cannot be shown");
    }
    if window.label() == APPROVAL {
        window.state::<Shell>().settling().shown(Instant::now());
        tracing::debug!("the approval window is in view");
    }
}

fn to_front<R: Runtime>(window: &WebviewWindow<R>) -> tauri::Result<()> {
    window.unminimize()?;
    window.show()?;
    window.set_focus()
}

/// A page never leaves the app: not by a link, not by a script, not by a redirect.
fn is_own_page(url: &Url) -> bool {
    match url.scheme() {
        "tauri" => url.host_str() == Some("localhost"),
        // Windows serves the same pages under this name.
        "http" | "https" => url.host_str() == Some("tauri.localhost") && url.port().is_none(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_stays_in_the_app() {
        for own in [
            "tauri://localhost/main.html",
            "http://tauri.localhost/main.html",
        ] {
            assert!(is_own_page(&own.parse().unwrap()), "{own}");
        }
        for foreign in [
            "https://example.com/",
            "http://localhost/",
            "http://127.0.0.1:8788/approve/x",
            "http://tauri.localhost:8080/",
            "http://tauri.localhost.example.com/",
            "tauri://example.com/",
            "file:///main.html",
            "data:text/html,hello",
            "javascript:alert(1)",
        ] {
            assert!(!is_own_page(&foreign.parse().unwrap()), "{foreign}");
        }
    }

    #[test]
    fn a_window_begins_in_the_colours_of_its_page() {
        let tokens = include_str!("../../../ui/src/tokens.css");
        let told: Vec<&str> = tokens
            .lines()
            .filter_map(|line| line.trim().strip_prefix("--background: "))
            .map(|value| value.trim_end_matches(';'))
            .collect();
        let ours = [LIGHT, DARK]
            .map(|Color(red, green, blue, _)| format!("#{red:02x}{green:02x}{blue:02x}"));
        assert_eq!(told, ours);
    }

    #[test]
    fn views_are_named_as_the_page_names_them() {
        let views = [View::Connect, View::Servers, View::Activity];
        assert_eq!(
            serde_json::to_string(&views).unwrap(),
            r#"["connect","servers","activity"]"#
        );
    }
}
