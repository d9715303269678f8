//! What a window or the command line may ask of the engine: plain data, and one function for each
//! question. Nothing here knows how the question came or how the answer is shown.
//!
//! No answer holds a secret but the few that make one for the owner ([`Revealed`]).

mod activity;
mod approvals;
#[cfg(test)]
mod bindings;
mod bridge;
mod checklist;
mod command_line;
mod confirmations;
mod connections;
#[cfg(test)]
mod connections_tests;
mod erase;
mod error;
mod pairing;
mod questions;
mod revealed;
mod secrets;
mod servers;
mod settings;
mod static_client;
#[cfg(test)]
mod static_client_tests;
mod status;
mod tokens;
mod words;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

pub use activity::{ActivityKind, ActivityView, CallOutcome, activity};
pub use approvals::{ApprovalView, ChoiceView, Decided, Decision, TermsChoice, approvals, decide};
pub use bridge::{arm, close_bridge, open_bridge};
pub use checklist::{ChecklistView, Progress, checklist};
pub use confirmations::{ConfirmationAnswer, ConfirmationView, Detail, confirm, show_window};
pub(crate) use confirmations::{access_words, verdict};
pub use connections::{
    ConnectionTerms, ConnectionView, connections, edit_connection, revoke, revoke_all,
};
pub use erase::{erase_everything, means_erasing};
pub use error::{UiError, UiErrorCode};
pub use pairing::{PairingShown, PairingView, end_pairing, pair, pairing};
pub use questions::{
    QuestionContent, QuestionNews, QuestionView, QuestionWatch, question, question_tools,
    watch_questions,
};
pub use revealed::Revealed;
pub(crate) use secrets::check_key_place;
pub use secrets::{Moved, Rotated, SecretsView, move_key, rotate, secrets};
pub(crate) use servers::{DEFAULT_RULE, check_server};
pub use servers::{
    EnvVar, NewServer, NewServerForm, ServerView, ToolView, add_server, add_server_form,
    enable_server, remove_server, server_log, servers, set_tool_rule, tools,
};
pub use settings::{
    PortsView, SettingsChange, SettingsView, TunnelKind, change_settings, settings,
};
pub use static_client::{
    Imported, ImportedValues, PUBLIC_URL_SETTING, StaticClientChange, StaticClientInfo,
    StaticClientView, add_static_redirect, change_static_client, create_static_client, import,
    import_into, remove_static_client, remove_static_redirect, reveal_static_client_secret,
    static_client, static_client_info, use_client_secret,
};
pub(crate) use static_client::{check_imported, check_static_change};
pub use status::{State, Status, status};
pub(crate) use tokens::check_token;
pub use tokens::{NewToken, TokenShown, create_token};
pub use words::{
    BrowserProof, ClientKind, ConnectionStanding, PairingStanding, ServerHealth, ToolKind, ToolRule,
};

use crate::engine::Engine;

/// One question. The command line sends it over the control socket.
#[derive(Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum Ask {
    /// Where Drawbridge stands: [`Status`].
    Status,
    /// What waits for the owner: a list of [`ApprovalView`].
    Approvals,
    /// The owner's decision: [`Decided`].
    Decide(Decision),
    /// Opens the way for another device: [`PairingShown`].
    Pair,
    /// Who may come in: a list of [`ConnectionView`].
    Connections {
        /// Ended ones, too.
        ended: bool,
    },
    /// Ends a connection or token at once.
    Revoke {
        /// Which.
        id: String,
    },
    /// The servers: a list of [`ServerView`].
    Servers,
    /// A new server: [`ServerView`].
    AddServer(NewServer),
    /// Takes a server away, with its rules.
    RemoveServer {
        /// Which.
        name: String,
    },
    /// Switches a server on or off.
    EnableServer {
        /// Which.
        name: String,
        /// On?
        enabled: bool,
    },
    /// A server's tools: a list of [`ToolView`].
    Tools {
        /// Which server's.
        server: String,
    },
    /// What a tool may do: [`ToolView`].
    SetToolRule {
        /// The server.
        server: String,
        /// Its tool.
        tool: String,
        /// `allow`, `ask`, `block`, or `default`.
        rule: String,
    },
    /// A new token for a script: [`TokenShown`].
    CreateToken(NewToken),
    /// Where secrets lie: [`SecretsView`].
    Secrets,
    /// A new data key: [`Rotated`].
    RotateSecrets,
    /// The key to another place: [`Moved`].
    MoveKey {
        /// `keychain`, `environment` or `file`.
        to: String,
    },
    /// The client typed in by hand: [`StaticClientView`], or nothing.
    StaticClient,
    /// Changes the client typed in by hand: [`StaticClientView`], or nothing once removed.
    ChangeStaticClient(StaticClientChange),
    /// Takes over the values of a `.env` file: [`Imported`].
    Import(ImportedValues),
    /// Raises the main window, for a second start of the program.
    ShowWindow,
}

/// Answers one question, as JSON.
pub async fn answer(engine: &Engine, ask: Ask) -> Result<Box<RawValue>, UiError> {
    match ask {
        Ask::Status => json(&status(engine)?),
        Ask::Approvals => json(&approvals(engine)),
        Ask::Decide(decision) => json(&decide(engine, decision).await?),
        Ask::Pair => json(&pair(engine)?),
        Ask::Connections { ended } => json(&connections(engine, ended)?),
        Ask::Revoke { id } => json(&revoke(engine, &id).await?),
        Ask::Servers => json(&servers(engine)),
        Ask::AddServer(new) => json(&add_server(engine, new).await?),
        Ask::RemoveServer { name } => json(&remove_server(engine, &name).await?),
        Ask::EnableServer { name, enabled } => json(&enable_server(engine, &name, enabled).await?),
        Ask::Tools { server } => json(&tools(engine, &server).await?),
        Ask::SetToolRule { server, tool, rule } => {
            json(&set_tool_rule(engine, &server, &tool, &rule).await?)
        }
        Ask::CreateToken(new) => json(&create_token(engine, new).await?),
        Ask::Secrets => json(&secrets(engine)?),
        Ask::RotateSecrets => json(&rotate(engine).await?),
        Ask::MoveKey { to } => json(&move_key(engine, &to).await?),
        Ask::StaticClient => json(&static_client(engine).await?),
        Ask::ChangeStaticClient(change) => json(&change_static_client(engine, change).await?),
        Ask::Import(values) => json(&import(engine, values).await?),
        Ask::ShowWindow => json(&show_window(engine)?),
    }
}

fn json(value: &impl Serialize) -> Result<Box<RawValue>, UiError> {
    serde_json::value::to_raw_value(value).map_err(UiError::failed)
}
