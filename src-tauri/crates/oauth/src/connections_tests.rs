//! Connections as the user sees them, and what ends them.

use std::time::Duration;

use drawbridge_vault::ports::Clock as _;
use http::StatusCode;
use insta::assert_snapshot;

use crate::resource::Resource;
use crate::testing::World;
use crate::{
    AccessLevel, ConnectionState, EditError, EndReason, Event, GrantId, GrantLifetime,
    ServerSelection, Settings, Terms,
};

const DAY: Duration = Duration::from_hours(24);

fn servers(names: &[&str]) -> ServerSelection {
    ServerSelection::new(names.iter().map(|name| (*name).to_owned()))
}

/// Every connection in one line, the newest first.
fn list(world: &World) -> String {
    let connections = world.server.connections().unwrap();
    let lines = connections.iter().map(|found| {
        let state = match found.state {
            ConnectionState::Ended { reason, .. } => reason.as_str().to_owned(),
            state => format!("{state:?}"),
        };
        let name = found.name.as_deref().unwrap_or("-");
        let redirect = found.redirect_host.as_deref().unwrap_or("-");
        let names: Vec<&str> = found.servers.iter().collect();
        format!(
            "{name} {} {redirect} {} {names:?} {} {}: {state}",
            found.kind.as_str(),
            found.audience,
            found.access,
            found.lifetime
        )
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn a_connection_is_listed_from_approval_to_end() {
    let world = World::new().await;
    let client = world.register().await;
    let (grant, code) = world.approve(&client, &World::terms()).await;
    assert_snapshot!(list(&world), @r#"Test registered 127.0.0.1:3000 loopback ["notes"] read never: Pending"#);
    world.exchange(&client, &code).await;
    assert_snapshot!(list(&world), @r#"Test registered 127.0.0.1:3000 loopback ["notes"] read never: Active"#);
    world.server.revoke(&grant).await.unwrap();
    assert_snapshot!(list(&world), @r#"Test registered 127.0.0.1:3000 loopback ["notes"] read never: revoked-by-user"#);
    assert_eq!(world.server.revoke(&grant).await, Err(EditError::NotFound));
    world.clock.advance(91 * DAY);
    world.server.sweep().await;
    assert_eq!(list(&world), "");
}

#[tokio::test]
async fn a_connection_of_another_address_has_to_be_made_again() {
    let world = World::new().await;
    let client = world.register().await;
    let mut request = world.request(&client).await;
    request.audience = World::public().audience;
    request.resource = Resource::of(&request.audience);
    world
        .server
        .issue_grant(&request, &World::terms())
        .await
        .unwrap();
    let state = || world.server.connections().unwrap()[0].state;
    assert_eq!(state(), ConnectionState::Pending);
    let at = |origin: Option<&str>| Settings {
        public_origin: origin.map(str::to_owned),
        ..World::settings()
    };
    world
        .settings
        .send(at(Some("https://other.example")))
        .unwrap();
    assert_eq!(state(), ConnectionState::ConnectAgain);
    world.settings.send(at(None)).unwrap();
    assert_eq!(state(), ConnectionState::Pending, "it may come back");
}

#[tokio::test]
async fn narrowing_is_done_and_widening_is_refused_until_it_was_asked() {
    let world = World::new().await;
    let client = world.register().await;
    let both = servers(&["files", "notes"]);
    let terms = Terms {
        servers: both.clone(),
        access: AccessLevel::ReadWrite,
        lifetime: GrantLifetime::Day,
    };
    let (grant, _) = world.approve(&client, &terms).await;
    let narrow = async |servers, access| world.server.narrow(&grant, servers, access).await;
    narrow(servers(&["notes"]), AccessLevel::Read)
        .await
        .unwrap();
    narrow(servers(&["notes"]), AccessLevel::Read)
        .await
        .unwrap();
    for (servers, access) in [
        (both.clone(), AccessLevel::Read),
        (servers(&["files"]), AccessLevel::Read),
        (servers(&["notes"]), AccessLevel::ReadWrite),
    ] {
        assert_eq!(narrow(servers, access).await, Err(EditError::Widens));
    }
    world
        .server
        .edit(&grant, both, AccessLevel::ReadWrite)
        .await
        .unwrap();
    assert_snapshot!(list(&world), @r#"Test registered 127.0.0.1:3000 loopback ["files", "notes"] read-write 1d: Pending"#);
    world.server.revoke(&grant).await.unwrap();
    let none = servers(&[]);
    assert_eq!(
        narrow(none.clone(), AccessLevel::Read).await,
        Err(EditError::NotFound)
    );
    let unknown = GrantId::parse("g-nothing").unwrap();
    let refused = world.server.edit(&unknown, none, AccessLevel::Read).await;
    assert_eq!(refused, Err(EditError::NotFound));
}

#[tokio::test]
async fn a_server_that_is_forgotten_is_in_no_connection_and_the_others_stay_as_they_are() {
    let world = World::new().await;
    let client = world.register().await;
    let terms = |names| Terms {
        servers: servers(names),
        access: AccessLevel::ReadWrite,
        lifetime: GrantLifetime::Day,
    };
    let (ended, _) = world.approve(&client, &terms(&["files"])).await;
    world.server.revoke(&ended).await.unwrap();
    let (damaged, _) = world.approve(&client, &terms(&["files"])).await;
    damage(&world, &damaged).await;
    let (only, _) = world.approve(&client, &terms(&["files"])).await;
    let (both, _) = world.approve(&client, &terms(&["files", "notes"])).await;
    let (other, _) = world.approve(&client, &terms(&["notes"])).await;
    assert_eq!(world.server.forget_server("files").await, Ok(2));
    let has = |grant: &GrantId| {
        let all = world.server.connections().unwrap();
        let found = all.into_iter().find(|found| found.id == *grant).unwrap();
        found.servers
    };
    assert_eq!(has(&only), servers(&[]));
    assert_eq!(has(&both), servers(&["notes"]));
    assert_eq!(has(&other), servers(&["notes"]));
    assert_eq!(
        has(&ended),
        servers(&["files"]),
        "what was is not rewritten"
    );
    let told = |grant: &GrantId| {
        let changed = Event::GrantChanged {
            grant: grant.clone(),
        };
        world.events.all().contains(&changed)
    };
    assert!(told(&only) && told(&both) && !told(&other) && !told(&ended));
    assert_eq!(world.server.forget_server("files").await, Ok(0));
}

#[tokio::test]
async fn the_sweep_ends_what_time_has_ended() {
    let world = World::new().await;
    let unused = world.connect().await;
    let client = world.register().await;
    let day = Terms {
        lifetime: GrantLifetime::Day,
        ..World::terms()
    };
    let (expired, code) = world.approve(&client, &day).await;
    world.exchange(&client, &code).await;
    let (forgotten, code) = world.approve(&client, &World::terms()).await;

    world.server.sweep().await;
    assert!(
        world
            .events
            .all()
            .iter()
            .all(|event| !matches!(event, Event::GrantEnded { .. }))
    );
    let ended = |grant: &GrantId, reason| {
        let event = Event::GrantEnded {
            grant: grant.clone(),
            reason,
        };
        world.events.all().contains(&event)
    };
    world.clock.advance(Duration::from_mins(12));
    world.server.sweep().await;
    assert!(ended(&forgotten, EndReason::NeverConnected));
    assert_eq!(
        world.exchange(&client, &code).await.status,
        StatusCode::BAD_REQUEST
    );
    world.clock.advance(DAY);
    world.server.sweep().await;
    assert!(ended(&expired, EndReason::Expired));
    assert!(!ended(&unused.grant, EndReason::Unused));
    world.clock.advance(30 * DAY);
    world.server.sweep().await;
    assert!(ended(&unused.grant, EndReason::Unused));
    assert_snapshot!(list(&world), @r#"
Test registered 127.0.0.1:3000 loopback ["notes"] read never: never-connected
Test registered 127.0.0.1:3000 loopback ["notes"] read 1d: expired
Test registered 127.0.0.1:3000 loopback ["notes"] read never: unused
"#);
}

#[tokio::test]
async fn the_sweep_leaves_what_is_in_use() {
    let world = World::new().await;
    let connected = world.connect().await;
    let mut refresh = connected.refresh;
    for _ in 0..4 {
        world.clock.advance(20 * DAY);
        world.server.sweep().await;
        let reply = world.refresh(&connected.client, &refresh).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
        refresh = reply.text_of("refresh_token");
    }
}

/// Overwrites what is sealed in a grant with something that is no grant.
async fn damage(world: &World, grant: &GrantId) {
    let id = grant.to_string();
    let damaged = world.vault.write(move |writer| {
        let mut row = writer.grant(&id)?.unwrap();
        row.details = b"no grant".to_vec();
        writer.put_grant(&row)
    });
    damaged.await.unwrap();
}

#[tokio::test]
async fn a_damaged_connection_hides_no_other_and_can_be_revoked() {
    let world = World::new().await;
    let damaged = world.connect().await;
    world.clock.advance(Duration::from_secs(1));
    let whole = world.connect().await;
    damage(&world, &damaged.grant).await;
    assert_eq!(world.server.count_connections().unwrap(), 2);
    let listed = world.server.connections().unwrap();
    let states: Vec<_> = listed
        .iter()
        .map(|found| (&found.id, found.state))
        .collect();
    let expected = [
        (&whole.grant, ConnectionState::Active),
        (&damaged.grant, ConnectionState::Damaged),
    ];
    assert_eq!(states, expected);
    assert!(listed[1].servers.is_empty());

    world.server.revoke(&damaged.grant).await.unwrap();
    assert_eq!(world.server.count_connections().unwrap(), 1);
    let state = world.server.connections().unwrap()[1].state;
    assert!(matches!(state, ConnectionState::Ended { .. }));
}

#[tokio::test]
async fn the_clean_up_ends_a_damaged_connection_and_the_others() {
    let world = World::new().await;
    let damaged = world.connect().await;
    world.connect().await;
    damage(&world, &damaged.grant).await;
    world.clock.advance(30 * DAY + Duration::from_secs(1));
    assert_eq!(world.server.count_connections().unwrap(), 0);
    world.server.sweep().await;
    let ended = world.events.all();
    let ended = ended
        .iter()
        .filter(|event| matches!(event, Event::GrantEnded { .. }));
    assert_eq!(ended.count(), 2);
}

#[tokio::test]
async fn all_are_ended_at_once_and_counted() {
    let world = World::new().await;
    assert_eq!(world.server.revoke_all().await, Ok(0));
    let first = world.connect().await;
    let second = world.connect().await;
    let asked = world.register().await;
    let (pending, _) = world.approve(&asked, &World::terms()).await;
    let ended_before = world.connect().await;
    world.server.revoke(&ended_before.grant).await.unwrap();
    assert!(world.lets_in(&first.access).await);

    assert_eq!(world.server.revoke_all().await, Ok(3));
    for access in [&first.access, &second.access] {
        assert!(!world.lets_in(access).await);
    }
    let all = world.server.connections().unwrap();
    assert!(
        all.iter()
            .all(|one| matches!(one.state, ConnectionState::Ended { .. }))
    );
    let told = world.events.all();
    for grant in [first.grant, second.grant, pending] {
        let reason = EndReason::RevokedByUser;
        assert!(told.contains(&Event::GrantEnded { grant, reason }));
    }
    assert_eq!(world.server.revoke_all().await, Ok(0));
}

#[tokio::test]
async fn a_connection_says_when_disuse_ends_it() {
    let world = World::new().await;
    let until = |place: usize| world.server.connections().unwrap()[place].unused_until;
    let lasting = world.connect().await;
    let start = world.clock.now();
    assert_eq!(until(0), start.checked_add(30 * DAY).ok());
    world.clock.advance(30 * DAY);
    assert_eq!(until(0), None, "it has ended: {}", list(&world));
    assert!(!world.lets_in(&lasting.access).await);

    let client = world.register().await;
    let terms = Terms {
        lifetime: GrantLifetime::Day,
        ..World::terms()
    };
    let (_, code) = world.approve(&client, &terms).await;
    assert_eq!(until(0), None, "not connected yet: that ends it first");
    world.exchange(&client, &code).await;
    assert_eq!(until(0), None, "its own day ends before");
    world.server.revoke_all().await.unwrap();
    assert_eq!(until(0), None);
    assert_eq!(until(1), None, "it has ended");
}
