//! What every page holds, and what none does.

use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use crate::harness::*;

/// One of each page that can be met, by name.
async fn every_page(bridge: &Bridge) -> Vec<(&'static str, Answer)> {
    let mut pages = Vec::new();
    let known = bridge.register(&[KNOWN]).await;
    let unknown = bridge.register(&[UNKNOWN]).await;
    let program = bridge.register(&[LOOPBACK]).await;
    let mut browser = Browser::new(public());
    let ask = |client: &str, redirect: &str, state: &str| {
        format!("/oauth/authorize?{}", query(client, redirect, state))
    };

    let page = bridge.get(&mut browser, &ask(&known, KNOWN, "a")).await;
    let (link, request) = (page.link().unwrap(), page.form_request().unwrap());
    pages.push(("authorize", page));
    pages.push((
        "authorize-unknown",
        bridge.get(&mut browser, &ask(&unknown, UNKNOWN, "b")).await,
    ));
    pages.push((
        "authorize-loopback",
        bridge
            .get(&mut browser, &ask(&program, LOOPBACK, "c"))
            .await,
    ));
    let fields = [("request", request.as_str()), ("code", "2222-2222")];
    pages.push((
        "wrong-code",
        bridge
            .post_form(&mut browser, "/oauth/code", &fields, &[])
            .await,
    ));

    let local = bridge.visit(&link).await;
    pages.push(("handle-used", bridge.visit(&link).await));
    let elsewhere = [("host", "evil.example")];
    let method = axum::http::Method::GET;
    let peer = drawbridge_oauth::PeerUser::Same;
    pages.push((
        "visit-refused",
        bridge.visit_with(method, &link, &elsewhere, peer).await,
    ));
    let waiting = bridge.get(&mut browser, &local.location()).await.location();
    pages.push(("waiting", bridge.get(&mut browser, &waiting).await));
    pages.push((
        "wrong-browser",
        bridge.get(&mut Browser::new(public()), &waiting).await,
    ));
    bridge.approve(&bridge.only_approval()).await;
    bridge.get(&mut browser, &waiting).await.location();
    bridge.clock.pass(jiff::SignedDuration::from_secs(61));
    pages.push(("over", bridge.get(&mut browser, &waiting).await));
    bridge.clock.pass(jiff::SignedDuration::from_mins(10));
    pages.push(("ended", bridge.get(&mut browser, &waiting).await));

    let waiting = bridge
        .queue(&mut browser, &query(&unknown, UNKNOWN, "d"))
        .await;
    bridge.deny(&bridge.only_approval()).await;
    pages.push(("denied", bridge.get(&mut browser, &waiting).await));
    let waiting = bridge
        .queue(&mut browser, &query(&unknown, UNKNOWN, "e"))
        .await;
    bridge.clock.pass(jiff::SignedDuration::from_mins(5));
    pages.push(("timed-out", bridge.get(&mut browser, &waiting).await));

    pages.push((
        "invalid-client",
        bridge
            .get(&mut browser, "/oauth/authorize?client_id=test")
            .await,
    ));
    let mismatch = ask(&known, "https://evil.example/", "f");
    pages.push((
        "redirect-mismatch",
        bridge.get(&mut browser, &mismatch).await,
    ));
    let wrong = query_with(&unknown, UNKNOWN, "g", &[("scope", "admin")]);
    pages.push((
        "cannot-answer",
        bridge
            .get(&mut browser, &format!("/oauth/authorize?{wrong}"))
            .await,
    ));

    pages.extend(turned_away(bridge, &mut browser, &known).await);
    pages
}

/// The pages of those who are not let ask: too many wait, too soon after denials, not armed.
async fn turned_away(
    bridge: &Bridge,
    browser: &mut Browser,
    known: &str,
) -> Vec<(&'static str, Answer)> {
    let mut pages = Vec::new();
    let ask = |state: &str| format!("/oauth/authorize?{}", query(known, KNOWN, state));
    for number in 0..8 {
        bridge
            .queue(browser, &query(known, KNOWN, &number.to_string()))
            .await;
    }
    let page = bridge.get(browser, &ask("h")).await;
    let local = bridge.visit(&page.link().unwrap()).await;
    pages.push(("busy", bridge.get(browser, &local.location()).await));
    for approval in bridge.server.approvals().iter().take(3) {
        bridge.deny(approval).await;
    }
    pages.push(("quiet", bridge.get(browser, &ask("i")).await));
    bridge
        .settings
        .send_modify(|settings| settings.armed_only = true);
    pages.push(("unarmed", bridge.get(browser, &ask("j")).await));
    pages
}

