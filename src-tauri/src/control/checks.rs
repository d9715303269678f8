//! What would be refused anyway is refused before a person is asked: whoever says yes has it done,
//! and nobody is asked about what makes no sense.

use super::widening::Facts;
use crate::engine::Engine;
use crate::ui_api::{
    Ask, UiError, check_imported, check_key_place, check_server, check_static_change, check_token,
};

/// Whether the command could be done as things stand. Doing it looks again.
///
/// # Errors
/// The one that doing it would give.
pub(super) fn check(engine: &Engine, ask: &Ask, facts: &Facts) -> Result<(), UiError> {
    match ask {
        Ask::AddServer(new) => check_server(engine, new),
        Ask::EnableServer { name, .. } => {
            let there = facts.servers.iter().any(|(known, _)| known == name);
            let missing = || drawbridge_gateway::GatewayError::NoServer(name.clone()).into();
            if there { Ok(()) } else { Err(missing()) }
        }
        Ask::CreateToken(new) => check_token(engine, new),
        Ask::ChangeStaticClient(change) => check_static_change(change, facts.static_client),
        Ask::Import(values) => check_imported(values),
        Ask::MoveKey { to } => check_key_place(to),
        // The others name nothing that could be wrong, or it was looked at on the way here.
        _ => Ok(()),
    }
}
