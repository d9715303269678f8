//! `POST /oauth/token` with a code: every row of the error table, and what costs a code its life.

use serde_json::json;

use crate::harness::{Authorization, Client, House, REDIRECT, Sending, Tokens};

async fn client_with_code(house: &House) -> (Client, Authorization, String) {
    let client = Client::register(house).await;
    let authorization = client.authorization();
    let code = house.approved(&client, &authorization, &[]).await;
    (client, authorization, code)
}

#[tokio::test]
async fn a_mismatch_is_refused_and_costs_the_code_nothing() {
    let house = House::start().await;
    let (client, authorization, code) = client_with_code(&house).await;
    let other = Client::register(&house).await;
    let good = client.exchange_form(&code, &authorization);
    let changed = |name, value| replaced(&good, name, value);
    let wrong_verifier = "a-verifier-that-is-long-enough-but-not-the-right-one";
    for fields in [
        changed("redirect_uri", Some("http://127.0.0.1:33418/other")),
        changed("code_verifier", Some(wrong_verifier)),
        changed("code_verifier", None),
    ] {
        client
            .post("/oauth/token", &fields)
            .await
            .expect_error(400, "invalid_grant");
    }
    let elsewhere = [
        good.clone(),
        vec![("resource", "https://elsewhere.example/mcp")],
    ]
    .concat();
    client
        .post("/oauth/token", &elsewhere)
        .await
        .expect_error(400, "invalid_target");
    other
        .exchange(&code, &authorization)
        .await
        .expect_error(400, "invalid_grant");

    let without_redirect = changed("redirect_uri", None);
    Tokens::of(&client.post("/oauth/token", &without_redirect).await);
}

/// The same form with one field changed or left out.
fn replaced<'a>(
    form: &[(&'a str, &'a str)],
    name: &'a str,
    value: Option<&'a str>,
) -> Vec<(&'a str, &'a str)> {
    let mut form = form.to_vec();
    form.retain(|(known, _)| *known != name);
    form.extend(value.map(|value| (name, value)));
    form
}

#[tokio::test]
async fn a_second_valid_use_ends_what_the_first_gave() {
    let house = House::start().await;
    let (client, authorization, code) = client_with_code(&house).await;
    let tokens = Tokens::of(&client.exchange(&code, &authorization).await);
    assert!(client.works(&tokens.access).await);

    let stranger = Client::register(&house).await;
    stranger
        .exchange(&code, &authorization)
        .await
        .expect_error(400, "invalid_grant");
    assert!(
        client.works(&tokens.access).await,
        "an invalid replay ends nothing"
    );

    let said = client
        .exchange(&code, &authorization)
        .await
        .expect_error(400, "invalid_grant");
    assert!(said.to_lowercase().contains("code"), "{said}");
    assert!(!client.works(&tokens.access).await);
    client
        .refresh(&tokens.refresh)
        .await
        .expect_error(400, "invalid_grant");
}

#[tokio::test]
async fn many_exchanges_of_one_code_at_once_give_one_answer_at_most() {
    let house = House::start().await;
    let (client, authorization, code) = client_with_code(&house).await;
    let mut attempts = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (client, authorization, code) =
            (client.clone().moved(), authorization.clone(), code.clone());
        attempts.spawn(async move { client.exchange(&code, &authorization).await });
    }
    let answers = attempts.join_all().await;
    let won: Vec<_> = answers
        .iter()
        .filter(|answer| answer.status.is_success())
        .collect();
    assert_eq!(won.len(), 1, "{answers:#?}");
    // The others were valid second uses: what the first gave is gone.
    let tokens = Tokens::of(won[0]);
    assert!(!client.works(&tokens.access).await);
}

#[tokio::test]
async fn malformed_requests_are_invalid_requests() {
    let house = House::start().await;
    let client = Client::register(&house).await;
    let url = format!("{}/oauth/token", house.base());
    let id = client.id.as_str();
    let code = [("grant_type", "authorization_code"), ("client_id", id)];
    let sendings = [
        Sending::post(&url).json(&json!({"grant_type": "authorization_code"})),
        Sending::post(&url),
        Sending::post(&url).form(&[("client_id", id)]),
        Sending::post(&url).form(&code),
        Sending::post(&url).form(&[&code[..], &code[..1], &[("code", "x")]].concat()),
        Sending::post(&url)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(b"grant_type=authorization_code&code=%ff%fe&client_id=x".to_vec()),
        Sending::post(&url)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(b"grant_type=%zz".to_vec()),
    ];
    for sending in sendings {
        house
            .network
            .send(sending)
            .await
            .expect_error(400, "invalid_request");
    }
    let unknown = Sending::post(&url).form(&[("grant_type", "password"), ("client_id", id)]);
    house
        .network
        .send(unknown)
        .await
        .expect_error(400, "unsupported_grant_type");
    let large = Sending::post(&url).form(&[("grant_type", &"x".repeat(1 << 20))]);
    let answer = house.network.send(large).await;
    assert!([400, 413].contains(&answer.status.as_u16()), "{answer:#?}");
}

#[tokio::test]
async fn the_four_errors_of_the_guide_say_what_to_do() {
    let house = House::start().await;
    let (client, authorization, code) = client_with_code(&house).await;
    let mut unknown = client.clone();
    "test".clone_into(&mut unknown.id);
    let said = unknown.exchange("your_auth_code", &authorization).await;
    let said = said.expect_error(401, "invalid_client");
    assert!(said.to_lowercase().contains("client"), "{said}");

    let said = client.exchange("your_auth_code", &authorization).await;
    let said = said.expect_error(400, "invalid_grant").to_lowercase();
    assert!(
        said.contains("invalid authorization code") && said.contains("again"),
        "{said}"
    );

    let mut moved = client.clone();
    "http://127.0.0.1:33418/elsewhere".clone_into(&mut moved.redirect);
    let said = moved
        .exchange(&code, &authorization)
        .await
        .expect_error(400, "invalid_grant");
    assert!(said.contains("redirect_uri"), "{said}");
    assert!(
        !said.contains(REDIRECT),
        "it does not tell the right one: {said}"
    );
}

#[tokio::test]
async fn browsers_may_read_token_answers_from_any_page() {
    let house = House::start().await;
    let url = format!("{}/oauth/token", house.base());
    let preflight = Sending::new(hyper::Method::OPTIONS, &url)
        .header("origin", "http://localhost:6274")
        .header("access-control-request-method", "POST");
    let answer = house.network.send(preflight).await;
    assert!(answer.status.is_success(), "{answer:#?}");
    assert!(
        answer.header("access-control-allow-origin").is_some(),
        "{answer:#?}"
    );
}
