//! Showing a folder in the desktop's file manager.
//!
//! On Linux the file manager is asked over the session bus, never started from here: as a child of
//! ours it would have our environment with its secrets, end when we do with all that was opened
//! from it, and every terminal among that would be refused as one of our servers' children. See
//! <https://www.freedesktop.org/wiki/Specifications/file-manager-interface/>.

use std::path::Path;

use crate::ui_api::UiError;

/// Shows this folder.
///
/// # Errors
/// When there is no file manager to ask, or it does not do it.
pub(super) async fn show(folder: &Path) -> Result<(), UiError> {
    ask(folder).await.map_err(|problem| {
        UiError::failed(format!(
            "no file manager shows the folder {} ({problem}). Copy its path, and open it yourself",
            folder.display()
        ))
    })
}

#[cfg(target_os = "linux")]
async fn ask(folder: &Path) -> Result<(), String> {
    use std::time::Duration;

    /// How long the desktop may take to start one and to have it answer.
    const ANSWER_WAIT: Duration = Duration::from_secs(10);

    let uri = url::Url::from_directory_path(folder).map_err(|()| "its path is not whole")?;
    let asked = async {
        let bus = zbus::connection::Builder::session()?
            .method_timeout(ANSWER_WAIT)
            .build()
            .await?;
        // The folders, and a mark by which a desktop gives its window the focus: we have none.
        let folders = [uri.as_str()];
        let what = (folders.as_slice(), "");
        bus.call_method(
            Some("org.freedesktop.FileManager1"),
            "/org/freedesktop/FileManager1",
            Some("org.freedesktop.FileManager1"),
            "ShowFolders",
            &what,
        )
        .await
    };
    let answered = asked.await.map(drop);
    answered.map_err(|error: zbus::Error| error.to_string())
}

#[cfg(not(target_os = "linux"))]
async fn ask(folder: &Path) -> Result<(), String> {
    let folder = folder.to_owned();
    let opening = move || tauri_plugin_opener::open_path(folder, None::<&str>);
    tauri::async_runtime::spawn_blocking(opening)
        .await
        .map_err(|error| error.to_string())?
        .map_err(|error| error.to_string())
}
