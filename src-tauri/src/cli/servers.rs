//! `drawbridge servers …`.

use std::collections::BTreeMap;

use secrecy::SecretString;

use super::arguments::{AddServer, Servers};
use super::terminal::{printable, table};
use super::{CommandError, Context};
use crate::config::Environment;
use crate::ui_api::{Ask, NewServer, Revealed, ServerView, ToolRule, ToolView};

pub(super) async fn run(command: Servers, context: &Context) -> Result<(), CommandError> {
    match command {
        Servers::Add(new) => add(new, context).await,
        Servers::List(output) => {
            let servers: Vec<ServerView> = context.client.ask(&Ask::Servers).await?;
            if output.json {
                return context.terminal.json(&servers);
            }
            list(&servers, context)
        }
        Servers::Remove { name } => {
            let () = context
                .client
                .ask(&Ask::RemoveServer { name: name.clone() })
                .await?;
            Ok(context
                .terminal
                .line(format!("Removed: {name}, with its rules."))?)
        }
        Servers::Enable { name } => enable(name, true, context).await,
        Servers::Disable { name } => enable(name, false, context).await,
        Servers::Tools {
            name,
            tool: Some(tool),
            rule: Some(rule),
            output,
        } => {
            let set = Ask::SetToolRule {
                server: name,
                tool,
                rule,
            };
            let tool: ToolView = context.client.ask(&set).await?;
            if output.json {
                return context.terminal.json(&tool);
            }
            Ok(context
                .terminal
                .line(format!("{}: {}", printable(&tool.name), tool.rule))?)
        }
        Servers::Tools { name, output, .. } => {
            let tools: Vec<ToolView> = context
                .client
                .ask(&Ask::Tools {
                    server: name.clone(),
                })
                .await?;
            if output.json {
                return context.terminal.json(&tools);
            }
            list_tools(&name, &tools, context)
        }
    }
}

async fn add(new: AddServer, context: &Context) -> Result<(), CommandError> {
    let mut words = Vec::new();
    for word in new.command {
        words.push(word.into_string().map_err(|_| {
            CommandError::Usage(
                "The command and its arguments must be readable text (UTF-8).".to_owned(),
            )
        })?);
    }
    let mut words = words.into_iter();
    let command = words.next().unwrap_or_default();
    // The command runs where the owner typed it would have looked, not where Drawbridge runs.
    let directory = new
        .cwd
        .map(std::path::absolute)
        .transpose()
        .map_err(|error| CommandError::Usage(format!("--cwd is no folder name: {error}")))?;
    let question = Ask::AddServer(NewServer {
        name: new.name.clone(),
        command,
        args: words.collect(),
        env: variables(&new.environment, &context.environment)?,
        directory,
    });
    let added: ServerView = context.client.ask(&question).await?;
    context
        .terminal
        .line(format!("Added: {}. It starts now.", added.name))?;
    // Its tools tell whether it works; the owner wants to know at once.
    let tools: Result<Vec<ToolView>, _> = context
        .client
        .ask(&Ask::Tools {
            server: new.name.clone(),
        })
        .await;
    match tools {
        Ok(tools) => list_tools(&new.name, &tools, context)?,
        Err(error) => context.terminal.note(&format!(
            "It is added, but does not answer yet: {error}\n\
             Look again with: drawbridge servers tools {0}   or take it away: drawbridge servers remove {0}",
            new.name
        )),
    }
    Ok(())
}

/// `NAME=VALUE`, or `NAME` for the value this command itself has.
fn variables(
    words: &[String],
    environment: &Environment,
) -> Result<BTreeMap<String, Revealed>, CommandError> {
    words
        .iter()
        .map(|word| {
            if let Some((name, value)) = word.split_once('=') {
                return Ok((name.to_owned(), Revealed::new(SecretString::from(value))));
            }
            let value = environment.get(word).and_then(|value| value.to_str()).ok_or_else(|| {
                CommandError::Usage(format!(
                    "--env {word}: this variable is not set here. Set it, or write --env {word}=VALUE"
                ))
            })?;
            Ok((word.clone(), Revealed::new(SecretString::from(value))))
        })
        .collect()
}

async fn enable(name: String, enabled: bool, context: &Context) -> Result<(), CommandError> {
    let server: ServerView = context
        .client
        .ask(&Ask::EnableServer { name, enabled })
        .await?;
    let state = if server.enabled { "on" } else { "off" };
    Ok(context
        .terminal
        .line(format!("{} is {state}.", server.name))?)
}

fn list(servers: &[ServerView], context: &Context) -> Result<(), CommandError> {
    if servers.is_empty() {
        return Ok(context.terminal.line(
            "No server yet. Add one, for example:\n  \
             drawbridge servers add everything -- npx -y @modelcontextprotocol/server-everything",
        )?);
    }
    let rows: Vec<[String; 4]> = servers
        .iter()
        .map(|server| {
            let state = if server.enabled {
                server.health.as_str()
            } else {
                "off"
            };
            let tools = server
                .tools
                .map_or_else(|| "?".to_owned(), |count| count.to_string());
            [
                server.name.clone(),
                state.to_owned(),
                tools,
                printable(&server.command),
            ]
        })
        .collect();
    context
        .terminal
        .text(&table(["NAME", "STATE", "TOOLS", "COMMAND"], &rows))?;
    for server in servers {
        if let Some(error) = &server.last_error {
            context
                .terminal
                .line(format!("\n{}: {}", server.name, printable(error)))?;
        }
    }
    Ok(())
}

fn list_tools(name: &str, tools: &[ToolView], context: &Context) -> Result<(), CommandError> {
    if tools.is_empty() {
        return Ok(context.terminal.line(format!("{name} has no tools."))?);
    }
    let rows: Vec<[String; 3]> = tools
        .iter()
        .map(|tool| {
            let rule = if tool.rule_is_default {
                tool.rule.to_string()
            } else {
                format!("{} (set by you)", tool.rule)
            };
            [printable(&tool.name), tool.kind.to_string(), rule]
        })
        .collect();
    context
        .terminal
        .text(&table(["TOOL", "WHAT IT DOES", "RULE"], &rows))?;
    if tools.iter().any(|tool| tool.rule == ToolRule::Ask) {
        context.terminal.note(&format!(
            "Tools with the rule ask are refused until you say: drawbridge servers tools {name} TOOL allow"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_come_from_the_line_or_the_environment() {
        let environment = Environment::from_pairs([("NOTION_TOKEN", "hush")]);
        let words = ["A=b=c".to_owned(), "NOTION_TOKEN".to_owned()];
        let found = variables(&words, &environment).unwrap();
        assert_eq!(found["A"].expose(), "b=c");
        assert_eq!(found["NOTION_TOKEN"].expose(), "hush");
        let missing = variables(&["OTHER".to_owned()], &environment)
            .err()
            .unwrap();
        assert!(missing.to_string().contains("OTHER"));
    }
}
