//! The client the owner types into ChatGPT by hand: an id and a secret of the original guide.

use crate::harness::{Client, House, HouseBuilder, Registration, Tokens, random, text};

const CHATGPT: &str = "https://chatgpt.com/connector_platform_oauth_redirect";

async fn house() -> (House, String, String) {
    let secret = random();
    let house = HouseBuilder::new()
        .secret_environment("OAUTH_CLIENT_SECRET", &secret)
        .public("bridge.example")
        .start()
        .await;
    let id = text(
        &house.owner().read(&["secrets", "client"]).await,
        "client_id",
    );
    (house, id, secret)
}

#[tokio::test]
async fn both_ways_to_send_the_secret_work_with_and_without_pkce() {
    let (house, id, secret) = house().await;
    let ways: [fn(String) -> Registration; 2] = [Registration::Post, Registration::Basic];
    for way in ways {
        let client = Client::told(&house, &id, way(secret.clone()), CHATGPT);
        for authorization in [client.authorization(), client.plain_authorization()] {
            let code = house.approved(&client, &authorization, &[]).await;
            let tokens = Tokens::of(&client.exchange(&code, &authorization).await);
            assert!(client.works(&tokens.access).await);
            client.refreshed(&tokens.refresh).await;
        }
    }
}

#[tokio::test]
async fn chatgpts_two_redirects_and_no_others() {
    let (house, id, secret) = house().await;
    let client = Client::told(&house, &id, Registration::Post(secret), CHATGPT);
    for good in [
        CHATGPT,
        "https://chatgpt.com/connector/oauth/aB_-9",
        "https://claude.ai/api/mcp/auth_callback",
        "https://claude.com/api/mcp/auth_callback",
    ] {
        let mut browser = house.browser();
        house
            .page(
                &mut browser,
                &client.authorization().with("redirect_uri", good).url(),
            )
            .await;
    }
    for bad in [
        "https://chatgpt.com/connector/oauth/",
        "https://chatgpt.com/connector/oauth/a/b",
        "https://chatgpt.com/connector/oauth/a?x=1",
        "https://chatgpt.com/connector/oauth/..",
        "https://chatgpt.com.evil.example/connector/oauth/a",
        "https://example.com/callback",
        "http://chatgpt.com/connector_platform_oauth_redirect",
    ] {
        let url = client.authorization().with("redirect_uri", bad).url();
        let answer = house.browser().open(&url).await.expect(400);
        assert_eq!(answer.header("location"), None, "{bad}");
    }
}

#[tokio::test]
async fn a_wrong_secret_is_an_invalid_client_and_costs_the_code_nothing() {
    let (house, id, secret) = house().await;
    let client = Client::told(&house, &id, Registration::Post(secret), CHATGPT);
    let authorization = client.plain_authorization();
    let code = house.approved(&client, &authorization, &[]).await;
    let wrong = random();
    let ways: [fn(String) -> Registration; 2] = [Registration::Post, Registration::Basic];
    for way in ways {
        let thief = Client::told(&house, &id, way(wrong.clone()), CHATGPT);
        let answer = thief.exchange(&code, &authorization).await;
        let said = answer.expect_error(401, "invalid_client");
        assert!(said.contains("secret"), "{said}");
        let basic = matches!(thief.registration, Registration::Basic(_));
        let challenge = answer.header("www-authenticate").unwrap_or_default();
        assert_eq!(challenge.starts_with("Basic"), basic, "{answer:#?}");
    }
    let nothing = Client::told(&house, &id, Registration::Public, CHATGPT);
    nothing
        .exchange(&code, &authorization)
        .await
        .expect_error(401, "invalid_client");
    Tokens::of(&client.exchange(&code, &authorization).await);
}

#[tokio::test]
async fn a_challenge_once_given_is_checked() {
    let (house, id, secret) = house().await;
    let client = Client::told(&house, &id, Registration::Post(secret), CHATGPT);
    let authorization = client.authorization();
    let code = house.approved(&client, &authorization, &[]).await;
    let mut without = authorization.clone();
    without.verifier = None;
    client
        .exchange(&code, &without)
        .await
        .expect_error(400, "invalid_grant");
    Tokens::of(&client.exchange(&code, &authorization).await);

    // And a verifier where no challenge was given is somebody else's.
    let plain = client.plain_authorization();
    let code = house.approved(&client, &plain, &[]).await;
    let mut with = plain.clone();
    with.verifier = authorization.verifier.clone();
    client
        .exchange(&code, &with)
        .await
        .expect_error(400, "invalid_grant");
}

#[tokio::test]
async fn guessing_the_secret_ends_soon_wherever_it_comes_from() {
    let (house, id, _) = house().await;
    let mut limited = false;
    for _ in 0..200 {
        let guesser = Client::told(&house, &id, Registration::Post(random()), CHATGPT);
        let answer = guesser.refresh("dbr_x").await;
        if answer.status.as_u16() == 429 {
            limited = true;
            break;
        }
        answer.expect_error(401, "invalid_client");
    }
    assert!(limited, "200 guesses from 200 addresses");
}
