//! What strangers try. Each of them would let somebody else's client in, if it worked.

use axum::http::{Method, StatusCode};
use drawbridge_oauth::{Approval, DecideError, Decision, PeerUser};
use jiff::SignedDuration;

use crate::harness::*;

async fn page_of(bridge: &Bridge, browser: &mut Browser, state: &str) -> Answer {
    let client = bridge.register(&[KNOWN]).await;
    bridge
        .get(
            browser,
            &format!("/oauth/authorize?{}", query(&client, KNOWN, state)),
        )
        .await
}

/// The attacker opens the page, and the victim, at this computer, follows the attacker's link.
#[tokio::test]
async fn the_handle_in_another_browser_is_worth_nothing() {
    let bridge = Bridge::new().await;
    let mut attacker = Browser::new(public());
    let page = page_of(&bridge, &mut attacker, "s").await;
    let local = bridge.visit(&page.link().unwrap()).await;
    let proof = local.location();

    // A victim without any cookie, and one in the middle of a connection of their own.
    let mut victim = Browser::new(public());
    let answer = bridge.get(&mut victim, &proof).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(answer.header("set-cookie").is_none());
    assert!(bridge.server.approvals().is_empty());
    // The proof is used up: the attacker gains nothing by learning it.
    assert_eq!(
        bridge.get(&mut attacker, &proof).await.status,
        StatusCode::NOT_FOUND
    );
    assert!(bridge.server.approvals().is_empty());

    let page = page_of(&bridge, &mut attacker, "t").await;
    let mut busy_victim = Browser::new(public());
    page_of(&bridge, &mut busy_victim, "own").await;
    let local = bridge.visit(&page.link().unwrap()).await;
    let answer = bridge.get(&mut busy_victim, &local.location()).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(bridge.server.approvals().is_empty());
}

#[tokio::test]
async fn the_waiting_address_in_another_browser_shows_and_gives_nothing() {
    let bridge = Bridge::new().await;
    let client = bridge.register(&[KNOWN]).await;
    let mut owner = Browser::new(public());
    let waiting = bridge.queue(&mut owner, &query(&client, KNOWN, "s")).await;
    let mut other = Browser::new(public());
    page_of(&bridge, &mut other, "t").await;
    for accept in ["text/html", "application/json"] {
        let headers = [("accept", accept)];
        for browser in [&mut other, &mut Browser::new(public())] {
            let answer = bridge.get_with(browser, &waiting, &headers).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN);
            assert!(!answer.body.contains("chatgpt.com"));
        }
    }
    bridge.approve(&bridge.only_approval()).await;
    for browser in [&mut other, &mut Browser::new(public())] {
        let answer = bridge.get(browser, &waiting).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        assert!(answer.header("location").is_none());
    }
    assert!(
        bridge
            .get(&mut owner, &waiting)
            .await
            .parameter("code")
            .is_some()
    );
}

#[tokio::test]
async fn the_cookie_of_one_address_does_not_count_at_the_other() {
    let bridge = Bridge::new().await;
    let mut browser = Browser::new(public());
    let page = page_of(&bridge, &mut browser, "s").await;
    let local = bridge.visit(&page.link().unwrap()).await;
    let proof = local.location().replace("https://bridge.example", "");
    browser.origin = loopback();
    assert_eq!(
        bridge.get(&mut browser, &proof).await.status,
        StatusCode::FORBIDDEN
    );
    assert!(bridge.server.approvals().is_empty());
}

#[tokio::test]
async fn a_cookie_that_is_not_ours_is_never_taken_over() {
    let bridge = Bridge::new().await;
    let mut attacker = Browser::new(public());
    page_of(&bridge, &mut attacker, "s").await;
    let known = attacker.cookies["__Host-drawbridge"].clone();
    // Well-formed, but of an earlier run; or planted beside our own.
    bridge.clock.pass(SignedDuration::from_mins(11));
    let mut victim = Browser::new(public());
    victim
        .cookies
        .insert("__Host-drawbridge".into(), known.clone());
    page_of(&bridge, &mut victim, "t").await;
    assert_ne!(victim.cookies["__Host-drawbridge"], known);
}

