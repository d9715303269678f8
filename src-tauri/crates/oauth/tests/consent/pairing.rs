//! A browser on another device, and those who guess its code.

use std::net::IpAddr;

use axum::http::StatusCode;
use drawbridge_oauth::{Event, PairingState, Proof};
use jiff::SignedDuration;
use secrecy::ExposeSecret as _;

use crate::harness::*;

async fn phone_with_page(bridge: &Bridge, state: &str) -> (Browser, String) {
    let client = bridge.register(&[KNOWN]).await;
    let mut phone = Browser::new(public());
    phone.address = IpAddr::from([198, 51, 100, 20]);
    phone.country = Some("SE".into());
    let asked = format!("/oauth/authorize?{}", query(&client, KNOWN, state));
    let page = bridge.get(&mut phone, &asked).await;
    let request = page.form_request().unwrap();
    (phone, request)
}

fn open(bridge: &Bridge) -> String {
    bridge
        .server
        .open_pairing()
        .unwrap()
        .code
        .expose_secret()
        .to_owned()
}

async fn type_code(bridge: &Bridge, browser: &mut Browser, request: &str, code: &str) -> Answer {
    let fields = [("request", request), ("code", code)];
    bridge.post_form(browser, "/oauth/code", &fields, &[]).await
}

#[tokio::test]
async fn the_code_leads_to_the_same_question() {
    let bridge = Bridge::new().await;
    let (mut phone, request) = phone_with_page(&bridge, "s").await;
    let code = open(&bridge);
    let typed = code.to_lowercase().replace('-', " ");
    let waiting = type_code(&bridge, &mut phone, &request, &typed)
        .await
        .location();
    assert!(waiting.starts_with("https://bridge.example/oauth/wait/dbq_"));
    let approval = bridge.only_approval();
    let address = Some(phone.address);
    assert_eq!(
        approval.proof(),
        &Proof::Code {
            address,
            country: Some("SE".into())
        }
    );
    assert_eq!(bridge.server.pairing().unwrap().state, PairingState::Used);
    bridge.approve(&approval).await;
    assert!(
        bridge
            .get(&mut phone, &waiting)
            .await
            .parameter("code")
            .is_some()
    );
    // One use.
    let (mut other, request) = phone_with_page(&bridge, "t").await;
    assert_eq!(
        type_code(&bridge, &mut other, &request, &code).await.status,
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test]
async fn it_counts_only_in_the_browser_of_its_page() {
    let bridge = Bridge::new().await;
    let (mut phone, request) = phone_with_page(&bridge, "s").await;
    let (mut stranger, _) = phone_with_page(&bridge, "t").await;
    let code = open(&bridge);
    for browser in [&mut stranger, &mut Browser::new(public())] {
        let answer = type_code(&bridge, browser, &request, &code).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
    }
    assert!(bridge.server.approvals().is_empty());
    type_code(&bridge, &mut phone, &request, &code)
        .await
        .location();
}

#[tokio::test]
async fn a_form_of_another_site_is_refused() {
    let bridge = Bridge::new().await;
    let (mut phone, request) = phone_with_page(&bridge, "s").await;
    let code = open(&bridge);
    let fields = [("request", request.as_str()), ("code", code.as_str())];
    for header in [
        ("origin", "https://evil.example"),
        ("origin", "http://bridge.example"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("sec-fetch-site", "none"),
        ("content-type", "text/plain"),
    ] {
        let answer = bridge
            .post_form_typed(&mut phone, "/oauth/code", &fields, header)
            .await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{header:?}");
    }
    assert!(bridge.server.approvals().is_empty());
    // What a browser sends from our own page, which gives no referrer.
    let own = [("origin", "null"), ("sec-fetch-site", "same-origin")];
    bridge
        .post_form(&mut phone, "/oauth/code", &fields, &own)
        .await
        .location();
}

#[tokio::test]
async fn wrong_codes_are_counted_and_guessing_is_reported() {
    let bridge = Bridge::new().await;
    let code = open(&bridge);
    for page in 0..3 {
        let (mut guesser, request) = phone_with_page(&bridge, &page.to_string()).await;
        for left in ["4 more tries", "3 more tries", "2 more tries", "1 more try"] {
            let answer = type_code(&bridge, &mut guesser, &request, "2222-2222").await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST);
            assert!(answer.text().contains(left), "{}", answer.text());
        }
        let last = type_code(&bridge, &mut guesser, &request, "2222-2222").await;
        assert!(last.text().contains("Too many wrong codes"));
        let right = type_code(&bridge, &mut guesser, &request, &code).await;
        assert!(right.text().contains("Too many wrong codes"));
    }
    assert_eq!(
        bridge.server.pairing().unwrap().state,
        PairingState::Guessed
    );
    assert_eq!(
        bridge
            .news
            .all()
            .iter()
            .filter(|event| **event == Event::PairingGuessed)
            .count(),
        1
    );
    let (mut phone, request) = phone_with_page(&bridge, "own").await;
    assert_eq!(
        type_code(&bridge, &mut phone, &request, &code).await.status,
        StatusCode::BAD_REQUEST
    );
    assert!(bridge.server.approvals().is_empty());
}

#[tokio::test]
async fn a_slip_of_the_finger_is_no_try() {
    let bridge = Bridge::new().await;
    let code = open(&bridge);
    let (mut phone, request) = phone_with_page(&bridge, "s").await;
    for slip in ["", "ABC", "ABCD-EFG1", "ABCD-EFGH-J", "<script>"] {
        let answer = type_code(&bridge, &mut phone, &request, slip).await;
        assert!(answer.text().contains("eight letters and digits"));
        assert!(!answer.body.contains("<script>"));
    }
    assert_eq!(bridge.server.pairing().unwrap().wrong_tries, 0);
    type_code(&bridge, &mut phone, &request, &code)
        .await
        .location();
}

#[tokio::test]
async fn it_lives_ten_minutes() {
    let bridge = Bridge::new().await;
    let code = open(&bridge);
    bridge.clock.pass(SignedDuration::from_mins(10));
    let (mut phone, request) = phone_with_page(&bridge, "s").await;
    let late = type_code(&bridge, &mut phone, &request, &code).await;
    assert!(late.text().contains("no longer works"));
    assert_eq!(
        bridge.server.pairing().unwrap().state,
        PairingState::Expired
    );
}

#[tokio::test]
async fn a_new_code_ends_the_one_before() {
    let bridge = Bridge::new().await;
    let (old, new) = (open(&bridge), open(&bridge));
    assert_ne!(old, new);
    let (mut phone, request) = phone_with_page(&bridge, "s").await;
    assert_eq!(
        type_code(&bridge, &mut phone, &request, &old).await.status,
        StatusCode::BAD_REQUEST
    );
    type_code(&bridge, &mut phone, &request, &new)
        .await
        .location();
}

#[tokio::test]
async fn an_oversized_or_broken_form_is_refused() {
    let bridge = Bridge::new().await;
    let (mut phone, request) = phone_with_page(&bridge, "s").await;
    let long = "A".repeat(4000);
    let answer = type_code(&bridge, &mut phone, &request, &long).await;
    assert!(answer.status.is_client_error());
    let twice = [
        ("request", request.as_str()),
        ("code", "ABCDEFGH"),
        ("code", "ABCDEFGJ"),
    ];
    let answer = bridge
        .post_form(&mut phone, "/oauth/code", &twice, &[])
        .await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_code_that_was_ended_works_for_nobody() {
    let bridge = Bridge::new().await;
    let (mut phone, request) = phone_with_page(&bridge, "s").await;
    let code = open(&bridge);
    bridge.server.end_pairing();
    assert_eq!(bridge.server.pairing(), None);
    type_code(&bridge, &mut phone, &request, &code).await;
    assert!(bridge.server.approvals().is_empty());
    bridge.server.end_pairing();
}
