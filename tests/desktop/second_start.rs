//! A second start with the same data folder.

use crate::harness::{Session, TrayHost, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn it_shows_the_window_of_the_first_and_ends() {
    let session = Session::start();
    let host = TrayHost::start(&session).await;
    let app = session.start_app();
    let window = session.display.shows("Drawbridge").await;
    session.read(&["status"]).await;

    // Out of sight: the second start makes it anew.
    session.display.close(&window);
    session.display.hides("Drawbridge").await;
    let second = session.run(&[]).await;
    assert!(second.status.success(), "{second:?}");
    let said = String::from_utf8(second.stdout).unwrap();
    assert_eq!(said.lines().count(), 1, "{said:?}");
    let window = session.display.shows("Drawbridge").await;
    assert_eq!(window.pid, Some(app.pid()));

    // Under another window: the second start raises it.
    let cover = session.display.cover(&window).await;
    assert!(session.run(&[]).await.status.success());
    eventually("the window is raised", || {
        let raised = session.display.is_over(&window, cover);
        async move { raised.then_some(()) }
    })
    .await;
    assert_eq!(host.count(), 1, "one icon");

    // At login it is left as it is.
    session.display.close(&window);
    session.display.hides("Drawbridge").await;
    assert!(session.run(&["--background"]).await.status.success());
    assert_eq!(session.display.window("Drawbridge"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_headless_one_has_no_window_to_show() {
    let session = Session::start();
    let first = session.start_app_with(&["serve", "--tunnel", "off"]);
    first.says("is ready").await;
    let second = session.run(&[]).await;
    assert!(!second.status.success());
    let said = String::from_utf8(second.stderr).unwrap();
    assert!(said.contains("without a window"), "{said}");
    assert!(session.display.windows().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_waits_for_the_keychain_is_waited_for() {
    let session = Session::start();
    let host = TrayHost::start(&session).await;
    session.pause_keyring().await;
    let first = session.start_app_with(&["--background"]);
    host.item().await;
    let mut second = session.start_app();
    // Another one at login finds it too, and leaves it alone.
    assert!(session.run(&["--background"]).await.status.success());
    assert!(second.exit().is_none(), "{}", second.said());
    assert!(session.display.windows().is_empty());

    session.resume_keyring().await;
    let window = session.display.shows("Drawbridge").await;
    assert_eq!(window.pid, Some(first.pid()));
    assert!(second.ended().await.success());
    assert_eq!(host.count(), 1, "the second had no icon for a moment");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_at_once_one_lives_and_shows_its_window() {
    let session = Session::start();
    let host = TrayHost::start(&session).await;
    let mut both = [session.start_app(), session.start_app()];
    let ended = eventually("one of them gives way", || {
        let ended = both.iter_mut().position(|app| app.exit().is_some());
        async move { ended }
    })
    .await;
    assert!(both[ended].ended().await.success());
    let lives = &both[1 - ended];
    let window = session.display.shows("Drawbridge").await;
    assert_eq!(window.pid, Some(lives.pid()));
    assert_eq!(session.read(&["status"]).await["process"], lives.pid());
    host.item().await;
    assert_eq!(host.count(), 1, "the other had no icon for a moment");
}
