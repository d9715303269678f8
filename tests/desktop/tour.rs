//! The whole job with the mouse: add a server, start from the tray, copy the URL, approve, look,
//! revoke. Pictures of every view are left in the folder of artifacts.

use std::path::Path;

use serde_json::json;

use crate::harness::{Tokens, eventually};
use crate::scene::{APPROVAL, Scene};

#[tokio::test(flavor = "multi_thread")]
async fn a_person_does_the_whole_job_with_the_mouse() {
    let mut scene = Scene::open().await;
    let windows = &scene.windows;
    picture(&scene, "tour-1-first-run").await;

    // What to let in.
    windows.press("Add a server").await;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/app/fixtures/server.py");
    let command = format!("python3 {}", script.display());
    windows.fill("Command", &command).await;
    windows.fill("Name", "fixture").await;
    windows.press("Add and start").await;
    windows.says("echo").await;
    picture(&scene, "tour-2-server").await;

    // Start from the tray, and the URL by the button beside it.
    let item = scene.host.item().await;
    item.menu().await.choose("Stop").await;
    item.has_line("Start", true).await;
    item.menu().await.choose("Start").await;
    item.has_line("Stop", true).await;
    scene.windows.open_view("Connect").await;
    scene.is_open().await;
    let url = scene.session.read(&["status"]).await["connector_url"].clone();
    let copy = "(//button[starts-with(normalize-space(),'Copy')])[1]";
    let copy = scene.windows.element(copy).await;
    copy.click().await.unwrap();
    eventually("the clipboard holds the URL", || async {
        let text = scene.session.display.clipboard();
        (text.as_deref() == url.as_str()).then_some(())
    })
    .await;
    picture(&scene, "tour-3-connect").await;

    // A client asks, and is let in.
    let mut knock = scene.knock().await;
    scene.approval().await;
    scene
        .session
        .display
        .picture(APPROVAL, "tour-4-approval")
        .await;
    scene.windows.read_and_press("Approve").await;
    scene.answered().await;
    let code = knock.code().await;
    let answer = knock.client.exchange(&code, &knock.authorization).await;
    let token = Tokens::of(&answer).access;
    let tools = knock.client.tools(&token).await;
    let echo = tools.iter().find(|name| name.ends_with("echo")).unwrap();
    let said = knock.client.call(&token, echo, json!({"message": "hello"}));
    assert_eq!(said.await, ("echo: hello".to_owned(), false));

    // What the window says of it.
    scene.windows.open_view("Activity").await;
    scene.windows.says("echo").await;
    picture(&scene, "tour-5-activity").await;
    scene.windows.open_view("Settings").await;
    scene.windows.says("keychain").await;
    picture(&scene, "tour-6-settings").await;
    scene.windows.open_view("Connections").await;
    scene.windows.says("Harness").await;
    picture(&scene, "tour-7-connections").await;

    // And out again.
    scene.windows.press("Revoke").await;
    scene.windows.press_in_dialog("Revoke").await;
    eventually("the next call is refused", || async {
        (!knock.client.works(&token).await).then_some(())
    })
    .await;
    scene.quit().await;
}

async fn picture(scene: &Scene, name: &str) {
    scene.session.display.picture("Drawbridge", name).await;
}
