//! The honest way, from the client's redirect to a token.

use axum::http::StatusCode;
use drawbridge_oauth::{ApprovalOutcome, DecideError, Event, PeerUser, Proof};
use jiff::SignedDuration;

use crate::harness::*;

#[tokio::test]
async fn a_plain_client_with_a_cookie_jar_walks_the_whole_way() {
    let bridge = Bridge::new().await;
    let client = bridge.register(&[KNOWN]).await;
    let mut browser = Browser::new(public());

    let page = bridge
        .get(
            &mut browser,
            &format!("/oauth/authorize?{}", query(&client, KNOWN, "s-1")),
        )
        .await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(
        page.body.contains("name=\"code\""),
        "the form for another device"
    );
    assert!(
        bridge.server.approvals().is_empty(),
        "a page alone asks nobody"
    );

    let local = bridge.visit(&page.link().unwrap()).await;
    assert!(
        local
            .location()
            .starts_with("https://bridge.example/oauth/return/dbp_")
    );
    assert!(
        local.header("set-cookie").is_none(),
        "the local listener sets no cookie"
    );
    assert!(
        bridge.server.approvals().is_empty(),
        "the visit alone asks nobody"
    );

    let back = bridge.get(&mut browser, &local.location()).await;
    let waiting = back.location();
    assert!(waiting.starts_with("https://bridge.example/oauth/wait/dbq_"));

    let approval = bridge.only_approval();
    assert_eq!(approval.kind().as_str(), "connection");
    assert_eq!(approval.proof(), &Proof::Browser);
    assert_eq!(approval.question().redirect.host, "chatgpt.com");
    assert!(approval.question().redirect.known);
    assert_eq!(
        approval.question().client.name.as_deref(),
        Some("Test client")
    );
    assert!(approval.question().pkce);
    assert_eq!(approval.servers().len(), 2);

    let waits = bridge.get(&mut browser, &waiting).await;
    assert_eq!(waits.status, StatusCode::OK);
    assert!(waits.body.contains("http-equiv=\"refresh\""));

    bridge.approve(&approval).await;
    assert!(bridge.server.approvals().is_empty());
    let script = [("accept", "application/json")];
    let progress = bridge.get_with(&mut browser, &waiting, &script).await;
    assert_eq!(progress.json()["state"], "decided");

    let done = bridge.get(&mut browser, &waiting).await;
    assert!(done.location().starts_with(KNOWN));
    assert_eq!(done.parameter("state").as_deref(), Some("s-1"));
    assert_eq!(
        done.parameter("iss").as_deref(),
        Some("https://bridge.example")
    );
    let code = done.parameter("code").unwrap();
    let tokens = bridge.exchange(&client, KNOWN, &code).await;
    assert_eq!(tokens.status, StatusCode::OK, "{}", tokens.body);
    assert!(tokens.json()["access_token"].is_string());

    let events = bridge.news.all();
    let id = approval.id().clone();
    assert!(events.contains(&Event::ApprovalWaiting {
        approval: id.clone(),
        client: "chatgpt.com".into()
    }));
    assert!(events.contains(&Event::ApprovalEnded {
        approval: id,
        outcome: ApprovalOutcome::Approved
    }));
}

#[tokio::test]
async fn on_loopback_it_goes_without_https() {
    let bridge = Bridge::new().await;
    let client = bridge.register(&[LOOPBACK]).await;
    let mut browser = Browser::new(loopback());
    let asked = query_with(
        &client,
        LOOPBACK,
        "s",
        &[("resource", "http://127.0.0.1:8787/mcp")],
    );
    let waiting = bridge.queue(&mut browser, &asked).await;
    assert!(waiting.starts_with("http://127.0.0.1:8787/oauth/wait/"));
    let approval = bridge.only_approval();
    assert!(approval.question().redirect.loopback && !approval.question().redirect.known);
    bridge.approve(&approval).await;
    let done = bridge.get(&mut browser, &waiting).await;
    assert_eq!(
        done.parameter("iss").as_deref(),
        Some("http://127.0.0.1:8787")
    );
}

#[tokio::test]
async fn a_program_that_may_not_be_a_browser_is_shown_as_that() {
    for (headers, peer) in [
        (&NAVIGATION[..], PeerUser::Unknown),
        (&NAVIGATION[..1], PeerUser::Same),
    ] {
        let bridge = Bridge::new().await;
        let client = bridge.register(&[KNOWN]).await;
        let mut browser = Browser::new(public());
        let asked = format!("/oauth/authorize?{}", query(&client, KNOWN, "s"));
        let page = bridge.get(&mut browser, &asked).await;
        let local = bridge
            .visit_with(
                axum::http::Method::GET,
                &page.link().unwrap(),
                headers,
                peer,
            )
            .await;
        bridge.get(&mut browser, &local.location()).await;
        assert_eq!(bridge.only_approval().proof(), &Proof::Program);
    }
}

