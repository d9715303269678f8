//! The gateway itself: its servers, their rules, and who may see which of them.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use drawbridge_oauth::{ServerChoice, ServerDirectory};
use drawbridge_vault::ports::Clock;
use drawbridge_vault::{ServerRow, StoreError, Vault};
use futures_util::future::join_all;
use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::child::Starter;
use crate::events::{Event, EventSink};
use crate::names::{BadServerName, ServerName};
use crate::rules::{Rule, ToolKind};
use crate::server::{ChildEnvironment, Health, Server, Surroundings, Unavailable};
use crate::settings::{BadSettings, NewServer, Settings};

/// Servers one gateway takes.
pub const MAX_SERVERS: usize = 100;
/// Calls that may run at the same time.
pub const MAX_CALLS: usize = 512;
/// The most characters told of a line that a starting server said.
pub const MAX_PROGRESS_LINE: usize = 200;
/// How long the owner's own questions wait for a server that starts. It goes on starting.
const OWNER_WAIT: Duration = Duration::from_mins(1);

/// What the gateway is built from.
pub struct Dependencies {
    /// Where servers, rules and the audit are kept.
    pub vault: Vault,
    /// Tells when things happened.
    pub clock: Arc<dyn Clock>,
    /// What children start from.
    pub environment: ChildEnvironment,
    /// Takes the news.
    pub events: Arc<dyn EventSink>,
    /// What may be set.
    pub options: Options,
}

/// What may be set.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long a call may take before it is answered with an error and cancelled. Clients give up
    /// after about 60 s without telling anybody.
    pub call_deadline: Duration,
    /// How long a listing waits for servers that are starting; the ones that are later are left out.
    pub list_deadline: Duration,
    /// Answers as if MCP ended at 2025-11-25: a way out when a client's newer path is broken.
    pub cap_at_2025_11_25: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            call_deadline: Duration::from_secs(55),
            list_deadline: Duration::from_secs(25),
            cap_at_2025_11_25: false,
        }
    }
}

/// Why the gateway did not do what the owner asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GatewayError {
    /// The name cannot be a server's.
    #[error(transparent)]
    Name(#[from] BadServerName),
    /// The settings cannot be used.
    #[error(transparent)]
    Settings(#[from] BadSettings),
    /// The name is taken.
    #[error("there is a server `{0}` already; remove it first, or choose another name")]
    Exists(String),
    /// No such server.
    #[error("there is no server `{0}`; `drawbridge servers list` shows them")]
    NoServer(String),
    /// No such tool.
    #[error(
        "the server `{server}` has no tool `{tool}`; `drawbridge servers tools {server}` shows them"
    )]
    NoTool {
        /// The server.
        server: String,
        /// The tool.
        tool: String,
    },
    /// More servers than [`MAX_SERVERS`].
    #[error("there are {MAX_SERVERS} servers already; remove one first")]
    TooMany,
    /// The server cannot be asked.
    #[error("the server `{server}` cannot be asked for its tools: {reason}")]
    Unavailable {
        /// The server.
        server: String,
        /// What is wrong, for its owner.
        reason: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The system failed.
    #[error("the thread that starts servers could not be started: {0}")]
    Thread(std::io::Error),
}

/// A server, for the one who owns it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServerStatus {
    /// Its name.
    pub name: String,
    /// Switched on.
    pub enabled: bool,
    /// When it was added: another server of its name has another time.
    pub created_at: Timestamp,
    /// Whether it runs.
    pub health: Health,
    /// The program that is started. Its arguments may hold secrets and are not told.
    pub command: String,
    /// How many tools it has, as far as that is known.
    pub tools: Option<usize>,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// The process, while it runs.
    pub pid: Option<u32>,
    /// Since when it starts, while it does.
    pub starting_since: Option<Timestamp>,
    /// The last line it said while it starts: redacted, without control characters, at most
    /// [`MAX_PROGRESS_LINE`] characters.
    pub progress: Option<String>,
}

