//! What the tools do.
#![expect(
    deprecated,
    reason = "sampling and logging of the older era are part of the suite"
)]

use std::time::Duration;

use rmcp::RoleServer;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock,
    CreateMessageRequestParams, ElicitRequestParams, ErrorData, LoggingLevel,
    LoggingMessageNotificationParam, ProgressNotificationParam, ProtocolVersion,
};
use rmcp::service::RequestContext;
use serde_json::{Value, json};

use crate::rounds;
use crate::server::{Change, Fixture, read};

/// One red pixel.
pub(crate) const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==";
/// No samples at all.
const WAV: &str = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQAAAAA=";
/// Between two steps of a slow tool, as the suite wants it.
const STEP: Duration = Duration::from_millis(50);

/// Whether the request is of the era without sessions.
pub(crate) fn is_modern(context: &RequestContext<RoleServer>) -> bool {
    context
        .protocol_version()
        .is_some_and(|version| version.as_str() >= ProtocolVersion::V_2026_07_28.as_str())
}

pub(crate) async fn call(
    fixture: &Fixture,
    request: CallToolRequestParams,
    context: RequestContext<RoleServer>,
) -> Result<CallToolResponse, ErrorData> {
    let name = request.name.to_string();
    if name.starts_with("test_input_required_result_") {
        return rounds::call(fixture, &name, &request, &context);
    }
    let argument = |key: &str| -> Result<String, ErrorData> {
        request
            .arguments
            .as_ref()
            .and_then(|arguments| arguments.get(key)?.as_str().map(str::to_owned))
            .ok_or_else(|| ErrorData::invalid_params(format!("`{key}` is missing"), None))
    };
    let result = match name.as_str() {
        "echo" => {
            let text = argument("text")?;
            let mut result = CallToolResult::structured(json!({ "text": text }));
            result.content = vec![ContentBlock::text(text)];
            result
        }
        "add_note" => says(&format!("noted: {}", argument("text")?)),
        "test_tool_with_logging" => {
            log(&context, "Tool execution started").await;
            tokio::time::sleep(STEP).await;
            log(&context, "Tool processing data").await;
            tokio::time::sleep(STEP).await;
            log(&context, "Tool execution completed").await;
            says("The tool has logged three messages.")
        }
        "test_logging_tool" => {
            if context.meta.log_level().is_some() {
                log(&context, "Asked for, and logged").await;
            }
            says("The tool logs only if it is asked to.")
        }
        "test_tool_with_progress" => {
            for done in [0.0, 50.0, 100.0] {
                if done > 0.0 {
                    tokio::time::sleep(STEP).await;
                }
                progress(&context, done).await;
            }
            says("The tool has told its progress.")
        }
        "test_sampling" => sample(&context, &argument("prompt")?).await?,
        "test_elicitation" => {
            let schema = json!({
                "type": "object",
                "properties": {
                    "username": { "type": "string", "description": "User's response" },
                    "email": { "type": "string", "description": "User's email address" },
                },
                "required": ["username", "email"],
            });
            ask(&context, &argument("message")?, schema, "User response").await?
        }
        "test_elicitation_sep1034_defaults" => {
            ask(
                &context,
                "Please check",
                defaults(),
                "Elicitation completed",
            )
            .await?
        }
        "test_elicitation_sep1330_enums" => {
            ask(
                &context,
                "Please choose",
                choices(),
                "Elicitation completed",
            )
            .await?
        }
        "test_missing_capability" => {
            let declared = context.client_capabilities();
            if declared.is_none_or(|capabilities| capabilities.sampling.is_none()) {
                let needed = read(json!({ "sampling": {} }))?;
                return Err(ErrorData::missing_required_client_capability(needed));
            }
            says("The client can sample.")
        }
        "test_streaming_elicitation" => {
            progress(&context, 0.0).await;
            if is_modern(&context) {
                return rounds::ask_for_name();
            }
            says("The older era asks in another way.")
        }
        "test_trigger_tool_change" => changed(fixture, &context, Change::Tools).await,
        "test_trigger_prompt_change" => changed(fixture, &context, Change::Prompts).await,
        _ => always(&name)?,
    };
    Ok(result.into())
}

