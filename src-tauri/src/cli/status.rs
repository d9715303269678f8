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
        State::Closed => "closing",
        State::Attention => "needs you: look at the log",
    };
    let mut row = |name: &str, value: &str| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{name:<15}{value}");
    };
    row("Drawbridge", headline);
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
