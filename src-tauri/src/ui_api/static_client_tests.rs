//! The client typed in by hand, as the window handles it: its secret comes out only when asked for.

use super::*;

#[tokio::test]
async fn it_is_made_changed_revealed_and_removed() {
    let (engine, _home) = crate::testing::engine(true).await;
    assert_eq!(static_client_info(&engine).await, Ok(None));
    let missing = reveal_static_client_secret(&engine).await.err().unwrap();
    assert_eq!(missing.code, UiErrorCode::NotFound);

    let made = create_static_client(&engine).await.unwrap();
    assert!(made.authorization_url.ends_with("/oauth/authorize"));
    assert!(made.token_url.ends_with("/oauth/token"));
    let secret = reveal_static_client_secret(&engine).await.unwrap();
    let told = serde_json::to_string(&made).unwrap();
    assert!(!told.contains(secret.expose()), "{told}");

    let redirect = "https://app.example/back";
    let changed = add_static_redirect(&engine, redirect).await.unwrap();
    assert_eq!(changed.redirect_uris, [redirect]);
    let refused = add_static_redirect(&engine, "javascript:alert(1)").await;
    assert_eq!(refused.unwrap_err().code, UiErrorCode::Invalid);
    let changed = remove_static_redirect(&engine, redirect).await.unwrap();
    assert!(changed.redirect_uris.is_empty());

    create_static_client(&engine).await.unwrap();
    let renewed = reveal_static_client_secret(&engine).await.unwrap();
    assert_ne!(renewed.expose(), secret.expose());

    remove_static_client(&engine).await.unwrap();
    assert_eq!(static_client_info(&engine).await, Ok(None));
    let missing = remove_static_client(&engine).await.unwrap_err();
    assert_eq!(missing.code, UiErrorCode::NotFound);
}
