//! One server: started at its first need and kept, started again when it ended, stopped when it is
//! switched off. Whatever it does, only its own callers notice. How a start goes is in `server/start.rs`.

mod start;

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use rmcp::model::Tool;
use serde_json::{Map, Value};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use drawbridge_vault::ports::Clock;

use crate::child::{Answer, CallFailure, Connection, Progress, Session, Starter, Tail};
use crate::events::{Event, EventSink};
use crate::names::ServerName;
use crate::rules::{Hints, Rule, ToolKind};
use crate::settings::Settings;

/// How long a running server may take to list its tools again.
const REFRESH_LIMIT: Duration = Duration::from_secs(10);
/// A server that ran for as long as this is well: its next start does not wait.
const HEALTHY_AFTER: Duration = Duration::from_secs(10);
/// The wait before the second attempt; it doubles with each further one.
const FIRST_REST: Duration = Duration::from_millis(250);
/// The longest wait between two attempts.
const LONGEST_REST: Duration = Duration::from_secs(30);

/// The environment children start from. The app has taken everything out that is not theirs.
#[derive(Clone, Default)]
pub struct ChildEnvironment {
    /// Variables every child has.
    pub variables: Vec<(OsString, OsString)>,
    /// A program, with its first arguments, that is put before each child's own command, starts it
    /// and watches over it (see `launch.rs`). Without one, children are started directly.
    pub launcher: Option<(PathBuf, Vec<OsString>)>,
}

/// What all servers share.
#[derive(Clone)]
pub(crate) struct Surroundings {
    pub(crate) starter: Starter,
    pub(crate) environment: ChildEnvironment,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) events: Arc<dyn EventSink>,
}

/// A tool as its server described it.
#[derive(Debug, Clone)]
pub(crate) struct KnownTool {
    pub(crate) tool: Tool,
    pub(crate) kind: ToolKind,
}

impl From<Tool> for KnownTool {
    fn from(tool: Tool) -> Self {
        let hints = tool
            .annotations
            .as_ref()
            .map_or_else(Hints::default, |annotations| Hints {
                read_only: annotations.read_only_hint,
                destructive: annotations.destructive_hint,
            });
        Self {
            kind: ToolKind::from_hints(hints),
            tool,
        }
    }
}

/// The tools of one server, in its own order.
pub(crate) type Tools = Arc<[KnownTool]>;

/// Why a server cannot take a call now. Meant for the client: it says nothing of the owner's files.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unavailable {
    #[error("is switched off")]
    Off,
    #[error("is still starting; try again in a moment")]
    Starting,
    #[error("did not start; its owner finds the reason with `drawbridge servers list`")]
    DidNotStart,
    #[error("keeps ending; try again in {0} s")]
    Resting(u64),
}

/// Whether a server runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// Not started: nobody needed it yet, or it is off.
    Idle,
    /// On its way.
    Starting,
    /// It runs.
    Running,
    /// The last start failed, or it ended by itself.
    Failed,
}

pub(crate) struct Server {
    pub(crate) name: ServerName,
    pub(crate) settings: Settings,
    pub(crate) created_at: Timestamp,
    enabled: AtomicBool,
    rules: RwLock<HashMap<String, Rule>>,
    tail: Arc<Tail>,
    surroundings: Surroundings,
    state: Mutex<State>,
    /// Counts changes of `state`.
    changed: watch::Sender<u64>,
    refreshing: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    phase: Phase,
    tools: Option<Tools>,
    attempts: u64,
    failures: u32,
    rests_until: Option<Instant>,
    last_error: Option<Arc<str>>,
}

#[derive(Default)]
enum Phase {
    #[default]
    Idle,
    Starting(Starting),
    Running(Running),
}

/// A start under way.
struct Starting {
    since: Timestamp,
    /// How many lines the tail had had when it began.
    said_before: u64,
    /// Ends it.
    stop: CancellationToken,
    /// Says that it is over, and what it had started gone.
    over: CancellationToken,
}

/// A child that has made its handshake.
#[derive(Clone)]
pub(crate) struct Running {
    connection: Arc<Connection>,
    session: Session,
    since: Instant,
    /// How many lines the tail had had when it was started.
    said_before: u64,
}

/// What a caller that needs the child has to do next.
enum Step {
    Off,
    Ready(Running),
    Wait,
    Rest(Instant),
    Failed,
}

impl Server {
    pub(crate) fn new(
        name: ServerName,
        settings: Settings,
        created_at: Timestamp,
        enabled: bool,
        rules: HashMap<String, Rule>,
        surroundings: Surroundings,
    ) -> Self {
        Self {
            name,
            settings,
            created_at,
            enabled: AtomicBool::new(enabled),
            rules: RwLock::new(rules),
            tail: Arc::default(),
            surroundings,
            state: Mutex::default(),
            changed: watch::Sender::new(0),
            refreshing: tokio::sync::Mutex::default(),
        }
    }

    pub(crate) fn is_enabled(&self) -> bool {
        self.enabled.load(Ordering::Acquire)
    }

