//! What a principal may see, and what becomes of its calls.

use std::sync::Arc;
use std::time::Duration;

use drawbridge_oauth::{LiveGrant, Principal};
use futures_util::future::join_all;
use rmcp::ErrorData;
use rmcp::model::{CallToolResult, ContentBlock, ErrorCode, ResultType, Tool};
use serde_json::{Map, Value};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::child::{Answer, CallFailure, Progress};
use crate::events::{CallRecord, Event, Outcome};
use crate::gateway::Gateway;
use crate::names::{self, Origin};
use crate::rules::{Facts, Refusal, Rule, ToolKind, Verdict, verdict};
use crate::server::{KnownTool, Server, Tools, Unavailable};

/// What a call is told whose grant ended while it waited.
const CONNECTION_OVER: &str = "The call was not made: this connection ended before the call could \
     be sent. Connect again.";

/// A tool under the name clients use.
pub(crate) struct Exposed {
    name: String,
    server: Arc<Server>,
    tools: Tools,
    index: usize,
    verdict: Verdict,
}

impl Exposed {
    fn known(&self) -> Option<&KnownTool> {
        self.tools.get(self.index)
    }
}

/// One `tools/call`.
pub(crate) struct ToolCall {
    pub(crate) name: String,
    pub(crate) arguments: Option<Map<String, Value>>,
    /// The client's `_meta`.
    pub(crate) meta: Map<String, Value>,
    /// What the grant allows when the call is sent.
    pub(crate) live: LiveGrant,
    /// Where progress goes, if the client asked for it.
    pub(crate) progress: Option<mpsc::Sender<Progress>>,
}

impl Gateway {
    /// The tools this principal sees, in a stable order, ready to be listed.
    pub(crate) async fn list(&self, principal: &Principal) -> Vec<Tool> {
        let until = Instant::now() + self.inner.options.list_deadline;
        let servers = self.granted(principal);
        let (found, _) = gather(servers, until).await;
        expose(&found, principal)
            .into_iter()
            .filter(|exposed| exposed.verdict.is_listed())
            .filter_map(|exposed| {
                let mut tool = exposed.known()?.tool.clone();
                tool.name = exposed.name.into();
                Some(tool)
            })
            .collect()
    }

    /// The definition behind a name, as far as this principal may know it without starting
    /// anything: for checking headers against its schema.
    pub(crate) fn definition(&self, principal: &Principal, name: &str) -> Option<Tool> {
        let found: Found = self
            .granted(principal)
            .into_iter()
            .filter_map(|server| {
                let tools = server.known_tools()?;
                Some((server, tools))
            })
            .collect();
        let exposed = by_name(expose(&found, principal), name)?;
        exposed.known().map(|known| known.tool.clone())
    }

    /// The enabled servers of the grant.
    fn granted(&self, principal: &Principal) -> Vec<Arc<Server>> {
        let mut servers = self.all();
        servers.retain(|server| {
            server.is_enabled() && principal.servers.contains(server.name.as_str())
        });
        servers
    }

    /// Calls a tool, within the deadline, and records it.
    pub(crate) async fn call(
        &self,
        principal: &Principal,
        call: ToolCall,
    ) -> Result<CallToolResult, ErrorData> {
        let began = Instant::now();
        let deadline = self.inner.options.call_deadline;
        let until = began + deadline;
        let Ok(_permit) = self.inner.calls.clone().try_acquire_owned() else {
            return Ok(tool_error(
                "Too many calls are running at once; try again in a moment.",
            ));
        };
        let exposed = match self.resolve(principal, &call.name, until).await {
            Ok(exposed) => exposed,
            Err(answer) => return answer,
        };
        let (tool, kind) = match (exposed.known(), exposed.verdict) {
            (
                Some(known),
                Verdict::Run
                | Verdict::Ask
                | Verdict::Refuse(Refusal::Blocked | Refusal::ReadOnlyGrant),
            ) => (known.tool.name.to_string(), known.kind),
            (None, _) | (_, Verdict::Refuse(Refusal::NotThere)) => {
                return Err(unknown_tool(&call.name));
            }
        };
        // Dropped with the request: whatever happens to it, the call is recorded.
        let mut record = Recorder {
            gateway: self.clone(),
            began,
            record: Some(CallRecord {
                server: exposed.server.name.to_string(),
                tool: tool.clone(),
                grant: principal.grant.to_string(),
                client: principal.client.clone(),
                outcome: Outcome::Cancelled,
                milliseconds: 0,
            }),
        };
        let server = &exposed.server;
        let refusal = without_running(server, &tool, exposed.verdict);
        let (outcome, result) = if let Some((outcome, result)) = refusal {
            (outcome, Ok(result))
        } else {
            let running = self.run(server, &tool, kind, call, until);
            match tokio::time::timeout_at(until, running).await {
                Ok(result) => result,
                Err(_) => (Outcome::TimedOut, Ok(too_late(server, deadline))),
            }
        };
        record.finish(outcome).await;
        result
    }

