//! Who sees and calls what.

use drawbridge_gateway::{GatewayError, Health, Outcome, Rule, ToolKind};
use drawbridge_oauth::AccessLevel;
use serde_json::json;

use crate::harness::{House, server, until};

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
