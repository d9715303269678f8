//! Connections as the window changes them, on a real engine.

use std::sync::Arc;

use drawbridge_oauth::{AccessLevel, GrantLifetime};

use super::*;
use crate::confirmations::Confirmation;
use crate::engine::Engine;

/// Servers whose program is not there: they can be chosen, and start nothing.
async fn with_servers(engine: &Engine, names: &[&str]) {
    for name in names {
        let new = NewServer {
            name: (*name).to_owned(),
            command: "/no/such/program".to_owned(),
            args: Vec::new(),
            env: std::collections::BTreeMap::new(),
            directory: None,
        };
        add_server(engine, new).await.unwrap();
    }
}

fn terms(servers: &[&str], access: AccessLevel) -> ConnectionTerms {
    ConnectionTerms {
        servers: servers.iter().map(|&name| name.to_owned()).collect(),
        access,
    }
}

/// A connection: a token is one.
async fn connection(engine: &Engine) -> String {
    let new = NewToken {
        name: "backup".to_owned(),
        terms: TermsChoice {
            servers: Some(vec!["notes".to_owned()]),
            access: AccessLevel::Read,
            lifetime: GrantLifetime::UntilRevoked,
        },
        public: false,
    };
    create_token(engine, new).await.unwrap().id
}

fn only(engine: &Engine) -> ConnectionView {
    let mut all = connections(engine, false).unwrap();
    assert_eq!(all.len(), 1);
    all.remove(0)
}

/// Changes the connection, and answers what is asked meanwhile.
async fn edit(
    engine: &Engine,
    id: &str,
    to: ConnectionTerms,
    allow: bool,
) -> (Result<ConnectionView, UiError>, Arc<Confirmation>) {
    let mut waiting = engine.confirmations().watch();
    let answered = async {
        let asked = waiting.wait_for(|all| all.len() == 1).await.unwrap()[0].clone();
        let answer = ConfirmationAnswer {
            id: asked.id().to_owned(),
            shown: asked.shown().to_string(),
            allow,
        };
        confirm(engine, &answer).unwrap();
        asked
    };
    tokio::join!(edit_connection(engine, id, to), answered)
}

#[tokio::test]
async fn less_is_done_at_once_and_more_when_the_person_confirms_it() {
    let (engine, _home) = crate::testing::engine(true).await;
    let _window = engine.confirmations().attend();
    with_servers(&engine, &["files", "notes"]).await;
    let id = connection(&engine).await;
    let view = only(&engine);
    assert_eq!(view.lifetime, GrantLifetime::UntilRevoked);
    assert!(view.unused_until.unwrap() > view.created_at);
    assert_eq!(view.client_kind, ClientKind::Script);

    let more = || terms(&["files", "notes"], AccessLevel::ReadWrite);
    let (denied, asked) = edit(&engine, &id, more(), false).await;
    assert_eq!(denied.unwrap_err().code, UiErrorCode::Refused);
    assert_eq!(only(&engine).servers, ["notes"]);
    let shown: Vec<(&str, &str)> = asked
        .details()
        .iter()
        .map(|detail| (detail.label, detail.value.as_str()))
        .collect();
    assert_eq!(
        shown,
        [
            ("Connection", "backup"),
            ("Servers now", "notes"),
            ("Servers then", "files, notes"),
            ("Access now", "read"),
            ("Access then", "read and write"),
        ]
    );
    assert_eq!(asked.asker().as_str(), "You, in the window");

    let (allowed, _) = edit(&engine, &id, more(), true).await;
    let allowed = allowed.unwrap();
    assert_eq!(allowed.servers, ["files", "notes"]);
    assert_eq!(allowed.access, AccessLevel::ReadWrite);

    let less = terms(&["files"], AccessLevel::Read);
    let narrowed = edit_connection(&engine, &id, less).await.unwrap();
    assert_eq!(narrowed.servers, ["files"]);
    assert!(engine.confirmations().waiting().is_empty());
}

#[tokio::test]
async fn what_nobody_waits_for_any_more_is_not_asked_any_more() {
    let (engine, _home) = crate::testing::engine(true).await;
    let _window = engine.confirmations().attend();
    with_servers(&engine, &["files", "notes"]).await;
    let id = connection(&engine).await;
    let mut waiting = engine.confirmations().watch();
    // What is borrowed of the watch keeps the desk from changing, so it goes before the edit does.
    let asked = async { drop(waiting.wait_for(|all| all.len() == 1).await.unwrap()) };
    tokio::select! {
        _ = edit_connection(&engine, &id, terms(&["files"], AccessLevel::Read)) => {
            panic!("nobody has answered");
        }
        () = asked => {}
    }
    assert!(engine.confirmations().waiting().is_empty());
    assert_eq!(only(&engine).servers, ["notes"]);
}

