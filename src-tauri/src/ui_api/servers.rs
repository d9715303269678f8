//! The MCP servers behind the bridge, their tools and rules.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use drawbridge_gateway::{GatewayError, Rule, ServerStatus, ToolStatus};
use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::command_line::{self, Rules};
use super::{Revealed, ServerHealth, ToolKind, ToolRule, UiError, UiErrorCode};
use crate::engine::Engine;

/// A server to add.
#[derive(Serialize, Deserialize)]
pub struct NewServer {
    /// Its name.
    pub name: String,
    /// The program.
    pub command: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Variables for it; they may hold secrets, which are sealed.
    pub env: BTreeMap<String, Revealed>,
    /// The folder it runs in.
    pub directory: Option<PathBuf>,
}

/// A server to add, as it is typed into the window.
#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct NewServerForm {
    /// Its name.
    pub name: String,
    /// The program with its arguments, on one line as in a shell.
    pub command_line: String,
    /// Variables for it.
    pub env: Vec<EnvVar>,
    /// The folder it runs in.
    pub directory: Option<String>,
}

/// A variable for a server; it may hold a secret, which is sealed.
#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct EnvVar {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Revealed,
}

/// A server, for the one who owns it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ServerView {
    /// Its name.
    pub name: String,
    /// Switched on?
    pub enabled: bool,
    /// Whether it runs.
    pub health: ServerHealth,
    /// The program; its arguments may hold secrets and are not told.
    pub command: String,
    /// How many tools it has, as far as that is known.
    pub tools: Option<usize>,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// Its process, while it runs.
    pub process: Option<u32>,
    /// Since when it starts, while it does.
    #[cfg_attr(test, ts(as = "Option<String>"))]
    pub starting_since: Option<Timestamp>,
    /// The last line it said while it starts, without secrets and control characters.
    pub progress: Option<String>,
}

impl From<ServerStatus> for ServerView {
    fn from(server: ServerStatus) -> Self {
        Self {
            name: server.name,
            enabled: server.enabled,
            health: server.health.into(),
            command: server.command,
            tools: server.tools,
            last_error: server.last_error,
            process: server.pid,
            starting_since: server.starting_since,
            progress: server.progress,
        }
    }
}

/// A tool, for the one who owns its server.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ToolView {
    /// Its name at its server.
    pub name: String,
    /// What people call it.
    pub title: Option<String>,
    /// What it does.
    pub kind: ToolKind,
    /// What becomes of its calls.
    pub rule: ToolRule,
    /// Whether the rule is the default of its kind.
    pub rule_is_default: bool,
}

impl From<ToolStatus> for ToolView {
    fn from(tool: ToolStatus) -> Self {
        Self {
            name: tool.name,
            title: tool.title,
            kind: tool.kind.into(),
            rule: tool.rule.into(),
            rule_is_default: tool.rule_is_default,
        }
    }
}

/// All servers, by name.
#[must_use]
pub fn servers(engine: &Engine) -> Vec<ServerView> {
    engine
        .gateway()
        .servers()
        .into_iter()
        .map(ServerView::from)
        .collect()
}

fn server(engine: &Engine, name: &str) -> Result<ServerView, UiError> {
    servers(engine)
        .into_iter()
        .find(|server| server.name == name)
        .ok_or_else(|| GatewayError::NoServer(name.to_owned()).into())
}

/// Adds a server as it was typed in. Answers when it is stored and starting; how that goes is told
/// by [`ServerView`].
pub async fn add_server_form(engine: &Engine, form: NewServerForm) -> Result<ServerView, UiError> {
    let folders = directories::BaseDirs::new();
    let home = folders.as_ref().map(directories::BaseDirs::home_dir);
    add_server(engine, read_form(form, Rules::HERE, home)?).await
}

