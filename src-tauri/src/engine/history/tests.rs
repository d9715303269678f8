//! The history: its rules, and a whole engine that keeps one.

use drawbridge_gateway::{Event as GatewayEvent, Outcome};
use drawbridge_oauth::{
    AccessLevel, ApprovalOutcome, Audience, EndReason, Event as News, GrantId, GrantLifetime,
    NewScriptToken, ServerSelection, Terms,
};

use super::super::Event;
use super::super::tests::{House, question};
use super::*;
use crate::ui_api::{ActivityView, activity, checklist};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn call(grant: &str) -> Stored {
    Stored::Call(CallRecord {
        server: "files".to_owned(),
        tool: "read".to_owned(),
        grant: grant.to_owned(),
        client: "client".to_owned(),
        outcome: Outcome::Done,
        milliseconds: 1,
    })
}

fn asked(host: &str) -> Stored {
    Stored::Entry(Entry {
        client: Some("ChatGPT".to_owned()),
        host: Some(host.to_owned()),
        ..Entry::new(ActivityKind::ConnectionAsked)
    })
}

#[test]
fn entries_and_calls_are_told_apart_when_they_are_read() {
    let Stored::Entry(entry) = asked("chatgpt.com") else {
        panic!("an entry");
    };
    let json = serde_json::to_vec(&entry).unwrap();
    let Stored::Entry(read) = serde_json::from_slice(&json).unwrap() else {
        panic!("an entry");
    };
    assert_eq!(read, entry);
    let Stored::Call(record) = call("g") else {
        panic!("a call");
    };
    let json = serde_json::to_vec(&record).unwrap();
    assert!(matches!(
        serde_json::from_slice(&json).unwrap(),
        Stored::Call(read) if read == record
    ));
    assert!(serde_json::from_slice::<Stored>(b"{}").is_err());
}

#[test]
fn families_are_told_by_the_whole_host() {
    for (host, family) in [
        (Some("chatgpt.com"), Family::ChatGpt),
        (Some("ChatGPT.com"), Family::ChatGpt),
        (Some("chat.openai.com"), Family::ChatGpt),
        (Some("claude.ai"), Family::Claude),
        (Some("claude.com"), Family::Claude),
        (Some("chatgpt.com.evil.example"), Family::Other),
        (Some("evilchatgpt.com"), Family::Other),
        (Some("127.0.0.1:4711"), Family::Other),
        (None, Family::Other),
    ] {
        assert_eq!(Family::of(host), family, "{host:?}");
    }
}

#[test]
fn the_first_call_and_the_last_introduction_count() {
    let mut milestones = Milestones::default();
    milestones.take(at(10), &asked("chatgpt.com"));
    milestones.take(at(20), &call("one"));
    milestones.take(at(30), &call("one"));
    milestones.take(at(40), &asked("chatgpt.com"));
    assert_eq!(milestones.first_call("one"), Some(at(20)));
    assert_eq!(milestones.first_call("two"), None);
    let introduced = |until| milestones.introduced(Family::ChatGpt, until);
    assert_eq!(introduced(None), Some(at(40)));
    assert_eq!(introduced(Some(at(39))), Some(at(10)));
    assert_eq!(introduced(Some(at(9))), None);
    assert_eq!(milestones.introduced(Family::Claude, None), None);
}

#[test]
fn what_is_remembered_has_a_limit() {
    let mut milestones = Milestones::default();
    for second in 0..(i64::try_from(FIRST_CALLS_KEPT).unwrap() + 10) {
        milestones.take(at(second), &call(&format!("grant {second}")));
        milestones.take(at(second), &asked("claude.ai"));
    }
    assert_eq!(milestones.first_calls.len(), FIRST_CALLS_KEPT);
    assert_eq!(milestones.first_call("grant 0"), None);
    assert_eq!(
        milestones.introduced[&Family::Claude].len(),
        INTRODUCTIONS_KEPT
    );
}

fn tell(engine: &Engine, news: News) {
    engine.inner.events.tell(Event::OAuth(news));
}

fn waiting(host: &str) -> News {
    News::ApprovalWaiting {
        approval: "K7M2QX".parse().unwrap(),
        client: host.to_owned(),
    }
}

fn ended(outcome: ApprovalOutcome) -> News {
    News::ApprovalEnded {
        approval: "K7M2QX".parse().unwrap(),
        outcome,
    }
}

fn kinds(told: &[ActivityView]) -> Vec<ActivityKind> {
    told.iter().map(|told| told.kind).collect()
}

