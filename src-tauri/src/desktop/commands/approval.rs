//! The question in the approval window, and its answer. What lets something in must have been in
//! view for a while; what turns it away is taken at any time.

use tauri::{AppHandle, Runtime, State, command};

use crate::desktop::settling::Shown;
use crate::desktop::shell::Shell;
use crate::desktop::windows::{self, View};
use crate::ui_api::{self, ConfirmationAnswer, Decided, Decision, QuestionView, ToolView, UiError};

#[command(rename_all = "snake_case")]
pub(super) async fn question(shell: State<'_, Shell>) -> Result<Option<QuestionView>, UiError> {
    let question = ui_api::question(&shell.engine().await?);
    shell.given(question.as_ref().map(|question| Shown {
        id: question.id.clone(),
        hash: question.shown.clone(),
    }));
    Ok(question)
}

#[command(rename_all = "snake_case")]
pub(super) async fn decide(
    shell: State<'_, Shell>,
    decision: Decision,
) -> Result<Decided, UiError> {
    if decision.terms.is_some() {
        shell.settled(&Shown {
            id: decision.id.clone(),
            hash: decision.shown.clone(),
        })?;
    }
    ui_api::decide(&shell.engine().await?, decision).await
}

#[command(rename_all = "snake_case")]
pub(super) async fn confirm(
    shell: State<'_, Shell>,
    answer: ConfirmationAnswer,
) -> Result<(), UiError> {
    if answer.allow {
        shell.settled(&Shown {
            id: answer.id.clone(),
            hash: answer.shown.clone(),
        })?;
    }
    ui_api::confirm(&shell.engine().await?, &answer)
}

#[command(rename_all = "snake_case")]
pub(super) async fn question_tools(
    shell: State<'_, Shell>,
    server: String,
) -> Result<Vec<ToolView>, UiError> {
    ui_api::question_tools(&shell.engine().await?, &server)
}

/// The question stays; the main window shows where servers are added.
#[command(rename_all = "snake_case")]
pub(super) async fn choose_servers<R: Runtime>(app: AppHandle<R>) -> Result<(), UiError> {
    windows::show_view(&app, View::Servers);
    Ok(())
}