/// What was typed into the window, taken apart and checked.
fn read_form(form: NewServerForm, rules: Rules, home: Option<&Path>) -> Result<NewServer, UiError> {
    let mut words = command_line::split(&form.command_line, rules, home)
        .map_err(UiError::invalid)?
        .into_iter();
    let command = words.next().unwrap_or_default();
    let mut env = BTreeMap::new();
    for EnvVar { name, value } in form.env {
        if !command_line::is_variable_name(&name) {
            return Err(UiError::invalid(format!(
                "{name:?} cannot be the name of a variable; use letters, digits and underscores, \
                 and no digit first"
            )));
        }
        if env.contains_key(&name) {
            return Err(UiError::invalid(format!(
                "the variable {name} is there twice; keep one of them"
            )));
        }
        env.insert(name, value);
    }
    let directory = form
        .directory
        .filter(|folder| !folder.trim().is_empty())
        .map(|folder| {
            let folder = command_line::at_home(folder.trim().to_owned(), rules, home)
                .map_err(UiError::invalid)?;
            let folder = PathBuf::from(folder);
            if folder.is_absolute() {
                Ok(folder)
            } else {
                Err(UiError::invalid(format!(
                    "the folder {:?} has to be named in full, from the top or from ~",
                    folder.display().to_string()
                )))
            }
        })
        .transpose()?;
    Ok(NewServer {
        name: form.name.trim().to_owned(),
        command,
        args: words.collect(),
        env,
        directory,
    })
}

/// Whether this server could be added: its name is one and is free, and there is a command.
pub(crate) fn check_server(engine: &Engine, new: &NewServer) -> Result<(), UiError> {
    let env = new
        .env
        .iter()
        .map(|(name, value)| (name.clone(), SecretString::from(value.expose())))
        .collect();
    Ok(engine
        .gateway()
        .check_server(drawbridge_gateway::NewServer {
            name: new.name.clone(),
            command: new.command.clone(),
            args: new.args.clone(),
            env,
            directory: new.directory.clone(),
        })?)
}

/// Adds a server and starts it, so that its tools are known. Answers when it is stored and starting.
/// It is in no connection until it is given to one.
pub async fn add_server(engine: &Engine, new: NewServer) -> Result<ServerView, UiError> {
    check_server(engine, &new)?;
    let name = new.name.clone();
    // Removing took the one before out of them; this is for what came in between.
    engine.oauth().forget_server(&name).await?;
    let env = new
        .env
        .into_iter()
        .map(|(name, value)| (name, value.into_secret()))
        .collect();
    engine
        .gateway()
        .add_server(drawbridge_gateway::NewServer {
            name: new.name,
            command: new.command,
            args: new.args,
            env,
            directory: new.directory,
        })
        .await?;
    server(engine, &name)
}

/// Takes a server away, with its rules, and out of every connection: whoever was let in to it was
/// not let in to another program that is given its name.
pub async fn remove_server(engine: &Engine, name: &str) -> Result<(), UiError> {
    server(engine, name)?;
    // First, so that a cut in between leaves a server that nobody reaches, and no name that waits.
    engine.oauth().forget_server(name).await?;
    Ok(engine.gateway().remove_server(name).await?)
}

/// Switches a server on or off.
pub async fn enable_server(
    engine: &Engine,
    name: &str,
    enabled: bool,
) -> Result<ServerView, UiError> {
    engine.gateway().set_enabled(name, enabled).await?;
    server(engine, name)
}

/// The last lines a server wrote to its stderr, oldest first; without control characters and
/// without what looks like a secret of ours.
pub fn server_log(engine: &Engine, name: &str) -> Result<Vec<String>, UiError> {
    Ok(engine.gateway().log_tail(name)?)
}

/// A server's tools; it is started if they are not known.
pub async fn tools(engine: &Engine, server: &str) -> Result<Vec<ToolView>, UiError> {
    Ok(engine
        .gateway()
        .tools(server)
        .await?
        .into_iter()
        .map(ToolView::from)
        .collect())
}

