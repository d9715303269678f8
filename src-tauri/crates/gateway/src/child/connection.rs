//! JSON-RPC with one child over its stdin and stdout, one message a line (MCP stdio transport).
//!
//! Requests of many clients share the child: each has our own number, which is also its progress
//! token, so that nothing of one client can meet anything of another. A request whose caller is gone
//! is cancelled at the child. Only the envelope is parsed here; results stay as they came.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::process::{ChildStdin, ChildStdout};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::lines::{Line, Rest, read_line};
use super::process::Started;
use super::tail::Tail;

/// Longest message a child may send, in bytes.
pub(crate) const MAX_MESSAGE: usize = 16 * 1024 * 1024;
/// Requests that may wait for one child's answers.
const MAX_WAITING: usize = 128;
/// Messages that may wait to be written to one child.
const MAX_OUTGOING: usize = 64;
/// Progress messages that may wait for one client; further ones are dropped.
pub(crate) const MAX_PROGRESS: usize = 16;
/// Lines in a row that are no messages, after which a child is given up.
const MAX_GARBAGE: usize = 100;
/// Read at once from a child's output, in bytes.
const READ_BUFFER: usize = 64 * 1024;
/// How long a child may take to end after its stdin is closed, and again after it was asked to.
const GRACE: Duration = Duration::from_millis(400);

/// An error the server itself answered with (JSON-RPC 2.0, section 5.1).
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct RemoteError {
    pub(crate) code: i32,
    pub(crate) message: String,
    #[serde(default)]
    pub(crate) data: Option<serde_json::Value>,
}

/// What the server answered.
pub(crate) type Answer = Result<Box<RawValue>, RemoteError>;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CallFailure {
    /// The process ended, or was ended because of what it did, with the request in its hands.
    #[error("{0}")]
    Ended(Arc<str>),
    /// The same, but the request never reached it.
    #[error("{0}")]
    NotSent(Arc<str>),
    /// Too many requests wait already.
    #[error("it has too many calls waiting")]
    Busy,
    /// The request cannot be written as JSON.
    #[error("the request could not be written: {0}")]
    Unwritable(String),
}

/// `notifications/progress`, without its token.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Progress {
    #[serde(rename = "progress")]
    pub(crate) done: f64,
    #[serde(default)]
    pub(crate) total: Option<f64>,
    #[serde(default)]
    pub(crate) message: Option<String>,
}

/// A running child and the conversation with it. Dropping it ends the child.
#[derive(Debug)]
pub(crate) struct Connection {
    shared: Arc<Shared>,
    outgoing: mpsc::Sender<Outgoing>,
    pid: u32,
    gone: watch::Receiver<bool>,
    close: CancellationToken,
    kill: CancellationToken,
    _close_on_drop: DropGuard,
}

#[derive(Debug)]
struct Shared {
    waiting: Mutex<HashMap<u64, Waiting>>,
    next: AtomicU64,
    ended: watch::Sender<Option<Arc<str>>>,
    tools_changed: AtomicBool,
}

#[derive(Debug)]
struct Waiting {
    /// The answer; without one, whether the request was sent.
    answer: oneshot::Sender<Result<Answer, Lost>>,
    progress: Option<mpsc::Sender<Progress>>,
    sent: bool,
}

/// The child is gone and will not answer.
#[derive(Debug, Clone, Copy)]
struct Lost {
    sent: bool,
}

/// A line for the child, and which request it is.
#[derive(Debug)]
struct Outgoing {
    line: Vec<u8>,
    request: Option<u64>,
}

impl Connection {
    /// Takes over a started child; the task that looks after it runs among `tending`.
    pub(crate) fn new(started: Started, tail: Arc<Tail>, tending: &TaskTracker) -> Self {
        let (outgoing, queue) = mpsc::channel(MAX_OUTGOING);
        let shared = Arc::new(Shared {
            waiting: Mutex::default(),
            next: AtomicU64::new(1),
            ended: watch::Sender::new(None),
            tools_changed: AtomicBool::new(false),
        });
        let (close, kill) = (CancellationToken::new(), CancellationToken::new());
        let (gone_sender, gone) = watch::channel(false);
        let pid = started.process.pid();
        let care = Care {
            shared: shared.clone(),
            tail,
            replies: outgoing.downgrade(),
            close: close.clone(),
            kill: kill.clone(),
        };
        tending.spawn(async move {
            care.run(started, queue).await;
            gone_sender.send_replace(true);
        });
        Self {
            shared,
            outgoing,
            pid,
            gone,
            close: close.clone(),
            kill,
            _close_on_drop: close.drop_guard(),
        }
    }

    /// The process id of the child.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Why the child ended, if it has.
    pub(crate) fn ended(&self) -> Option<Arc<str>> {
        self.shared.ended.borrow().clone()
    }

