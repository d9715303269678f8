//! The metadata documents, as every client reads them.

use axum::body::Body;
use http::{Request, StatusCode};
use insta::assert_json_snapshot;

use crate::RequestOrigin;
use crate::testing::{Reply, World};

const PROTECTED: [&str; 2] = [
    "/.well-known/oauth-protected-resource",
    "/.well-known/oauth-protected-resource/mcp",
];
const SERVER: [&str; 5] = [
    "/.well-known/oauth-authorization-server",
    "/.well-known/oauth-authorization-server/mcp",
    "/.well-known/openid-configuration",
    "/.well-known/openid-configuration/mcp",
    "/mcp/.well-known/openid-configuration",
];

async fn at(world: &World, origin: RequestOrigin, path: &str) -> Reply {
    let request = Request::get(path).body(Body::empty()).unwrap();
    let reply = world.send(origin, request).await;
    assert_eq!(reply.status, StatusCode::OK, "{path}");
    assert_eq!(reply.header("content-type"), "application/json");
    assert_eq!(reply.header("access-control-allow-origin"), "*");
    reply
}

#[tokio::test]
async fn the_protected_resource_is_described_for_its_address() {
    let world = World::new().await;
    let root = at(&world, World::public(), PROTECTED[0]).await;
    assert_json_snapshot!(root.json(), @r#"
    {
      "authorization_servers": [
        "https://bridge.example"
      ],
      "bearer_methods_supported": [
        "header"
      ],
      "resource": "https://bridge.example/mcp",
      "resource_name": "Drawbridge",
      "scopes_supported": [
        "mcp"
      ]
    }
    "#);
    assert_eq!(
        at(&world, World::public(), PROTECTED[1]).await.body,
        root.body
    );
    let local = at(&world, World::loopback(), PROTECTED[1]).await;
    assert_eq!(local.text_of("resource"), "http://127.0.0.1:8787/mcp");
}

#[tokio::test]
async fn the_server_is_described_alike_at_every_address() {
    let world = World::new().await;
    let root = at(&world, World::public(), SERVER[0]).await;
    assert_json_snapshot!(root.json(), @r#"
    {
      "authorization_endpoint": "https://bridge.example/oauth/authorize",
      "authorization_response_iss_parameter_supported": true,
      "client_id_metadata_document_supported": true,
      "code_challenge_methods_supported": [
        "S256"
      ],
      "grant_types_supported": [
        "authorization_code",
        "refresh_token"
      ],
      "issuer": "https://bridge.example",
      "protected_resources": [
        "https://bridge.example/mcp"
      ],
      "registration_endpoint": "https://bridge.example/oauth/register",
      "response_modes_supported": [
        "query"
      ],
      "response_types_supported": [
        "code"
      ],
      "revocation_endpoint": "https://bridge.example/oauth/revoke",
      "revocation_endpoint_auth_methods_supported": [
        "none"
      ],
      "scopes_supported": [
        "mcp",
        "offline_access"
      ],
      "token_endpoint": "https://bridge.example/oauth/token",
      "token_endpoint_auth_methods_supported": [
        "none"
      ]
    }
    "#);
    for path in SERVER {
        assert_eq!(
            at(&world, World::public(), path).await.body,
            root.body,
            "{path}"
        );
        let local = at(&world, World::loopback(), path).await;
        assert_eq!(local.text_of("issuer"), "http://127.0.0.1:8787", "{path}");
    }
    let localhost = RequestOrigin {
        base: "http://localhost:8787".to_owned(),
        ..World::loopback()
    };
    let local = at(&world, localhost, SERVER[0]).await;
    assert_eq!(
        local.text_of("token_endpoint"),
        "http://localhost:8787/oauth/token"
    );
}

#[tokio::test]
async fn secrets_are_offered_only_while_somebody_has_one() {
    let world = World::new().await;
    let methods = async || {
        let reply = at(&world, World::public(), SERVER[0]).await;
        let body = reply.json();
        assert_eq!(
            body["token_endpoint_auth_methods_supported"],
            body["revocation_endpoint_auth_methods_supported"]
        );
        body["token_endpoint_auth_methods_supported"].to_string()
    };
    assert_eq!(methods().await, r#"["none"]"#);
    world.server.create_static_client(None).await.unwrap();
    assert_eq!(
        methods().await,
        r#"["none","client_secret_post","client_secret_basic"]"#
    );
    world.server.remove_static_client().await.unwrap();
    assert_eq!(methods().await, r#"["none"]"#);
}

#[tokio::test]
async fn other_sites_may_ask_everywhere_but_at_the_authorization_endpoint() {
    let world = World::new().await;
    for path in [
        "/.well-known/oauth-authorization-server",
        "/oauth/token",
        "/oauth/register",
        "/oauth/revoke",
    ] {
        let preflight = Request::options(path)
            .header("origin", "http://localhost:6274")
            .header("access-control-request-method", "POST")
            .body(Body::empty())
            .unwrap();
        let reply = world.send(World::loopback(), preflight).await;
        assert_eq!(reply.status, StatusCode::NO_CONTENT, "{path}");
        assert_eq!(reply.header("access-control-allow-origin"), "*");
        assert_eq!(
            reply.header("access-control-allow-methods"),
            "GET, HEAD, POST, OPTIONS"
        );
        assert!(
            reply
                .header("access-control-allow-headers")
                .contains("authorization")
        );
    }
    let preflight = Request::options("/oauth/authorize")
        .header("origin", "https://evil.example")
        .header("access-control-request-method", "GET")
        .body(Body::empty())
        .unwrap();
    let reply = world.send(World::loopback(), preflight).await;
    assert_eq!(reply.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn other_methods_and_paths_are_refused() {
    let world = World::new().await;
    let reply = world
        .post("/.well-known/oauth-authorization-server", "text/plain", "")
        .await;
    assert_eq!(reply.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(
        world.get("/oauth/token").await.status,
        StatusCode::METHOD_NOT_ALLOWED
    );
    assert_eq!(
        world.get("/.well-known/other").await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        world.get("/oauth/token/").await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn a_listener_that_does_not_tell_its_address_gets_nothing() {
    use tower::ServiceExt as _;
    let world = World::new().await;
    for path in [
        "/.well-known/oauth-authorization-server",
        "/.well-known/oauth-protected-resource",
    ] {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = world.server.public_router().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
