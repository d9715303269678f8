//! A browser on another device: the code is shown here and typed there.

use crate::harness::{Answer, Authorization, Browser, Client, House, Tokens, page_form};

/// An authorize page, open in a browser somewhere else.
async fn opened(house: &House) -> (Browser, Answer, Authorization, Client) {
    let client = Client::register(house).await;
    let authorization = client.authorization();
    let mut browser = house.browser();
    let (page, _) = house.page(&mut browser, &authorization.url()).await;
    (browser, page, authorization, client)
}

/// A code that was not the one shown.
fn wrong(code: &str) -> String {
    let first = if code.starts_with('7') { '8' } else { '7' };
    format!("{first}{}", &code[1..])
}

#[tokio::test]
async fn a_code_typed_into_the_page_brings_the_question() {
    let house = House::start_public("bridge.example").await;
    let (mut browser, page, authorization, client) = opened(&house).await;
    let code = house.owner().pair().await;
    assert_eq!(
        code.chars().filter(char::is_ascii_alphanumeric).count(),
        8,
        "{code}"
    );
    // Any case, and separators are ignored.
    let typed = code.to_lowercase().replace('-', " ");
    let sent = browser.type_code(&page, &typed).await;
    let waiting = sent.location().unwrap_or_else(|| panic!("{sent:#?}"));
    browser.open(waiting.as_str()).await.expect(200);
    let approval = house.owner().only_approval().await;
    house.owner().done(&["approve", &approval]).await;
    let code = authorization.code(&browser.open(waiting.as_str()).await);
    Tokens::of(&client.exchange(&code, &authorization).await);
}

#[tokio::test]
async fn a_code_is_used_once() {
    let house = House::start().await;
    let (mut first, first_page, ..) = opened(&house).await;
    let (mut second, second_page, ..) = opened(&house).await;
    let code = house.owner().pair().await;
    assert!(
        first
            .type_code(&first_page, &code)
            .await
            .location()
            .is_some()
    );
    let answer = second.type_code(&second_page, &code).await;
    assert!(
        answer.location().is_none() && answer.is_page(),
        "{answer:#?}"
    );
    assert_eq!(house.owner().approvals().await.len(), 1);
}

#[tokio::test]
async fn without_an_open_pairing_every_code_is_wrong() {
    let house = House::start().await;
    let (mut browser, page, ..) = opened(&house).await;
    let answer = browser.type_code(&page, "ABCD-2345").await;
    assert!(answer.location().is_none(), "{answer:#?}");
    assert!(house.owner().approvals().await.is_empty());
}

#[tokio::test]
async fn five_wrong_tries_end_a_page_and_not_the_code() {
    let house = House::start().await;
    let (mut guesser, its_page, ..) = opened(&house).await;
    let (mut honest, page, ..) = opened(&house).await;
    let code = house.owner().pair().await;
    for _ in 0..5 {
        let answer = guesser.type_code(&its_page, &wrong(&code)).await;
        assert!(answer.location().is_none(), "{answer:#?}");
    }
    let answer = guesser.type_code(&its_page, &code).await;
    assert!(answer.location().is_none(), "the page is over: {answer:#?}");
    assert!(honest.type_code(&page, &code).await.location().is_some());
}

#[tokio::test]
async fn fifteen_wrong_tries_in_all_end_the_code() {
    let house = House::start().await;
    let (mut honest, page, ..) = opened(&house).await;
    let code = house.owner().pair().await;
    for _ in 0..3 {
        let (mut guesser, its_page, ..) = opened(&house).await;
        for _ in 0..5 {
            guesser.type_code(&its_page, &wrong(&code)).await;
        }
    }
    let answer = honest.type_code(&page, &code).await;
    assert!(answer.location().is_none(), "{answer:#?}");
    assert!(house.owner().approvals().await.is_empty());
}

#[tokio::test]
async fn the_code_works_only_in_the_browser_that_has_the_page() {
    let house = House::start().await;
    let (_, page, ..) = opened(&house).await;
    let code = house.owner().pair().await;
    let mut stranger = house.browser();
    let answer = stranger.type_code(&page, &code).await;
    assert!(answer.location().is_none(), "{answer:#?}");
    assert!(answer.status.is_client_error(), "{answer:#?}");
    assert!(house.owner().approvals().await.is_empty());
}

#[tokio::test]
async fn another_sites_form_sends_no_code() {
    let house = House::start_public("bridge.example").await;
    let (mut browser, page, ..) = opened(&house).await;
    let code = house.owner().pair().await;
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("origin", "https://bridge.example.evil.example"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let sending = page_form(&page, &code).header(name, value);
        let answer = browser.send(sending).await.expect(403);
        assert!(answer.location().is_none(), "{answer:#?}");
    }
    assert!(house.owner().approvals().await.is_empty());
    assert!(
        browser.type_code(&page, &code).await.location().is_some(),
        "nothing was used up"
    );
}
