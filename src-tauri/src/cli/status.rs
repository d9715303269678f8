//! `drawbridge status` and `drawbridge url`.

use std::fmt::Write as _;

use drawbridge_vault::ports::{Clock as _, SystemClock};

use super::arguments::Output;
use super::terminal::relative;
use super::{CommandError, Context};
use crate::ui_api::{Ask, State, Status};

pub(super) async fn status(output: Output, context: &Context) -> Result<(), CommandError> {
    let status: Status = context.client.ask(&Ask::Status).await?;
    if output.json {
        return context.terminal.json(&status);
    }
    Ok(context.terminal.text(&describe(&status))?)
}

pub(super) async fn url(context: &Context) -> Result<(), CommandError> {
    let status: Status = context.client.ask(&Ask::Status).await?;
    Ok(context.terminal.line(status.connector_url)?)
}

fn describe(status: &Status) -> String {
    let mut text = String::new();
    let headline = match status.state {
        State::Open => "open: clients can connect",
        State::Opening => "opening",
        State::Closed => "closed: nobody can connect until you press Start in its window",
        State::Attention => "needs you: nobody can connect",
    };
    let mut row = |name: &str, value: &str| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{name:<15}{value}");
    };
    row("Drawbridge", headline);
    if let Some(problem) = &status.problem {
        row("", &problem.message);
    }
    row("Connector URL", &status.connector_url);
    if status.public_url.is_some() {
        row("Here", &status.local_url);
    }
    if let Some(tunnel) = &status.tunnel_url {
        row(
            "HTTPS front",
            &format!("must forward to {tunnel} and keep the Host header"),
        );
    }
    let count = |number: usize, one: &str, many: &str| {
        format!("{number} {}", if number == 1 { one } else { many })
    };
    row(
        "Servers",
        &match status.servers {
            0 => "none; add one with: drawbridge servers add NAME -- COMMAND".to_owned(),
            number => count(number, "server", "servers"),
        },
    );
    row(
        "Connections",
        &count(status.connections, "connection", "connections"),
    );
    row(
        "Waiting",
        &match status.pending_approvals {
            0 => "nothing".to_owned(),
            number => format!(
                "{}; see: drawbridge approvals",
                count(number, "approval", "approvals")
            ),
        },
    );
    if status.armed_only {
        let now = SystemClock.now();
        row(
            "New clients",
            &match status.armed_until.filter(|until| *until > now) {
                Some(until) => format!("may ask; that ends {}", relative(until, now)),
                None => "may not ask: press Add connection in the window, or run drawbridge pair"
                    .to_owned(),
            },
        );
    }
    if status.missed_requests > 0 {
        row(
            "Turned away",
            &format!(
                "{} since the start, because they may not ask, or were too many",
                count(
                    usize::try_from(status.missed_requests).unwrap_or(usize::MAX),
                    "question",
                    "questions"
                )
            ),
        );
    }
    row(
        "Key",
        &format!(
            "in the {}",
            match status.key_place.as_str() {
                "environment" => "environment (TOKEN_ENCRYPTION_KEY)",
                "file" => "data folder",
                place => place,
            }
        ),
    );
    if let Some(warning) = &status.warning {
        row("", warning);
    }
    row("Data", &status.data_folder);
    let since = relative(status.started_at, SystemClock.now());
    row(
        "Running",
        &format!(
            "version {}, process {}, started {since}",
            status.version, status.process
        ),
    );
    text
}

#[cfg(test)]
pub(super) mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::*;
    use crate::ui_api::{TunnelKind, UiError};

    /// Open, with nothing to be said of it.
    pub(crate) fn open() -> Status {
        Status {
            state: State::Open,
            version: "1.2.3".to_owned(),
            local_url: "http://127.0.0.1:8787".to_owned(),
            public_url: None,
            connector_url: "http://127.0.0.1:8787/mcp".to_owned(),
            local_port: 8788,
            tunnel_url: None,
            key_place: "keychain".to_owned(),
            warning: None,
            pending_approvals: 0,
            connections: 1,
            servers: 2,
            process: 7,
            data_folder: "data".to_owned(),
            started_at: Timestamp::UNIX_EPOCH,
            problem: None,
            tunnel: TunnelKind::Off,
            armed_only: false,
            armed_until: None,
            missed_requests: 0,
            window: false,
            tray: false,
            tray_notice: false,
        }
    }

    #[test]
    fn what_is_as_usual_is_not_said() {
        let text = describe(&open());
        assert!(text.contains("open: clients can connect"), "{text}");
        assert!(
            !text.contains("New clients") && !text.contains("Turned away"),
            "{text}"
        );
    }

    #[test]
    fn closed_and_in_need_are_said_in_words() {
        let closed = Status {
            state: State::Closed,
            ..open()
        };
        assert!(describe(&closed).contains("closed: nobody can connect until"));
        let problem = Status {
            state: State::Attention,
            problem: Some(UiError::failed("port 8787 cannot be used")),
            ..open()
        };
        let text = describe(&problem);
        assert!(
            text.contains("needs you") && text.contains("Port 8787 cannot be used"),
            "{text}"
        );
    }

    #[test]
    fn whether_new_clients_may_ask_is_said() {
        let armed_only = Status {
            armed_only: true,
            missed_requests: 1,
            ..open()
        };
        let text = describe(&armed_only);
        assert!(
            text.contains("may not ask") && text.contains("1 question since"),
            "{text}"
        );
        let soon = SystemClock
            .now()
            .checked_add(SignedDuration::from_mins(10))
            .unwrap();
        let armed = Status {
            armed_until: Some(soon),
            ..armed_only
        };
        let text = describe(&armed);
        assert!(text.contains("may ask; that ends in"), "{text}");
    }
}
