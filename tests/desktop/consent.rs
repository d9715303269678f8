//! A client asks, the approval window appears, a person answers: on real windows.

use fantoccini::key::Key;

use crate::harness::{Tokens, eventually};
use crate::scene::{APPROVAL, APPROVAL_PAGE, MAIN_PAGE, Scene};

#[tokio::test(flavor = "multi_thread")]
async fn approve_lets_in_and_revoke_puts_out() {
    let scene = Scene::open().await;
    scene.add_server().await;
    let mut knock = scene.knock().await;
    scene.approval().await;
    scene.windows.says("127.0.0.1").await;
    scene.windows.says("Harness").await;
    scene.session.display.picture(APPROVAL, "approval").await;
    // Nothing has the focus, and no key does anything, before a person can have read.
    let focus = "return document.activeElement === document.body";
    let nothing = scene.windows.client().execute(focus, vec![]).await.unwrap();
    assert_eq!(nothing, true);
    scene.windows.read_and_press("Approve").await;
    scene.answered().await;

    let code = knock.code().await;
    let answer = knock.client.exchange(&code, &knock.authorization).await;
    let tokens = Tokens::of(&answer);
    assert!(knock.client.works(&tokens.access).await);

    scene.windows.open_view("Connections").await;
    scene.windows.says("Harness").await;
    scene
        .session
        .display
        .picture("Drawbridge", "connections")
        .await;
    scene.windows.press("Revoke").await;
    scene.windows.press_in_dialog("Revoke").await;
    eventually("the token is worth nothing", || async {
        (!knock.client.works(&tokens.access).await).then_some(())
    })
    .await;
    scene.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deny_is_told_to_the_client() {
    let scene = Scene::open().await;
    let mut knock = scene.knock().await;
    scene.approval().await;
    scene.windows.press("Deny").await;
    scene.answered().await;
    assert_eq!(knock.error().await.0, "access_denied");
    assert!(scene.connections().await.is_empty());
    scene.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn escape_denies_but_not_before_the_question_can_have_been_read() {
    let scene = Scene::open().await;
    scene.add_server().await;
    let mut knock = scene.knock().await;
    scene.approval().await;
    scene.windows.type_key(Key::Escape).await;
    scene.windows.type_key(Key::Enter).await;
    assert!(scene.session.display.window(APPROVAL).is_some());
    // Approve can be pressed, so the two seconds are over; Enter still does not press it.
    let approve = scene.windows.button("Approve").await;
    scene.windows.focus(approve).await;
    scene.windows.type_key(Key::Enter).await;
    assert!(scene.session.display.window(APPROVAL).is_some());
    scene.windows.type_key(Key::Escape).await;
    scene.answered().await;
    assert_eq!(knock.error().await.0, "access_denied");
    scene.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_the_window_denies_this_one_and_shows_the_next() {
    let scene = Scene::open().await;
    let mut first = scene.knock().await;
    scene.approval().await;
    let mut second = scene.knock().await;
    scene.windows.says("1 more").await;
    let window = scene.session.display.shows(APPROVAL).await;
    scene.session.display.close(&window);
    eventually("only the second still waits", || async {
        let waiting = scene.session.read(&["approvals"]).await;
        (waiting.as_array().unwrap().len() == 1).then_some(())
    })
    .await;
    assert_eq!(first.error().await.0, "access_denied");
    scene.approval().await;
    scene.windows.press("Deny").await;
    scene.answered().await;
    assert_eq!(second.error().await.0, "access_denied");
    scene.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_nobody_answers_is_withdrawn_and_not_called_denied() {
    let scene = Scene::open().await;
    let mut knock = scene.knock().await;
    scene.approval().await;
    // The real time: an approval waits for five minutes.
    let withdrawn = std::time::Duration::from_secs(5 * 60 + 20);
    crate::harness::within(withdrawn, "the window goes", || {
        let gone = scene.session.display.window(APPROVAL).is_none();
        async move { gone.then_some(()) }
    })
    .await;
    let (error, description) = knock.error().await;
    assert!(!description.contains("denied"), "{error}: {description}");
    assert!(scene.connections().await.is_empty());
    scene.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn from_the_tray_alone_a_notification_comes_first() {
    let scene = Scene::open().await;
    let window = scene.session.display.shows("Drawbridge").await;
    scene.session.display.close(&window);
    scene.session.display.hides("Drawbridge").await;
    let _knock = scene.knock().await;
    scene
        .notifications
        .shows("A connection asks to enter")
        .await;
    scene.session.display.shows(APPROVAL).await;
    scene.windows.turn_to(APPROVAL_PAGE).await;
    scene.windows.press("Deny").await;
    scene.session.display.hides(APPROVAL).await;
    scene.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_command_lets_in_is_confirmed_in_the_window() {
    let scene = Scene::open().await;
    scene.add_server().await;
    let session = &scene.session;
    let create = ["token", "create", "--name", "script"];
    let command = session.run(&create);
    let answer = async {
        scene.approval().await;
        scene.windows.says("script").await;
        scene
            .session
            .display
            .picture(APPROVAL, "confirmation")
            .await;
        scene.windows.press("Deny").await;
        scene.answered().await;
    };
    let (refused, ()) = tokio::join!(command, answer);
    assert_eq!(refused.status.code(), Some(4), "{refused:?}");
    assert!(scene.connections().await.is_empty());

    let command = session.run(&create);
    let answer = async {
        scene.approval().await;
        scene.windows.read_and_press("Allow").await;
        scene.answered().await;
    };
    let (made, ()) = tokio::join!(command, answer);
    assert!(made.status.success(), "{made:?}");
    assert_eq!(scene.connections().await.len(), 1);
    scene.windows.turn_to(MAIN_PAGE).await;
    scene.quit().await;
}
