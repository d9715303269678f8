//! What can go wrong, as the window says it, and the way out of it.

use std::net::{Ipv4Addr, TcpListener};

use crate::harness::Session;
use crate::scene::{APPROVAL, Scene};

#[tokio::test(flavor = "multi_thread")]
async fn a_port_in_use_is_named_and_tried_again() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let session = Session::start().environment_with("DRAWBRIDGE_PORT", &port);
    let mut scene = Scene::start(session).await;
    scene.windows.says("Needs attention").await;
    scene.windows.says(&port).await;
    scene
        .session
        .display
        .picture("Drawbridge", "port-in-use")
        .await;
    scene.host.item().await.shows("attention").await;

    drop(taken);
    scene.windows.press("Try again").await;
    scene.is_open().await;
    assert!(scene.base.ends_with(&port), "{}", scene.base);
    scene.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_keyring_is_said_and_nothing_is_let_in() {
    let session = Session::start();
    session.lock_keyring().await;
    let mut scene = Scene::start(session).await;
    scene.windows.says("unlock").await;
    scene.windows.button("Start again").await;
    scene
        .session
        .display
        .picture("Drawbridge", "keyring-locked")
        .await;
    let status = scene.session.run(&["status"]).await;
    assert_eq!(status.status.code(), Some(3), "nothing runs: {status:?}");

    scene.session.unlock_keyring().await;
    scene.windows.press("Start again").await;
    scene.is_open().await;
    assert_eq!(
        scene.session.read(&["status"]).await["key_place"],
        "keychain"
    );
    scene.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_does_not_outlive_the_app() {
    let mut scene = Scene::open().await;
    let mut knock = scene.knock().await;
    scene.approval().await;
    // Quitting answers it, but not in the owner's name.
    scene.quit().await;

    scene.start_again().await;
    assert!(scene.session.display.window(APPROVAL).is_none());
    let waiting = scene.session.read(&["approvals"]).await;
    assert_eq!(waiting, serde_json::json!([]));
    assert!(scene.connections().await.is_empty());
    // The way the browser was on leads nowhere now.
    knock.waiting = knock.waiting.replace(&knock.client.base, &scene.base);
    let page = knock.browser.open(&knock.waiting).await;
    assert!(page.location().is_none(), "{page:#?}");
    assert!(!page.status.is_success(), "{page:#?}");

    let _again = scene.knock().await;
    scene.approval().await;
    scene.windows.press("Deny").await;
    scene.answered().await;
    scene.quit().await;
}
