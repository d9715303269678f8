//! Limits per address and in all: reached, said so, and nobody else's business.

use hyper::StatusCode;

use crate::harness::{Answer, Client, House, Sending};

#[track_caller]
fn expect_limited(answer: &Answer) {
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS, "{answer:#?}");
    let seconds: u64 = answer
        .header("retry-after")
        .unwrap_or_default()
        .parse()
        .unwrap();
    assert!((1..=3600).contains(&seconds), "{answer:#?}");
}

/// How many requests of one address pass before the first 429.
async fn passes(house: &House, mut make: impl FnMut() -> Sending, most: usize) -> usize {
    for passed in 0..=most {
        let answer = house.network.send(make()).await;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            expect_limited(&answer);
            return passed;
        }
    }
    panic!("{most} requests of one address and no end");
}

#[tokio::test]
async fn the_token_endpoint_takes_fifty_in_a_quarter_of_an_hour() {
    let house = House::start().await;
    let client = Client::register(&house).await;
    let fields = [("grant_type", "refresh_token"), ("refresh_token", "dbr_x")];
    let passed = passes(&house, || client.sending("/oauth/token", &fields), 60).await;
    assert_eq!(passed, 50);
    client
        .moved()
        .refresh("dbr_x")
        .await
        .expect_error(400, "invalid_grant");
}

#[tokio::test]
async fn the_authorize_page_takes_a_hundred() {
    let house = House::start().await;
    let client = Client::register(&house).await;
    let url = client.authorization().url();
    let passed = passes(&house, || Sending::get(&url).from(client.address), 110).await;
    assert_eq!(passed, 100);
    house.browser().open(&url).await.expect(200);
}

#[tokio::test]
async fn registration_takes_twenty_an_hour() {
    let house = House::start().await;
    let first = Client::register(&house).await;
    let url = format!("{}/oauth/register", house.base());
    let asked = serde_json::json!({"redirect_uris": ["https://a.example/"]});
    let passed = passes(
        &house,
        || Sending::post(&url).json(&asked).from(first.address),
        30,
    )
    .await;
    assert_eq!(passed, 19, "and one before");
    Client::register(&house).await;
}

#[tokio::test]
async fn a_house_of_the_new_internet_is_a_whole_network() {
    let house = House::start_public("bridge.example").await;
    let client = Client::register(&house).await;
    let fields = [("grant_type", "refresh_token"), ("refresh_token", "dbr_x")];
    let from = |address: &str| {
        client
            .sending("/oauth/token", &fields)
            .header("cf-connecting-ip", address)
    };
    let mut host = 0;
    let neighbours = || {
        host += 1;
        from(&format!("2001:db8:1:2::{host:x}"))
    };
    assert_eq!(passes(&house, neighbours, 60).await, 50);
    let other = house.network.send(from("2001:db8:1:3::1")).await;
    other.expect_error(400, "invalid_grant");
}

#[tokio::test]
async fn eight_questions_wait_at_most() {
    let house = House::start().await;
    let client = Client::register(&house).await;
    for _ in 0..8 {
        let mut browser = house.browser();
        house.knock(&mut browser, &client.authorization()).await;
    }
    let mut browser = house.browser();
    let authorization = client.authorization();
    let (_, link) = house.page(&mut browser, &authorization.url()).await;
    let answer = browser.walk(link.as_str(), |_| false).await;
    expect_limited(&answer);
    let waiting = house.owner().approvals().await;
    assert_eq!(waiting.len(), 8, "{waiting:#?}");
    house
        .owner()
        .done(&["deny", waiting[0]["id"].as_str().unwrap()])
        .await;
    let mut browser = house.browser();
    house.knock(&mut browser, &client.authorization()).await;
}