/// A tool, for the one who owns its server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ToolStatus {
    /// Its own name.
    pub name: String,
    /// What people call it.
    pub title: Option<String>,
    /// What it does.
    pub kind: ToolKind,
    /// What becomes of its calls.
    pub rule: Rule,
    /// Whether the rule is the default of its kind.
    pub rule_is_default: bool,
}

/// The gateway. Clones share one.
#[derive(Clone)]
pub struct Gateway {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) vault: Vault,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) events: Arc<dyn EventSink>,
    pub(crate) options: Options,
    pub(crate) calls: Arc<Semaphore>,
    environment: ChildEnvironment,
    starter: Starter,
    servers: RwLock<BTreeMap<String, Arc<Server>>>,
    /// One change at a time, so that the store and the table never differ.
    changing: tokio::sync::Mutex<()>,
}

impl Gateway {
    /// Reads the servers. None is started before somebody needs it. Must be called inside a runtime.
    pub fn start(dependencies: Dependencies) -> Result<Self, GatewayError> {
        let Dependencies {
            vault,
            clock,
            environment,
            events,
            options,
        } = dependencies;
        let gateway = Self {
            inner: Arc::new(Inner {
                vault,
                clock,
                events,
                options,
                calls: Arc::new(Semaphore::new(MAX_CALLS)),
                environment,
                starter: Starter::new().map_err(GatewayError::Thread)?,
                servers: RwLock::default(),
                changing: tokio::sync::Mutex::default(),
            }),
        };
        let rows = gateway.inner.vault.read::<_, StoreError>(|reader| {
            let mut rows = Vec::new();
            for row in reader.servers()? {
                let rules = reader.tool_rules(&row.name)?;
                rows.push((row, rules));
            }
            Ok(rows)
        })?;
        for (row, rules) in rows {
            let rules = rules
                .into_iter()
                // A rule that cannot be read blocks: it was not written to let anything through.
                .map(|row| (row.tool, row.rule.parse().unwrap_or(Rule::Block)))
                .collect();
            match gateway.server(&row, rules) {
                Ok(server) => gateway.insert(server),
                // One damaged server keeps none of the others from working.
                Err(error) => tracing::error!(server = row.name, %error, "a server was left out"),
            }
        }
        Ok(gateway)
    }

    fn server(
        &self,
        row: &ServerRow,
        rules: HashMap<String, Rule>,
    ) -> Result<Server, GatewayError> {
        Ok(Server::new(
            row.name.parse()?,
            Settings::from_details(&row.details)?,
            row.created_at,
            row.enabled,
            rules,
            Surroundings {
                starter: self.inner.starter.clone(),
                environment: self.inner.environment.clone(),
                clock: Arc::clone(&self.inner.clock),
                events: Arc::clone(&self.inner.events),
            },
        ))
    }

    fn insert(&self, server: Server) {
        self.inner
            .servers
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(server.name.to_string(), Arc::new(server));
    }

    /// All servers, by name.
    pub(crate) fn all(&self) -> Vec<Arc<Server>> {
        self.inner
            .servers
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .cloned()
            .collect()
    }

    pub(crate) fn find(&self, name: &str) -> Option<Arc<Server>> {
        self.inner
            .servers
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(name)
            .cloned()
    }

    fn get(&self, name: &str) -> Result<Arc<Server>, GatewayError> {
        self.find(name)
            .ok_or_else(|| GatewayError::NoServer(name.to_owned()))
    }

    /// Adds a server, switched on, and starts it, so that its tools are known soon.
    pub async fn add_server(&self, server: NewServer) -> Result<(), GatewayError> {
        let name: ServerName = server.name.parse()?;
        let details = Settings::new(server)?.to_details()?;
        let _one = self.inner.changing.lock().await;
        if self.find(name.as_str()).is_some() {
            return Err(GatewayError::Exists(name.into()));
        }
        if self.all().len() >= MAX_SERVERS {
            return Err(GatewayError::TooMany);
        }
        let row = ServerRow {
            name: name.to_string(),
            enabled: true,
            created_at: self.inner.clock.now(),
            details,
        };
        let server = self.server(&row, HashMap::new())?;
        self.inner
            .vault
            .write::<_, StoreError>(move |writer| writer.put_server(&row))
            .await?;
        self.insert(server);
        if let Some(server) = self.find(name.as_str()) {
            server.warm_up();
        }
        self.changed();
        Ok(())
    }

