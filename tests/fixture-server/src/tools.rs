//! The tools as they are listed.

use rmcp::ErrorData;
use rmcp::model::Tool;
use serde_json::{Value, json};

use crate::server::read;

/// All tools, in the order in which they are listed.
pub(crate) fn all() -> Result<Vec<Tool>, ErrorData> {
    let plain = PLAIN.iter().map(|(name, description)| {
        json!({ "name": name, "description": description, "inputSchema": { "type": "object" } })
    });
    // The suite tries its headers on the first tool, which therefore takes no arguments.
    let mut tools: Vec<Value> = plain.collect();
    tools.extend(with_arguments());
    tools.extend(own());
    tools.into_iter().map(read).collect()
}

/// Tools of Drawbridge's own tests: one of each kind.
fn own() -> Vec<Value> {
    let text = json!({
        "type": "object",
        "properties": { "text": { "type": "string" } },
        "required": ["text"],
    });
    vec![
        json!({
            "name": "echo",
            "title": "Echo",
            "description": "Gives back the text",
            "inputSchema": text,
            "outputSchema": text,
            "annotations": { "readOnlyHint": true, "openWorldHint": false },
            "_meta": { "example.org/kept": true },
        }),
        json!({
            "name": "add_note",
            "description": "Adds a note",
            "inputSchema": text,
            "annotations": { "readOnlyHint": false, "destructiveHint": false },
        }),
        json!({
            "name": "delete_notes",
            "description": "Deletes all notes",
            "inputSchema": { "type": "object" },
            "annotations": { "readOnlyHint": false, "destructiveHint": true },
        }),
    ]
}

/// Tools of the suite that take no arguments.
const PLAIN: [(&str, &str); 22] = [
    ("test_simple_text", "Answers with a text"),
    ("test_image_content", "Answers with an image"),
    ("test_audio_content", "Answers with a sound"),
    ("test_embedded_resource", "Answers with a resource"),
    (
        "test_multiple_content_types",
        "Answers with a text, an image and a resource",
    ),
    ("test_tool_with_logging", "Logs while it works"),
    ("test_error_handling", "Always fails"),
    ("test_tool_with_progress", "Tells how far it is"),
    (
        "test_elicitation_sep1034_defaults",
        "Asks the user with default values",
    ),
    (
        "test_elicitation_sep1330_enums",
        "Asks the user with all kinds of choices",
    ),
    (
        "test_missing_capability",
        "Works only with a client that can sample",
    ),
    (
        "test_streaming_elicitation",
        "Tells its progress, then asks the user",
    ),
    (
        "test_logging_tool",
        "Logs if the request says that it wants logs",
    ),
    (
        "test_trigger_tool_change",
        "Says that the tools have changed",
    ),
    (
        "test_trigger_prompt_change",
        "Says that the prompts have changed",
    ),
    (
        "test_input_required_result_elicitation",
        "Asks for a name before it answers",
    ),
    (
        "test_input_required_result_sampling",
        "Asks the client's model before it answers",
    ),
    (
        "test_input_required_result_list_roots",
        "Asks for the client's roots before it answers",
    ),
    (
        "test_input_required_result_request_state",
        "Asks, and keeps its state with the client",
    ),
    (
        "test_input_required_result_multiple_inputs",
        "Asks for three things at once",
    ),
    (
        "test_input_required_result_multi_round",
        "Asks twice, one after the other",
    ),
    (
        "test_input_required_result_tampered_state",
        "Refuses a state it has not made",
    ),
];

/// The rest.
fn with_arguments() -> Vec<Value> {
    vec![
        json!({
            "name": "test_input_required_result_capabilities",
            "description": "Asks only for what the client can do",
            "inputSchema": { "type": "object" },
        }),
        json!({
            "name": "test_sampling",
            "description": "Asks the client's model",
            "inputSchema": {
                "type": "object",
                "properties": { "prompt": { "type": "string" } },
                "required": ["prompt"],
            },
        }),
        json!({
            "name": "test_elicitation",
            "description": "Asks the user",
            "inputSchema": {
                "type": "object",
                "properties": { "message": { "type": "string" } },
                "required": ["message"],
            },
        }),
        json!({
            "name": "test_header_parameter",
            "description": "Takes a parameter that is sent in a header too",
            "inputSchema": {
                "type": "object",
                "properties": { "region": { "type": "string", "x-mcp-header": "Region" } },
            },
        }),
        json!({
            "name": "json_schema_2020_12_tool",
            "description": "Tool with JSON Schema 2020-12 features",
            "inputSchema": {
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "type": "object",
                "$defs": {
                    "address": {
                        "$anchor": "addressDef",
                        "type": "object",
                        "properties": { "street": { "type": "string" }, "city": { "type": "string" } },
                    },
                },
                "properties": {
                    "name": { "type": "string" },
                    "address": { "$ref": "#/$defs/address" },
                    "contactMethod": { "type": "string", "enum": ["phone", "email"] },
                    "phone": { "type": "string" },
                    "email": { "type": "string" },
                },
                "allOf": [{ "anyOf": [{ "required": ["phone"] }, { "required": ["email"] }] }],
                "if": {
                    "properties": { "contactMethod": { "const": "phone" } },
                    "required": ["contactMethod"],
                },
                "then": { "required": ["phone"] },
                "else": { "required": ["email"] },
                "additionalProperties": false,
            },
        }),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_definition_can_be_listed_and_no_name_comes_twice() {
        let tools = all().unwrap();
        let mut names: Vec<_> = tools.iter().map(|tool| tool.name.clone()).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), tools.len());
    }
}