    /// Waits until the child has ended, without keeping it alive.
    pub(crate) fn wait_ended(&self) -> impl Future<Output = Arc<str>> + Send + use<> {
        let mut ended = self.shared.ended.subscribe();
        async move {
            let reason = match ended.wait_for(Option::is_some).await {
                Ok(reason) => reason.clone(),
                Err(_) => None,
            };
            reason.unwrap_or_else(|| "it ended".into())
        }
    }

    /// Whether the server said that its tools are others now, since this was last asked.
    pub(crate) fn take_tools_changed(&self) -> bool {
        self.shared.tools_changed.swap(false, Ordering::AcqRel)
    }

    /// Ends the child: closes its stdin, asks it to end, kills it; returns when it is gone.
    pub(crate) async fn close(&self) {
        self.close.cancel();
        self.wait_gone().await;
    }

    /// Kills the child at once, for one that nobody has anything from yet; returns when it is gone.
    pub(crate) async fn kill(&self) {
        self.kill.cancel();
        self.wait_gone().await;
    }

    async fn wait_gone(&self) {
        let mut gone = self.gone.clone();
        // Fails only if the task is gone, and with it the child.
        let _ = gone.wait_for(|gone| *gone).await;
    }

    /// Sends a request and waits for its answer. Dropping the future cancels the request.
    ///
    /// With `progress`, the request's params must carry the progress token given to `params`.
    pub(crate) async fn request<P: Serialize>(
        &self,
        method: &str,
        params: impl FnOnce(u64) -> P,
        progress: Option<mpsc::Sender<Progress>>,
    ) -> Result<Answer, CallFailure> {
        let number = self.shared.next.fetch_add(1, Ordering::Relaxed);
        let line = line(&Request {
            jsonrpc: "2.0",
            id: number,
            method,
            params: params(number),
        })
        .map_err(|error| CallFailure::Unwritable(error.to_string()))?;
        let (answer, answered) = oneshot::channel();
        {
            let mut waiting = self.shared.lock();
            if waiting.len() >= MAX_WAITING {
                return Err(CallFailure::Busy);
            }
            waiting.insert(
                number,
                Waiting {
                    answer,
                    progress,
                    sent: false,
                },
            );
        }
        let mut cancel = CancelOnDrop {
            shared: &self.shared,
            outgoing: &self.outgoing,
            number,
            // A handshake cannot be cancelled (MCP lifecycle).
            tell: method != "initialize",
        };
        // Asked after the entry is in the table: whoever empties the table has set the reason.
        if let Some(reason) = self.ended() {
            return Err(CallFailure::NotSent(reason));
        }
        let outgoing = Outgoing {
            line,
            request: Some(number),
        };
        if self.outgoing.send(outgoing).await.is_err() {
            return Err(CallFailure::NotSent(self.wait_ended().await));
        }
        match answered.await {
            Ok(Ok(answer)) => {
                cancel.tell = false;
                Ok(answer)
            }
            Ok(Err(Lost { sent: false })) => Err(CallFailure::NotSent(self.wait_ended().await)),
            Ok(Err(Lost { sent: true })) | Err(_) => {
                Err(CallFailure::Ended(self.wait_ended().await))
            }
        }
    }

    /// Sends a notification.
    pub(crate) async fn notify(
        &self,
        method: &str,
        params: impl Serialize,
    ) -> Result<(), CallFailure> {
        let line = line(&Notification {
            jsonrpc: "2.0",
            method,
            params,
        })
        .map_err(|error| CallFailure::Unwritable(error.to_string()))?;
        let outgoing = Outgoing {
            line,
            request: None,
        };
        match self.outgoing.send(outgoing).await {
            Ok(()) => Ok(()),
            Err(_) => Err(CallFailure::NotSent(self.wait_ended().await)),
        }
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn mark_sent(&self, request: Option<u64>, sent: bool) {
        if let Some(number) = request
            && let Some(waiting) = self.lock().get_mut(&number)
        {
            waiting.sent = sent;
        }
    }

    /// Sets the reason, once, and lets go of everybody who waits.
    fn end(&self, reason: &str) {
        self.ended.send_if_modified(|ended| {
            let first = ended.is_none();
            if first {
                *ended = Some(reason.into());
            }
            first
        });
        let waiting = std::mem::take(&mut *self.lock());
        for (_, waiting) in waiting {
            let lost = Lost { sent: waiting.sent };
            // A caller that is gone does not mind.
            let _ = waiting.answer.send(Err(lost));
        }
    }
}

/// Removes a request whose caller has gone, and tells the server.
struct CancelOnDrop<'a> {
    shared: &'a Shared,
    outgoing: &'a mpsc::Sender<Outgoing>,
    number: u64,
    tell: bool,
}