    /// Switches it on, or off and ends its child.
    pub(crate) async fn set_enabled(&self, enabled: bool) {
        {
            // Under the state's lock: whoever begins a start or ends one looks at it there, so
            // nothing runs that was switched off before.
            let _state = self.state();
            self.enabled.store(enabled, Ordering::Release);
        }
        if !enabled {
            self.stop().await;
        }
    }

    pub(crate) fn rule(&self, tool: &str) -> Option<Rule> {
        self.rules
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(tool)
            .copied()
    }

    pub(crate) fn set_rule(&self, tool: String, rule: Rule) {
        self.rules
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(tool, rule);
    }

    pub(crate) fn clear_rule(&self, tool: &str) {
        self.rules
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(tool);
    }

    pub(crate) fn tail(&self) -> Vec<String> {
        self.tail.lines()
    }

    /// The tools as far as they are known, without starting anything.
    pub(crate) fn known_tools(&self) -> Option<Tools> {
        self.state().tools.clone()
    }

    /// What a tool does, as its server said last.
    pub(crate) fn kind_of(&self, tool: &str) -> Option<ToolKind> {
        let tools = self.known_tools()?;
        let known = tools.iter().find(|known| known.tool.name == tool)?;
        Some(known.kind)
    }

    pub(crate) fn health(&self) -> Health {
        let state = self.state();
        match state.phase {
            Phase::Running(_) => Health::Running,
            Phase::Starting(_) => Health::Starting,
            Phase::Idle if state.last_error.is_some() => Health::Failed,
            Phase::Idle => Health::Idle,
        }
    }

    /// What went wrong last, for the owner.
    pub(crate) fn last_error(&self) -> Option<Arc<str>> {
        self.state().last_error.clone()
    }

    pub(crate) fn pid(&self) -> Option<u32> {
        match &self.state().phase {
            Phase::Running(running) => Some(running.connection.pid()),
            _ => None,
        }
    }

    /// The tools, asking the server if they are not known or if it said that they changed.
    pub(crate) async fn tools(self: &Arc<Self>, until: Instant) -> Result<Tools, Unavailable> {
        let running = match &self.state().phase {
            Phase::Running(running) => Some(running.clone()),
            _ => None,
        };
        if let Some(running) = running {
            self.refresh(&running).await;
        }
        if let Some(tools) = self.known_tools() {
            return Ok(tools);
        }
        self.running(until).await?;
        self.known_tools().ok_or(Unavailable::DidNotStart)
    }

    /// Asks for the tools again, if the server said that they are others now. One caller asks,
    /// the others wait for it.
    async fn refresh(&self, running: &Running) {
        let _one = self.refreshing.lock().await;
        if !running.connection.take_tools_changed() {
            return;
        }
        let asking = running.session.tools(&running.connection);
        match tokio::time::timeout(REFRESH_LIMIT, asking).await {
            Ok(Ok(tools)) => self.state().tools = Some(known(tools)),
            Ok(Err(error)) => {
                tracing::warn!(server = %self.name, %error, "cannot list the tools again");
            }
            Err(_) => {
                tracing::warn!(server = %self.name, "the server does not list its tools again");
            }
        }
    }

    /// Starts it without waiting.
    pub(crate) fn warm_up(self: &Arc<Self>) {
        self.step(&mut None);
    }

    /// The running child, started if need be; waits for it until `until`.
    pub(crate) async fn running(self: &Arc<Self>, until: Instant) -> Result<Running, Unavailable> {
        let mut changed = self.changed.subscribe();
        let mut attempt = None;
        loop {
            changed.mark_unchanged();
            let wake = match self.step(&mut attempt) {
                Step::Off => return Err(Unavailable::Off),
                Step::Ready(running) => return Ok(running),
                Step::Failed => return Err(Unavailable::DidNotStart),
                Step::Wait => until,
                Step::Rest(rests_until) if rests_until >= until => {
                    let seconds = (rests_until - Instant::now()).as_secs() + 1;
                    return Err(Unavailable::Resting(seconds));
                }
                Step::Rest(rests_until) => rests_until,
            };
            tokio::select! {
                _ = changed.changed() => {}
                () = tokio::time::sleep_until(wake) => {
                    if wake == until {
                        return Err(Unavailable::Starting);
                    }
                }
            }
        }
    }

