//! `drawbridge secrets …`.

use super::arguments::{Secrets, StaticClient};
use super::{CommandError, Context};
use crate::ui_api::{Ask, Moved, Rotated, SecretsView, StaticClientChange, StaticClientView};

pub(super) async fn run(command: Secrets, context: &Context) -> Result<(), CommandError> {
    match command {
        Secrets::List(output) => {
            let secrets: SecretsView = context.client.ask(&Ask::Secrets).await?;
            if output.json {
                return context.terminal.json(&secrets);
            }
            context
                .terminal
                .line(format!("The key is in the {}.", place(&secrets.key_place)))?;
            if let Some(warning) = secrets.warning {
                context.terminal.line(warning)?;
            }
            if secrets.names.is_empty() {
                return Ok(context
                    .terminal
                    .line("No secret of a server or client is kept.")?);
            }
            Ok(context
                .terminal
                .line(format!("Kept under it: {}", secrets.names.join(", ")))?)
        }
        Secrets::Rotate(output) => {
            let rotated: Rotated = context.client.ask(&Ask::RotateSecrets).await?;
            if output.json {
                return context.terminal.json(&rotated);
            }
            let count = rotated.resealed;
            Ok(context
                .terminal
                .line(format!("A new key seals everything: {count} values."))?)
        }
        Secrets::Move { to } => {
            let moved: Moved = context.client.ask(&Ask::MoveKey { to }).await?;
            let place = place(&moved.key_place);
            Ok(context
                .terminal
                .line(format!("The key is in the {place} now."))?)
        }
        Secrets::Client(change) => client(change, context).await,
    }
}

fn place(key_place: &str) -> &str {
    match key_place {
        "environment" => "environment (TOKEN_ENCRYPTION_KEY)",
        "file" => "data folder, in a file of its own",
        place => place,
    }
}

async fn client(change: StaticClient, context: &Context) -> Result<(), CommandError> {
    let asked = StaticClientChange {
        new_secret: change.new,
        remove: change.remove,
        add_redirect: change.add_redirect,
    };
    let question = if asked.is_none() {
        Ask::StaticClient
    } else {
        Ask::ChangeStaticClient(asked)
    };
    let client: Option<StaticClientView> = context.client.ask(&question).await?;
    if change.output.json {
        return context.terminal.json(&client);
    }
    let Some(client) = client else {
        return Ok(context.terminal.line(if change.remove {
            "Removed. Its connections have ended."
        } else {
            "There is no such client. Make one with: drawbridge secrets client --new"
        })?);
    };
    context.terminal.text(&format!(
        "Client ID          {}\nClient secret      {}\nAuthorization URL  {}\nToken URL          {}\n",
        client.client_id,
        client.client_secret.expose(),
        client.authorization_url,
        client.token_url,
    ))?;
    context
        .terminal
        .line("Goes back to       ChatGPT and Claude")?;
    for redirect in &client.redirect_uris {
        context.terminal.line(format!("{:<19}{redirect}", ""))?;
    }
    Ok(())
}
