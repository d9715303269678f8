//! Prompts.

use rmcp::model::{ErrorData, GetPromptRequestParams, GetPromptResponse, GetPromptResult, Prompt};
use serde_json::{Value, json};

use crate::calls::PNG;
use crate::rounds::{elicitation, questions, text};
use crate::server::read;

pub(crate) fn all() -> Result<Vec<Prompt>, ErrorData> {
    [
        json!({ "name": "test_simple_prompt", "description": "A prompt without arguments" }),
        json!({
            "name": "test_prompt_with_arguments",
            "description": "A prompt with two arguments",
            "arguments": [
                { "name": "arg1", "description": "First test argument", "required": true },
                { "name": "arg2", "description": "Second test argument", "required": true },
            ],
        }),
        json!({
            "name": "test_prompt_with_embedded_resource",
            "description": "A prompt that holds a resource",
            "arguments": [
                { "name": "resourceUri", "description": "The resource to hold", "required": true },
            ],
        }),
        json!({ "name": "test_prompt_with_image", "description": "A prompt that holds an image" }),
        json!({
            "name": "test_input_required_result_prompt",
            "description": "A prompt that asks before it answers",
        }),
    ]
    .into_iter()
    .map(read)
    .collect()
}

pub(crate) fn get(request: &GetPromptRequestParams) -> Result<GetPromptResponse, ErrorData> {
    let argument = |key: &str| -> Result<&str, ErrorData> {
        request
            .arguments
            .as_ref()
            .and_then(|arguments| arguments.get(key)?.as_str())
            .ok_or_else(|| ErrorData::invalid_params(format!("`{key}` is missing"), None))
    };
    let contents = match request.name.as_str() {
        "test_simple_prompt" => vec![says("This is a simple prompt for testing.")],
        "test_prompt_with_arguments" => vec![says(&format!(
            "Prompt with arguments: arg1='{}', arg2='{}'",
            argument("arg1")?,
            argument("arg2")?
        ))],
        "test_prompt_with_embedded_resource" => vec![
            json!({ "type": "resource", "resource": {
                "uri": argument("resourceUri")?,
                "mimeType": "text/plain",
                "text": "Embedded resource content for testing.",
            } }),
            says("Please process the embedded resource above."),
        ],
        "test_prompt_with_image" => vec![
            json!({ "type": "image", "data": PNG, "mimeType": "image/png" }),
            says("Please analyze the image above."),
        ],
        "test_input_required_result_prompt" => {
            let answers = request.input_responses.as_ref();
            let Some(context) = text(answers, "user_context", "/content/context") else {
                let question =
                    elicitation("What context should the prompt use?", "context", "string");
                return Ok(questions(json!({ "user_context": question }))?.into());
            };
            vec![says(&format!("The context is: {context}"))]
        }
        name => {
            return Err(ErrorData::invalid_params(
                format!("Unknown prompt: {name}"),
                None,
            ));
        }
    };
    let messages: Vec<Value> = contents
        .into_iter()
        .map(|content| json!({ "role": "user", "content": content }))
        .collect();
    let result: GetPromptResult = read(json!({ "resultType": "complete", "messages": messages }))?;
    Ok(result.into())
}

fn says(text: &str) -> Value {
    json!({ "type": "text", "text": text })
}
