//! Carries out what `approval` says: watches what waits at the engine and what happens to the
//! window, and makes, raises and takes away.

use std::time::Instant;

use tauri::{AppHandle, Manager as _, Runtime};
use tokio::sync::mpsc;

use super::approval::{Approval, Asked, Asker, Effect, Event};
use super::settling::Shown;
use super::shell::Shell;
use super::{notify, windows};
use crate::engine::Engine;
use crate::ui_api::{self, ConfirmationAnswer, Decision, QuestionContent, QuestionView};

/// Raises the approval window whenever something waits, until the engine has gone.
pub(super) async fn attend<R: Runtime>(
    app: AppHandle<R>,
    engine: Engine,
    mut happened: mpsc::Receiver<Event>,
) {
    // From here on nothing that lets more in is done without a question in the window.
    let _attendant = engine.confirmations().attend();
    let mut watch = ui_api::watch_questions(&engine);
    let mut approval = Approval::default();
    loop {
        let event = tokio::select! {
            news = watch.changed() => match news {
                Some(_) => {
                    app.state::<Shell>().tell_news();
                    Event::Waits(ui_api::question(&engine).map(Asked::from))
                }
                None => break,
            },
            Some(event) = happened.recv() => event,
            () = engine.stopped() => break,
        };
        let mut effects = approval.on(event, Instant::now());
        while !effects.is_empty() {
            let mut made = true;
            for effect in effects {
                made &= carry_out(&app, &engine, effect).await;
            }
            effects = if made {
                Vec::new()
            } else {
                approval.on(Event::NotMade, Instant::now())
            };
        }
    }
}

/// Answers whether a window that was to be made was made.
async fn carry_out<R: Runtime>(app: &AppHandle<R>, engine: &Engine, effect: Effect) -> bool {
    let done = match effect {
        Effect::Notify(asker) => {
            notify::tell(app, &asker);
            Ok(())
        }
        Effect::Make => {
            let made = windows::make_approval(app);
            if let Err(error) = made {
                tracing::error!(%error, "the approval window cannot be made; `drawbridge approvals` shows what waits");
                return false;
            }
            Ok(())
        }
        Effect::Raise | Effect::Focus => windows::focus_approval(app),
        Effect::Destroy => windows::destroy_approval(app),
        Effect::Deny(shown) => {
            deny(engine, shown).await;
            Ok(())
        }
    };
    if let Err(error) = done {
        tracing::warn!(%error, "the approval window does not do as it is told");
    }
    true
}

/// Turns this question away, whichever kind it is. That it does not wait any more is no failure.
async fn deny(engine: &Engine, shown: Shown) {
    let Some(question) = ui_api::question(engine).filter(|question| question.id == shown.id) else {
        return;
    };
    let denied = match question.content {
        QuestionContent::Connection { .. } => {
            let decision = Decision {
                id: shown.id,
                shown: shown.hash,
                terms: None,
            };
            ui_api::decide(engine, decision).await.map(drop)
        }
        QuestionContent::Confirmation { .. } => ui_api::confirm(
            engine,
            &ConfirmationAnswer {
                id: shown.id,
                shown: shown.hash,
                allow: false,
            },
        ),
    };
    if let Err(error) = denied {
        tracing::info!(%error, "the question that was closed does not wait any more");
    }
}

impl From<QuestionView> for Asked {
    fn from(question: QuestionView) -> Self {
        let asker = match question.content {
            QuestionContent::Connection { approval } if approval.redirect_loopback => {
                Asker::Program
            }
            QuestionContent::Connection { approval } => Asker::Host(approval.redirect_host),
            QuestionContent::Confirmation { .. } => Asker::Widening,
        };
        Self {
            shown: Shown {
                id: question.id,
                hash: question.shown,
            },
            asker,
        }
    }
}
