//! `drawbridge connections` and `revoke`.

use drawbridge_vault::ports::{Clock as _, SystemClock};
use jiff::Timestamp;

use super::arguments::Connections;
use super::terminal::{printable, relative, table};
use super::{CommandError, Context};
use crate::ui_api::{Ask, ConnectionStanding, ConnectionView};

pub(super) async fn list(choice: Connections, context: &Context) -> Result<(), CommandError> {
    let found: Vec<ConnectionView> = context
        .client
        .ask(&Ask::Connections { ended: choice.all })
        .await?;
    print(
        &found,
        choice.output.json,
        "No client is connected.",
        context,
    )
}

/// Connections or tokens, newest first.
pub(super) fn print(
    found: &[ConnectionView],
    json: bool,
    none: &str,
    context: &Context,
) -> Result<(), CommandError> {
    if json {
        return context.terminal.json(&found);
    }
    if found.is_empty() {
        return Ok(context.terminal.line(none)?);
    }
    let now = SystemClock.now();
    let rows: Vec<[String; 7]> = found
        .iter()
        .map(|connection| row(connection, now))
        .collect();
    let headings = [
        "ID",
        "CLIENT",
        "AT",
        "ACCESS",
        "SERVERS",
        "LAST USED",
        "STATE",
    ];
    Ok(context.terminal.text(&table(headings, &rows))?)
}

fn row(connection: &ConnectionView, now: Timestamp) -> [String; 7] {
    let servers = if connection.servers.is_empty() {
        "none".to_owned()
    } else {
        connection.servers.join(",")
    };
    let state = match (connection.state, connection.expires_at) {
        (ConnectionStanding::Active, Some(end)) => format!("ends {}", relative(end, now)),
        (ConnectionStanding::Active, None) => "until revoked".to_owned(),
        (state, _) => state.as_str().replace('-', " "),
    };
    [
        connection.id.clone(),
        printable(&connection.client),
        connection.origin.clone(),
        connection.access.to_string(),
        servers,
        relative(connection.last_used_at, now),
        state,
    ]
}

pub(super) async fn revoke(id: &str, context: &Context) -> Result<(), CommandError> {
    let () = context
        .client
        .ask(&Ask::Revoke { id: id.to_owned() })
        .await?;
    Ok(context
        .terminal
        .line(format!("Revoked: {id} is out at once."))?)
}