    /// Whether a server could be added as things stand. Nothing is done, and [`Self::add_server`]
    /// looks again.
    pub fn check_server(&self, server: NewServer) -> Result<(), GatewayError> {
        let name: ServerName = server.name.parse()?;
        Settings::new(server)?.to_details()?;
        if self.find(name.as_str()).is_some() {
            return Err(GatewayError::Exists(name.into()));
        }
        if self.all().len() >= MAX_SERVERS {
            return Err(GatewayError::TooMany);
        }
        Ok(())
    }

    /// Removes a server with its rules, and ends its child.
    pub async fn remove_server(&self, name: &str) -> Result<(), GatewayError> {
        let _one = self.inner.changing.lock().await;
        let server = self.get(name)?;
        let key = name.to_owned();
        self.inner
            .vault
            .write::<_, StoreError>(move |writer| writer.delete_server(&key))
            .await?;
        self.inner
            .servers
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(name);
        server.set_enabled(false).await;
        self.changed();
        Ok(())
    }

    /// Switches a server on and starts it, or off and ends its child.
    pub async fn set_enabled(&self, name: &str, enabled: bool) -> Result<(), GatewayError> {
        let _one = self.inner.changing.lock().await;
        let server = self.get(name)?;
        let row = ServerRow {
            name: name.to_owned(),
            enabled,
            created_at: server.created_at,
            details: server.settings.to_details()?,
        };
        self.inner
            .vault
            .write::<_, StoreError>(move |writer| writer.put_server(&row))
            .await?;
        server.set_enabled(enabled).await;
        if enabled {
            server.warm_up();
        }
        self.changed();
        Ok(())
    }

    /// All servers with their state, by name.
    #[must_use]
    pub fn servers(&self) -> Vec<ServerStatus> {
        self.all()
            .iter()
            .map(|server| {
                let starting = server.starting();
                ServerStatus {
                    name: server.name.to_string(),
                    enabled: server.is_enabled(),
                    created_at: server.created_at,
                    health: server.health(),
                    command: server.settings.to_string(),
                    tools: server.known_tools().map(|tools| tools.len()),
                    last_error: server.last_error().map(|error| error.to_string()),
                    pid: server.pid(),
                    starting_since: starting.as_ref().map(|(since, _)| *since),
                    progress: starting
                        .and_then(|(_, said)| said)
                        .map(|line| line.chars().take(MAX_PROGRESS_LINE).collect()),
                }
            })
            .collect()
    }

    /// The tools of one server with their rules, in the server's order. Starts it if its tools are
    /// not known.
    pub async fn tools(&self, server: &str) -> Result<Vec<ToolStatus>, GatewayError> {
        let server = self.get(server)?;
        let tools = server
            .tools(Instant::now() + OWNER_WAIT)
            .await
            .map_err(|unavailable| self.unavailable(&server, &unavailable))?;
        Ok(tool_statuses(&server, &tools))
    }

    /// The tools of one server with their rules, as far as they are known: none when they are not.
    /// Starts nothing.
    pub fn known_tools(&self, server: &str) -> Result<Vec<ToolStatus>, GatewayError> {
        let server = self.get(server)?;
        let tools = server.known_tools().unwrap_or_default();
        Ok(tool_statuses(&server, &tools))
    }

    /// The rule the owner set for one tool, if any.
    pub fn tool_rule(&self, server: &str, tool: &str) -> Result<Option<Rule>, GatewayError> {
        Ok(self.get(server)?.rule(tool))
    }

    #[expect(clippy::unused_self, reason = "reads like the questions it belongs to")]
    fn unavailable(&self, server: &Server, unavailable: &Unavailable) -> GatewayError {
        let reason = match (unavailable, server.last_error()) {
            (Unavailable::DidNotStart | Unavailable::Resting(_), Some(error)) => error.to_string(),
            _ => format!("it {unavailable}"),
        };
        GatewayError::Unavailable {
            server: server.name.to_string(),
            reason,
        }
    }

