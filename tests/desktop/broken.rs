//! A page whose process ends: by a defect of the web view, or for want of memory.

use crate::harness::{Network, Session, TrayHost, end, eventually, text};
use crate::scene::{APPROVAL, Knock};

#[tokio::test(flavor = "multi_thread")]
async fn the_approval_window_goes_and_comes_anew_for_the_next() {
    let session = Session::start();
    let _host = TrayHost::start(&session).await;
    let app = session.start_app_with(&["--background"]);
    app.says("is open").await;
    let status = session.read(&["status"]).await;
    let base = text(&status, "local_url");
    let local_port = status["local_port"].as_u64().unwrap();
    let network = Network {
        front: None,
        canary: session.canary.clone(),
    };
    let mut first = Knock::on(&network, &base, local_port).await;
    session.display.shows(APPROVAL).await;
    eventually("its page has come up", || {
        let shown = app.said().contains("the page has loaded");
        async move { shown.then_some(()) }
    })
    .await;
    let pages = app.web_processes();
    assert_eq!(pages.len(), 1, "{pages:#?}");
    end(&pages[0]);
    session.display.hides(APPROVAL).await;
    assert_eq!(first.error().await.0, "access_denied");

    let _second = Knock::on(&network, &base, local_port).await;
    session.display.shows(APPROVAL).await;
    let again = app.web_processes();
    assert!(again.iter().all(|page| *page != pages[0]), "{again:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_main_window_loads_its_page_anew_once() {
    let session = Session::start();
    let _host = TrayHost::start(&session).await;
    let app = session.start_app();
    session.display.shows("Drawbridge").await;
    // One that ends before it has come up takes the app with it: the web view's library sees to it.
    let loaded = |times| {
        let app = &app;
        eventually("the page has loaded", move || async move {
            let said = app.said().matches("the page has loaded").count();
            (said == times).then_some(())
        })
    };
    loaded(1).await;
    let first = app.web_processes();
    assert_eq!(first.len(), 1, "{first:#?}");
    end(&first[0]);
    loaded(2).await;
    assert!(session.display.window("Drawbridge").is_some());
    let second = app.web_processes();
    assert!(second.len() == 1 && second != first, "{second:#?}");
    end(&second[0]);
    session.display.hides("Drawbridge").await;
}
