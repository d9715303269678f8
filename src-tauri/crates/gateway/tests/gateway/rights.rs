//! Who sees and calls what.

use drawbridge_gateway::{GatewayError, Health, Outcome, Rule, ToolKind};
use drawbridge_oauth::{AccessLevel, ServerSelection};
use http::StatusCode;
use serde_json::json;

use crate::harness::{Client, House, server, until};

#[tokio::test]
async fn a_read_grant_sees_and_calls_what_reads() {
    let house = House::new().await;
    house.add("files", "well").await;
    let client = house.client(&["files"], AccessLevel::Read);
    let names = client.names().await;
    assert!(names.contains(&"files_pid".to_owned()));
    for hidden in ["files_adds", "files_destroys"] {
        assert!(!names.contains(&hidden.to_owned()));
        let failure = client.failure(hidden).await;
        assert!(failure.contains("may only read"), "{failure}");
    }
    assert!(!client.text("files_pid").await.is_empty());
    let outcomes: Vec<_> = house
        .audit(3)
        .await
        .into_iter()
        .map(|record| record.outcome)
        .collect();
    assert_eq!(
        outcomes,
        [Outcome::Refused, Outcome::Refused, Outcome::Done]
    );
}

#[tokio::test]
async fn what_destroys_or_does_not_say_asks_until_it_is_allowed() {
    let house = House::new().await;
    house.add("files", "well").await;
    let client = house.client(&["files"], AccessLevel::ReadWrite);
    assert_eq!(client.text("files_adds").await, "called adds");
    assert!(client.names().await.contains(&"files_destroys".to_owned()));
    let refusal = client.failure("files_destroys").await;
    assert!(refusal.contains("`ask`"), "{refusal}");
    assert!(
        refusal.contains("drawbridge servers tools files destroys allow"),
        "{refusal}"
    );
    house
        .gateway
        .set_tool_rule("files", "destroys", Rule::Allow)
        .await
        .unwrap();
    assert_eq!(client.text("files_destroys").await, "called destroys");
    house
        .gateway
        .set_tool_rule("files", "destroys", Rule::Block)
        .await
        .unwrap();
    assert!(!client.names().await.contains(&"files_destroys".to_owned()));
    assert!(client.failure("files_destroys").await.contains("`block`"));
    house
        .gateway
        .clear_tool_rule("files", "destroys")
        .await
        .unwrap();
    assert!(client.failure("files_destroys").await.contains("`ask`"));

    // A name that a shell would take apart, and that clients would not take.
    let unknown = client
        .names()
        .await
        .into_iter()
        .find(|name| name.contains("unknown"))
        .unwrap();
    assert_ne!(unknown, "files_unknown tool");
    let refusal = client.failure(&unknown).await;
    assert!(
        refusal.contains("drawbridge servers tools files 'unknown tool' allow"),
        "{refusal}"
    );
    house
        .gateway
        .set_tool_rule("files", "unknown tool", Rule::Allow)
        .await
        .unwrap();
    assert_eq!(client.text(&unknown).await, "called unknown tool");
    let outcomes: Vec<_> = house
        .audit(7)
        .await
        .into_iter()
        .map(|record| record.outcome)
        .collect();
    assert_eq!(
        outcomes,
        [
            Outcome::Done,
            Outcome::Asked,
            Outcome::Done,
            Outcome::Refused,
            Outcome::Asked,
            Outcome::Asked,
            Outcome::Done
        ]
    );
}

#[tokio::test]
async fn a_server_outside_the_grant_does_not_exist() {
    let house = House::new().await;
    house.add("files", "well").await;
    house.add("mail", "well").await;
    let client = house.client(&["files"], AccessLevel::ReadWrite);
    assert!(
        client
            .names()
            .await
            .iter()
            .all(|name| name == "search" || name.starts_with("files_"))
    );
    let answer = client.call("mail_pid").await;
    assert_eq!(answer["error"]["code"], -32602, "{answer}");
    assert_eq!(client.call("files_nothing").await["error"]["code"], -32602);
    assert_eq!(client.call("").await["error"]["code"], -32602);
    house.audit(0).await;
}

