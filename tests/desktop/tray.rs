//! The tray over D-Bus: what the desktop is shown, and what choosing a line does.

use crate::harness::{App, Session, TrayHost, eventually};

/// A session with a tray and the app in it, open.
async fn open(session: &Session) -> (TrayHost, App) {
    let host = TrayHost::start(session).await;
    let app = session.start_app();
    let item = host.item().await;
    item.has_line("Open on this computer", false).await;
    (host, app)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_icon_and_the_menu_say_how_it_stands() {
    let session = Session::start();
    let (host, _app) = open(&session).await;
    let item = host.item().await;
    item.shows("open").await;
    assert_eq!(item.text("Status").await, "Active");
    let menu = item.has_line("Stop", true).await;
    assert_eq!(
        menu.labels(),
        [
            "Open on this computer",
            "Stop",
            "Copy connector URL",
            "No approvals waiting",
            "Open Drawbridge",
            "Quit Drawbridge",
        ]
    );
    let enabled: Vec<bool> = menu.lines().iter().map(|line| line.enabled).collect();
    assert_eq!(enabled, [false, true, true, false, true, true]);
    assert_eq!(host.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_closes_and_start_opens() {
    let session = Session::start();
    let (host, _app) = open(&session).await;
    let item = host.item().await;
    let url = session.read(&["status"]).await["local_url"].clone();
    let address = url
        .as_str()
        .unwrap()
        .trim_start_matches("http://")
        .to_owned();
    std::net::TcpStream::connect(&address).expect("it is open");

    item.menu().await.choose("Stop").await;
    let menu = item.has_line("Closed", false).await;
    assert!(!menu.labels().contains(&"Stop"), "{:?}", menu.labels());
    item.has_line("Start", true).await;
    item.has_line("Copy connector URL", false).await;
    item.shows("closed").await;
    std::net::TcpStream::connect(&address).expect_err("nothing can be reached");

    item.menu().await.choose("Start").await;
    item.has_line("Open on this computer", false).await;
    item.has_line("Stop", true).await;
    item.has_line("Copy connector URL", true).await;
    item.shows("open").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_connector_url_is_copied() {
    let session = Session::start();
    let (host, app) = open(&session).await;
    let window = session.display.shows("Drawbridge").await;
    session.display.close(&window);
    session.display.hides("Drawbridge").await;
    assert_eq!(session.display.clipboard(), None);
    let url = session.read(&["status"]).await["connector_url"].clone();
    host.item()
        .await
        .menu()
        .await
        .choose("Copy connector URL")
        .await;
    let copied = eventually("a text on the clipboard", || {
        let text = session.display.clipboard();
        async move { text }
    })
    .await;
    assert_eq!(copied, url);
    drop(app);
}

#[tokio::test(flavor = "multi_thread")]
async fn quit_ends_everything() {
    let session = Session::start();
    let (host, mut app) = open(&session).await;
    session.display.shows("Drawbridge").await;
    assert!(!app.children().is_empty(), "the window has a web process");
    host.item()
        .await
        .menu()
        .await
        .choose("Quit Drawbridge")
        .await;
    assert!(app.ended().await.success());
    assert!(
        app.said().contains("Drawbridge has stopped"),
        "{}",
        app.said()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_the_window_leaves_the_tray_and_no_web_process() {
    let session = Session::start();
    let (host, app) = open(&session).await;
    let window = session.display.shows("Drawbridge").await;
    eventually("a web process", || {
        let there = !app.web_processes().is_empty();
        async move { there.then_some(()) }
    })
    .await;
    session.display.close(&window);
    session.display.hides("Drawbridge").await;
    eventually("no web process", || {
        let gone = app.web_processes().is_empty();
        async move { gone.then_some(()) }
    })
    .await;
    let item = host.item().await;
    item.has_line("Open on this computer", false).await;
    item.menu().await.choose("Open Drawbridge").await;
    session.display.shows("Drawbridge").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_tray_closing_the_window_quits_and_that_is_said_once() {
    const SAID: &str = "this desktop has no tray";
    let session = Session::start();
    for starts in 1..=2 {
        let mut app = session.start_app();
        let window = session.display.shows("Drawbridge").await;
        let told = eventually("it knows that there is no tray", || async {
            let status = session.run(&["status", "--json"]).await;
            let status: serde_json::Value = serde_json::from_slice(&status.stdout).ok()?;
            (status["tray"] == false).then(|| status["tray_notice"].clone())
        })
        .await;
        assert_eq!(told, starts == 1, "start {starts}");
        assert_eq!(app.said().contains(SAID), starts == 1, "start {starts}");
        session.display.close(&window);
        assert!(app.ended().await.success());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tray_that_comes_later_gets_the_icon() {
    let session = Session::start();
    let app = session.start_app();
    app.says("this desktop has no tray").await;
    let window = session.display.shows("Drawbridge").await;

    let host = TrayHost::start_without_panel(&session).await;
    let item = host.item().await;
    assert_eq!(session.read(&["status"]).await["tray"], false);
    host.bring_panel().await;
    eventually("it knows of the tray", || async {
        (session.read(&["status"]).await["tray"] == true).then_some(())
    })
    .await;
    item.has_line("Open on this computer", false).await;
    session.display.close(&window);
    session.display.hides("Drawbridge").await;
    item.menu().await.choose("Open Drawbridge").await;
    let window = session.display.shows("Drawbridge").await;

    // The panel goes, and with it the way back to a closed window.
    host.stop().await;
    eventually("it knows that the tray is gone", || async {
        (session.read(&["status"]).await["tray"] == false).then_some(())
    })
    .await;
    session.display.close(&window);
    let mut app = app;
    assert!(app.ended().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn at_login_no_window_opens() {
    let session = Session::start();
    let host = TrayHost::start(&session).await;
    let app = session.start_app_with(&["--background"]);
    let item = host.item().await;
    item.has_line("Open on this computer", false).await;
    assert_eq!(session.display.window("Drawbridge"), None);
    assert!(app.web_processes().is_empty());
    item.menu().await.choose("Open Drawbridge").await;
    session.display.shows("Drawbridge").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panel_of_x11_is_a_tray_too() {
    let session = Session::start();
    session.display.bring_panel();
    let app = session.start_app();
    let window = session.display.shows("Drawbridge").await;
    eventually("the panel is asked to take the icon in", || {
        let asked = session.display.panel_was_asked();
        async move { asked.then_some(()) }
    })
    .await;
    let status = session.read(&["status"]).await;
    assert_eq!(status["tray"], true);
    session.display.close(&window);
    session.display.hides("Drawbridge").await;
    assert_eq!(session.read(&["status"]).await["process"], app.pid());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_gets_the_dot_and_a_line() {
    let session = Session::start();
    let (host, _app) = open(&session).await;
    let item = host.item().await;
    // A command that lets more in waits for the window.
    let mut pairing = session.command(&["pair"]).spawn().unwrap();
    let menu = item.has_line("Approvals waiting (1)", true).await;
    item.shows("attention").await;
    let question = session.display.shows("Drawbridge asks").await;
    let cover = session.display.cover(&question).await;
    menu.choose("Approvals waiting (1)").await;
    eventually("the question is raised", || {
        let raised = session.display.is_over(&question, cover);
        async move { raised.then_some(()) }
    })
    .await;
    // Its caller goes away, and the question with it.
    pairing.kill().unwrap();
    pairing.wait().unwrap();
    item.has_line("No approvals waiting", false).await;
    item.shows("open").await;
    session.display.hides("Drawbridge asks").await;
}
