//! The MCP server that clients talk to: rmcp's handler over the gateway, one for each request.

use std::borrow::Cow;
use std::time::Duration;

use drawbridge_oauth::{LiveGrant, Principal};
use rmcp::model::{
    CacheScope, CallToolRequestParams, CallToolResponse, Implementation, ListToolsResult,
    PaginatedRequestParams, ProgressNotificationParam, ProgressToken, ProtocolVersion,
    ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde_json::Value;
use tokio::sync::mpsc;

use crate::calls::ToolCall;
use crate::child::{MAX_PROGRESS, Progress};
use crate::gateway::Gateway;
use crate::http::JsonOnly;

/// How long one progress message may take on its way out.
const PROGRESS_PATIENCE: Duration = Duration::from_secs(1);

tokio::task_local! {
    /// Whose request this task answers: rmcp asks for a tool's definition without saying for whom.
    pub(crate) static ASKING: Principal;
}

#[derive(Clone)]
pub(crate) struct Handler {
    pub(crate) gateway: Gateway,
}

/// What the layers in front of the handler have found out.
struct Caller {
    principal: Principal,
    live: LiveGrant,
    json_only: bool,
}

fn caller(context: &RequestContext<RoleServer>) -> Result<Caller, ErrorData> {
    let parts = context.extensions.get::<http::request::Parts>();
    let principal = parts.and_then(|parts| parts.extensions.get::<Principal>());
    let live = parts.and_then(|parts| parts.extensions.get::<LiveGrant>());
    match (principal, live, parts) {
        (Some(principal), Some(live), Some(parts)) => Ok(Caller {
            principal: principal.clone(),
            live: live.clone(),
            json_only: parts.extensions.get::<JsonOnly>().is_some(),
        }),
        // The router refuses such requests; nothing is served to nobody.
        _ => Err(ErrorData::internal_error(
            "the request has no principal",
            None,
        )),
    }
}

impl ServerHandler for Handler {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build()).with_server_info(
            Implementation::new("drawbridge", env!("CARGO_PKG_VERSION")).with_title("Drawbridge"),
        )
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        Cow::Borrowed(if self.gateway.inner.options.cap_at_2025_11_25 {
            ProtocolVersion::known_up_to(&ProtocolVersion::V_2025_11_25)
        } else {
            ProtocolVersion::KNOWN_VERSIONS
        })
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let caller = caller(&context)?;
        let mut result =
            ListToolsResult::with_all_items(self.gateway.list(&caller.principal).await);
        let modern = ProtocolVersion::V_2026_07_28;
        if context
            .protocol_version()
            .is_some_and(|version| version.as_str() >= modern.as_str())
        {
            // The list is this grant's: nobody else may be served it from a cache (SEP-2549).
            result.cache_scope = Some(CacheScope::Private);
        }
        Ok(result)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let caller = caller(&context)?;
        // A client that takes JSON alone cannot be sent anything before the answer.
        let token = context
            .meta
            .get_progress_token()
            .filter(|_| !caller.json_only);
        let (progress, mut steps) = if token.is_some() {
            let (sender, receiver) = mpsc::channel(MAX_PROGRESS);
            (Some(sender), Some(receiver))
        } else {
            (None, None)
        };
        let meta = match serde_json::to_value(&context.meta) {
            Ok(Value::Object(meta)) => meta,
            _ => serde_json::Map::new(),
        };
        let call = ToolCall {
            name: request.name.into_owned(),
            arguments: request.arguments,
            meta,
            live: caller.live,
            progress,
        };
        let mut calling = std::pin::pin!(self.gateway.call(&caller.principal, call));
        let result = loop {
            tokio::select! {
                // A step comes before the answer that follows it.
                biased;
                Some(step) = next(&mut steps) => forward(&context, token.as_ref(), step).await,
                result = &mut calling => break result,
                () = context.ct.cancelled() => {
                    return Err(ErrorData::internal_error("the call was cancelled", None));
                }
            }
        };
        while let Some(step) = steps.as_mut().and_then(|steps| steps.try_recv().ok()) {
            forward(&context, token.as_ref(), step).await;
        }
        result.map(CallToolResponse::from)
    }

    /// Asked while a request's headers are checked, in the request's own task.
    fn get_tool(&self, name: &str) -> Option<Tool> {
        ASKING
            .try_with(|principal| self.gateway.definition(principal, name))
            .ok()
            .flatten()
    }
}

/// The next step; never, if none can come.
async fn next(steps: &mut Option<mpsc::Receiver<Progress>>) -> Option<Progress> {
    match steps {
        Some(receiver) => receiver.recv().await,
        None => None,
    }
}

async fn forward(
    context: &RequestContext<RoleServer>,
    token: Option<&ProgressToken>,
    step: Progress,
) {
    let Some(token) = token else { return };
    let mut notification = ProgressNotificationParam::new(token.clone(), step.done);
    notification.total = step.total;
    notification.message = step.message;
    // A client that does not read misses a step, and does not hold up its call.
    let telling = context.peer.notify_progress(notification);
    if let Ok(Err(error)) = tokio::time::timeout(PROGRESS_PATIENCE, telling).await {
        tracing::debug!(%error, "a client does not take progress any more");
    }
}
