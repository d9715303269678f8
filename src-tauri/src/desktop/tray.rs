//! The tray icon and its menu.

use tauri::AppHandle;
use tauri::menu::{MenuBuilder, MenuEvent};
use tauri::tray::{MouseButton, MouseButtonState, TrayIcon, TrayIconBuilder, TrayIconEvent};

use super::windows;

const TRAY: &str = "main";
const OPEN: &str = "open";
const QUIT: &str = "quit";

/// Shows the icon.
///
/// # Errors
/// When the system has no place for it, or none of the libraries it takes.
pub(super) fn show(app: &AppHandle) -> tauri::Result<()> {
    let menu = MenuBuilder::new(app)
        .text(OPEN, "Open Drawbridge")
        .text(QUIT, "Quit Drawbridge")
        .build()?;
    TrayIconBuilder::with_id(TRAY)
        .icon(tauri::include_image!("icons/32x32.png"))
        .tooltip("Drawbridge")
        .menu(&menu)
        .show_menu_on_left_click(false)
        .on_menu_event(chosen)
        .on_tray_icon_event(clicked)
        .build(app)?;
    Ok(())
}

/// Is there an icon by which the windows can be opened again?
pub(super) fn is_shown(app: &AppHandle) -> bool {
    app.tray_by_id(TRAY).is_some()
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape of tauri's callback"
)]
fn chosen(app: &AppHandle, event: MenuEvent) {
    match event.id().as_ref() {
        OPEN => open(app),
        QUIT => app.exit(0),
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
    {
        open(icon.app_handle());
    }
}

fn open(app: &AppHandle) {
    if let Err(error) = windows::show_main(app) {
        tracing::error!(%error, "the window cannot be opened");
    }
}