    /// Finds the tool behind a name. Starts only the servers that can be meant.
    async fn resolve(
        &self,
        principal: &Principal,
        name: &str,
        until: Instant,
    ) -> Result<Exposed, Result<CallToolResult, ErrorData>> {
        let mut servers = self.granted(principal);
        if !names::is_bare(name) {
            servers.retain(|server| names::may_belong(name, server.name.as_str()));
        }
        let (found, missing) = gather(servers, until).await;
        if let Some(exposed) = by_name(expose(&found, principal), name) {
            return Ok(exposed);
        }
        // A server that could not be asked may have had it.
        Err(match missing.first() {
            Some((server, unavailable)) => Ok(tool_error(&format!(
                "The server `{}` {unavailable}. The call was not made.",
                server.name
            ))),
            None => Err(unknown_tool(name)),
        })
    }

    async fn run(
        &self,
        server: &Arc<Server>,
        tool: &str,
        kind: ToolKind,
        call: ToolCall,
        until: Instant,
    ) -> (Outcome, Result<CallToolResult, ErrorData>) {
        let mut meta = call.meta;
        // These say who is connected to us, not who is connected to the server.
        meta.retain(|key, _| {
            key != "progressToken" && !key.starts_with("io.modelcontextprotocol/")
        });
        let mut again = true;
        let failure = loop {
            let running = match server.running(until).await {
                Ok(running) => running,
                Err(unavailable) => {
                    let text = format!(
                        "The server `{}` {unavailable}. The call was not made.",
                        server.name
                    );
                    return (Outcome::Unavailable, Ok(tool_error(&text)));
                }
            };
            // The wait may have been long: the owner may have taken back what allowed the call, and
            // a server that was started anew may say another thing of its tool.
            let Some(principal) = call.live.now() else {
                return (Outcome::Refused, Ok(tool_error(CONNECTION_OVER)));
            };
            let kind = server.kind_of(tool).unwrap_or(kind);
            let verdict = judge(&principal, server, tool, kind);
            if let Some((outcome, result)) = without_running(server, tool, verdict) {
                return (outcome, Ok(result));
            }
            let calling = running.call(
                tool,
                call.arguments.as_ref(),
                meta.clone(),
                call.progress.clone(),
            );
            match calling.await {
                Ok(answer) => return read_answer(server, answer),
                // It had died before, and we hear of it only now: the next one takes the call.
                Err(CallFailure::NotSent(_)) if again => again = false,
                Err(failure) => break failure,
            }
        };
        let name = &server.name;
        let text = match failure {
            CallFailure::Busy => {
                format!("The server `{name}` has too many calls waiting; try again in a moment.")
            }
            CallFailure::NotSent(reason) => format!(
                "The server `{name}` could not take this call: {reason}. The call was not made; \
                 try again in a moment."
            ),
            CallFailure::Ended(reason) => format!(
                "The server `{name}` could not finish this call: {reason}. Whether the call had an \
                 effect is not known. The server is started again with the next call."
            ),
            CallFailure::Unwritable(_) => {
                let error = ErrorData::invalid_params("the arguments cannot be sent as JSON", None);
                return (Outcome::Failed, Err(error));
            }
        };
        (Outcome::Unavailable, Ok(tool_error(&text)))
    }
}