/// The tools whose answer depends on nothing.
fn always(name: &str) -> Result<CallToolResult, ErrorData> {
    Ok(match name {
        "delete_notes" => says("all notes are gone"),
        "test_simple_text" => says("This is a simple text response for testing."),
        "test_image_content" => {
            CallToolResult::success(vec![ContentBlock::image(PNG, "image/png")])
        }
        "test_audio_content" => {
            CallToolResult::success(vec![ContentBlock::audio(WAV, "audio/wav")])
        }
        "test_embedded_resource" => read(json!({ "resultType": "complete", "content": [{
            "type": "resource",
            "resource": {
                "uri": "test://embedded-resource",
                "mimeType": "text/plain",
                "text": "This is an embedded resource content.",
            },
        }] }))?,
        "test_multiple_content_types" => read(json!({ "resultType": "complete", "content": [
            { "type": "text", "text": "Multiple content types test:" },
            { "type": "image", "data": PNG, "mimeType": "image/png" },
            {
                "type": "resource",
                "resource": {
                    "uri": "test://mixed-content-resource",
                    "mimeType": "application/json",
                    "text": "{\"test\":\"data\",\"value\":123}",
                },
            },
        ] }))?,
        "test_error_handling" => CallToolResult::error(vec![ContentBlock::text(
            "This tool intentionally returns an error for testing",
        )]),
        "test_header_parameter" => says("The header says what the body says."),
        "json_schema_2020_12_tool" => says("The arguments were taken."),
        _ => {
            return Err(ErrorData::invalid_params(
                format!("Unknown tool: {name}"),
                None,
            ));
        }
    })
}

pub(crate) fn says(text: &str) -> CallToolResult {
    CallToolResult::success(vec![ContentBlock::text(text)])
}

async fn log(context: &RequestContext<RoleServer>, text: &str) {
    let message = LoggingMessageNotificationParam::new(LoggingLevel::Info, json!(text));
    // A client that is gone does not read logs.
    let _ = context.peer.notify_logging_message(message).await;
}

async fn progress(context: &RequestContext<RoleServer>, done: f64) {
    if let Some(token) = context.meta.get_progress_token() {
        let step = ProgressNotificationParam::new(token, done).with_total(100.0);
        let _ = context.peer.notify_progress(step).await;
    }
}

async fn changed(
    fixture: &Fixture,
    context: &RequestContext<RoleServer>,
    change: Change,
) -> CallToolResult {
    // Nobody listening is fine.
    let _ = fixture.shared.changes.send(change);
    if !is_modern(context) {
        let _ = match change {
            Change::Tools => context.peer.notify_tool_list_changed().await,
            Change::Prompts => context.peer.notify_prompt_list_changed().await,
        };
    }
    says("The change was told.")
}

async fn sample(
    context: &RequestContext<RoleServer>,
    prompt: &str,
) -> Result<CallToolResult, ErrorData> {
    let request: CreateMessageRequestParams = read(json!({
        "messages": [{ "role": "user", "content": { "type": "text", "text": prompt } }],
        "maxTokens": 100,
    }))?;
    let answer = context
        .peer
        .create_message(request)
        .await
        .map_err(|error| ErrorData::invalid_request(format!("no sampling: {error}"), None))?;
    let answer = serde_json::to_value(&answer)
        .map_err(|error| ErrorData::internal_error(error.to_string(), None))?;
    let text = answer
        .pointer("/content/text")
        .and_then(Value::as_str)
        .unwrap_or_default();
    Ok(says(&format!("LLM response: {text}")))
}

async fn ask(
    context: &RequestContext<RoleServer>,
    message: &str,
    schema: Value,
    answer_begins: &str,
) -> Result<CallToolResult, ErrorData> {
    let request: ElicitRequestParams =
        read(json!({ "mode": "form", "message": message, "requestedSchema": schema }))?;
    let answer = context
        .peer
        .create_elicitation(request)
        .await
        .map_err(|error| ErrorData::invalid_request(format!("no elicitation: {error}"), None))?;
    let action = serde_json::to_value(&answer.action).unwrap_or_default();
    let action = action.as_str().unwrap_or_default();
    let fields = answer.content.unwrap_or(Value::Null);
    Ok(says(&format!(
        "{answer_begins}: action={action}, content={fields}"
    )))
}

fn defaults() -> Value {
    json!({
        "type": "object",
        "properties": {
            "name": { "type": "string", "default": "John Doe" },
            "age": { "type": "integer", "default": 30 },
            "score": { "type": "number", "default": 95.5 },
            "status": {
                "type": "string",
                "enum": ["active", "inactive", "pending"],
                "default": "active",
            },
            "verified": { "type": "boolean", "default": true },
        },
        "required": [],
    })
}

fn choices() -> Value {
    json!({
        "type": "object",
        "properties": {
            "untitledSingle": { "type": "string", "enum": ["option1", "option2", "option3"] },
            "titledSingle": {
                "type": "string",
                "oneOf": [
                    { "const": "value1", "title": "First Option" },
                    { "const": "value2", "title": "Second Option" },
                    { "const": "value3", "title": "Third Option" },
                ],
            },
            "legacyEnum": {
                "type": "string",
                "enum": ["opt1", "opt2", "opt3"],
                "enumNames": ["Option One", "Option Two", "Option Three"],
            },
            "untitledMulti": {
                "type": "array",
                "items": { "type": "string", "enum": ["option1", "option2", "option3"] },
            },
            "titledMulti": {
                "type": "array",
                "items": { "anyOf": [
                    { "const": "value1", "title": "First Choice" },
                    { "const": "value2", "title": "Second Choice" },
                    { "const": "value3", "title": "Third Choice" },
                ] },
            },
        },
        "required": [],
    })
}