#[tokio::test]
async fn a_lost_answer_is_given_again_and_one_code_is_exchanged() {
    let bridge = Bridge::new().await;
    let client = bridge.register(&[KNOWN]).await;
    let mut browser = Browser::new(public());
    let waiting = bridge
        .queue(&mut browser, &query(&client, KNOWN, "s"))
        .await;
    bridge.approve(&bridge.only_approval()).await;
    let lost = bridge
        .get(&mut browser, &waiting)
        .await
        .parameter("code")
        .unwrap();
    bridge.clock.pass(SignedDuration::from_secs(30));
    let again = bridge
        .get(&mut browser, &waiting)
        .await
        .parameter("code")
        .unwrap();
    assert_ne!(lost, again);
    let tokens = bridge.exchange(&client, KNOWN, &again).await;
    assert_eq!(tokens.status, StatusCode::OK, "{}", tokens.body);
    // Once exchanged, there is no other.
    let over = bridge.get(&mut browser, &waiting).await;
    assert_eq!(over.status, StatusCode::OK);
    assert!(over.text().contains("You can close this page"));
    assert!(
        bridge
            .exchange(&client, KNOWN, &lost)
            .await
            .status
            .is_client_error()
    );
}

#[tokio::test]
async fn after_a_minute_the_page_is_over() {
    let bridge = Bridge::new().await;
    let client = bridge.register(&[KNOWN]).await;
    let mut browser = Browser::new(public());
    let waiting = bridge
        .queue(&mut browser, &query(&client, KNOWN, "s"))
        .await;
    bridge.approve(&bridge.only_approval()).await;
    bridge.get(&mut browser, &waiting).await.location();
    bridge.clock.pass(SignedDuration::from_secs(60));
    let over = bridge.get(&mut browser, &waiting).await;
    assert!(over.text().contains("You can close this page"));
}

#[tokio::test]
async fn a_denial_goes_back_as_access_denied() {
    let bridge = Bridge::new().await;
    for redirect in [KNOWN, LOOPBACK] {
        let client = bridge.register(&[redirect]).await;
        let mut browser = Browser::new(public());
        let waiting = bridge
            .queue(&mut browser, &query(&client, redirect, "s-2"))
            .await;
        bridge.deny(&bridge.only_approval()).await;
        let told = bridge.get(&mut browser, &waiting).await;
        assert!(told.location().starts_with(redirect));
        assert_eq!(told.parameter("error").as_deref(), Some("access_denied"));
        assert_eq!(told.parameter("state").as_deref(), Some("s-2"));
        assert_eq!(
            told.parameter("iss").as_deref(),
            Some("https://bridge.example")
        );
        assert!(told.parameter("code").is_none());
    }
}

#[tokio::test]
async fn nobody_answering_is_not_called_a_denial() {
    let bridge = Bridge::new().await;
    let client = bridge.register(&[KNOWN]).await;
    let mut browser = Browser::new(public());
    let waiting = bridge
        .queue(&mut browser, &query(&client, KNOWN, "s"))
        .await;
    let approval = bridge.only_approval();
    bridge.clock.pass(SignedDuration::from_mins(5));
    assert!(bridge.server.approvals().is_empty());
    let told = bridge.get(&mut browser, &waiting).await;
    assert_eq!(told.parameter("error").as_deref(), Some("access_denied"));
    let description = told.parameter("error_description").unwrap();
    assert!(description.contains("Nobody answered") && !description.contains("denied"));
    let late = bridge
        .server
        .decide(approval.id(), &approval.shown(), yes(&["notes"]))
        .await;
    assert!(matches!(late, Err(DecideError::NotWaiting)));
    let outcome = ApprovalOutcome::TimedOut;
    assert!(bridge.news.all().contains(&Event::ApprovalEnded {
        approval: approval.id().clone(),
        outcome
    }));
}