#[tokio::test]
async fn search_is_bare_for_one_server_and_prefixed_for_two() {
    let house = House::new().await;
    house.add("files", "well").await;
    house.add("mail", "well").await;
    let one = house.client(&["mail"], AccessLevel::Read);
    assert!(one.names().await.contains(&"search".to_owned()));
    assert_eq!(one.text("search").await, "called search");
    assert_eq!(one.text("mail_search").await, "called search");
    let two = house.client(&["mail", "files"], AccessLevel::Read);
    let names = two.names().await;
    assert!(!names.contains(&"search".to_owned()));
    assert!(
        names.contains(&"mail_search".to_owned()) && names.contains(&"files_search".to_owned())
    );
    assert_eq!(two.call("search").await["error"]["code"], -32602);
}

#[tokio::test]
async fn a_server_that_is_off_is_gone_and_its_child_ended() {
    let house = House::new().await;
    house.add("files", "well").await;
    let client = house.client(&["files"], AccessLevel::Read);
    let pid: u32 = client.text("files_pid").await.parse().unwrap();
    assert_eq!(house.gateway.child_processes(), [pid]);
    house.gateway.set_enabled("files", false).await.unwrap();
    assert!(house.gateway.child_processes().is_empty());
    assert!(client.names().await.is_empty());
    assert_eq!(client.call("files_pid").await["error"]["code"], -32602);
    house.gateway.set_enabled("files", true).await.unwrap();
    assert_ne!(client.text("files_pid").await.parse::<u32>().unwrap(), pid);
}

#[tokio::test]
async fn servers_and_rules_survive_a_restart() {
    let house = House::new().await;
    house.add("files", "well").await;
    house.add("mail", "well").await;
    house
        .gateway
        .set_tool_rule("files", "destroys", Rule::Allow)
        .await
        .unwrap();
    house.gateway.set_enabled("mail", false).await.unwrap();
    let house = house.restarted().await;
    let servers = house.gateway.servers();
    assert_eq!(servers.len(), 2);
    assert!(servers[0].enabled && !servers[1].enabled);
    assert_eq!(
        servers[0].health,
        Health::Idle,
        "none is started before it is needed"
    );
    let client = house.client(&["files"], AccessLevel::ReadWrite);
    // A call finds its tool although nobody has listed the tools since the start.
    assert_eq!(client.text("files_destroys").await, "called destroys");
    house.gateway.remove_server("files").await.unwrap();
    let house = house.restarted().await;
    assert_eq!(house.gateway.servers().len(), 1);
    house.add("files", "well").await;
    let tools = house.gateway.tools("files").await.unwrap();
    let destroys = tools.iter().find(|tool| tool.name == "destroys").unwrap();
    assert_eq!(
        (destroys.rule, destroys.rule_is_default),
        (Rule::Ask, true),
        "its rules went too"
    );
}

#[tokio::test]
async fn the_owner_sees_tools_kinds_and_rules() {
    let house = House::new().await;
    house.add("files", "well").await;
    let tools = house.gateway.tools("files").await.unwrap();
    let kind = |name: &str| tools.iter().find(|tool| tool.name == name).unwrap().kind;
    assert_eq!(kind("pid"), ToolKind::Reads);
    assert_eq!(kind("adds"), ToolKind::Changes);
    assert_eq!(kind("destroys"), ToolKind::Destroys);
    assert_eq!(kind("unknown tool"), ToolKind::Unknown);
    let choice = house.gateway.servers();
    assert_eq!(choice[0].tools, Some(tools.len()));
    let directory = drawbridge_oauth::ServerDirectory::servers(&house.gateway);
    assert_eq!(directory[0].changing, 3);
    assert_eq!(directory[0].asking, 2);
    let status = serde_json::to_value(&tools[0]).unwrap();
    assert_eq!(
        status,
        json!({ "name": "pid", "title": null, "kind": "reads", "rule": "allow", "rule_is_default": true })
    );
}