/// The word that takes a tool's rule away, so that the default of its kind holds again.
pub(crate) const DEFAULT_RULE: &str = "default";

/// Says what a tool may do: `allow`, `ask`, `block`, or `default`.
pub async fn set_tool_rule(
    engine: &Engine,
    server: &str,
    tool: &str,
    rule: &str,
) -> Result<ToolView, UiError> {
    let set: Option<Rule> = if rule == DEFAULT_RULE {
        engine.gateway().clear_tool_rule(server, tool).await?;
        None
    } else {
        let rule = rule
            .parse()
            .map_err(|error| UiError::invalid(format!("{error}, or {DEFAULT_RULE}")))?;
        engine.gateway().set_tool_rule(server, tool, rule).await?;
        Some(rule)
    };
    let told = tools(engine, server).await.unwrap_or_default();
    Ok(told
        .into_iter()
        .find(|known| known.name == tool)
        .unwrap_or_else(|| ToolView {
            name: tool.to_owned(),
            title: None,
            kind: ToolKind::Unknown,
            rule: set.map_or_else(
                || drawbridge_gateway::ToolKind::Unknown.default_rule().into(),
                ToolRule::from,
            ),
            rule_is_default: set.is_none(),
        }))
}

impl From<GatewayError> for UiError {
    fn from(error: GatewayError) -> Self {
        let code = match &error {
            GatewayError::Name(_) | GatewayError::Settings(_) => UiErrorCode::Invalid,
            GatewayError::NoServer(_) | GatewayError::NoTool { .. } => UiErrorCode::NotFound,
            GatewayError::Exists(_) => UiErrorCode::Conflict,
            GatewayError::TooMany | GatewayError::Unavailable { .. } => UiErrorCode::Unavailable,
            _ => UiErrorCode::Failed,
        };
        Self::new(code, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(command_line: &str, env: &[(&str, &str)], directory: Option<&str>) -> NewServerForm {
        NewServerForm {
            name: " files ".to_owned(),
            command_line: command_line.to_owned(),
            env: env
                .iter()
                .map(|&(name, value)| EnvVar {
                    name: name.to_owned(),
                    value: Revealed::new(SecretString::from(value)),
                })
                .collect(),
            directory: directory.map(str::to_owned),
        }
    }

    fn read(form: NewServerForm) -> Result<NewServer, UiError> {
        read_form(form, Rules::Posix, Some(Path::new("/home/ada")))
    }

    #[test]
    fn a_form_is_read_as_it_was_meant() {
        let server = read(form(
            "npx -y 'a thing' ~/notes",
            &[("TOKEN", "hush"), ("EMPTY", "")],
            Some(" ~/work "),
        ))
        .unwrap();
        assert_eq!(server.name, "files");
        assert_eq!(server.command, "npx");
        assert_eq!(server.args, ["-y", "a thing", "/home/ada/notes"]);
        assert_eq!(server.env["TOKEN"].expose(), "hush");
        assert_eq!(server.env["EMPTY"].expose(), "");
        assert_eq!(server.directory, Some("/home/ada/work".into()));
        let plain = read(form("npx", &[], Some("  "))).unwrap();
        assert_eq!(plain.directory, None);
    }

    #[test]
    fn what_is_wrong_in_a_form_is_named() {
        let refusal = |form| {
            let error = read(form).err().unwrap();
            assert_eq!(error.code, UiErrorCode::Invalid);
            error.message
        };
        assert!(refusal(form("", &[], None)).contains("no command"));
        assert!(refusal(form("a 'b", &[], None)).contains("' is opened and not closed"));
        assert!(refusal(form("a", &[("A B", "hush")], None)).starts_with("\"A B\" cannot"));
        assert!(refusal(form("a", &[("A", "1"), ("A", "2")], None)).contains("A is there twice"));
        assert!(refusal(form("a", &[], Some("work"))).contains("\"work\" has to be named in full"));
    }
}