impl Drop for CancelOnDrop<'_> {
    fn drop(&mut self) {
        let waited = self.shared.lock().remove(&self.number).is_some();
        if waited && self.tell {
            let params = Cancelled {
                request_id: self.number,
                reason: "the caller is gone",
            };
            let notification = Notification {
                jsonrpc: "2.0",
                method: "notifications/cancelled",
                params,
            };
            if let Ok(line) = line(&notification) {
                // A child that does not read has a full queue: it learns nothing either way.
                let _ = self.outgoing.try_send(Outgoing {
                    line,
                    request: None,
                });
            }
        }
    }
}

/// The task that looks after one child from its start to its end.
struct Care {
    shared: Arc<Shared>,
    tail: Arc<Tail>,
    replies: mpsc::WeakSender<Outgoing>,
    close: CancellationToken,
    kill: CancellationToken,
}

/// Why the conversation with a child is over.
enum Over {
    /// It closed its output, as one does that ends.
    Closed,
    /// Something else, in words.
    Because(String),
}

impl Care {
    async fn run(self, started: Started, queue: mpsc::Receiver<Outgoing>) {
        let Started {
            process,
            stdin,
            stdout,
            stderr,
        } = started;
        let tail = self.tail.clone();
        let mut draining = tokio::spawn(async move { tail.drain(stderr).await });
        let stop_writing = CancellationToken::new();
        let mut writing = tokio::spawn(write(
            Arc::clone(&self.shared),
            stdin,
            queue,
            stop_writing.clone(),
        ));
        let mut reading = std::pin::pin!(self.read(stdout));
        let reason = tokio::select! {
            reason = &mut reading => reason,
            // A child that closed its stdin cannot be asked anything any more.
            _ = &mut writing => match tokio::time::timeout(GRACE, &mut reading).await {
                Ok(reason) => reason,
                Err(_) => Over::Because("it closed its input".to_owned()),
            },
            () = self.kill.cancelled() => Over::Because("it was stopped".to_owned()),
            () = self.close.cancelled() => {
                self.shared.end("it was stopped");
                stop_writing.cancel();
                if tokio::time::timeout(GRACE, &mut reading).await.is_err() {
                    process.ask_to_end();
                    let _ = tokio::time::timeout(GRACE, &mut reading).await;
                }
                Over::Because("it was stopped".to_owned())
            }
        };
        stop_writing.cancel();
        if !writing.is_finished() {
            // Short: it stops at once. Then it is known which requests the child never got.
            let _ = (&mut writing).await;
        }
        match reason {
            Over::Because(reason) => {
                self.shared.end(&reason);
                process.kill().await;
            }
            Over::Closed => {
                let reason = match process.finish().await {
                    Some(0) => "it ended".to_owned(),
                    Some(code) => format!("it ended with exit status {code}"),
                    None => "it ended or closed its output".to_owned(),
                };
                // Its last words may still be on their way; they explain the end.
                let _ = tokio::time::timeout(GRACE, &mut draining).await;
                self.shared.end(&reason);
            }
        }
        draining.abort();
    }

    /// Reads messages until the child ends or does what no server may. Returns the reason.
    async fn read(&self, stdout: ChildStdout) -> Over {
        let mut reader = BufReader::with_capacity(READ_BUFFER, stdout);
        let mut garbage = 0;
        loop {
            let line = match read_line(&mut reader, MAX_MESSAGE, Rest::Leave).await {
                Ok(Line::Whole(line)) => line,
                Ok(Line::Cut(_)) => {
                    return Over::Because(format!(
                        "it sent a message of more than {} MiB and was stopped",
                        MAX_MESSAGE / (1024 * 1024)
                    ));
                }
                Ok(Line::End) => return Over::Closed,
                Err(error) => {
                    return Over::Because(format!("its output could not be read: {error}"));
                }
            };
            if line.trim_ascii().is_empty() {
                continue;
            }
            if self.take(&line) {
                garbage = 0;
                continue;
            }
            // Many servers let a stray print slip out: it goes to the tail, and they live on.
            self.tail.push(&line);
            garbage += 1;
            if garbage >= MAX_GARBAGE {
                return Over::Because(
                    "it wrote what are no MCP messages to its output and was stopped".to_owned(),
                );
            }
        }
    }

    /// Takes one line; false if it is no message.
    fn take(&self, line: &[u8]) -> bool {
        if line.trim_ascii_start().first() == Some(&b'[') {
            // A batch (2025-03-26).
            return serde_json::from_slice::<Vec<Envelope<'_>>>(line)
                .is_ok_and(|batch| batch.into_iter().all(|message| self.take_message(message)));
        }
        serde_json::from_slice(line).is_ok_and(|message| self.take_message(message))
    }

