//! The original guide: its three `curl` tests, as they stand there, give the documented answer or
//! an error that says what to do.

use crate::harness::{House, HouseBuilder, Sending, random};

const AUTHORIZE: &str =
    "/oauth/authorize?response_type=code&client_id=test&redirect_uri=https://example.com/callback";

async fn house() -> House {
    HouseBuilder::new()
        .secret_environment("OAUTH_CLIENT_SECRET", &random())
        .secret_environment("TOKEN_ENCRYPTION_KEY", &random())
        .public("notionmcp.nowhere-else.example")
        .start()
        .await
}

#[tokio::test]
async fn curl_of_the_authorization_endpoint() {
    let house = house().await;
    let url = format!("{}{AUTHORIZE}", house.base());
    let answer = house
        .network
        .send(Sending::get(&url).header("accept", "*/*"))
        .await
        .expect(400);
    assert_eq!(answer.header("location"), None);
    assert!(
        answer.body.contains("Invalid client"),
        "the guide's words: {answer:#?}"
    );
}

#[tokio::test]
async fn curl_of_the_token_endpoint() {
    let house = house().await;
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", "your_auth_code"),
        ("redirect_uri", "https://example.com/callback"),
        ("client_id", "test"),
    ];
    let url = format!("{}/oauth/token", house.base());
    let answer = house.network.send(Sending::post(&url).form(&fields)).await;
    let said = answer.expect_error(401, "invalid_client");
    assert!(
        said.contains("client_id") || said.contains("Client"),
        "{said}"
    );
}

#[tokio::test]
async fn curl_of_the_metadata() {
    let house = house().await;
    let url = format!("{}/.well-known/oauth-authorization-server", house.base());
    let json = house
        .network
        .send(Sending::get(&url))
        .await
        .expect(200)
        .json();
    assert_eq!(
        json["token_endpoint"],
        format!("{}/oauth/token", house.base())
    );
}
