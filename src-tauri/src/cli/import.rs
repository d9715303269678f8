//! `drawbridge import FILE`: takes over the values of the original guide's `.env`.

use std::path::Path;

use super::{CommandError, Context};
use crate::config::{EnvFile, Environment, GuideValues, Variable};
use crate::control::AskError;
use crate::engine::open_offline;
use crate::ui_api::{Ask, Imported, ImportedValues, import_into};

pub(super) async fn run(file: &Path, context: &Context) -> Result<(), CommandError> {
    let found = EnvFile::read(file)?;
    let nothing_else = Environment::from_pairs(std::iter::empty::<(String, String)>());
    let values = GuideValues::gather(&nothing_else, Some(&found))?;
    if Variable::ALL
        .iter()
        .all(|variable| found.value(*variable).is_none())
    {
        return Err(CommandError::Failed(format!(
            "{} holds none of BASE_URL, OAUTH_CLIENT_SECRET and TOKEN_ENCRYPTION_KEY; nothing was \
             changed.",
            file.display()
        )));
    }
    let asked = context
        .client
        .ask(&Ask::Import(ImportedValues::from(&values)))
        .await;
    let imported: Imported = match asked {
        Ok(imported) => imported,
        Err(AskError::NotRunning) => {
            let offline = open_offline(&context.folders, &values).await?;
            let done = import_into(
                &offline.vault,
                &offline.oauth,
                ImportedValues::from(&values),
            )
            .await;
            offline.vault.close().await;
            done?
        }
        Err(error) => return Err(error.into()),
    };
    Ok(context.terminal.text(&report(file, &found, &imported))?)
}

/// What was taken over, and what still stands in the file in plain text.
fn report(file: &Path, found: &EnvFile, imported: &Imported) -> String {
    let mut text = String::new();
    let mut taken = Vec::new();
    let mut say = |line: &str| {
        text.push_str(line);
        text.push('\n');
    };
    if imported.base_url {
        taken.push(Variable::BaseUrl.name());
        say("BASE_URL              kept; serve uses it from the next start on");
    }
    if imported.client_secret {
        taken.push(Variable::OauthClientSecret.name());
        say("OAUTH_CLIENT_SECRET   sealed; see it with: drawbridge secrets client");
    }
    if let Some(problem) = &imported.key_problem {
        say(&format!(
            "TOKEN_ENCRYPTION_KEY  stays where it is: {problem}.\n{:22}Then run: drawbridge secrets move --to keychain",
            ""
        ));
    } else if found.value(Variable::TokenEncryptionKey).is_some() {
        if imported.key_place == "environment" {
            say(
                "TOKEN_ENCRYPTION_KEY  stays where it is: without a keychain Drawbridge needs it at each start",
            );
        } else {
            taken.push(Variable::TokenEncryptionKey.name());
            let place = if imported.key_place == "file" {
                "a key file"
            } else {
                "the keychain"
            };
            say(&format!(
                "TOKEN_ENCRYPTION_KEY  not needed any more: the key is in {place}"
            ));
        }
    }
    let file = file.display();
    if !taken.is_empty() {
        say(&format!(
            "\n{file} still holds {} in plain text. Delete these lines from it, and from backups of it;\n\
             if the file was ever shared or committed, make a new secret: drawbridge secrets client --new",
            taken.join(", ")
        ));
    }
    if !found.others().is_empty() {
        say(&format!(
            "\nLeft alone in {file}, because they are not Drawbridge's: {}\n\
             A server's own secret is kept sealed with: drawbridge servers add NAME --env VARIABLE -- COMMAND",
            found.others().join(", ")
        ));
    }
    text
}
