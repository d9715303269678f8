//! What the settings do outside of the window.

use fantoccini::key::Key;

use crate::harness::{FileManager, Pinned, descendants, eventually};
use crate::scene::Scene;

/// Goes to the settings, and waits until all of them are there: what comes late moves the rest.
async fn settings(scene: &Scene) {
    scene.windows.open_view("Settings").await;
    scene.windows.says("No secret is kept").await;
    scene.windows.says("Version").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_data_folder_is_shown_by_the_desktops_file_manager() {
    let scene = Scene::open().await;
    let process = scene.process().await;
    settings(&scene).await;
    let open = "//button[@aria-label='Open the data folder']";
    let before = programs(process.pid);

    // Nobody there: the person is told where it is.
    scene.windows.element(open).await.click().await.unwrap();
    scene.windows.says("No file manager shows the folder").await;

    let file_manager = FileManager::start(&scene.session).await;
    scene.windows.element(open).await.click().await.unwrap();
    let expected = format!("file://{}/", scene.session.data().display());
    assert_eq!(file_manager.shows().await, expected);
    assert_eq!(programs(process.pid), before, "nothing is started for it");
    scene.quit().await;
}

fn programs(pid: u32) -> Vec<Pinned> {
    let mut programs = descendants(pid);
    programs.sort_by_key(|program| program.pid);
    programs
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_erased_does_not_start_at_login() {
    let scene = Scene::open().await;
    let list = scene.session.home().join("config/autostart");
    let entries = || std::fs::read_dir(&list).map_or(0, Iterator::count);
    settings(&scene).await;
    let switch = "//button[@role='switch'][@aria-label='Start at login']\
                  | //*[normalize-space()='Start at login']/ancestor::*[.//*[@role='switch']][1]\
                  //*[@role='switch']";
    scene.windows.element(switch).await.click().await.unwrap();
    eventually("it starts at login", || {
        let listed = entries() == 1;
        async move { listed.then_some(()) }
    })
    .await;

    let process = scene.process().await;
    scene.windows.press("Erase…").await;
    let word = scene.windows.element("//form[@id='erase']//input").await;
    word.send_keys("erase").await.unwrap();
    scene.windows.type_key(Key::Enter).await;
    eventually("it quits", || {
        let gone = !process.alive();
        async move { gone.then_some(()) }
    })
    .await;
    assert_eq!(entries(), 0);
    assert!(!scene.session.data().join("drawbridge.db").exists());
}