#[tokio::test]
async fn closing_is_told_as_that() {
    let bridge = Bridge::new().await;
    let client = bridge.register(&[KNOWN]).await;
    let mut browser = Browser::new(public());
    let waiting = bridge
        .queue(&mut browser, &query(&client, KNOWN, "s"))
        .await;
    bridge.server.close_approvals();
    let told = bridge.get(&mut browser, &waiting).await;
    assert_eq!(
        told.parameter("error").as_deref(),
        Some("temporarily_unavailable")
    );
    let next = bridge
        .get(
            &mut browser,
            &format!("/oauth/authorize?{}", query(&client, KNOWN, "t")),
        )
        .await;
    assert_eq!(next.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn an_unknown_host_gets_the_code_but_no_error_by_itself() {
    let bridge = Bridge::new().await;
    let client = bridge.register(&[UNKNOWN]).await;
    let mut browser = Browser::new(public());

    let waiting = bridge
        .queue(&mut browser, &query(&client, UNKNOWN, "s"))
        .await;
    bridge.approve(&bridge.only_approval()).await;
    assert!(
        bridge
            .get(&mut browser, &waiting)
            .await
            .location()
            .starts_with(UNKNOWN)
    );

    let waiting = bridge
        .queue(&mut browser, &query(&client, UNKNOWN, "t"))
        .await;
    bridge.deny(&bridge.only_approval()).await;
    let told = bridge.get(&mut browser, &waiting).await;
    assert_eq!(told.status, StatusCode::OK);
    assert!(told.header("location").is_none());
    assert!(told.text().contains("app.stranger.example"));
    assert!(
        told.body
            .contains("href=\"https://app.stranger.example/callback?error=access_denied&#38;"),
        "{}",
        told.body
    );
}

#[tokio::test]
async fn two_tabs_of_one_browser_go_their_own_ways() {
    let bridge = Bridge::new().await;
    let client = bridge.register(&[KNOWN]).await;
    let mut browser = Browser::new(public());
    let one = bridge
        .queue(&mut browser, &query(&client, KNOWN, "one"))
        .await;
    let two = bridge
        .queue(&mut browser, &query(&client, KNOWN, "two"))
        .await;
    assert_ne!(one, two);
    let approvals = bridge.server.approvals();
    assert_eq!(approvals.len(), 2);
    bridge.approve(&approvals[1]).await;
    bridge.deny(&approvals[0]).await;
    let told = bridge.get(&mut browser, &one).await;
    assert_eq!(told.parameter("error").as_deref(), Some("access_denied"));
    assert_eq!(told.parameter("state").as_deref(), Some("one"));
    let done = bridge.get(&mut browser, &two).await;
    assert!(done.parameter("code").is_some());
    assert_eq!(done.parameter("state").as_deref(), Some("two"));
}

#[tokio::test]
async fn a_reload_is_the_same_request() {
    let bridge = Bridge::new().await;
    let client = bridge.register(&[KNOWN]).await;
    let mut browser = Browser::new(public());
    let address = format!("/oauth/authorize?{}", query(&client, KNOWN, "s"));
    let first = bridge.get(&mut browser, &address).await;
    let reload = bridge.get(&mut browser, &address).await;
    assert_eq!(first.form_request(), reload.form_request());
    assert_ne!(first.link(), reload.link());
    assert_eq!(
        bridge.visit(&first.link().unwrap()).await.status,
        StatusCode::NOT_FOUND
    );
    let local = bridge.visit(&reload.link().unwrap()).await;
    let waiting = bridge.get(&mut browser, &local.location()).await.location();
    // Now a reload goes where the browser already was.
    assert_eq!(bridge.get(&mut browser, &address).await.location(), waiting);
    assert_eq!(bridge.server.approvals().len(), 1);
}

#[tokio::test]
async fn the_app_is_told_as_things_change() {
    let bridge = Bridge::new().await;
    let client = bridge.register(&[KNOWN]).await;
    let mut watch = bridge.server.watch_approvals();
    let mut browser = Browser::new(public());
    bridge
        .queue(&mut browser, &query(&client, KNOWN, "s"))
        .await;
    assert!(watch.has_changed().unwrap());
    let approval = watch.borrow_and_update()[0].clone();
    bridge.deny(&approval).await;
    assert!(watch.has_changed().unwrap());
    assert!(watch.borrow_and_update().is_empty());
}

#[tokio::test]
async fn a_waiting_script_hears_of_the_decision_at_once() {
    let bridge = Bridge::new().await;
    let client = bridge.register(&[KNOWN]).await;
    let mut browser = Browser::new(public());
    let waiting = bridge
        .queue(&mut browser, &query(&client, KNOWN, "s"))
        .await;
    let approval = bridge.only_approval();
    let script = [("accept", "application/json")];
    let mut poller = browser.clone();
    let poll = bridge.get_with(&mut poller, &waiting, &script);
    let decide = async {
        tokio::task::yield_now().await;
        bridge.deny(&approval).await;
    };
    let (answer, ()) = tokio::join!(poll, decide);
    assert_eq!(answer.json()["state"], "decided");
}

#[tokio::test]
async fn without_a_local_listener_there_is_only_the_code() {
    let bridge = Bridge::new().await;
    bridge
        .settings
        .send_modify(|settings| settings.local_listener = None);
    let client = bridge.register(&[KNOWN]).await;
    let mut browser = Browser::new(public());
    let page = bridge
        .get(
            &mut browser,
            &format!("/oauth/authorize?{}", query(&client, KNOWN, "s")),
        )
        .await;
    assert!(page.link().is_none() && page.form_request().is_some());
}

#[tokio::test]
async fn a_connection_ended_before_it_was_collected_gives_no_code() {
    let bridge = Bridge::new().await;
    let client = bridge.register(&[KNOWN]).await;
    let mut browser = Browser::new(public());
    let waiting = bridge
        .queue(&mut browser, &query(&client, KNOWN, "s"))
        .await;
    bridge.approve(&bridge.only_approval()).await;
    let grant = bridge.server.connections().unwrap()[0].id.clone();
    bridge.server.revoke(&grant).await.unwrap();
    let answer = bridge.get(&mut browser, &waiting).await;
    assert!(answer.header("location").is_none());
    assert!(answer.text().contains("This connection was ended"));
}