#[tokio::test]
async fn one_approval_lets_one_request_in() {
    let bridge = Bridge::new().await;
    let client = bridge.register(&[KNOWN]).await;
    let (mut home, mut other) = (Browser::new(public()), Browser::new(public()));
    // The very same client, redirect, state: only the browser differs.
    let asked = query(&client, KNOWN, "s");
    let mine = bridge.queue(&mut home, &asked).await;
    let theirs = bridge.queue(&mut other, &asked).await;
    let approvals = bridge.server.approvals();
    assert_eq!(approvals.len(), 2);
    bridge.approve(&approvals[0]).await;
    assert!(
        bridge
            .get(&mut home, &mine)
            .await
            .parameter("code")
            .is_some()
    );
    let still = bridge.get(&mut other, &theirs).await;
    assert_eq!(still.status, StatusCode::OK);
    assert!(still.text().contains("Answer on your computer"));
    assert_eq!(bridge.server.approvals().len(), 1);
}

/// A double click, when the second question takes the place of the first.
#[tokio::test]
async fn a_decision_about_one_question_never_decides_another() {
    let bridge = Bridge::new().await;
    let client = bridge.register(&[KNOWN]).await;
    let (mut one, mut two) = (Browser::new(public()), Browser::new(public()));
    bridge.queue(&mut one, &query(&client, KNOWN, "s")).await;
    bridge.queue(&mut two, &query(&client, KNOWN, "t")).await;
    let approvals = bridge.server.approvals();
    let (first, second) = (&approvals[0], &approvals[1]);
    let decide = async |approval: &Approval, seen: &Approval| {
        bridge
            .server
            .decide(approval.id(), &seen.shown(), yes(&["notes"]))
            .await
    };
    assert!(matches!(
        decide(second, first).await,
        Err(DecideError::Changed)
    ));
    assert!(matches!(
        decide(first, second).await,
        Err(DecideError::Changed)
    ));
    assert_eq!(bridge.server.approvals().len(), 2);
    decide(first, first).await.unwrap();
    assert!(matches!(
        decide(first, first).await,
        Err(DecideError::NotWaiting)
    ));
    let denied = bridge
        .server
        .decide(first.id(), &first.shown(), Decision::Deny)
        .await;
    assert!(matches!(denied, Err(DecideError::NotWaiting)));
    assert_eq!(bridge.server.approvals().len(), 1);
    assert_eq!(bridge.server.connections().unwrap().len(), 1);
}

#[tokio::test]
async fn two_decisions_at_once_make_one_grant() {
    let bridge = Bridge::new().await;
    let client = bridge.register(&[KNOWN]).await;
    let mut browser = Browser::new(public());
    bridge
        .queue(&mut browser, &query(&client, KNOWN, "s"))
        .await;
    let approval = bridge.only_approval();
    let shown = approval.shown();
    let decide = || bridge.server.decide(approval.id(), &shown, yes(&["notes"]));
    let (one, two) = tokio::join!(decide(), decide());
    assert!(one.is_ok() != two.is_ok());
    assert_eq!(bridge.server.connections().unwrap().len(), 1);
}

#[tokio::test]
async fn only_servers_that_were_shown_and_still_exist_can_be_granted() {
    let bridge = Bridge::new().await;
    let client = bridge.register(&[KNOWN]).await;
    let mut browser = Browser::new(public());
    bridge
        .queue(&mut browser, &query(&client, KNOWN, "s"))
        .await;
    let approval = bridge.only_approval();
    bridge.shelf.set(&["notes", "later"]);
    for names in [&["later"][..], &["files"], &["notes", "files"]] {
        let result = bridge
            .server
            .decide(approval.id(), &approval.shown(), yes(names))
            .await;
        assert!(
            matches!(result, Err(DecideError::UnknownServer { .. })),
            "{names:?}"
        );
    }
    bridge.approve(&approval).await;
}

