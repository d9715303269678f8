//! Tools that ask for input before they answer (SEP-2322): the client comes back with it, and with
//! the state it was given.

use rmcp::RoleServer;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, ErrorData, InputRequests, InputRequiredResult,
    InputResponses,
};
use rmcp::service::RequestContext;
use serde_json::{Value, json};

use crate::calls::says;
use crate::server::{Fixture, read};

pub(crate) fn call(
    fixture: &Fixture,
    name: &str,
    request: &CallToolRequestParams,
    context: &RequestContext<RoleServer>,
) -> Result<CallToolResponse, ErrorData> {
    let answers = request.input_responses.as_ref();
    let state = match &request.request_state {
        None => None,
        Some(sealed) => Some(open(fixture, name, sealed)?),
    };
    match name.trim_start_matches("test_input_required_result_") {
        "elicitation" => match text(answers, "user_name", "/content/name") {
            Some(name) => Ok(says(&format!("Hello, {name}!")).into()),
            None => ask_for_name(),
        },
        "sampling" => match text(answers, "capital_question", "/content/text") {
            Some(answer) => Ok(says(&answer).into()),
            None => ask(
                json!({ "capital_question": sampling("What is the capital of France?", 100) }),
                None,
            ),
        },
        "list_roots" => {
            match value(answers, "client_roots", "/roots").filter(|roots| roots.is_array()) {
                Some(roots) => Ok(says(&format!("The roots: {roots}")).into()),
                None => ask(json!({ "client_roots": roots() }), None),
            }
        }
        "request_state" => match (text_or_bool(answers, "confirm", "/content/ok"), state) {
            (Some(_), Some(_)) => Ok(says("state-ok").into()),
            _ => ask(
                json!({ "confirm": elicitation("Please confirm", "ok", "boolean") }),
                Some(seal(fixture, name, "asked")),
            ),
        },
        "tampered_state" => match (text_or_bool(answers, "confirm", "/content/ok"), state) {
            (Some(_), Some(_)) => Ok(says("The state is the one we made.").into()),
            _ => ask(
                json!({ "confirm": elicitation("Please confirm", "ok", "boolean") }),
                Some(seal(fixture, name, "asked")),
            ),
        },
        "multiple_inputs" => {
            let greeting = text(answers, "greeting", "/content/text");
            let user = text(answers, "user_name", "/content/name");
            let there = value(answers, "client_roots", "/roots");
            match (user, greeting, there, state) {
                (Some(user), Some(greeting), Some(roots), Some(_)) => {
                    Ok(says(&format!("{greeting} {user} {roots}")).into())
                }
                _ => ask(
                    json!({
                        "user_name": elicitation("What is your name?", "name", "string"),
                        "greeting": sampling("Generate a greeting", 50),
                        "client_roots": roots(),
                    }),
                    Some(seal(fixture, name, "asked")),
                ),
            }
        }
        "multi_round" => multi_round(fixture, name, answers, state.as_deref()),
        "capabilities" => {
            let declared = context.client_capabilities().unwrap_or_default();
            let mut requests = serde_json::Map::new();
            if declared.elicitation.is_some() {
                requests.insert(
                    "user_name".to_owned(),
                    elicitation("What is your name?", "name", "string"),
                );
            }
            if declared.sampling.is_some() {
                requests.insert("greeting".to_owned(), sampling("Generate a greeting", 50));
            }
            if requests.is_empty() || answers.is_some() {
                return Ok(says("Nothing more is needed.").into());
            }
            ask(Value::Object(requests), None)
        }
        _ => Err(ErrorData::invalid_params(
            format!("Unknown tool: {name}"),
            None,
        )),
    }
}

fn multi_round(
    fixture: &Fixture,
    name: &str,
    answers: Option<&InputResponses>,
    state: Option<&str>,
) -> Result<CallToolResponse, ErrorData> {
    let step1 = text(answers, "step1", "/content/name");
    let step2 = text(answers, "step2", "/content/color");
    match (state, step1, step2) {
        (Some("round 1"), Some(user), _) => ask(
            json!({ "step2": elicitation("Step 2: What is your favorite color?", "color", "string") }),
            Some(seal(fixture, name, &format!("round 2 {user}"))),
        ),
        (Some(state), _, Some(color)) => match state.strip_prefix("round 2 ") {
            Some(user) => Ok(says(&format!("{user} likes {color}.")).into()),
            None => Err(ErrorData::invalid_params(
                "the state is of another round",
                None,
            )),
        },
        _ => ask(
            json!({ "step1": elicitation("Step 1: What is your name?", "name", "string") }),
            Some(seal(fixture, name, "round 1")),
        ),
    }
}

/// The first question of the suite.
pub(crate) fn ask_for_name() -> Result<CallToolResponse, ErrorData> {
    ask(
        json!({ "user_name": elicitation("What is your name?", "name", "string") }),
        None,
    )
}

/// The question of a prompt, for `prompts.rs`.
pub(crate) fn questions(requests: Value) -> Result<InputRequiredResult, ErrorData> {
    let requests: InputRequests = read(requests)?;
    Ok(InputRequiredResult::from_input_requests(requests))
}

fn ask(requests: Value, state: Option<String>) -> Result<CallToolResponse, ErrorData> {
    let requests: InputRequests = read(requests)?;
    Ok(InputRequiredResult::new(Some(requests), state).into())
}

pub(crate) fn elicitation(message: &str, field: &str, kind: &str) -> Value {
    json!({
        "method": "elicitation/create",
        "params": {
            "mode": "form",
            "message": message,
            "requestedSchema": {
                "type": "object",
                "properties": { field: { "type": kind } },
                "required": [field],
            },
        },
    })
}

fn sampling(prompt: &str, max_tokens: u32) -> Value {
    json!({
        "method": "sampling/createMessage",
        "params": {
            "messages": [{ "role": "user", "content": { "type": "text", "text": prompt } }],
            "maxTokens": max_tokens,
        },
    })
}

fn roots() -> Value {
    json!({ "method": "roots/list", "params": {} })
}

/// One answer's part; none where the answer is missing or not what was asked for.
pub(crate) fn value(answers: Option<&InputResponses>, key: &str, pointer: &str) -> Option<Value> {
    answers?.get(key)?.pointer(pointer).cloned()
}

pub(crate) fn text(answers: Option<&InputResponses>, key: &str, pointer: &str) -> Option<String> {
    value(answers, key, pointer)?.as_str().map(str::to_owned)
}

fn text_or_bool(answers: Option<&InputResponses>, key: &str, pointer: &str) -> Option<Value> {
    value(answers, key, pointer).filter(|value| value.is_boolean() || value.is_string())
}

/// A state is bound to the tool it was made for.
fn seal(fixture: &Fixture, tool: &str, state: &str) -> String {
    fixture
        .shared
        .states
        .seal(format!("{tool}\n{state}").as_bytes())
}

fn open(fixture: &Fixture, tool: &str, sealed: &str) -> Result<String, ErrorData> {
    let refused =
        || ErrorData::invalid_params("the request state is not one that was given out", None);
    let opened = fixture.shared.states.open(sealed).map_err(|_| refused())?;
    let opened = String::from_utf8(opened).map_err(|_| refused())?;
    let (owner, state) = opened.split_once('\n').ok_or_else(refused)?;
    if owner == tool {
        Ok(state.to_owned())
    } else {
        Err(refused())
    }
}
