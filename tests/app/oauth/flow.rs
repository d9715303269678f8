//! From the authorize page to a tool call, and the other ways a question can end.

use serde_json::json;

use super::authorize::expect_guarded;
use crate::harness::{Client, House, Tokens, links};

#[tokio::test]
async fn a_client_is_approved_and_let_in() {
    let house = House::start().await;
    let client = Client::register(&house).await;
    let authorization = client.authorization();
    let mut browser = house.browser();

    let (_, link) = house.page(&mut browser, &authorization.url()).await;
    assert!(
        house.owner().approvals().await.is_empty(),
        "a page alone asks nobody"
    );
    let proof = browser.open(link.as_str()).await;
    expect_guarded(&proof);
    assert_eq!(
        proof.header("set-cookie"),
        None,
        "the local listener sets no cookie"
    );
    let back = proof.location().unwrap();
    assert!(
        back.as_str()
            .starts_with(&format!("{}/oauth/return/", house.base())),
        "{back}"
    );
    assert!(
        house.owner().approvals().await.is_empty(),
        "nor does the visit, before it is back"
    );
    let sent = browser.open(back.as_str()).await;
    expect_guarded(&sent);
    let waiting = sent.location().unwrap();
    assert!(
        waiting
            .as_str()
            .starts_with(&format!("{}/oauth/wait/", house.base())),
        "{waiting}"
    );

    let page = browser.open(waiting.as_str()).await.expect(200);
    expect_guarded(&page);
    assert!(
        page.body.contains("refresh"),
        "without script it reloads itself: {page:#?}"
    );

    let waiting_approvals = house.owner().approvals().await;
    assert_eq!(waiting_approvals.len(), 1, "{waiting_approvals:#?}");
    let approval = &waiting_approvals[0];
    assert_eq!(approval["kind"], "connection", "{approval:#}");
    assert_eq!(approval["client"], "Harness", "{approval:#}");
    assert_eq!(approval["redirect_host"], "127.0.0.1:33418", "{approval:#}");
    assert!(approval["servers"].is_array(), "{approval:#}");
    let expires: jiff::Timestamp = approval["expires_at"].as_str().unwrap().parse().unwrap();
    assert!(expires > jiff::Timestamp::now());
    let status = house.owner().read(&["status"]).await;
    assert_eq!(status["pending_approvals"], 1, "{status:#}");

    house
        .owner()
        .done(&["approve", approval["id"].as_str().unwrap()])
        .await;
    let answer = browser.open(waiting.as_str()).await;
    expect_guarded(&answer);
    assert_eq!(answer.status.as_u16(), 303, "{answer:#?}");
    let code = authorization.code(&answer);
    let tokens = Tokens::of(&client.exchange(&code, &authorization).await);
    assert!(client.works(&tokens.access).await);
    assert!(house.owner().approvals().await.is_empty());

    let connections = house.owner().connections().await;
    assert_eq!(connections.len(), 1, "{connections:#?}");
}

#[tokio::test]
async fn a_tool_of_a_real_server_is_called_over_the_public_origin() {
    let house = House::start_public("bridge.example").await;
    house.add_server("fixture").await;
    let client = Client::register(&house).await;
    let tokens = house.connect(&client).await;
    let tools = client.tools(&tokens.access).await;
    let echo = tools.iter().find(|name| name.ends_with("echo")).unwrap();
    let (said, failed) = client
        .call(&tokens.access, echo, json!({"message": "hello"}))
        .await;
    assert_eq!((said.as_str(), failed), ("echo: hello", false));
}

#[tokio::test]
async fn deny_is_told_to_the_client_as_the_owners_word() {
    let house = House::start().await;
    let client = Client::register(&house).await;
    let authorization = client.authorization();
    let mut browser = house.browser();
    let waiting = house.knock(&mut browser, &authorization).await;
    let approval = house.owner().only_approval().await;
    house.owner().done(&["deny", &approval]).await;
    let answer = browser.open(waiting.as_str()).await;
    assert_eq!(authorization.error(&answer).0, "access_denied");
    assert!(house.owner().connections().await.is_empty());
}