/// The servers whose tools are known, with them; and the others, with the reason.
type Found = Vec<(Arc<Server>, Tools)>;
type Missing = Vec<(Arc<Server>, Unavailable)>;

/// Asks all servers at once; one that is slow delays the answer, but never beyond `until`.
async fn gather(servers: Vec<Arc<Server>>, until: Instant) -> (Found, Missing) {
    let answers = join_all(servers.iter().map(|server| server.tools(until))).await;
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for (server, answer) in servers.into_iter().zip(answers) {
        match answer {
            Ok(tools) => found.push((server, tools)),
            Err(unavailable) => missing.push((server, unavailable)),
        }
    }
    (found, missing)
}

/// The tool that is listed under this name, or has it as its full name.
fn by_name(exposed: Vec<Exposed>, name: &str) -> Option<Exposed> {
    exposed.into_iter().find(|exposed| {
        exposed.name == name
            || exposed.known().is_some_and(|known| {
                let server = exposed.server.name.as_str();
                names::prefixed(Origin {
                    server,
                    tool: &known.tool.name,
                }) == name
            })
    })
}

/// The verdict on a tool of this kind at this moment.
fn judge(principal: &Principal, server: &Server, tool: &str, kind: ToolKind) -> Verdict {
    verdict(Facts {
        server_enabled: server.is_enabled(),
        server_granted: principal.servers.contains(server.name.as_str()),
        access: principal.access,
        kind,
        rule: server.rule(tool),
    })
}

/// Names and judges every tool. Listed ones get their names together, so that `search` and `fetch`
/// are bare where one server alone shows them; the others are known by their full names.
fn expose(found: &Found, principal: &Principal) -> Vec<Exposed> {
    let mut exposed = Vec::new();
    for (server, tools) in found {
        for (index, known) in tools.iter().enumerate() {
            let verdict = judge(principal, server, &known.tool.name, known.kind);
            exposed.push(Exposed {
                name: String::new(),
                server: Arc::clone(server),
                tools: Arc::clone(tools),
                index,
                verdict,
            });
        }
    }
    let named: Vec<String> = {
        let origins: Vec<Origin<'_>> = exposed
            .iter()
            .filter(|exposed| exposed.verdict.is_listed())
            .map(|exposed| Origin {
                server: exposed.server.name.as_str(),
                tool: exposed.known().map_or("", |known| &known.tool.name),
            })
            .collect();
        names::exposed(&origins)
    };
    let mut named = named.into_iter();
    for exposed in &mut exposed {
        let listed = if exposed.verdict.is_listed() {
            named.next()
        } else {
            None
        };
        exposed.name = listed.unwrap_or_else(|| {
            names::prefixed(Origin {
                server: exposed.server.name.as_str(),
                tool: exposed.known().map_or("", |known| &known.tool.name),
            })
        });
    }
    exposed
}

fn read_answer(server: &Server, answer: Answer) -> (Outcome, Result<CallToolResult, ErrorData>) {
    match answer {
        Ok(result) => match serde_json::from_str::<CallToolResult>(result.get()) {
            Ok(mut result) => {
                // Servers of the older era do not say it, clients of the newer one want it said;
                // rmcp takes it out again for the others.
                result.result_type.get_or_insert(ResultType::COMPLETE);
                let failed = result.is_error == Some(true);
                (
                    if failed {
                        Outcome::Failed
                    } else {
                        Outcome::Done
                    },
                    Ok(result),
                )
            }
            Err(error) => {
                tracing::warn!(server = %server.name, %error, "a result is not what MCP says");
                let text = format!(
                    "The server `{}` answered with something that is not a tool's result.",
                    server.name
                );
                (Outcome::Failed, Ok(tool_error(&text)))
            }
        },
        Err(error) => {
            let error = ErrorData::new(ErrorCode(error.code), error.message, error.data);
            (Outcome::Failed, Err(error))
        }
    }
}

fn tool_error(text: &str) -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text(text)])
}