#[tokio::test]
async fn every_page_is_guarded_and_complete() {
    let bridge = Bridge::new().await;
    for (name, page) in every_page(&bridge).await {
        assert_guarded(name, &page);
        assert!(
            page.header("content-type")
                .unwrap()
                .starts_with("text/html"),
            "{name}"
        );
        for part in [
            "<!doctype html>",
            "lang=\"en\"",
            "name=\"viewport\"",
            "<title>",
            "<h1>",
            "</html>",
        ] {
            assert!(page.body.contains(part), "{name} lacks {part}");
        }
        for forbidden in [
            " style=",
            " onclick",
            "javascript:",
            "<img",
            "<iframe",
            "<link",
            "NOTES",
            "FILES",
        ] {
            assert!(!page.body.contains(forbidden), "{name} has {forbidden}");
        }
        let policy = page.header("content-security-policy").unwrap();
        for (tag, directive) in [("style", "style-src"), ("script", "script-src")] {
            for content in contents(&page.body, tag) {
                let hash = format!(
                    "{directive} 'sha256-{}'",
                    STANDARD.encode(Sha256::digest(content))
                );
                assert!(policy.contains(&hash), "{name}: {policy}");
            }
        }
        let has_script = page.body.contains("<script");
        assert_eq!(has_script, name == "waiting", "{name}");
        assert_eq!(policy.contains("connect-src 'self'"), has_script, "{name}");
    }
}

#[tokio::test]
async fn redirects_are_guarded_too() {
    let bridge = Bridge::new().await;
    let client = bridge.register(&[KNOWN]).await;
    let mut browser = Browser::new(public());
    let asked = format!("/oauth/authorize?{}", query(&client, KNOWN, "s"));
    let page = bridge.get(&mut browser, &asked).await;
    let local = bridge.visit(&page.link().unwrap()).await;
    assert_guarded("local", &local);
    let back = bridge.get(&mut browser, &local.location()).await;
    assert_guarded("return", &back);
    bridge.approve(&bridge.only_approval()).await;
    assert_guarded("code", &bridge.get(&mut browser, &back.location()).await);
    let wrong = query_with(&client, KNOWN, "t", &[("scope", "admin")]);
    assert_guarded(
        "error",
        &bridge
            .get(&mut browser, &format!("/oauth/authorize?{wrong}"))
            .await,
    );
    for answer in [&local, &back] {
        assert!(answer.headers["location"].is_sensitive());
    }
}

fn assert_guarded(name: &str, answer: &Answer) {
    let policy = answer.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'"), "{name}: {policy}");
    assert!(
        policy.contains("frame-ancestors 'none'"),
        "{name}: {policy}"
    );
    assert!(
        !policy.contains("form-action") && !policy.contains("unsafe"),
        "{name}: {policy}"
    );
    for (header, value) in [
        ("x-frame-options", "DENY"),
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
        ("cross-origin-opener-policy", "same-origin"),
    ] {
        assert_eq!(answer.header(header), Some(value), "{name}");
    }
    assert!(
        answer.header("access-control-allow-origin").is_none(),
        "{name}"
    );
}

fn contents<'a>(body: &'a str, tag: &str) -> Vec<&'a str> {
    let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
    body.split(open.as_str())
        .skip(1)
        .map(|rest| rest.split(close.as_str()).next().unwrap())
        .collect()
}

#[tokio::test]
async fn strangers_text_stays_text() {
    let bridge = Bridge::new().await;
    let name = "</q><script>alert(1)</script>\u{202e}evil \"quoted\" & long ".repeat(3);
    let client = bridge
        .register_named(&name, &["https://a.stranger.example/c?x=\u{27}y"])
        .await;
    let mut browser = Browser::new(public());
    let asked = query(
        &client,
        "https://a.stranger.example/c?x='y",
        "\"><script>alert(2)</script>",
    );
    let page = bridge
        .get(&mut browser, &format!("/oauth/authorize?{asked}"))
        .await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text());
    assert!(!page.body.contains("<script") && !page.body.contains('\u{202e}'));
    assert!(page.body.contains("[U+202E]"));
    assert!(
        page.body.matches("alert(1)").count() <= 2,
        "the name is cut"
    );
    let waiting = bridge.queue(&mut browser, &asked).await;
    bridge.deny(&bridge.only_approval()).await;
    let denied = bridge.get(&mut browser, &waiting).await;
    assert!(!denied.body.contains("<script"));
}

#[tokio::test]
async fn the_host_is_shown_whole_with_its_owner_emphasised() {
    let bridge = Bridge::new().await;
    let host = "chatgpt.com.account.login.security.check.evil.example";
    let redirect = format!("https://{host}/callback");
    let client = bridge.register(&[&redirect]).await;
    let mut browser = Browser::new(public());
    let asked = format!("/oauth/authorize?{}", query(&client, &redirect, "s"));
    let page = bridge.get(&mut browser, &asked).await;
    assert!(page.body.contains("<strong>evil.example</strong>"));
    assert!(
        page.body
            .contains("chatgpt.com.account.login.security.check.<strong>")
    );
    assert!(page.text().contains("does not know this host"));
}

/// Writes every page into the folder named by `DRAWBRIDGE_PAGES`, to be looked at in a browser.
#[tokio::test]
#[ignore = "writes files to look at; run it by hand"]
async fn write_pages_to_look_at() {
    let Some(folder) = option_env!("DRAWBRIDGE_PAGES") else {
        return;
    };
    let bridge = Bridge::new().await;
    std::fs::create_dir_all(folder).unwrap();
    for (name, page) in every_page(&bridge).await {
        std::fs::write(format!("{folder}/{name}.html"), page.body).unwrap();
    }
}