#[tokio::test]
async fn deny_of_an_unknown_host_stays_on_our_page() {
    let house = House::start().await;
    let redirect = "https://unknown.example/back";
    let client = Client::register_at(&house, &house.base(), &[redirect]).await;
    let authorization = client.authorization();
    let mut browser = house.browser();
    let waiting = house.knock(&mut browser, &authorization).await;
    let approval = house.owner().only_approval().await;
    house.owner().done(&["deny", &approval]).await;
    let answer = browser.open(waiting.as_str()).await;
    assert_eq!(answer.header("location"), None, "{answer:#?}");
    expect_guarded(&answer);
    assert!(
        answer.is_page() && answer.body.contains("unknown.example"),
        "{answer:#?}"
    );
    let link = links(&answer)
        .into_iter()
        .find(|link| link.as_str().starts_with(redirect));
    let link = link.unwrap_or_else(|| panic!("no link back: {answer:#?}"));
    assert!(
        link.query_pairs()
            .any(|(name, value)| name == "error" && value == "access_denied")
    );
}

#[tokio::test]
async fn an_approved_unknown_host_is_gone_to() {
    let house = House::start().await;
    let redirect = "https://unknown.example/back?keep=this";
    let client = Client::register_at(&house, &house.base(), &[redirect]).await;
    let authorization = client.authorization();
    let code = house.approved(&client, &authorization, &[]).await;
    Tokens::of(&client.exchange(&code, &authorization).await);
}

#[tokio::test]
async fn a_decided_question_cannot_be_decided_again() {
    let house = House::start().await;
    let client = Client::register(&house).await;
    let mut browser = house.browser();
    house.knock(&mut browser, &client.authorization()).await;
    let approval = house.owner().only_approval().await;
    house.owner().done(&["deny", &approval]).await;
    house.owner().run(&["approve", &approval]).await.expect(1);
    assert!(house.owner().connections().await.is_empty());
}

#[tokio::test]
async fn reloading_one_page_is_one_question() {
    let house = House::start().await;
    let client = Client::register(&house).await;
    let authorization = client.authorization();
    let mut browser = house.browser();
    house.page(&mut browser, &authorization.url()).await;
    let first = house.knock(&mut browser, &authorization).await;
    let waiting = house.owner().approvals().await;
    assert_eq!(waiting.len(), 1, "{waiting:#?}");
    browser.open(first.as_str()).await.expect(200);
    let again = browser
        .walk(&authorization.url(), |_| false)
        .await
        .expect(200);
    assert_eq!(
        again.url, first,
        "the same request leads to the page that waits"
    );
    assert_eq!(house.owner().approvals().await, waiting);
}

#[tokio::test]
async fn two_tabs_of_one_browser_are_two_questions() {
    let house = House::start().await;
    let client = Client::register(&house).await;
    let (one, two) = (client.authorization(), client.authorization());
    let mut browser = house.browser();
    let first = house.knock(&mut browser, &one).await;
    let first_id = house.owner().only_approval().await;
    let second = house.knock(&mut browser, &two).await;
    assert_ne!(first, second);
    assert_eq!(house.owner().approvals().await.len(), 2);
    house.owner().done(&["approve", &first_id]).await;
    one.code(&browser.open(first.as_str()).await);
    browser.open(second.as_str()).await.expect(200);
    let second_id = house.owner().only_approval().await;
    house.owner().done(&["deny", &second_id]).await;
    assert_eq!(
        two.error(&browser.open(second.as_str()).await).0,
        "access_denied"
    );
}

#[tokio::test]
async fn the_grant_has_the_terms_the_owner_named() {
    let house = House::start().await;
    house.add_server("one").await;
    house.add_server("two").await;
    let client = Client::register(&house).await;
    let terms = ["--access", "read", "--servers", "one", "--expires", "1d"];
    let tokens = house.connect_as(&client, &terms).await;
    let tools = client.tools(&tokens.access).await;
    assert!(tools.iter().any(|name| name.ends_with("echo")), "{tools:?}");
    assert!(!tools.iter().any(|name| name.contains("two")), "{tools:?}");
    let connection = &house.owner().connections().await[0];
    assert_eq!(connection["access"], "read", "{connection:#}");
    assert_eq!(connection["servers"], json!(["one"]), "{connection:#}");
}
