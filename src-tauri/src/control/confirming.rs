//! A command that lets more in waits here until a person in the window has said yes to exactly it.

use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncWrite};

use super::checks::check;
use super::widening::{Facts, RuleNow, pin, widening};
use super::{Answer, write_answer};
use crate::confirmations::{Asker, Confirmations, Gate};
use crate::engine::Engine;
use crate::ui_api::{self, Ask, UiError, verdict};

/// What the caller hears while the person is asked.
const WAITING: &str = "Drawbridge asks you in its window to confirm this …";

/// What becomes of a command.
pub(crate) enum Agreed {
    /// It may be done, exactly as it stands here.
    Do(Ask),
    /// There is nothing to do: there is no client whose secret could be told.
    NoClient,
    /// The caller has gone; nothing is done, and nobody is left to be answered.
    Gone,
}

/// Has a person confirm a command that lets more in, where a window attends; anything else goes
/// through at once. `programs` are the caller's name and those above it, as the system tells them.
/// Ending the conversation withdraws the question.
///
/// # Errors
/// When nobody could be asked, nobody answered, or the answer was no. Then it must not be done.
pub(crate) async fn agree<S: AsyncBufRead + AsyncWrite + Unpin>(
    engine: &Engine,
    ask: Ask,
    programs: &[String],
    stream: &mut S,
) -> Result<Agreed, UiError> {
    agree_at(engine.confirmations(), engine, ask, programs, stream).await
}

/// The same, asked at this desk.
pub(super) async fn agree_at<S: AsyncBufRead + AsyncWrite + Unpin>(
    desk: &Confirmations,
    engine: &Engine,
    ask: Ask,
    programs: &[String],
    stream: &mut S,
) -> Result<Agreed, UiError> {
    if desk.gate() == Gate::Headless {
        return Ok(Agreed::Do(ask));
    }
    let facts = gather(engine, &ask, programs).await?;
    let ask = pin(ask, &facts)?;
    let Some(text) = widening(&ask, &facts) else {
        // Decided by what is so now, so a client made in the next moment is not told unasked.
        let nothing_to_tell = matches!(ask, Ask::StaticClient);
        return Ok(if nothing_to_tell {
            Agreed::NoClient
        } else {
            Agreed::Do(ask)
        });
    };
    check(engine, &ask, &facts)?;
    text.check(Asker::Command)?;
    let pending = desk.raise(Asker::Command, text)?;
    if !write_answer(stream, &Answer::Waiting(WAITING.to_owned())).await {
        return Ok(Agreed::Gone);
    }
    tokio::select! {
        outcome = pending.outcome() => verdict(outcome)?,
        // The caller has nothing more to say: whatever comes, also the end, ends the conversation.
        _ = stream.fill_buf() => return Ok(Agreed::Gone),
    }
    Ok(Agreed::Do(ask))
}

async fn gather(engine: &Engine, ask: &Ask, programs: &[String]) -> Result<Facts, UiError> {
    let addresses = engine.addresses();
    let rule = match ask {
        Ask::SetToolRule { server, tool, .. } => rule_now(engine, server, tool)?,
        _ => RuleNow::default(),
    };
    Ok(Facts {
        approvals: ui_api::approvals(engine),
        servers: engine
            .gateway()
            .servers()
            .into_iter()
            .map(|server| (server.name, server.command))
            .collect(),
        rule,
        static_client: engine.oauth().static_client().await?.is_some(),
        key_place: engine.vault().key_place().to_string(),
        local_url: addresses.local_url(),
        public_url: addresses.public_url(),
        programs: programs.to_vec(),
    })
}

fn rule_now(engine: &Engine, server: &str, tool: &str) -> Result<RuleNow, UiError> {
    let gateway = engine.gateway();
    let known = gateway.known_tools(server)?;
    let known = known.iter().find(|known| known.name == tool);
    Ok(RuleNow {
        set: gateway.tool_rule(server, tool)?,
        of_kind: known.map(|known| known.kind.default_rule()),
    })
}
