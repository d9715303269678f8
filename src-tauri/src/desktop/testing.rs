//! The shell on tauri's mock runtime, with the app's own configuration: no display is needed.

#![expect(clippy::unwrap_used, reason = "test harness")]

use std::future::ready;

use serde_json::Value;
use tauri::ipc::{CallbackFn, InvokeBody};
use tauri::test::{INVOKE_KEY, MockRuntime, get_ipc_response, mock_builder};
use tauri::webview::InvokeRequest;
use tauri::{App, WebviewUrl, WebviewWindow, WebviewWindowBuilder};
use tokio::runtime::Runtime;

use super::shell::Shell;
use super::{context, equipped};
use crate::ui_api::UiError;

/// Where the app's own pages are.
const OWN_PAGE: &str = "tauri://localhost";

/// The app with an engine that did not start: whatever gets past the permissions does nothing.
pub(super) struct Desktop {
    pub(super) app: App<MockRuntime>,
    pub(super) shell: Shell,
    _runtime: Runtime,
}

impl Desktop {
    pub(super) fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let shell = Shell::start(runtime.handle(), None, || {
            ready(Err(UiError::failed("it did not start")))
        });
        let app = equipped(mock_builder(), shell.clone())
            .build(context())
            .unwrap();
        Self {
            app,
            shell,
            _runtime: runtime,
        }
    }

    /// A bare window of this name.
    pub(super) fn window(&self, label: &str) -> WebviewWindow<MockRuntime> {
        WebviewWindowBuilder::new(&self.app, label, WebviewUrl::default())
            .build()
            .unwrap()
    }
}

/// What one of our pages gets for calling this.
pub(super) fn call(
    window: &WebviewWindow<MockRuntime>,
    command: &str,
    arguments: Value,
) -> Result<Value, Value> {
    call_from(OWN_PAGE, window, command, arguments)
}

/// What a page at this address gets for calling this.
pub(super) fn call_from(
    page: &str,
    window: &WebviewWindow<MockRuntime>,
    command: &str,
    arguments: Value,
) -> Result<Value, Value> {
    let request = InvokeRequest {
        cmd: command.to_owned(),
        callback: CallbackFn(0),
        error: CallbackFn(1),
        url: page.parse().unwrap(),
        body: InvokeBody::Json(arguments),
        headers: http::HeaderMap::default(),
        invoke_key: INVOKE_KEY.to_owned(),
    };
    get_ipc_response(window, request).map(|answer| answer.deserialize().unwrap())
}
