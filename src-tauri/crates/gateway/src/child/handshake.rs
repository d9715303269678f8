//! The first words with a server: which era it speaks, and what it offers.
//!
//! `initialize` comes first, because servers of the years before 2026-07-28 know nothing else and
//! some do not survive anything else. A server that refuses it is asked with `server/discover`; from
//! then on each request to it says in its `_meta` who asks and in which version (SEP-2575).

use rmcp::model::Tool;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::connection::{Answer, CallFailure, Connection, RemoteError};

/// The newest version with a handshake.
const NEWEST_LEGACY: &str = "2025-11-25";
/// Versions with a handshake that we speak.
const LEGACY: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", NEWEST_LEGACY];
/// The version without one.
const MODERN: &str = "2026-07-28";
/// Tools taken of one server; further ones are not shown.
pub(crate) const MAX_TOOLS: usize = 2_000;
/// Pages asked for.
const MAX_PAGES: usize = 200;

/// What was agreed with a running server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Session {
    modern: bool,
    has_tools: bool,
}

/// Why a server that runs cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HandshakeFailure {
    #[error(transparent)]
    Connection(#[from] CallFailure),
    #[error("it refused the connection: {}", .0.message)]
    Refused(RemoteError),
    #[error(
        "it speaks MCP version `{0}`, which is not known here; update the server or Drawbridge"
    )]
    Version(String),
    #[error("its answer to `{0}` is not what MCP says: {1}")]
    Malformed(&'static str, serde_json::Error),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Initialized {
    protocol_version: String,
    #[serde(default)]
    capabilities: Capabilities,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Discovered {
    supported_versions: Vec<String>,
    #[serde(default)]
    capabilities: Capabilities,
}

#[derive(Deserialize, Default)]
struct Capabilities {
    #[serde(default)]
    tools: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ToolPage {
    tools: Vec<Box<RawValue>>,
    #[serde(default)]
    next_cursor: Option<String>,
}

impl Session {
    /// Makes the handshake.
    pub(crate) async fn open(connection: &Connection) -> Result<Self, HandshakeFailure> {
        let params = |_| json!({ "protocolVersion": NEWEST_LEGACY, "capabilities": {}, "clientInfo": client_info() });
        match connection.request("initialize", params, None).await? {
            Ok(result) => {
                let answer: Initialized = read("initialize", &result)?;
                if !LEGACY.contains(&answer.protocol_version.as_str()) {
                    return Err(HandshakeFailure::Version(answer.protocol_version));
                }
                connection
                    .notify("notifications/initialized", json!({}))
                    .await?;
                Ok(Self {
                    modern: false,
                    has_tools: answer.capabilities.tools.is_some(),
                })
            }
            Err(refusal) => Self::discover(connection, refusal).await,
        }
    }

    async fn discover(
        connection: &Connection,
        refusal: RemoteError,
    ) -> Result<Self, HandshakeFailure> {
        let modern = Self {
            modern: true,
            has_tools: false,
        };
        let Ok(result) = modern
            .ask(connection, "server/discover", Map::new())
            .await?
        else {
            return Err(HandshakeFailure::Refused(refusal));
        };
        let answer: Discovered = read("server/discover", &result)?;
        if !answer
            .supported_versions
            .iter()
            .any(|version| version == MODERN)
        {
            return Err(HandshakeFailure::Version(
                answer.supported_versions.join(", "),
            ));
        }
        Ok(Self {
            modern: true,
            has_tools: answer.capabilities.tools.is_some(),
        })
    }

    /// The `_meta` that this server's era wants, over what is there.
    pub(crate) fn meta(self, mut meta: Map<String, Value>) -> Map<String, Value> {
        if self.modern {
            let mut put = |key: &str, value: Value| {
                meta.insert(format!("io.modelcontextprotocol/{key}"), value);
            };
            put("protocolVersion", MODERN.into());
            put("clientInfo", client_info());
            put("clientCapabilities", json!({}));
        }
        meta
    }

    /// Sends a request of our own.
    async fn ask(
        self,
        connection: &Connection,
        method: &str,
        mut params: Map<String, Value>,
    ) -> Result<Answer, CallFailure> {
        let meta = self.meta(Map::new());
        if !meta.is_empty() {
            params.insert("_meta".to_owned(), Value::Object(meta));
        }
        connection.request(method, |_| params, None).await
    }

    /// All tools of the server, at most [`MAX_TOOLS`]. A tool that is not what MCP says is left
    /// out, rather than all of them.
    pub(crate) async fn tools(
        self,
        connection: &Connection,
    ) -> Result<Vec<Tool>, HandshakeFailure> {
        let mut tools = Vec::new();
        if !self.has_tools {
            return Ok(tools);
        }
        let mut cursor: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let mut params = Map::new();
            if let Some(cursor) = cursor.take() {
                params.insert("cursor".to_owned(), cursor.into());
            }
            let page = self
                .ask(connection, "tools/list", params)
                .await?
                .map_err(HandshakeFailure::Refused)?;
            let page: ToolPage = read("tools/list", &page)?;
            for tool in page.tools {
                match serde_json::from_str(tool.get()) {
                    Ok(tool) if tools.len() < MAX_TOOLS => tools.push(tool),
                    Ok(_) => return Ok(tools),
                    Err(error) => tracing::warn!(%error, "a tool was left out of the list"),
                }
            }
            match page.next_cursor {
                Some(next) if !next.is_empty() => cursor = Some(next),
                _ => break,
            }
        }
        Ok(tools)
    }
}

fn client_info() -> Value {
    json!({ "name": "drawbridge", "title": "Drawbridge", "version": env!("CARGO_PKG_VERSION") })
}

fn read<T: for<'de> Deserialize<'de>>(
    method: &'static str,
    result: &RawValue,
) -> Result<T, HandshakeFailure> {
    serde_json::from_str(result.get()).map_err(|error| HandshakeFailure::Malformed(method, error))
}