#[tokio::test]
async fn bad_requests_of_the_owner_are_refused_with_what_to_do() {
    let house = House::new().await;
    let gateway = &house.gateway;
    for name in ["sse", "mcp", "Files", "", "a/b"] {
        let refused = gateway.add_server(server(name, "well")).await;
        assert!(matches!(refused, Err(GatewayError::Name(_))), "{name}");
    }
    house.add("files", "well").await;
    let again = gateway
        .add_server(server("files", "well"))
        .await
        .unwrap_err();
    assert!(again.to_string().contains("already"));
    assert!(matches!(
        gateway.remove_server("x").await,
        Err(GatewayError::NoServer(_))
    ));
    assert!(matches!(
        gateway.set_enabled("x", true).await,
        Err(GatewayError::NoServer(_))
    ));
    assert!(matches!(
        gateway.tools("x").await,
        Err(GatewayError::NoServer(_))
    ));
    assert!(matches!(
        gateway.log_tail("x"),
        Err(GatewayError::NoServer(_))
    ));
    until("the tools", || gateway.servers()[0].tools.is_some()).await;
    let wrong = gateway
        .set_tool_rule("files", "nothing", Rule::Allow)
        .await
        .unwrap_err();
    assert!(
        wrong.to_string().contains("drawbridge servers tools files"),
        "{wrong}"
    );
    gateway
        .set_tool_rule("files", "nothing", Rule::Block)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_call_is_judged_again_by_what_the_grant_allows_when_it_is_sent() {
    let house = House::new().await;
    house.add("files", "well").await;
    let client = house.client(&["files"], AccessLevel::ReadWrite);
    assert_eq!(client.text("files_adds").await, "called adds");
    client.change(|live| live.as_mut().unwrap().access = AccessLevel::Read);
    let narrowed = client.failure("files_adds").await;
    assert!(narrowed.contains("may only read"), "{narrowed}");
    client.change(|live| live.as_mut().unwrap().servers = ServerSelection::new([]));
    let elsewhere = client.failure("files_adds").await;
    assert!(
        elsewhere.contains("taken from this connection"),
        "{elsewhere}"
    );
    client.change(|live| *live = None);
    let over = client.failure("files_adds").await;
    assert!(over.contains("this connection ended"), "{over}");
    let outcomes: Vec<_> = house
        .audit(4)
        .await
        .into_iter()
        .map(|record| record.outcome)
        .collect();
    assert_eq!(
        outcomes,
        [
            Outcome::Done,
            Outcome::Refused,
            Outcome::Refused,
            Outcome::Refused
        ]
    );
}

#[tokio::test]
async fn a_rule_set_while_a_call_waits_for_its_server_holds_for_that_call() {
    let house = House::new().await;
    house.add("files", "well").await;
    let client = house.client(&["files"], AccessLevel::Read);
    // After its fourth end in a row the server rests for a second.
    for _ in 0..4 {
        client.failure("files_exit").await;
    }
    let waiting = client.clone();
    let call = tokio::spawn(async move { waiting.failure("files_pid").await });
    tokio::task::yield_now().await;
    house
        .gateway
        .set_tool_rule("files", "pid", Rule::Block)
        .await
        .unwrap();
    let refusal = call.await.unwrap();
    assert!(refusal.contains("`block`"), "{refusal}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_runs_that_was_switched_off_while_it_started() {
    let house = House::new().await;
    house.add("files", "well").await;
    let client = house.client(&["files"], AccessLevel::Read);
    for round in 0..20 {
        let calls: Vec<_> = (0..4)
            .map(|_| {
                let client: Client = client.clone();
                tokio::spawn(async move { client.call("files_pid").await })
            })
            .collect();
        house.gateway.set_enabled("files", false).await.unwrap();
        for call in calls {
            call.await.unwrap();
        }
        assert_eq!(
            house.gateway.servers()[0].health,
            Health::Idle,
            "round {round}"
        );
        assert!(house.gateway.child_processes().is_empty(), "round {round}");
        house.gateway.set_enabled("files", true).await.unwrap();
    }
}

#[tokio::test]
async fn headers_are_checked_against_the_tools_of_the_grant_and_no_others() {
    let house = House::new().await;
    house.add("archive", "marked").await;
    house.add("files", "well").await;
    let both = house.client(&["archive", "files"], AccessLevel::Read);
    both.text("archive_pid").await;
    both.text("files_pid").await;
    let call = json!({ "name": "search", "arguments": { "query": "boats" } });
    let stranger = house.client(&["files"], AccessLevel::Read);
    let answer = stranger.ask_modern("tools/call", call.clone()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    // Where the marked tool is the one that is meant, its header is missed.
    let granted = house.client(&["archive"], AccessLevel::Read);
    let answer = granted.ask_modern("tools/call", call).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text);
}
