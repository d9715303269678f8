//! The servers and their tools.

use tauri::{State, command};

use crate::desktop::shell::Shell;
use crate::ui_api::{self, NewServerForm, ServerView, ToolView, UiError};

#[command(rename_all = "snake_case")]
pub(super) async fn servers(shell: State<'_, Shell>) -> Result<Vec<ServerView>, UiError> {
    Ok(ui_api::servers(&shell.engine().await?))
}

#[command(rename_all = "snake_case")]
pub(super) async fn add_server(
    shell: State<'_, Shell>,
    server: NewServerForm,
) -> Result<ServerView, UiError> {
    ui_api::add_server_form(&shell.engine().await?, server).await
}

#[command(rename_all = "snake_case")]
pub(super) async fn remove_server(shell: State<'_, Shell>, name: String) -> Result<(), UiError> {
    ui_api::remove_server(&shell.engine().await?, &name).await
}

#[command(rename_all = "snake_case")]
pub(super) async fn enable_server(
    shell: State<'_, Shell>,
    name: String,
    enabled: bool,
) -> Result<ServerView, UiError> {
    ui_api::enable_server(&shell.engine().await?, &name, enabled).await
}

#[command(rename_all = "snake_case")]
pub(super) async fn tools(
    shell: State<'_, Shell>,
    server: String,
) -> Result<Vec<ToolView>, UiError> {
    ui_api::tools(&shell.engine().await?, &server).await
}

#[command(rename_all = "snake_case")]
pub(super) async fn server_log(
    shell: State<'_, Shell>,
    name: String,
) -> Result<Vec<String>, UiError> {
    ui_api::server_log(&shell.engine().await?, &name)
}