/// What is told once there is something new to read `count` times.
async fn written(engine: &Engine, count: usize) -> Vec<ActivityView> {
    let mut news = engine.events();
    loop {
        let told = activity(engine, 1000).unwrap();
        if told.len() >= count {
            return told;
        }
        while !matches!(news.recv().await.unwrap(), Event::History) {}
    }
}

#[tokio::test]
async fn what_happens_is_written_down_and_outlives_a_restart() {
    let house = House::new();
    let engine = house.open().await;
    tell(
        &engine,
        News::ClientRegistered {
            client: "c".to_owned(),
            name: Some("Claude".to_owned()),
            host: Some("claude.ai".to_owned()),
        },
    );
    tell(&engine, waiting("chatgpt.com"));
    tell(&engine, ended(ApprovalOutcome::Denied));
    tell(&engine, waiting("127.0.0.1:4711"));
    tell(&engine, ended(ApprovalOutcome::TimedOut));
    tell(&engine, News::PairingGuessed);
    tell(
        &engine,
        News::RateLimited {
            endpoint: "register",
        },
    );
    tell(
        &engine,
        News::GrantEnded {
            grant: GrantId::parse("grant-1").unwrap(),
            reason: EndReason::Unused,
        },
    );
    let failed = GatewayEvent::ServerFailed {
        server: "files".to_owned(),
        reason: "it ended".to_owned(),
    };
    engine.inner.events.tell(Event::Gateway(failed));
    engine.close().await;
    engine.stop().await;
    drop(engine);

    let engine = house.start().await;
    let told = activity(&engine, 1000).unwrap();
    assert_eq!(
        kinds(&told),
        [
            ActivityKind::BridgeClosed,
            ActivityKind::ServerFailed,
            ActivityKind::ConnectionEnded,
            ActivityKind::Refused,
            ActivityKind::PairingGuessed,
            ActivityKind::ConnectionWithdrawn,
            ActivityKind::ConnectionAsked,
            ActivityKind::ConnectionDenied,
            ActivityKind::ConnectionAsked,
            ActivityKind::ClientRegistered,
            ActivityKind::BridgeOpened,
        ]
    );
    assert_eq!(told[1].server.as_deref(), Some("files"));
    assert_eq!(told[1].detail.as_deref(), Some("it ended"));
    assert_eq!(
        told[2].detail.as_deref(),
        Some("nobody used it for 30 days")
    );
    assert_eq!(told[5].detail.as_deref(), Some("nobody answered in time"));
    assert_eq!(told[8].detail.as_deref(), Some("goes back to chatgpt.com"));
    assert_eq!(told[9].client.as_deref(), Some("Claude"));
    assert!(told.is_sorted_by(|newer, older| newer.at >= older.at && newer.id != older.id));
    assert_eq!(activity(&engine, 3).unwrap(), told[..3]);
    assert_eq!(activity(&engine, 0).unwrap().len(), 1, "at least one");

    // The checklist remembers, too.
    let list = checklist(&engine).unwrap();
    assert_eq!(list.chatgpt.registered_at, Some(told[8].at));
    assert_eq!(list.claude.registered_at, Some(told[9].at));
    assert_eq!(list.other.registered_at, Some(told[6].at));
    assert_eq!(list.chatgpt.approved_at, None);
    engine.stop().await;
}

#[tokio::test]
async fn a_real_client_is_followed_from_its_registration_to_its_end() {
    let house = House::new();
    let engine = house.open().await;
    let _waiting = question(&engine).await;
    let told = written(&engine, 3).await;
    assert_eq!(
        kinds(&told),
        [
            ActivityKind::ConnectionAsked,
            ActivityKind::ClientRegistered,
            ActivityKind::BridgeOpened,
        ]
    );
    let name = told[1].client.clone();
    assert!(name.is_some());
    assert_eq!(told[0].client, name, "what it calls itself");
    assert!(told[1].detail.as_ref().unwrap().contains("127.0.0.1"));

    let waiting = engine.oauth().approvals().remove(0);
    let shown = waiting.shown();
    let terms = Terms {
        servers: ServerSelection::new([]),
        access: AccessLevel::Read,
        lifetime: GrantLifetime::Day,
    };
    let decision = drawbridge_oauth::Decision::Approve(terms);
    let decided = engine.oauth().decide(waiting.id(), &shown, decision);
    decided.await.unwrap();
    let told = written(&engine, 4).await;
    assert_eq!(told[0].kind, ActivityKind::ConnectionApproved);
    assert_eq!(told[0].client, name);
    let list = checklist(&engine).unwrap();
    assert_eq!(list.other.registered_at, Some(told[1].at));
    assert!(list.other.approved_at.is_some());
    assert_eq!(list.other.first_call_at, None);
    assert_eq!(list.chatgpt, list.claude);

    let connection = engine.oauth().connections().unwrap().remove(0);
    engine.oauth().revoke(&connection.id).await.unwrap();
    let told = written(&engine, 5).await;
    assert_eq!(told[0].kind, ActivityKind::ConnectionEnded);
    assert_eq!(told[0].client, name);
    assert_eq!(told[0].detail.as_deref(), Some("you revoked it"));
    assert_eq!(checklist(&engine).unwrap().other.approved_at, None);
    engine.stop().await;
}

