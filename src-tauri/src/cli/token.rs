//! `drawbridge token …`.

use jiff::Unit;

use super::approvals::terms;
use super::arguments::Token;
use super::{CommandError, Context, connections};
use crate::ui_api::{Ask, ConnectionView, NewToken, TokenShown};

pub(super) async fn run(command: Token, context: &Context) -> Result<(), CommandError> {
    match command {
        Token::Create(new) => {
            let question = Ask::CreateToken(NewToken {
                name: new.name,
                terms: terms(&new.terms),
                public: new.public,
            });
            let shown: TokenShown = context.client.ask(&question).await?;
            if new.output.json {
                return context.terminal.json(&shown);
            }
            context.terminal.line(shown.token.expose())?;
            let ends = shown.expires_at.map_or_else(
                || "until you revoke it".to_owned(),
                |end| format!("until {}", end.round(Unit::Second).unwrap_or(end)),
            );
            let servers = if shown.servers.is_empty() {
                "no server (there is none yet)".to_owned()
            } else {
                shown.servers.join(", ")
            };
            context.terminal.note(&format!(
                "Keep it now, it is not shown again. It reaches {servers}, {ends}.\n\
                 Send it as: Authorization: Bearer …   End it with: drawbridge token revoke {}",
                shown.id
            ));
            Ok(())
        }
        Token::List(output) => {
            let mut tokens: Vec<ConnectionView> = context
                .client
                .ask(&Ask::Connections { ended: false })
                .await?;
            tokens.retain(ConnectionView::is_script_token);
            connections::print(&tokens, output.json, "There is no token.", context)
        }
        Token::Revoke { id } => connections::revoke(&id, context).await,
    }
}