fn unknown_tool(name: &str) -> ErrorData {
    ErrorData::invalid_params(
        format!("Unknown tool: {name}. Ask for the list of tools again."),
        None,
    )
}

fn too_late(server: &Server, deadline: Duration) -> CallToolResult {
    tool_error(&format!(
        "The server `{}` did not answer within {} s, so the call was cancelled. It may have had an \
         effect all the same. Try again, or ask for less at once.",
        server.name,
        deadline.as_secs()
    ))
}

fn asks(server: &Server, tool: &str) -> String {
    let why = match server.rule(tool) {
        Some(_) => "the owner's rule for it is `ask`",
        None => {
            "its rule is `ask`, as for every tool that may delete or overwrite or does not say what \
             it does"
        }
    };
    format!(
        "The call was not made: `{tool}` of the server `{}` needs the owner's word, because {why}. \
         The owner can allow it on the computer where Drawbridge runs with `{}`; then call it again.",
        server.name,
        allow_command(server, tool)
    )
}

/// What a call is answered that does not run; `None` if it may.
fn without_running(
    server: &Server,
    tool: &str,
    verdict: Verdict,
) -> Option<(Outcome, CallToolResult)> {
    match verdict {
        Verdict::Run => None,
        Verdict::Ask => Some((Outcome::Asked, tool_error(&asks(server, tool)))),
        Verdict::Refuse(refusal) => Some((
            Outcome::Refused,
            tool_error(&refused(server, tool, refusal)),
        )),
    }
}

fn refused(server: &Server, tool: &str, refusal: Refusal) -> String {
    match refusal {
        Refusal::Blocked => format!(
            "The call was not made: the owner's rule for `{tool}` of the server `{}` is `{}`. The \
             owner can change it on the computer where Drawbridge runs with `{}`.",
            server.name,
            Rule::Block,
            allow_command(server, tool)
        ),
        Refusal::NotThere => format!(
            "The call was not made: the server `{}` was switched off, or taken from this \
             connection, before the call could be sent. Ask for the list of tools again.",
            server.name
        ),
        Refusal::ReadOnlyGrant => format!(
            "The call was not made: this connection may only read, and `{tool}` of the server `{}` \
             changes things or does not say what it does. Connect again and let the owner choose \
             reading and writing.",
            server.name
        ),
    }
}

/// What the owner types. A name that a shell would take apart is quoted.
fn allow_command(server: &Server, tool: &str) -> String {
    let plain = !tool.is_empty()
        && tool
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-./:".contains(&byte));
    let tool = if plain {
        tool.to_owned()
    } else {
        format!("'{}'", tool.replace('\'', r"'\''"))
    };
    format!("drawbridge servers tools {} {tool} allow", server.name)
}

/// Writes the record when the call is over, however that comes.
struct Recorder {
    gateway: Gateway,
    began: Instant,
    record: Option<CallRecord>,
}

impl Recorder {
    /// Records the outcome. Waits until the record is queued, not until it is on disk.
    async fn finish(&mut self, outcome: Outcome) {
        if let Some(record) = self.take(outcome) {
            write_record(&self.gateway, record).await;
        }
    }

    fn take(&mut self, outcome: Outcome) -> Option<CallRecord> {
        let mut record = self.record.take()?;
        record.outcome = outcome;
        record.milliseconds = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Some(record)
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        // Still there: the client went away and the call was dropped half way.
        if let Some(record) = self.take(Outcome::Cancelled)
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            let gateway = self.gateway.clone();
            runtime.spawn(async move { write_record(&gateway, record).await });
        }
    }
}

async fn write_record(gateway: &Gateway, record: CallRecord) {
    let at = gateway.inner.clock.now();
    match serde_json::to_vec(&record) {
        Ok(details) => {
            let queued = gateway
                .inner
                .vault
                .write_soon(move |writer| writer.append_audit(at, &details).map(|_| ()))
                .await;
            if let Err(error) = queued {
                tracing::error!(%error, "a call could not be recorded");
            }
        }
        Err(error) => tracing::error!(%error, "a call could not be recorded"),
    }
    gateway.inner.events.send(Event::Called(record));
}