#[tokio::test]
async fn a_call_is_told_by_the_name_of_its_connection() {
    let house = House::new();
    let engine = house.start().await;
    let token = NewScriptToken {
        name: "backup".to_owned(),
        terms: Terms {
            servers: ServerSelection::new(["files".to_owned()]),
            access: AccessLevel::Read,
            lifetime: GrantLifetime::Hour,
        },
        audience: Audience::Loopback,
    };
    let token = engine.oauth().create_token(token).await.unwrap();
    for grant in [token.id.as_str(), "grant-gone"] {
        let Stored::Call(record) = call(grant) else {
            panic!("a call");
        };
        let details = serde_json::to_vec(&record).unwrap();
        let write = engine
            .vault()
            .write::<_, StoreError>(move |writer| writer.append_audit(at(1), &details));
        write.await.unwrap();
        let called = GatewayEvent::Called(record);
        engine.inner.events.tell(Event::Gateway(called));
    }
    let told = written(&engine, 2).await;
    assert_eq!(kinds(&told), [ActivityKind::Call; 2]);
    assert_eq!(told[0].client.as_deref(), Some("client"));
    assert_eq!(told[1].client.as_deref(), Some("backup"));
    assert_eq!(told[1].tool.as_deref(), Some("read"));
    assert_eq!(told[1].milliseconds, Some(1));
    assert_eq!(told[1].detail, None);
    // A script is nobody's connector.
    assert_eq!(checklist(&engine).unwrap().other.approved_at, None);
    engine.stop().await;
}

#[tokio::test]
async fn strangers_cannot_fill_the_history() {
    let house = House::new();
    let engine = house.start().await;
    for number in 0..100 {
        tell(&engine, News::RateLimited { endpoint: "token" });
        let name = format!("client {number}");
        tell(
            &engine,
            News::ClientRegistered {
                client: "c".to_owned(),
                name: Some(name),
                host: None,
            },
        );
    }
    tell(&engine, News::PairingGuessed);
    let told = written(&engine, 41).await;
    assert_eq!(told.len(), 41);
    assert_eq!(told[0].kind, ActivityKind::PairingGuessed);
    engine.stop().await;
}

#[tokio::test]
async fn only_the_newest_entries_stay() {
    let house = House::new();
    let engine = house.start().await;
    let Stored::Call(record) = call("g") else {
        panic!("a call");
    };
    let details = serde_json::to_vec(&record).unwrap();
    let fill = engine.vault().write::<_, StoreError>(move |writer| {
        for _ in 0..(KEPT_ENTRIES + 50) {
            writer.append_audit(at(1), &details)?;
        }
        Ok(())
    });
    fill.await.unwrap();
    engine.stop().await;
    drop(engine);
    let engine = house.start().await;
    // Written after the history was shortened, because work is done in its order.
    tell(&engine, News::PairingGuessed);
    let mut news = engine.events();
    while !matches!(news.recv().await.unwrap(), Event::History) {}
    let kept = engine
        .vault()
        .read::<_, StoreError>(|reader| reader.audit(None, 2 * KEPT_ENTRIES));
    let kept = kept.unwrap();
    assert_eq!(kept.len(), usize::try_from(KEPT_ENTRIES).unwrap() + 1);
    engine.stop().await;
}

#[tokio::test]
async fn an_entry_that_cannot_be_read_hides_no_other() {
    let house = House::new();
    let engine = house.start().await;
    let write = engine
        .vault()
        .write::<_, StoreError>(|writer| writer.append_audit(at(1), b"{\"event\":\"of later\"}"));
    write.await.unwrap();
    tell(&engine, News::PairingGuessed);
    let told = written(&engine, 1).await;
    assert_eq!(kinds(&told), [ActivityKind::PairingGuessed]);
    engine.stop().await;
}
