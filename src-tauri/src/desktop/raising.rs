//! Carries out what `approval` says: watches what waits at the engine and what happens to the
//! window, and makes, raises and takes away.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tauri::{AppHandle, Manager as _, Runtime};
use tokio::sync::{Mutex, mpsc};

use super::approval::{Approval, Asked, Asker, Effect, Event};
use super::settling::Shown;
use super::shell::Shell;
use super::{notify, windows};
use crate::engine::Engine;
use crate::ui_api::{self, ConfirmationAnswer, Decision, QuestionContent, QuestionView};

/// How long to wait before the window is attended again, should that ever break off.
const AGAIN: Duration = Duration::from_secs(1);

/// Raises the approval window whenever something waits, until the engine has gone.
pub(super) async fn attend<R: Runtime>(
    app: AppHandle<R>,
    engine: Engine,
    happened: mpsc::UnboundedReceiver<Event>,
) {
    // From here on nothing that lets more in is done without a question in the window, whatever
    // becomes of what attends it.
    let _attendant = engine.confirmations().attend();
    let happened = Arc::new(Mutex::new(happened));
    loop {
        let attending = raise(app.clone(), engine.clone(), happened.clone());
        let ended = tauri::async_runtime::spawn(attending).await;
        tokio::select! {
            biased;
            () = engine.stopped() => return,
            () = tokio::time::sleep(AGAIN) => {}
        }
        let problem = ended.err().map(|error| error.to_string());
        tracing::error!(problem, "the approval window was not attended; it is again");
    }
}

async fn raise<R: Runtime>(
    app: AppHandle<R>,
    engine: Engine,
    happened: Arc<Mutex<mpsc::UnboundedReceiver<Event>>>,
) {
    let mut happened = happened.lock().await;
    let mut watch = ui_api::watch_questions(&engine);
    let mut approval = Approval::default();
    if windows::is_approval_there(&app) {
        follow(&app, &engine, &mut approval, Approval::take_over).await;
    }
    loop {
        let event = tokio::select! {
            news = watch.changed() => match news {
                Some(_) => {
                    app.state::<Shell>().tell_news();
                    Event::Waits(ui_api::question(&engine).map(Asked::from))
                }
                None => return,
            },
            Some(event) = happened.recv() => event,
            () = engine.stopped() => return,
        };
        follow(&app, &engine, &mut approval, |approval| {
            approval.on(event, Instant::now())
        })
        .await;
    }
}

/// Does what the rules say about this.
async fn follow<R: Runtime>(
    app: &AppHandle<R>,
    engine: &Engine,
    approval: &mut Approval,
    about: impl FnOnce(&mut Approval) -> Vec<Effect>,
) {
    let mut effects = about(approval);
    while !effects.is_empty() {
        let mut made = true;
        for effect in effects {
            made &= carry_out(app, engine, effect).await;
        }
        effects = if made {
            Vec::new()
        } else {
            approval.on(Event::NotMade, Instant::now())
        };
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

/// Turns this question away, whichever kind it is, and wherever it stands by now: another may have
/// come before it since it was shown. That it does not wait any more is no failure.
async fn deny(engine: &Engine, shown: Shown) {
    let Shown { id, hash: shown } = shown;
    let waiting = engine.confirmations().waiting();
    let denied = if waiting.iter().any(|question| question.id() == id) {
        let allow = false;
        ui_api::confirm(engine, &ConfirmationAnswer { id, shown, allow })
    } else {
        let terms = None;
        ui_api::decide(engine, Decision { id, shown, terms })
            .await
            .map(drop)
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