#[tokio::test]
async fn a_handle_works_once() {
    let bridge = Bridge::new().await;
    let mut browser = Browser::new(public());
    let page = page_of(&bridge, &mut browser, "s").await;
    let link = page.link().unwrap();
    let local = bridge.visit(&link).await;
    let again = bridge.visit(&link).await;
    assert_eq!(again.status, StatusCode::NOT_FOUND);
    let proof = local.location();
    bridge.get(&mut browser, &proof).await.location();
    assert_eq!(
        bridge.get(&mut browser, &proof).await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(bridge.server.approvals().len(), 1);
}

#[tokio::test]
async fn a_handle_dies_after_five_minutes() {
    let bridge = Bridge::new().await;
    let mut browser = Browser::new(public());
    let page = page_of(&bridge, &mut browser, "s").await;
    bridge.clock.pass(SignedDuration::from_mins(5));
    let late = bridge.visit(&page.link().unwrap()).await;
    assert_eq!(late.status, StatusCode::NOT_FOUND);
    assert!(late.text().contains("used already, or is too old"));
}

#[tokio::test]
async fn tricks_on_the_local_listener_use_nothing_up() {
    let bridge = Bridge::new().await;
    let mut browser = Browser::new(public());
    let page = page_of(&bridge, &mut browser, "s").await;
    let link = page.link().unwrap();
    let [host, mode, dest, site] = NAVIGATION;
    let tricks: &[&[(&str, &str)]] = &[
        &[mode, dest, site],
        &[("host", "localhost:8788"), mode, dest, site],
        &[("host", "evil.example:8788"), mode, dest, site],
        &[host, ("host", "evil.example"), mode, dest, site],
        &[
            host,
            ("sec-fetch-mode", "cors"),
            ("sec-fetch-dest", "empty"),
            site,
        ],
        &[
            host,
            ("sec-fetch-mode", "no-cors"),
            ("sec-fetch-dest", "image"),
            site,
        ],
        &[host, mode, ("sec-fetch-dest", "iframe"), site],
        &[host, mode, dest, site, ("cf-connecting-ip", "203.0.113.9")],
        &[host, mode, dest, site, ("x-forwarded-for", "203.0.113.9")],
        &[
            host,
            mode,
            dest,
            site,
            ("x-forwarded-host", "127.0.0.1:8788"),
        ],
        &[host, mode, dest, site, ("forwarded", "for=203.0.113.9")],
        &[host, mode, dest, site, ("via", "1.1 proxy")],
        &[host, mode, dest, site, ("origin", "https://evil.example")],
        &[host, mode, dest, site, ("sec-purpose", "prefetch")],
    ];
    for headers in tricks {
        let answer = bridge
            .visit_with(Method::GET, &link, headers, PeerUser::Same)
            .await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{headers:?}");
        assert!(answer.header("access-control-allow-origin").is_none());
    }
    let other_user = bridge
        .visit_with(Method::GET, &link, &NAVIGATION, PeerUser::Other)
        .await;
    assert_eq!(other_user.status, StatusCode::FORBIDDEN);
    for method in [
        Method::POST,
        Method::HEAD,
        Method::OPTIONS,
        Method::PUT,
        Method::DELETE,
    ] {
        let answer = bridge
            .visit_with(method, &link, &NAVIGATION, PeerUser::Same)
            .await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
        assert!(
            !answer
                .headers
                .keys()
                .any(|name| name.as_str().starts_with("access-control"))
        );
    }
    for path in [
        "/",
        "/approve",
        "/approve/",
        "/approve/x/y",
        "/oauth/authorize",
        "/mcp",
    ] {
        let answer = bridge.visit(path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert!(bridge.server.approvals().is_empty());
    // After all that the handle still works for the person.
    bridge.visit(&link).await.location();
}

#[tokio::test]
async fn looking_ahead_uses_nothing_up() {
    let bridge = Bridge::new().await;
    let mut browser = Browser::new(public());
    let page = page_of(&bridge, &mut browser, "s").await;
    let local = bridge.visit(&page.link().unwrap()).await;
    let proof = local.location();
    assert_eq!(
        bridge.head(&mut browser, &proof).await.status,
        StatusCode::METHOD_NOT_ALLOWED
    );
    let waiting = bridge.get(&mut browser, &proof).await.location();
    bridge.approve(&bridge.only_approval()).await;
    assert_eq!(
        bridge.head(&mut browser, &waiting).await.status,
        StatusCode::METHOD_NOT_ALLOWED
    );
    assert!(
        bridge
            .get(&mut browser, &waiting)
            .await
            .parameter("code")
            .is_some()
    );
}

#[tokio::test]
async fn a_flood_is_counted_and_asks_nobody() {
    let bridge = Bridge::new().await;
    bridge
        .settings
        .send_modify(|settings| settings.armed_only = true);
    let client = bridge.register(&[KNOWN]).await;
    for number in 0..20 {
        let mut browser = Browser::new(public());
        let asked = format!(
            "/oauth/authorize?{}",
            query(&client, KNOWN, &number.to_string())
        );
        let answer = bridge.get(&mut browser, &asked).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        assert!(answer.text().contains("Add connection"));
        assert!(answer.link().is_none() && browser.cookies.is_empty());
    }
    assert_eq!(bridge.server.missed_requests(), 20);
    bridge.server.arm();
    let mut browser = Browser::new(public());
    bridge
        .queue(&mut browser, &query(&client, KNOWN, "s"))
        .await;
    assert_eq!(bridge.server.approvals().len(), 1);
}

#[tokio::test]
async fn eight_questions_wait_and_no_more() {
    let bridge = Bridge::new().await;
    let client = bridge.register(&[KNOWN]).await;
    let mut browser = Browser::new(public());
    for number in 0..8 {
        bridge
            .queue(&mut browser, &query(&client, KNOWN, &number.to_string()))
            .await;
    }
    let page = bridge
        .get(
            &mut browser,
            &format!("/oauth/authorize?{}", query(&client, KNOWN, "9")),
        )
        .await;
    let local = bridge.visit(&page.link().unwrap()).await;
    let full = bridge.get(&mut browser, &local.location()).await;
    assert_eq!(full.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(full.header("retry-after").is_some());
    assert_eq!(bridge.server.approvals().len(), 8);
}

#[tokio::test]
async fn three_denials_make_quiet() {
    let bridge = Bridge::new().await;
    let client = bridge.register(&[KNOWN]).await;
    let mut browser = Browser::new(public());
    for number in 0..3 {
        bridge
            .queue(&mut browser, &query(&client, KNOWN, &number.to_string()))
            .await;
        bridge.deny(&bridge.only_approval()).await;
    }
    let asked = format!("/oauth/authorize?{}", query(&client, KNOWN, "s"));
    let quiet = bridge.get(&mut browser, &asked).await;
    assert_eq!(quiet.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(quiet.header("retry-after"), Some("60"));
    bridge.clock.pass(SignedDuration::from_mins(1));
    assert_eq!(
        bridge.get(&mut browser, &asked).await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn too_many_requests_of_one_address_are_told_to_wait() {
    let bridge = Bridge::new().await;
    let client = bridge.register(&[KNOWN]).await;
    let mut last = None;
    for number in 0..=drawbridge_oauth::limit::AUTHORIZE_PER_ADDRESS {
        let mut browser = Browser::new(public());
        let asked = format!(
            "/oauth/authorize?{}",
            query(&client, KNOWN, &number.to_string())
        );
        last = Some(bridge.get(&mut browser, &asked).await);
    }
    let last = last.unwrap();
    assert_eq!(last.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(last.header("retry-after").is_some());
    let mut elsewhere = Browser::new(public());
    elsewhere.address = std::net::IpAddr::from([198, 51, 100, 1]);
    let asked = format!("/oauth/authorize?{}", query(&client, KNOWN, "s"));
    assert_eq!(
        bridge.get(&mut elsewhere, &asked).await.status,
        StatusCode::OK
    );
}
