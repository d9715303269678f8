//! The MCP gateway: every server's tools through one door.
//!
//! What it promises:
//! - A call runs only where server, grant, level and rule all say so; everything else fails closed.
//! - A server that crashes, hangs, floods or talks nonsense is an error to its own callers and
//!   nothing to anybody else. One process per server, shared by all clients, their requests apart.
//! - Children die with us, and with them whatever they started: on Linux all of it, elsewhere what
//!   stayed in their group.
//! - Every call is recorded, without its arguments and its result.
//! - Everything that can grow has a limit with a name.
//!
//! What it never does: it never lets a client's token travel to a server (no header of a request
//! does), it never hands a server's settings to a client, and it never starts a program the owner
//! did not name.
//!
//! Where to look:
//!
//! | file | room |
//! |---|---|
//! | `rules.rs` | who may call what; pure |
//! | `names.rs` | names of servers, and of tools as clients see them; pure |
//! | `gateway.rs` | the servers and their rules: adding, removing, listing |
//! | `calls.rs` | listing and calling tools under a grant, with the words for every refusal |
//! | `server.rs`, `server/` | one server: started at need, restarted, stopped |
//! | `child/` | one process: starting, JSON-RPC over its pipes, handshake, stderr |
//! | `handler.rs` | rmcp's handler over all that |
//! | `http.rs`, `http/` | `/mcp` and the layers that real clients need |
//! | `launch.rs` | how a child comes to die with us |
//! | `settings.rs`, `events.rs` | what is stored of a server; what is told of calls |

mod calls;
mod child;
mod events;
mod gateway;
mod handler;
mod http;
#[cfg(target_os = "linux")]
pub mod launch;
mod names;
mod rules;
mod server;
mod settings;

pub use self::events::{CallRecord, Event, EventSink, NoEvents, Outcome};
pub use self::gateway::{
    Dependencies, Gateway, GatewayError, MAX_CALLS, MAX_PROGRESS_LINE, MAX_SERVERS, Options,
    ServerStatus, ToolStatus,
};
pub use self::http::{MAX_BODY, browser_access};
pub use self::names::{BadServerName, MAX_SERVER_NAME, MAX_TOOL_NAME, ServerName};
pub use self::rules::{Facts, Hints, Refusal, Rule, ToolKind, UnknownRule, Verdict, verdict};
pub use self::server::{ChildEnvironment, Health};
pub use self::settings::{BadSettings, MAX_SETTINGS, NewServer};
