//! 0 done, 1 failed, 2 usage, 3 not running (4, refused, stands with the attacks).

use crate::harness::{House, HouseBuilder};

#[tokio::test]
async fn what_needs_a_running_drawbridge_says_that_there_is_none() {
    let house = HouseBuilder::new();
    for command in [
        &["status"][..],
        &["status", "--json"],
        &["approvals", "--json"],
        &["connections"],
        &["pair", "--json"],
        &["approve", "x"],
        &["deny", "x"],
        &["revoke", "x"],
        &["token", "create", "--json"],
        &["servers", "list"],
    ] {
        let ran = house.owner().run(command).await.expect(3);
        assert!(
            ran.stderr.contains("drawbridge serve"),
            "says what to do: {ran:#?}"
        );
        assert_eq!(ran.stdout, "", "{ran:#?}");
    }
}

#[tokio::test]
async fn wrong_usage_is_two() {
    let house = HouseBuilder::new();
    for command in [
        &["no-such-command"][..],
        &["approve"],
        &["approve", "x", "--access", "everything"],
        &["approve", "x", "--expires", "2y"],
        &["serve", "--port", "70000"],
        &["serve", "--tunnel", "other"],
        &["status", "--no-such-flag"],
    ] {
        house.owner().run(command).await.expect(2);
    }
}

#[tokio::test]
async fn what_cannot_be_done_is_one() {
    let house = House::start().await;
    for command in [
        &["approve", "no-such-approval"][..],
        &["deny", "no-such-approval"],
        &["revoke", "no-such-connection"],
        &["servers", "remove", "no-such-server"],
        &["servers", "tools", "no-such-server", "tool", "allow"],
        &["token", "create", "--servers", "no-such-server", "--json"],
    ] {
        house.owner().run(command).await.expect(1);
    }
}

#[tokio::test]
async fn help_and_version_need_nothing() {
    let house = HouseBuilder::new();
    house.owner().done(&["--help"]).await;
    let ran = house.owner().done(&["--version"]).await;
    assert!(ran.stdout.contains(env!("CARGO_PKG_VERSION")), "{ran:#?}");
    assert!(
        !house.data().exists(),
        "asking for help makes no data directory"
    );
}
