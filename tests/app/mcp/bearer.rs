//! Who gets past the bearer check, and what everybody else is told (RFC 6750, RFC 9728).

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::{Answer, Client, House, Sending};

#[track_caller]
fn challenge(answer: &Answer, status: u16) -> String {
    assert_eq!(answer.status.as_u16(), status, "{answer:#?}");
    answer
        .header("www-authenticate")
        .unwrap_or_else(|| panic!("{answer:#?}"))
        .to_owned()
}

#[tokio::test]
async fn no_token_is_no_error_and_a_bad_one_is() {
    let house = House::start().await;
    let client = Client::register(&house).await;
    let answer = client.rpc(None, "tools/list", json!({})).await;
    let said = challenge(&answer, 401);
    assert!(
        !said.contains("error=") && said.contains("scope=\"mcp\""),
        "{said}"
    );
    let tokens = house.connect(&client).await;
    for bad in [
        "x".to_owned(),
        format!("{}x", tokens.access),
        tokens.access[..tokens.access.len() - 1].to_owned(),
        tokens.refresh.clone(),
        "dba_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA000000".to_owned(),
    ] {
        let answer = client.rpc(Some(&bad), "tools/list", json!({})).await;
        let said = challenge(&answer, 401);
        assert!(
            said.contains("error=\"invalid_token\"") && said.contains("error_description="),
            "{said}"
        );
        assert!(said.contains("resource_metadata="), "{said}");
    }
}

#[tokio::test]
async fn malformed_authorization_is_an_invalid_request() {
    let house = House::start().await;
    let client = Client::register(&house).await;
    let tokens = house.connect(&client).await;
    let url = client.resource();
    let request = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}});
    let list = || {
        Sending::post(&url)
            .json(&request)
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", "2025-11-25")
    };
    let twice = list().bearer(&tokens.access).bearer(&tokens.access);
    let said = challenge(&house.network.send(twice).await, 400);
    assert!(said.contains("error=\"invalid_request\""), "{said}");
    for other in ["Basic eDp4", "Token x", "Bearer"] {
        let answer = house
            .network
            .send(list().header("authorization", other))
            .await;
        assert!([400, 401].contains(&answer.status.as_u16()), "{answer:#?}");
        assert!(
            answer
                .header("www-authenticate")
                .is_some_and(|said| said.starts_with("Bearer"))
        );
    }
    // The scheme's case is free; a token in the query is never read.
    let lower = list().header("authorization", &format!("bearer {}", tokens.access));
    house.network.send(lower).await.expect(200);
    let query = format!("{url}?access_token={}", tokens.access);
    let said = challenge(
        &house
            .network
            .send(Sending::post(&query).json(&request))
            .await,
        400,
    );
    assert!(said.contains("error=\"invalid_request\""), "{said}");
}

#[tokio::test]
async fn a_token_of_one_origin_is_nothing_at_the_other() {
    let house = House::start_public("bridge.example").await;
    let here = Client::register_at(&house, &house.local_url(), &[crate::harness::REDIRECT]).await;
    let there = Client::register(&house).await;
    let mut moved = there.clone();
    moved.base = house.local_url();
    let tokens = house.connect(&there).await;
    assert!(there.works(&tokens.access).await);
    assert!(!moved.works(&tokens.access).await);
    moved.refresh(&tokens.refresh).await.expect(400);
    there.refreshed(&tokens.refresh).await;

    let local = house.connect(&here).await;
    assert!(here.works(&local.access).await);
    let mut outside = here.clone();
    outside.base = house.base();
    assert!(!outside.works(&local.access).await);
    // The other names of loopback are the same origin.
    let mut alias = here.clone();
    alias.base = format!("http://localhost:{}", house.loopback().port());
    assert!(alias.works(&local.access).await);
}

#[tokio::test]
async fn a_script_token_works_at_once_and_until_it_is_revoked() {
    let house = House::start().await;
    house.add_server("fixture").await;
    let owner = house.owner();
    let made = owner
        .done(&[
            "token",
            "create",
            "--servers",
            "all",
            "--access",
            "read",
            "--expires",
            "1h",
            "--json",
        ])
        .await
        .json();
    let token = crate::harness::text(&made, "token");
    let id = crate::harness::text(&made, "id");
    let expires: jiff::Timestamp = made["expires_at"].as_str().unwrap().parse().unwrap();
    let left = expires.duration_since(jiff::Timestamp::now());
    assert!(left.as_secs() > 3500 && left.as_secs() <= 3600, "{left}");
    let client = Client::register(&house).await;
    assert!(client.works(&token).await);
    let connections = owner.connections().await;
    assert!(
        connections.iter().any(|one| one["id"] == id.as_str()),
        "{connections:#?}"
    );
    owner.done(&["revoke", &id]).await;
    assert!(!client.works(&token).await);
    client
        .refresh(&token)
        .await
        .expect_error(400, "invalid_grant");
}

/// Reads one answer: its head, and as much of a body as it says.
async fn read_answer(stream: &mut TcpStream) -> String {
    let mut said = Vec::new();
    let head = loop {
        if let Some(end) = said.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            break end + 4;
        }
        assert_ne!(
            stream.read_buf(&mut said).await.unwrap(),
            0,
            "closed without an answer"
        );
    };
    let text = String::from_utf8_lossy(&said[..head]).to_lowercase();
    let length = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.map_or(0, |length| length.parse().unwrap());
    while said.len() < head + length {
        assert_ne!(
            stream.read_buf(&mut said).await.unwrap(),
            0,
            "closed within an answer"
        );
    }
    text
}

#[tokio::test]
async fn a_refusal_leaves_the_connection_usable_or_says_that_it_does_not() {
    let house = House::start().await;
    let host = house.loopback().to_string();
    let head = format!(
        "POST /mcp HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n"
    );
    // Many clients send head and body apart, and keep the connection.
    let mut stream = TcpStream::connect(house.loopback()).await.unwrap();
    stream.set_nodelay(true).unwrap();
    for _ in 0..50 {
        stream.write_all(head.as_bytes()).await.unwrap();
        tokio::task::yield_now().await;
        stream.write_all(b"{}").await.unwrap();
        let said = read_answer(&mut stream).await;
        assert!(
            said.starts_with("http/1.1 401") && !said.contains("connection: close"),
            "{said}"
        );
    }
    // A body that never comes: it is not waited for long, and the end is announced.
    stream.write_all(head.as_bytes()).await.unwrap();
    let said = read_answer(&mut stream).await;
    assert!(
        said.starts_with("http/1.1 401") && said.contains("connection: close"),
        "{said}"
    );
}
