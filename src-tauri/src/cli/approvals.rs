//! `drawbridge approvals`, `approve` and `deny`.

use drawbridge_vault::ports::{Clock as _, SystemClock};

use super::arguments::{Approve, Output, Terms};
use super::{CommandError, Context, show};
use crate::ui_api::{ApprovalView, Ask, Decided, Decision, TermsChoice};

pub(super) async fn list(output: Output, context: &Context) -> Result<(), CommandError> {
    let waiting: Vec<ApprovalView> = context.client.ask(&Ask::Approvals).await?;
    if output.json {
        return context.terminal.json(&waiting);
    }
    if waiting.is_empty() {
        return Ok(context.terminal.line("Nothing waits for you.")?);
    }
    let now = SystemClock.now();
    for approval in &waiting {
        context
            .terminal
            .line(format!("{}  asks to connect", approval.id))?;
        context.terminal.line(show::question(approval, now))?;
    }
    let id = waiting.first().map_or("", |approval| approval.id.as_str());
    context.terminal.line(format!(
        "Let it in:     drawbridge approve {id} [--access read|read-write] [--servers a,b|all] [--expires 1h|1d|30d|never]\n\
         Turn it away:  drawbridge deny {id}"
    ))?;
    Ok(())
}

/// The terms as the engine takes them.
pub(super) fn terms(terms: &Terms) -> TermsChoice {
    let names = terms.servers.trim();
    TermsChoice {
        servers: (names != "all").then(|| {
            names
                .split(',')
                .map(str::trim)
                .filter(|name| !name.is_empty())
                .map(str::to_owned)
                .collect()
        }),
        access: terms.access,
        lifetime: terms.expires,
    }
}

/// The question as it is shown to the person whose command this is.
async fn shown(id: &str, context: &Context) -> Result<ApprovalView, CommandError> {
    let waiting: Vec<ApprovalView> = context.client.ask(&Ask::Approvals).await?;
    waiting.into_iter().find(|approval| approval.id == id.trim()).ok_or_else(
        || {
            CommandError::Failed(format!(
                "No question {id:?} is waiting: it was answered, withdrawn after its time, or never \
                 was. See what waits with: drawbridge approvals"
            ))
        },
    )
}

pub(super) async fn approve(choice: Approve, context: &Context) -> Result<(), CommandError> {
    let approval = shown(&choice.id, context).await?;
    context
        .terminal
        .text(&show::question(&approval, SystemClock.now()))?;
    let decided: Decided = context
        .client
        .ask(&Ask::Decide(Decision {
            id: approval.id,
            shown: approval.shown,
            terms: Some(terms(&choice.terms)),
        }))
        .await?;
    let access = choice.terms.access;
    let servers = if decided.servers.is_empty() {
        "no server yet (add one, then connect again)".to_owned()
    } else {
        decided.servers.join(", ")
    };
    let until = match choice.terms.expires.as_str() {
        "never" => "until you revoke it".to_owned(),
        lifetime => format!("for {lifetime}"),
    };
    context
        .terminal
        .line(format!("\nApproved: {access} on {servers}, {until}."))?;
    Ok(())
}

pub(super) async fn deny(id: &str, context: &Context) -> Result<(), CommandError> {
    let approval = shown(id, context).await?;
    let decided: Decided = context
        .client
        .ask(&Ask::Decide(Decision {
            id: approval.id,
            shown: approval.shown,
            terms: None,
        }))
        .await?;
    Ok(context.terminal.line(format!("Denied: {}", decided.id))?)
}

#[cfg(test)]
mod tests {
    use drawbridge_oauth::{AccessLevel, GrantLifetime};

    use super::*;

    #[test]
    fn servers_are_names_or_all_of_this_moment() {
        let choose = |servers: &str| {
            terms(&Terms {
                access: AccessLevel::Read,
                servers: servers.to_owned(),
                expires: GrantLifetime::Day,
            })
            .servers
        };
        assert_eq!(choose("all"), None);
        assert_eq!(choose("a, b,"), Some(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(choose(""), Some(vec![]));
    }
}