    fn take_message(&self, message: Envelope<'_>) -> bool {
        match (message.method, message.id) {
            (None, Some(id)) => self.take_answer(id, message.result, message.error),
            (Some(method), Some(id)) => self.refuse_or_pong(&method, id),
            (Some(method), None) => self.take_notification(&method, message.params),
            (None, None) => return false,
        }
        true
    }

    fn take_answer(&self, id: &RawValue, result: Option<&RawValue>, error: Option<&RawValue>) {
        // Late answers to cancelled requests, and answers nobody asked for, find nobody.
        let Some(waiting) = id
            .get()
            .trim_matches('"')
            .parse()
            .ok()
            .and_then(|number: u64| self.shared.lock().remove(&number))
        else {
            return;
        };
        let answer = match (result, error) {
            (_, Some(error)) => Err(serde_json::from_str(error.get()).unwrap_or(RemoteError {
                code: -32603,
                message: "the server answered with an error it did not describe".to_owned(),
                data: None,
            })),
            (Some(result), None) => Ok(result.to_owned()),
            (None, None) => Ok(RawValue::NULL.to_owned()),
        };
        let _ = waiting.answer.send(Ok(answer));
    }

    fn take_notification(&self, method: &str, params: Option<&RawValue>) {
        match method {
            "notifications/tools/list_changed" => {
                self.shared.tools_changed.store(true, Ordering::Release);
            }
            "notifications/progress" => {
                let Some((number, progress)) = params.and_then(|params| {
                    let token: ProgressToken<'_> = serde_json::from_str(params.get()).ok()?;
                    let number = token
                        .progress_token
                        .get()
                        .trim_matches('"')
                        .parse::<u64>()
                        .ok()?;
                    Some((number, serde_json::from_str::<Progress>(params.get()).ok()?))
                }) else {
                    return;
                };
                let sender = self
                    .shared
                    .lock()
                    .get(&number)
                    .and_then(|waiting| waiting.progress.clone());
                if let Some(sender) = sender {
                    // A client slower than its server misses a step, never the answer.
                    let _ = sender.try_send(progress);
                }
            }
            _ => {}
        }
    }

    /// Answers a request of the server: we declared no capabilities, so `ping` is all it may ask.
    fn refuse_or_pong(&self, method: &str, id: &RawValue) {
        let reply = if method == "ping" {
            line(&Reply {
                jsonrpc: "2.0",
                id,
                result: Some(Empty {}),
                error: None,
            })
        } else {
            let error = ReplyError {
                code: -32601,
                message: "Method not found",
            };
            line(&Reply {
                jsonrpc: "2.0",
                id,
                result: None,
                error: Some(error),
            })
        };
        if let (Ok(reply), Some(replies)) = (reply, self.replies.upgrade()) {
            let _ = replies.try_send(Outgoing {
                line: reply,
                request: None,
            });
        }
    }
}

async fn write(
    shared: Arc<Shared>,
    mut stdin: ChildStdin,
    mut queue: mpsc::Receiver<Outgoing>,
    stop: CancellationToken,
) -> std::io::Result<()> {
    loop {
        let outgoing = tokio::select! {
            outgoing = queue.recv() => outgoing,
            () = stop.cancelled() => None,
        };
        let Some(Outgoing { line, request }) = outgoing else {
            return Ok(());
        };
        // Said before it is so, and taken back where it failed: a request must never count as not
        // sent while the child may already be at work on it.
        shared.mark_sent(request, true);
        let written = tokio::select! {
            written = stdin.write_all(&line) => written,
            () = stop.cancelled() => return Ok(()),
        };
        if written.is_err() {
            shared.mark_sent(request, false);
            return written;
        }
    }
}

fn line(message: &impl Serialize) -> Result<Vec<u8>, serde_json::Error> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    Ok(line)
}

/// The parts of any message. A field of a kind that JSON-RPC does not know makes it garbage.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
    #[serde(borrow, default)]
    result: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProgressToken<'a> {
    #[serde(borrow)]
    progress_token: &'a RawValue,
}

#[derive(Serialize)]
struct Request<'a, P> {
    jsonrpc: &'static str,
    id: u64,
    method: &'a str,
    params: P,
}

#[derive(Serialize)]
struct Notification<'a, P> {
    jsonrpc: &'static str,
    method: &'a str,
    params: P,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Cancelled {
    request_id: u64,
    reason: &'static str,
}

#[derive(Serialize)]
struct Empty {}

#[derive(Serialize)]
struct Reply<'a> {
    jsonrpc: &'static str,
    id: &'a RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Empty>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ReplyError>,
}

#[derive(Serialize)]
struct ReplyError {
    code: i32,
    message: &'static str,
}
