//! `GET /oauth/authorize`: what it refuses, how, and what every one of its pages carries.

use hyper::StatusCode;

use crate::harness::{Answer, Authorization, Client, House, REDIRECT, Sending};

/// Every HTML answer and redirect carries these.
#[track_caller]
pub(crate) fn expect_guarded(answer: &Answer) {
    let policy = answer.header("content-security-policy").unwrap_or_default();
    assert!(policy.contains("default-src 'none'"), "{answer:#?}");
    assert!(policy.contains("frame-ancestors 'none'"), "{answer:#?}");
    assert!(
        !policy.contains("form-action") && !policy.contains("unsafe"),
        "{answer:#?}"
    );
    for (name, value) in [
        ("x-frame-options", "DENY"),
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
        ("cross-origin-opener-policy", "same-origin"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{name} of {answer:#?}");
    }
    assert_eq!(
        answer.header("access-control-allow-origin"),
        None,
        "{answer:#?}"
    );
}

async fn ask(house: &House, authorization: &Authorization) -> Answer {
    let answer = house.browser().open(&authorization.url()).await;
    expect_guarded(&answer);
    answer
}

/// Expects a page of our own that sends the browser nowhere.
#[track_caller]
fn expect_local_page(answer: &Answer) {
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{answer:#?}");
    assert!(answer.is_page(), "{answer:#?}");
    assert_eq!(answer.header("location"), None);
    assert!(
        !answer.body.contains("http-equiv=\"refresh\""),
        "{answer:#?}"
    );
}

#[tokio::test]
async fn a_wrong_client_or_redirect_never_leaves_this_origin() {
    let house = House::start().await;
    let client = Client::register(&house).await;
    let good = client.authorization();
    for bad in [
        good.clone().with("client_id", "nobody"),
        good.clone()
            .with("client_id", "https://127.0.0.1/client.json"),
        good.clone()
            .with("client_id", "https://evil.example/client.json"),
        good.clone().without("client_id"),
        good.clone()
            .with("redirect_uri", "https://evil.example/callback"),
        good.clone()
            .with("redirect_uri", "http://127.0.0.1:33418/callback/other"),
        good.clone()
            .with("redirect_uri", "http://127.0.0.1:33418/callback?x=1"),
        good.clone().with(
            "redirect_uri",
            "http://127.0.0.1.evil.example:33418/callback",
        ),
        good.clone().with("redirect_uri", "javascript:alert(1)"),
        good.clone().and("redirect_uri", REDIRECT),
        good.clone().and("client_id", &client.id),
    ] {
        let answer = ask(&house, &bad).await;
        expect_local_page(&answer);
        assert!(!answer.body.contains("evil.example/"), "{answer:#?}");
    }
}

#[tokio::test]
async fn a_mistake_of_a_known_client_is_told_to_that_client() {
    let house = House::start().await;
    let client = Client::register(&house).await;
    let good = client.authorization();
    let plain = good.clone().with("code_challenge_method", "plain");
    let cases = [
        (good.clone().without("response_type"), "invalid_request"),
        (
            good.clone().with("response_type", "token"),
            "unsupported_response_type",
        ),
        (good.clone().without("code_challenge"), "invalid_request"),
        (
            good.clone().without("code_challenge_method"),
            "invalid_request",
        ),
        (plain, "invalid_request"),
        (
            good.clone().with("code_challenge", "short"),
            "invalid_request",
        ),
        (
            good.clone()
                .with("resource", "https://elsewhere.example/mcp"),
            "invalid_target",
        ),
        (
            good.clone()
                .with("resource", &format!("{}/mcp#fragment", client.base)),
            "invalid_target",
        ),
        (good.clone().with("scope", "administrate"), "invalid_scope"),
        (good.clone().with("scope", "mcp  mcp\""), "invalid_scope"),
    ];
    for (bad, code) in cases {
        let answer = ask(&house, &bad).await;
        assert_eq!(bad.error(&answer).0, code, "{answer:#?}");
    }
}

#[tokio::test]
async fn a_repeated_parameter_is_an_error_whatever_it_is() {
    let house = House::start().await;
    let client = Client::register(&house).await;
    for (name, value) in [("scope", "mcp"), ("state", "x"), ("unknown", "y")] {
        let twice = client.authorization().and(name, value).and(name, value);
        let answer = ask(&house, &twice).await;
        match answer.location() {
            Some(_) => assert_eq!(twice.error(&answer).0, "invalid_request"),
            None => expect_local_page(&answer),
        }
    }
}

#[tokio::test]
async fn what_older_clients_leave_out_is_filled_in() {
    let house = House::start().await;
    let client = Client::register(&house).await;
    for (missing, value) in [
        ("resource", None),
        ("scope", None),
        ("scope", Some("offline_access mcp")),
        ("scope", Some("mcp openid profile")),
    ] {
        let mut asked = client.authorization().without(missing);
        if let Some(value) = value {
            asked = asked.with(missing, value);
        }
        let mut browser = house.browser();
        house.page(&mut browser, &asked.url()).await;
    }
}

#[tokio::test]
async fn a_program_on_this_computer_may_come_back_at_any_port() {
    let house = House::start().await;
    for registered in [
        "http://127.0.0.1/callback",
        "http://localhost:1/callback",
        "http://[::1]/callback",
    ] {
        let client = Client::register_at(&house, &house.base(), &[registered]).await;
        let url = url::Url::parse(registered).unwrap();
        let asked = format!("http://{}:49152/callback", url.host_str().unwrap());
        let mut browser = house.browser();
        house
            .page(
                &mut browser,
                &client.authorization().with("redirect_uri", &asked).url(),
            )
            .await;
    }
}

#[tokio::test]
async fn the_page_names_where_it_goes_and_works_without_script() {
    let house = House::start().await;
    let client =
        Client::register_at(&house, &house.base(), &["https://app.example.co.uk/back"]).await;
    let mut browser = house.browser();
    let (page, link) = house
        .page(&mut browser, &client.authorization().url())
        .await;
    expect_guarded(&page);
    assert!(page.body.contains("app.example.co.uk"), "{page:#?}");
    assert!(page.body.contains("name=\"code\""), "{page:#?}");
    assert!(page.body.contains("Harness"), "{page:#?}");
    assert!(
        page.body.contains("viewport"),
        "readable on a phone: {page:#?}"
    );
    assert!(
        !page.body.contains("http-equiv=\"refresh\""),
        "no page clicks its own button"
    );
    assert!(
        !page.body.contains(".click("),
        "no script presses the button"
    );
    assert!(browser.has_cookie("127.0.0.1"));
    assert_eq!(link.query(), None);
}

#[tokio::test]
async fn a_client_writes_its_name_as_text() {
    let house = House::start().await;
    let name = "<script>alert(1)</script>\u{202e}\"' onload=x";
    let asked = serde_json::json!({"client_name": name, "redirect_uris": [REDIRECT],
        "token_endpoint_auth_method": "none"});
    let url = format!("{}/oauth/register", house.base());
    let registered = house
        .network
        .send(Sending::post(&url).json(&asked))
        .await
        .expect(201)
        .json();
    let mut client = Client::register(&house).await;
    client.id = registered["client_id"].as_str().unwrap().to_owned();
    let page = ask(&house, &client.authorization()).await;
    assert!(!page.body.contains("<script>alert"), "{page:#?}");
    assert!(
        !page.body.contains('\u{202e}'),
        "the direction of text is ours: {page:#?}"
    );
}

#[tokio::test]
async fn only_get_opens_it() {
    let house = House::start().await;
    let client = Client::register(&house).await;
    let url = client.authorization().url();
    let answer = house.network.send(Sending::post(&url).form(&[])).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{answer:#?}");
}
