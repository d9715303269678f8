//! Resources and their template.

use rmcp::model::{ErrorData, ReadResourceResult, Resource, ResourceTemplate};
use serde_json::json;

use crate::calls::PNG;
use crate::server::read as built;

pub(crate) fn all() -> Result<Vec<Resource>, ErrorData> {
    [
        json!({
            "uri": "test://static-text",
            "name": "Static text",
            "description": "A text that never changes",
            "mimeType": "text/plain",
        }),
        json!({
            "uri": "test://static-binary",
            "name": "Static image",
            "description": "An image that never changes",
            "mimeType": "image/png",
        }),
        json!({
            "uri": "test://watched-resource",
            "name": "Watched text",
            "description": "A text one may subscribe to",
            "mimeType": "text/plain",
        }),
    ]
    .into_iter()
    .map(built)
    .collect()
}

pub(crate) fn templates() -> Result<Vec<ResourceTemplate>, ErrorData> {
    Ok(vec![built(json!({
        "uriTemplate": "test://template/{id}/data",
        "name": "Data by id",
        "description": "Some data for any id",
        "mimeType": "application/json",
    }))?])
}

pub(crate) fn read(uri: &str) -> Result<ReadResourceResult, ErrorData> {
    let id = uri
        .strip_prefix("test://template/")
        .and_then(|rest| rest.strip_suffix("/data"));
    let content = match (uri, id) {
        ("test://static-text", _) => json!({
            "mimeType": "text/plain",
            "text": "This is the content of the static text resource.",
        }),
        ("test://static-binary", _) => json!({ "mimeType": "image/png", "blob": PNG }),
        ("test://watched-resource", _) => json!({ "mimeType": "text/plain", "text": "Watched." }),
        (_, Some(id)) => json!({
            "mimeType": "application/json",
            "text": json!({ "id": id, "templateTest": true, "data": format!("Data for ID: {id}") })
                .to_string(),
        }),
        _ => {
            let data = json!({ "uri": uri });
            return Err(ErrorData::resource_not_found(
                "Resource not found",
                Some(data),
            ));
        }
    };
    let mut content = content;
    content["uri"] = uri.into();
    built(json!({ "resultType": "complete", "contents": [content] }))
}