#[tokio::test]
async fn more_is_never_given_without_a_window() {
    for expected in [false, true] {
        let (engine, _home) = crate::testing::engine(expected).await;
        with_servers(&engine, &["files", "notes"]).await;
        let id = connection(&engine).await;
        let more = terms(&["files"], AccessLevel::Read);
        let error = edit_connection(&engine, &id, more).await.unwrap_err();
        assert_eq!(error.code, UiErrorCode::Unavailable);
        assert_eq!(only(&engine).servers, ["notes"]);
    }
}

#[tokio::test]
async fn a_server_that_went_while_the_person_thought_is_not_let_in() {
    let (engine, _home) = crate::testing::engine(true).await;
    let _window = engine.confirmations().attend();
    with_servers(&engine, &["files", "notes"]).await;
    let id = connection(&engine).await;
    let unknown = terms(&["nothing"], AccessLevel::Read);
    let error = edit_connection(&engine, &id, unknown).await.unwrap_err();
    assert_eq!(error.code, UiErrorCode::Invalid);
    let missing = edit_connection(&engine, "g-1", terms(&[], AccessLevel::Read)).await;
    assert_eq!(missing.unwrap_err().code, UiErrorCode::NotFound);

    for (replaced, code) in [(false, UiErrorCode::Invalid), (true, UiErrorCode::Conflict)] {
        let mut waiting = engine.confirmations().watch();
        let removed = async {
            let asked = waiting.wait_for(|all| all.len() == 1).await.unwrap()[0].clone();
            remove_server(&engine, "files").await.unwrap();
            if replaced {
                with_servers(&engine, &["files"]).await;
            }
            let answer = ConfirmationAnswer {
                id: asked.id().to_owned(),
                shown: asked.shown().to_string(),
                allow: true,
            };
            confirm(&engine, &answer).unwrap();
        };
        let more = terms(&["files", "notes"], AccessLevel::Read);
        let (edited, ()) = tokio::join!(edit_connection(&engine, &id, more), removed);
        assert_eq!(edited.unwrap_err().code, code);
        assert_eq!(only(&engine).servers, ["notes"]);
        if !replaced {
            with_servers(&engine, &["files"]).await;
        }
    }
}

#[tokio::test]
async fn a_server_that_is_removed_leaves_every_connection() {
    let (engine, _home) = crate::testing::engine(true).await;
    with_servers(&engine, &["files", "notes"]).await;
    connection(&engine).await;
    let unknown = remove_server(&engine, "nothing").await.unwrap_err();
    assert_eq!(unknown.code, UiErrorCode::NotFound);
    remove_server(&engine, "files").await.unwrap();
    assert_eq!(only(&engine).servers, ["notes"]);
    remove_server(&engine, "notes").await.unwrap();
    assert_eq!(only(&engine).servers, [""; 0]);
    with_servers(&engine, &["notes"]).await;
    assert_eq!(only(&engine).servers, [""; 0]);
}

#[tokio::test]
async fn all_end_at_once() {
    let (engine, _home) = crate::testing::engine(true).await;
    with_servers(&engine, &["notes"]).await;
    connection(&engine).await;
    connection(&engine).await;
    assert_eq!(revoke_all(&engine).await, Ok(2));
    assert!(connections(&engine, false).unwrap().is_empty());
    let ended = connections(&engine, true).unwrap();
    assert_eq!(ended.len(), 2);
    assert!(ended.iter().all(|one| one.unused_until.is_none()));
    assert_eq!(revoke_all(&engine).await, Ok(0));
}

#[tokio::test]
async fn a_code_for_another_device_ends_when_it_is_not_wanted() {
    let (engine, _home) = crate::testing::engine(true).await;
    assert!(pairing(&engine).is_none());
    pair(&engine).unwrap();
    assert_eq!(pairing(&engine).unwrap().state, PairingStanding::Open);
    end_pairing(&engine);
    assert!(pairing(&engine).is_none());
    assert!(question(&engine).is_none());
}
