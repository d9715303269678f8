//! `/.well-known/*`: one document for each Host it may be asked by, at every path clients try.

use serde_json::{Value, json};

use crate::harness::{House, Network, Sending};

const RESOURCE_PATHS: [&str; 2] = [
    "/.well-known/oauth-protected-resource",
    "/.well-known/oauth-protected-resource/mcp",
];
const SERVER_PATHS: [&str; 5] = [
    "/.well-known/oauth-authorization-server",
    "/.well-known/oauth-authorization-server/mcp",
    "/.well-known/openid-configuration",
    "/.well-known/openid-configuration/mcp",
    "/mcp/.well-known/openid-configuration",
];

async fn document(network: &Network, url: &str) -> Value {
    let answer = network.send(Sending::get(url)).await.expect(200);
    assert_eq!(
        answer.header("access-control-allow-origin"),
        Some("*"),
        "{answer:#?}"
    );
    answer.json()
}

fn expected_server(base: &str) -> Value {
    json!({
        "issuer": base,
        "authorization_endpoint": format!("{base}/oauth/authorize"),
        "token_endpoint": format!("{base}/oauth/token"),
        "registration_endpoint": format!("{base}/oauth/register"),
        "revocation_endpoint": format!("{base}/oauth/revoke"),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none"],
        "revocation_endpoint_auth_methods_supported": ["none"],
        "scopes_supported": ["mcp", "offline_access"],
        "client_id_metadata_document_supported": true,
        "authorization_response_iss_parameter_supported": true,
        "protected_resources": [format!("{base}/mcp")],
    })
}

#[track_caller]
fn holds(document: &Value, expected: &Value) {
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(&document[field], value, "`{field}` in {document:#}");
    }
}

async fn expect_documents(network: &Network, base: &str) {
    for path in RESOURCE_PATHS {
        let resource = document(network, &format!("{base}{path}")).await;
        holds(
            &resource,
            &json!({
                "resource": format!("{base}/mcp"), "authorization_servers": [base],
                "scopes_supported": ["mcp"], "bearer_methods_supported": ["header"],
            }),
        );
    }
    let first = document(network, &format!("{base}{}", SERVER_PATHS[0])).await;
    holds(&first, &expected_server(base));
    for path in &SERVER_PATHS[1..] {
        assert_eq!(
            document(network, &format!("{base}{path}")).await,
            first,
            "{path}"
        );
    }
}

#[tokio::test]
async fn every_loopback_alias_gets_documents_that_name_itself() {
    let house = House::start().await;
    let port = house.loopback().port();
    for host in ["127.0.0.1", "localhost"] {
        expect_documents(&house.network, &format!("http://{host}:{port}")).await;
    }
    // The third alias, asked over the same socket by its name.
    let answer = house
        .network
        .send(
            Sending::get(&format!("{}{}", house.local_url(), SERVER_PATHS[0]))
                .host(&format!("[::1]:{port}")),
        )
        .await
        .expect(200);
    holds(
        &answer.json(),
        &expected_server(&format!("http://[::1]:{port}")),
    );
}

#[tokio::test]
async fn both_origins_describe_themselves_at_the_same_time() {
    let house = House::start_public("bridge.example").await;
    expect_documents(&house.network, "https://bridge.example").await;
    expect_documents(&house.network, &house.local_url()).await;
}

#[tokio::test]
async fn a_client_that_was_given_a_secret_finds_its_methods_in_the_metadata() {
    let house = crate::harness::HouseBuilder::new()
        .secret_environment(
            "OAUTH_CLIENT_SECRET",
            "a-secret-of-the-original-guide-0123456789",
        )
        .public("bridge.example")
        .start()
        .await;
    let server = document(
        &house.network,
        &format!("{}{}", house.base(), SERVER_PATHS[0]),
    )
    .await;
    let methods = server["token_endpoint_auth_methods_supported"]
        .as_array()
        .unwrap();
    for method in ["none", "client_secret_post", "client_secret_basic"] {
        assert!(methods.contains(&json!(method)), "{server:#}");
    }
}

#[tokio::test]
async fn the_challenge_leads_to_the_document_of_the_host_that_was_asked() {
    let house = House::start_public("bridge.example").await;
    for base in [house.base(), house.local_url()] {
        let url = format!("{base}/mcp");
        let answer = house
            .network
            .send(Sending::post(&url).json(&json!({})))
            .await
            .expect(401);
        assert_eq!(
            answer.header("www-authenticate"),
            Some(
                format!(
                    "Bearer resource_metadata=\"{base}/.well-known/oauth-protected-resource/mcp\", scope=\"mcp\""
                )
                .as_str()
            ),
        );
    }
}
