//! What a page may call. Each command is one line over `ui_api`, in a file for its room; which
//! window may call it stands in `src-tauri/permissions`. Every answer waits for the engine's start,
//! and is the reason when it did not start.

mod activity;
mod approval;
mod bridge;
mod clients;
mod connections;
mod secrets;
mod servers;
mod settings;
#[cfg(all(test, feature = "gui-test"))]
mod tests;
mod window;

use tauri::Runtime;
use tauri::ipc::Invoke;

/// Registers the commands, and names them for the test that compares them with the permissions.
macro_rules! commands {
    ($($room:ident :: $name:ident),* $(,)?) => {
        /// Answers what a page calls.
        pub(super) fn handler<R: Runtime>() -> impl Fn(Invoke<R>) -> bool + Send + Sync + 'static {
            tauri::generate_handler![$($room::$name),*]
        }

        /// Every command there is.
        #[cfg(all(test, feature = "gui-test"))]
        pub(super) const NAMES: &[&str] = &[$(stringify!($name)),*];
    };
}

commands![
    bridge::status,
    bridge::retry_start,
    bridge::open_bridge,
    bridge::close_bridge,
    bridge::arm,
    bridge::checklist,
    clients::static_client,
    clients::create_static_client,
    clients::remove_static_client,
    clients::add_static_redirect,
    clients::remove_static_redirect,
    clients::reveal_static_client_secret,
    clients::copy_static_client_secret,
    servers::servers,
    servers::add_server,
    servers::remove_server,
    servers::enable_server,
    servers::tools,
    servers::server_log,
    connections::connections,
    connections::edit_connection,
    connections::revoke,
    connections::revoke_all,
    connections::create_token,
    connections::pair,
    connections::pairing,
    connections::end_pairing,
    activity::activity,
    settings::settings,
    settings::change_settings,
    settings::start_at_login,
    settings::set_start_at_login,
    settings::open_data_folder,
    secrets::secrets,
    secrets::rotate_secrets,
    secrets::move_key,
    secrets::erase_everything,
    window::copy_text,
    window::show_question,
    window::shown_view,
    window::zoom,
    window::quit,
    approval::question,
    approval::decide,
    approval::confirm,
    approval::question_tools,
    approval::choose_servers,
];