    /// Looks at the state and begins a start where one is due. `attempt` is the one this caller
    /// waits for: if that one failed, it does not wait for the next.
    fn step(self: &Arc<Self>, attempt: &mut Option<u64>) -> Step {
        let mut state = self.state();
        if !self.is_enabled() {
            return Step::Off;
        }
        // The task that notices may not have run yet.
        let ended = match &state.phase {
            Phase::Running(running) => running.connection.ended(),
            _ => None,
        };
        if let Some(reason) = ended {
            self.mark_ended(&mut state, &reason);
        }
        match &state.phase {
            Phase::Running(running) => return Step::Ready(running.clone()),
            Phase::Starting(_) => {
                attempt.get_or_insert(state.attempts);
                return Step::Wait;
            }
            Phase::Idle => {}
        }
        if attempt.is_some() {
            return Step::Failed;
        }
        if let Some(rests_until) = state.rests_until
            && rests_until > Instant::now()
        {
            return Step::Rest(rests_until);
        }
        let (stop, over) = (CancellationToken::new(), CancellationToken::new());
        let said_before = *self.tail.count().borrow();
        state.phase = Phase::Starting(Starting {
            since: self.surroundings.clock.now(),
            said_before,
            stop: stop.clone(),
            over: over.clone(),
        });
        state.attempts += 1;
        *attempt = Some(state.attempts);
        drop(state);
        self.news(Event::ServersChanged);
        // In a task of its own: a caller that gives up does not end a start others wait for.
        let server = Arc::clone(self);
        let over = over.drop_guard();
        tokio::spawn(async move {
            server.start(stop, said_before).await;
            drop(over);
        });
        Step::Wait
    }

    /// The child that began at `since` is gone.
    fn has_ended(&self, since: Instant, reason: &str) {
        let mut state = self.state();
        if matches!(&state.phase, Phase::Running(running) if running.since == since) {
            self.mark_ended(&mut state, reason);
        }
    }

    /// The running child is gone. The first start after that does not wait, unless it keeps ending.
    fn mark_ended(&self, state: &mut State, reason: &str) {
        let Phase::Running(running) = std::mem::take(&mut state.phase) else {
            return;
        };
        tracing::warn!(server = %self.name, reason, "a server ended");
        if running.since.elapsed() >= HEALTHY_AFTER {
            state.failures = 0;
        }
        state.rests_until = Some(Instant::now() + rest(state.failures));
        state.failures = state.failures.saturating_add(1);
        let reason = with_last_words(reason, self.tail.last_after(running.said_before));
        state.last_error = Some(Arc::clone(&reason));
        self.tell();
        self.news(Event::ServerFailed {
            server: self.name.to_string(),
            reason: reason.to_string(),
        });
    }

    /// Since when it starts, and the last line it said meanwhile.
    pub(crate) fn starting(&self) -> Option<(Timestamp, Option<String>)> {
        match &self.state().phase {
            Phase::Starting(starting) => {
                Some((starting.since, self.tail.last_after(starting.said_before)))
            }
            _ => None,
        }
    }

    /// Ends the child, if there is one, and waits until it is gone.
    pub(crate) async fn stop(&self) {
        let phase = {
            let mut state = self.state();
            state.failures = 0;
            state.rests_until = None;
            std::mem::take(&mut state.phase)
        };
        self.tell();
        match phase {
            Phase::Idle => {}
            Phase::Starting(starting) => {
                starting.stop.cancel();
                starting.over.cancelled().await;
            }
            Phase::Running(running) => running.connection.close().await,
        }
    }

    fn tell(&self) {
        self.changed
            .send_modify(|changes| *changes = changes.wrapping_add(1));
        self.news(Event::ServersChanged);
    }

    fn news(&self, event: Event) {
        self.surroundings.events.send(event);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Running {
    /// Calls a tool. `meta` is the client's, without what belongs to its own connection.
    pub(crate) async fn call(
        &self,
        tool: &str,
        arguments: Option<&Map<String, Value>>,
        mut meta: Map<String, Value>,
        progress: Option<mpsc::Sender<Progress>>,
    ) -> Result<Answer, CallFailure> {
        let wants_progress = progress.is_some();
        let params = |number: u64| {
            if wants_progress {
                meta.insert("progressToken".to_owned(), number.into());
            }
            CallParams {
                name: tool,
                arguments,
                meta: self.session.meta(meta),
            }
        };
        self.connection
            .request("tools/call", params, progress)
            .await
    }
}

/// The params of `tools/call`.
#[derive(serde::Serialize)]
struct CallParams<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    arguments: Option<&'a Map<String, Value>>,
    #[serde(rename = "_meta", skip_serializing_if = "Map::is_empty")]
    meta: Map<String, Value>,
}

fn known(tools: Vec<Tool>) -> Tools {
    tools.into_iter().map(KnownTool::from).collect()
}

fn with_last_words(reason: &str, last: Option<String>) -> Arc<str> {
    match last {
        Some(last) => format!("{reason}; its last words: {last}").into(),
        None => reason.into(),
    }
}

/// How long to wait after so many failures in a row.
fn rest(failures: u32) -> Duration {
    match failures {
        0 => Duration::ZERO,
        more => FIRST_REST
            .saturating_mul(1 << (more - 1).min(10))
            .min(LONGEST_REST),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_grow_and_stay_bounded() {
        assert_eq!(rest(0), Duration::ZERO);
        assert_eq!(rest(1), FIRST_REST);
        let mut before = Duration::ZERO;
        for failures in 0..100 {
            let now = rest(failures);
            assert!(now >= before && now <= LONGEST_REST);
            before = now;
        }
        assert_eq!(before, LONGEST_REST);
    }
}
