//! Authorization requests, good and bad: which error, and where it is told.

use axum::http::StatusCode;

use crate::harness::*;

async fn ask(bridge: &Bridge, query: &str) -> Answer {
    let mut browser = Browser::new(public());
    bridge
        .get(&mut browser, &format!("/oauth/authorize?{query}"))
        .await
}

#[tokio::test]
async fn a_wrong_client_or_redirect_is_never_redirected() {
    let bridge = Bridge::new().await;
    let client = bridge.register(&[KNOWN]).await;
    let two = bridge.register(&[KNOWN, LOOPBACK]).await;
    for (query, words) in [
        // The original guide's own test.
        (
            "response_type=code&client_id=test&redirect_uri=https://example.com/callback"
                .to_owned(),
            "Invalid client",
        ),
        ("response_type=code".to_owned(), "Invalid client"),
        (
            query("https://nowhere.example/client.json", KNOWN, "s"),
            "Invalid client",
        ),
        (
            query("https://127.0.0.1/client.json", KNOWN, "s"),
            "Invalid client",
        ),
        (
            query(&client, "https://chatgpt.com/elsewhere", "s"),
            "Redirect URI mismatch",
        ),
        (
            query(&client, "https://evil.example/", "s"),
            "Redirect URI mismatch",
        ),
        (
            query(&client, "javascript:alert(1)", "s"),
            "Redirect URI mismatch",
        ),
        (
            query_with(&two, "", "s", &[("redirect_uri", "")]),
            "Redirect URI mismatch",
        ),
        (
            format!("{}&client_id=other", query(&client, KNOWN, "s")),
            "client_id is given more than once",
        ),
        (
            format!(
                "{}&redirect_uri=https://a.example",
                query(&client, KNOWN, "s")
            ),
            "more than once",
        ),
        ("client_id=%ff".to_owned(), "percent-encoded"),
    ] {
        let answer = ask(&bridge, &query).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
        assert!(answer.header("location").is_none());
        assert!(answer.text().contains(words), "{query}: {}", answer.text());
        assert!(answer.header("set-cookie").is_none());
    }
}

#[tokio::test]
async fn errors_of_a_known_client_go_back_to_it() {
    let bridge = Bridge::new().await;
    let client = bridge.register(&[KNOWN, UNKNOWN]).await;
    for (changes, error) in [
        (&[("response_type", "")][..], "invalid_request"),
        (&[("response_type", "token")], "unsupported_response_type"),
        (&[("response_mode", "fragment")], "invalid_request"),
        (&[("request", "eyJ")], "request_not_supported"),
        (&[("request_uri", "urn:x")], "request_uri_not_supported"),
        (&[("code_challenge", "")], "invalid_request"),
        (
            &[("code_challenge", ""), ("code_challenge_method", "")],
            "invalid_request",
        ),
        (&[("code_challenge_method", "plain")], "invalid_request"),
        (&[("code_challenge_method", "")], "invalid_request"),
        (&[("code_challenge", "short")], "invalid_request"),
        (&[("scope", "admin")], "invalid_scope"),
        (
            &[("resource", "https://elsewhere.example/mcp")],
            "invalid_target",
        ),
        (
            &[("resource", "https://bridge.example/mcp#x")],
            "invalid_target",
        ),
    ] {
        let answer = ask(&bridge, &query_with(&client, KNOWN, "s-3", changes)).await;
        assert!(answer.location().starts_with(KNOWN), "{changes:?}");
        assert_eq!(
            answer.parameter("error").as_deref(),
            Some(error),
            "{changes:?}"
        );
        assert_eq!(answer.parameter("state").as_deref(), Some("s-3"));
        assert_eq!(
            answer.parameter("iss").as_deref(),
            Some("https://bridge.example")
        );
        assert!(!answer.parameter("error_description").unwrap().is_empty());

        // The same of a host we do not know: a page, and a link for a person.
        let answer = ask(&bridge, &query_with(&client, UNKNOWN, "s-3", changes)).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{changes:?}");
        assert!(answer.header("location").is_none());
        assert!(
            answer
                .body
                .contains("href=\"https://app.stranger.example/callback?error=")
        );
        assert!(answer.text().contains(error));
    }
    assert!(bridge.server.approvals().is_empty());
}

#[tokio::test]
async fn what_may_be_left_out() {
    let bridge = Bridge::new().await;
    let client = bridge.register(&[KNOWN]).await;
    for changes in [
        &[("scope", "")][..],
        &[("resource", "")],
        &[("state", "")],
        &[("redirect_uri", "")],
        &[("response_mode", "query")],
        &[
            ("prompt", "consent"),
            ("id_token_hint", "x"),
            ("nonce", "y"),
        ],
    ] {
        let answer = ask(&bridge, &query_with(&client, KNOWN, "s", changes)).await;
        assert_eq!(
            answer.status,
            StatusCode::OK,
            "{changes:?}: {}",
            answer.text()
        );
    }
}

#[tokio::test]
async fn any_port_of_this_computer_is_fine() {
    let bridge = Bridge::new().await;
    let client = bridge.register(&["http://localhost/callback"]).await;
    let answer = ask(
        &bridge,
        &query(&client, "http://localhost:50123/callback", "s"),
    )
    .await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
}

#[tokio::test]
async fn a_program_gets_json_when_it_asks_for_it() {
    let bridge = Bridge::new().await;
    let client = bridge.register(&[UNKNOWN]).await;
    let bad_redirect = query(&client, "https://evil.example/", "s");
    let bad_scope = query_with(&client, UNKNOWN, "s", &[("scope", "admin")]);
    for (query, error) in [
        ("client_id=test", "invalid_client"),
        (bad_redirect.as_str(), "invalid_request"),
        (bad_scope.as_str(), "invalid_scope"),
    ] {
        let mut program = Browser::new(public());
        let address = format!("/oauth/authorize?{query}");
        let json = [("accept", "application/json")];
        let answer = bridge.get_with(&mut program, &address, &json).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert_eq!(answer.json()["error"], error);
        assert!(
            !answer.json()["error_description"]
                .as_str()
                .unwrap()
                .is_empty()
        );
        for accept in ["*/*", "text/html, application/json;q=0.9", "text/html"] {
            let page = bridge
                .get_with(&mut program, &address, &[("accept", accept)])
                .await;
            assert!(
                page.header("content-type")
                    .unwrap()
                    .starts_with("text/html"),
                "{accept}"
            );
        }
    }
}
