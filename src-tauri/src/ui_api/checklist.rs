//! How far each family of clients has come: registered, approved, first call.

use drawbridge_oauth::{ClientKind, Connection, ConnectionState};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::UiError;
use crate::engine::{Engine, Family, Milestones};

/// How far one family of clients has come with its newest connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Progress {
    /// When it first asked, or registered.
    #[cfg_attr(test, ts(as = "Option<String>"))]
    pub registered_at: Option<Timestamp>,
    /// When the owner let it in.
    #[cfg_attr(test, ts(as = "Option<String>"))]
    pub approved_at: Option<Timestamp>,
    /// When it first called a tool.
    #[cfg_attr(test, ts(as = "Option<String>"))]
    pub first_call_at: Option<Timestamp>,
}

/// How far each family of clients has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ChecklistView {
    /// Those that go back to ChatGPT.
    pub chatgpt: Progress,
    /// Those that go back to Claude.
    pub claude: Progress,
    /// All others.
    pub other: Progress,
}

/// How far each family has come.
pub fn checklist(engine: &Engine) -> Result<ChecklistView, UiError> {
    let connections = engine.oauth().connections()?;
    Ok(engine.with_milestones(|milestones| ChecklistView {
        chatgpt: progress(Family::ChatGpt, &connections, milestones),
        claude: progress(Family::Claude, &connections, milestones),
        other: progress(Family::Other, &connections, milestones),
    }))
}

/// How far one family has come with its newest connection that holds. Without one, whether it has
/// asked at all.
fn progress(family: Family, connections: &[Connection], milestones: &Milestones) -> Progress {
    let newest = connections
        .iter()
        .filter(|connection| is_of(connection, family))
        .max_by_key(|connection| connection.created_at);
    let Some(newest) = newest else {
        return Progress {
            registered_at: milestones.introduced(family, None),
            ..Progress::default()
        };
    };
    let approved_at = newest.created_at;
    let introduced = milestones.introduced(family, Some(approved_at));
    Progress {
        // Who was approved has asked before, even if that is no longer written down.
        registered_at: Some(introduced.unwrap_or(approved_at)),
        approved_at: Some(approved_at),
        first_call_at: milestones.first_call(newest.id.as_str()),
    }
}

fn is_of(connection: &Connection, family: Family) -> bool {
    let holds = match connection.state {
        ConnectionState::Pending | ConnectionState::Active => true,
        ConnectionState::ConnectAgain
        | ConnectionState::Damaged
        | ConnectionState::Ended { .. } => false,
    };
    holds
        && connection.kind != ClientKind::Script
        && Family::of(connection.redirect_host.as_deref()) == family
}

#[cfg(test)]
mod tests {
    use drawbridge_gateway::{CallRecord, Outcome};
    use drawbridge_oauth::{
        AccessLevel, Audience, EndReason, GrantId, GrantLifetime, ServerSelection,
    };

    use super::*;
    use crate::engine::{Entry, StoredEntry};
    use crate::ui_api::ActivityKind;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn connection(id: &str, host: &str, created: i64) -> Connection {
        Connection {
            id: GrantId::parse(id).unwrap(),
            client_id: "client".to_owned(),
            kind: ClientKind::MetadataDocument,
            name: Some("ChatGPT".to_owned()),
            client_host: None,
            redirect_host: Some(host.to_owned()),
            redirect_registrable: None,
            audience: Audience::Loopback,
            servers: ServerSelection::new([]),
            access: AccessLevel::Read,
            lifetime: GrantLifetime::Day,
            created_at: at(created),
            last_used_at: at(created),
            expires_at: None,
            unused_until: None,
            state: ConnectionState::Active,
        }
    }

    fn milestones(asked: &[(&str, i64)], calls: &[(&str, i64)]) -> Milestones {
        let mut milestones = Milestones::default();
        for &(host, moment) in asked {
            let entry = Entry {
                event: ActivityKind::ConnectionAsked,
                client: None,
                host: Some(host.to_owned()),
                grant: None,
                server: None,
                detail: None,
            };
            milestones.take(at(moment), &StoredEntry::Entry(entry));
        }
        for &(grant, moment) in calls {
            let call = CallRecord {
                server: "files".to_owned(),
                tool: "read".to_owned(),
                grant: grant.to_owned(),
                client: "client".to_owned(),
                outcome: Outcome::Done,
                milliseconds: 1,
            };
            milestones.take(at(moment), &StoredEntry::Call(call));
        }
        milestones
    }

    #[test]
    fn each_step_is_ticked_when_it_is_done() {
        let nothing = Milestones::default();
        let told = progress(Family::ChatGpt, &[], &nothing);
        assert_eq!(told, Progress::default());

        let asked = milestones(&[("chatgpt.com", 10)], &[]);
        let told = progress(Family::ChatGpt, &[], &asked);
        assert_eq!((told.registered_at, told.approved_at), (Some(at(10)), None));
        let claude = progress(Family::Claude, &[], &asked);
        assert_eq!(claude, Progress::default());

        let connections = [connection("one", "chatgpt.com", 20)];
        let told = progress(Family::ChatGpt, &connections, &asked);
        assert_eq!(told.registered_at, Some(at(10)));
        assert_eq!((told.approved_at, told.first_call_at), (Some(at(20)), None));

        let called = milestones(&[("chatgpt.com", 10)], &[("one", 30), ("one", 40)]);
        let told = progress(Family::ChatGpt, &connections, &called);
        assert_eq!(told.first_call_at, Some(at(30)));
    }

    #[test]
    fn the_newest_connection_that_holds_counts() {
        let milestones = milestones(
            &[("claude.ai", 1), ("claude.ai", 50), ("claude.ai", 90)],
            &[("old", 5)],
        );
        let mut connections = [
            connection("old", "claude.ai", 2),
            connection("new", "claude.com", 60),
        ];
        let told = progress(Family::Claude, &connections, &milestones);
        assert_eq!(told.registered_at, Some(at(50)), "what led to this one");
        assert_eq!((told.approved_at, told.first_call_at), (Some(at(60)), None));

        let over = ConnectionState::Ended {
            at: at(70),
            reason: EndReason::RevokedByUser,
        };
        connections[1].state = over;
        let told = progress(Family::Claude, &connections, &milestones);
        assert_eq!(
            told.first_call_at,
            Some(at(5)),
            "the one before holds still"
        );
        connections[0].state = over;
        let told = progress(Family::Claude, &connections, &milestones);
        assert_eq!((told.registered_at, told.approved_at), (Some(at(90)), None));
    }

    #[test]
    fn a_lost_beginning_is_taken_for_the_approval() {
        let connections = [connection("one", "127.0.0.1:4711", 20)];
        let told = progress(Family::Other, &connections, &Milestones::default());
        assert_eq!(told.registered_at, Some(at(20)));
    }
}
