//! The windows: which there are, and where their pages may go.

use tauri::{AppHandle, Manager as _, Url, WebviewUrl, WebviewWindowBuilder};

/// The label of the main window; its capability is `src-tauri/capabilities/main.json`.
pub(super) const MAIN: &str = "main";

/// Opens the main window, or brings it to the front. It is destroyed when it is closed, so that no
/// web process stays without a window.
///
/// # Errors
/// When the system does not give one.
pub(super) fn show_main(app: &AppHandle) -> tauri::Result<()> {
    if let Some(window) = app.get_webview_window(MAIN) {
        window.unminimize()?;
        window.show()?;
        return window.set_focus();
    }
    WebviewWindowBuilder::new(app, MAIN, WebviewUrl::App("main.html".into()))
        .title("Drawbridge")
        .inner_size(720.0, 520.0)
        .min_inner_size(400.0, 360.0)
        .on_navigation(is_own_page)
        .build()?;
    Ok(())
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
}