    /// Sets the rule of one tool. The tool must be known, where the server's tools are known.
    pub async fn set_tool_rule(
        &self,
        server: &str,
        tool: &str,
        rule: Rule,
    ) -> Result<(), GatewayError> {
        let _one = self.inner.changing.lock().await;
        let server = self.get(server)?;
        let is_there =
            |tools: crate::server::Tools| tools.iter().any(|known| known.tool.name == tool);
        // A rule that narrows may be set for a tool that is not there now.
        if rule != Rule::Block && server.known_tools().is_some_and(|tools| !is_there(tools)) {
            return Err(GatewayError::NoTool {
                server: server.name.to_string(),
                tool: tool.to_owned(),
            });
        }
        let (key, name) = (server.name.to_string(), tool.to_owned());
        self.inner
            .vault
            .write::<_, StoreError>(move |writer| {
                writer.put_tool_rule(&key, &name, &rule.to_string())
            })
            .await?;
        server.set_rule(tool.to_owned(), rule);
        self.changed();
        Ok(())
    }

    /// Takes the rule of one tool away: the default of its kind holds again.
    pub async fn clear_tool_rule(&self, server: &str, tool: &str) -> Result<(), GatewayError> {
        let _one = self.inner.changing.lock().await;
        let server = self.get(server)?;
        let (key, name) = (server.name.to_string(), tool.to_owned());
        self.inner
            .vault
            .write::<_, StoreError>(move |writer| writer.delete_tool_rule(&key, &name))
            .await?;
        server.clear_rule(tool);
        self.changed();
        Ok(())
    }

    /// The last lines the server wrote to its stderr, oldest first.
    pub fn log_tail(&self, server: &str) -> Result<Vec<String>, GatewayError> {
        Ok(self.get(server)?.tail())
    }

    /// The processes of all running servers.
    #[must_use]
    pub fn child_processes(&self) -> Vec<u32> {
        self.all()
            .iter()
            .filter_map(|server| server.pid())
            .collect()
    }

    /// Ends all children and waits until they are gone. Calls in flight fail at once, and nothing
    /// starts any more.
    pub async fn shutdown(&self) {
        let servers = self.all();
        join_all(servers.iter().map(|server| server.set_enabled(false))).await;
        self.inner.starter.settle().await;
    }

    fn changed(&self) {
        self.inner.events.send(Event::ServersChanged);
    }
}

fn tool_statuses(server: &Server, tools: &[crate::server::KnownTool]) -> Vec<ToolStatus> {
    let status = |known: &crate::server::KnownTool| {
        let rule = server.rule(&known.tool.name);
        ToolStatus {
            name: known.tool.name.to_string(),
            title: known.tool.title.clone(),
            kind: known.kind,
            rule: rule.unwrap_or_else(|| known.kind.default_rule()),
            rule_is_default: rule.is_none(),
        }
    };
    tools.iter().map(status).collect()
}

impl ServerDirectory for Gateway {
    fn servers(&self) -> Vec<ServerChoice> {
        self.all()
            .iter()
            .filter(|server| server.is_enabled())
            .map(|server| {
                let tools = server.known_tools().unwrap_or_default();
                let count = |wanted: &dyn Fn(&crate::server::KnownTool) -> bool| {
                    u32::try_from(tools.iter().filter(|known| wanted(known)).count())
                        .unwrap_or(u32::MAX)
                };
                let rule = |known: &crate::server::KnownTool| {
                    server
                        .rule(&known.tool.name)
                        .unwrap_or_else(|| known.kind.default_rule())
                };
                ServerChoice {
                    name: server.name.to_string(),
                    title: server.name.to_string(),
                    tools: count(&|known| rule(known) != Rule::Block),
                    changing: count(&|known| {
                        rule(known) != Rule::Block && known.kind != ToolKind::Reads
                    }),
                    asking: count(&|known| rule(known) == Rule::Ask),
                }
            })
            .collect()
    }
}
