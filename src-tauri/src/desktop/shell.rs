//! The engine as the shell sees it: starting, started or failed; and what the commands share.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::AbortHandle;

use super::approval;
use super::settling::{Settling, Shown};
use super::windows::View;
use crate::engine::Engine;
use crate::ui_api::{UiError, UiErrorCode};

type Started = Option<Result<Engine, UiError>>;
type Starting = Pin<Box<dyn Future<Output = Result<Engine, UiError>> + Send>>;
type Starter = Box<dyn Fn() -> Starting + Send + Sync>;

/// The engine, from its start to its end, and what belongs to the windows as a whole. Clones are
/// one.
#[derive(Clone)]
pub(super) struct Shell(Arc<Inner>);

struct Inner {
    runtime: Handle,
    starter: Starter,
    started: watch::Sender<Started>,
    /// The start under way.
    starting: Mutex<Option<AbortHandle>>,
    /// From the first word of stopping on; read under the lock of `started`.
    stopping: AtomicBool,
    settling: Mutex<Settling>,
    /// The view asked for while the main window's page could not hear it.
    view: Mutex<Option<View>>,
    /// Without a limit, so that no closing is lost: what comes here is done by our own windows, and
    /// looked at as fast as it comes.
    happened: mpsc::UnboundedSender<approval::Event>,
    /// Taken by whoever attends the approval window.
    unseen: Mutex<Option<mpsc::UnboundedReceiver<approval::Event>>>,
    news: Notify,
    quit: Notify,
    /// Where webviews may keep what they cannot be talked out of keeping.
    web_folder: Option<PathBuf>,
}

impl Shell {
    /// Starts the engine in the background.
    pub(super) fn start<F>(
        runtime: &Handle,
        web_folder: Option<PathBuf>,
        starter: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<Engine, UiError>> + Send + 'static,
    {
        let (happened, unseen) = mpsc::unbounded_channel();
        let shell = Self(Arc::new(Inner {
            runtime: runtime.clone(),
            starter: Box::new(move || Box::pin(starter())),
            started: watch::Sender::new(None),
            starting: Mutex::default(),
            stopping: AtomicBool::new(false),
            settling: Mutex::default(),
            view: Mutex::default(),
            happened,
            unseen: Mutex::new(Some(unseen)),
            news: Notify::new(),
            quit: Notify::new(),
            web_folder,
        }));
        shell.begin();
        shell
    }

    fn begin(&self) {
        let starting = (self.0.starter)();
        let told = self.0.started.clone();
        let task = self.0.runtime.spawn(async move {
            let engine = starting.await;
            if let Err(error) = &engine {
                tracing::error!(%error, "Drawbridge did not start");
            }
            if let Some(Ok(engine)) = tell(&told, engine) {
                engine.stop().await;
            }
        });
        *lock(&self.0.starting) = Some(task.abort_handle());
    }

    /// Starts the engine again after it did not start.
    ///
    /// # Errors
    /// Why it did not start this time.
    pub(super) async fn retry(&self) -> Result<(), UiError> {
        let failed = self.0.started.send_if_modified(|started| {
            let stopping = self.0.stopping.load(Ordering::SeqCst);
            let failed = matches!(started, Some(Err(_))) && !stopping;
            if failed {
                *started = None;
            }
            failed
        });
        if failed {
            self.begin();
            self.tell_news();
        }
        let started = self.engine().await.map(drop);
        self.tell_news();
        started
    }

    /// The engine once it has started.
    ///
    /// # Errors
    /// Why it did not start.
    pub(super) async fn engine(&self) -> Result<Engine, UiError> {
        let mut started = self.0.started.subscribe();
        let engine = started
            .wait_for(Option::is_some)
            .await
            .ok()
            .and_then(|engine| engine.clone());
        engine.unwrap_or_else(|| Err(stopping()))
    }

    /// The engine once it has started, however often that failed before.
    pub(super) async fn running(&self) -> Option<Engine> {
        let mut started = self.0.started.subscribe();
        let engine = started
            .wait_for(|started| matches!(started, Some(Ok(_))))
            .await
            .ok()?;
        engine.as_ref()?.as_ref().ok().cloned()
    }

    /// Stops the engine, or its start.
    pub(super) async fn stop(&self) {
        self.0.stopping.store(true, Ordering::SeqCst);
        if let Some(starting) = lock(&self.0.starting).take() {
            starting.abort();
        }
        let engine = self.0.started.send_replace(Some(Err(stopping())));
        if let Some(Ok(engine)) = engine {
            engine.stop().await;
        }
    }

    /// What the owner has had in view in the approval window.
    pub(super) fn settling(&self) -> MutexGuard<'_, Settling> {
        lock(&self.0.settling)
    }

    /// The approval window's page was given this to show, or that there is nothing.
    pub(super) fn given(&self, shown: Option<Shown>) {
        self.settling()
            .content(shown.clone(), std::time::Instant::now());
        if let Some(shown) = shown {
            self.tell_approval(approval::Event::Given(shown));
        }
    }

    /// Lets through what was shown long enough.
    ///
    /// # Errors
    /// When it was not.
    pub(super) fn settled(&self, asked: &Shown) -> Result<(), UiError> {
        if self.settling().permits(asked, std::time::Instant::now()) {
            return Ok(());
        }
        Err(UiError::new(
            UiErrorCode::Conflict,
            "Wait a moment, then press again",
        ))
    }

    /// Something happened to the approval window, or is wanted of it.
    pub(super) fn tell_approval(&self, event: approval::Event) {
        if let Err(error) = self.0.happened.send(event) {
            tracing::debug!(%error, "nobody attends the approval window any more");
        }
    }

    /// What happens to the approval window; for whoever attends it, once.
    pub(super) fn take_unseen(&self) -> Option<mpsc::UnboundedReceiver<approval::Event>> {
        lock(&self.0.unseen).take()
    }

    /// The main window's page is to show this view as soon as it can.
    pub(super) fn ask_for_view(&self, view: Option<View>) {
        *lock(&self.0.view) = view;
    }

    /// The view that was asked for, once.
    pub(super) fn take_view(&self) -> Option<View> {
        lock(&self.0.view).take()
    }

    /// Something changed that no event of the engine tells.
    pub(super) fn tell_news(&self) {
        self.0.news.notify_one();
    }

    /// Waits for [`Self::tell_news`].
    pub(super) async fn news(&self) {
        self.0.news.notified().await;
    }

    /// Quits, in order.
    pub(super) fn quit(&self) {
        self.0.quit.notify_one();
    }

    /// Waits for [`Self::quit`].
    pub(super) async fn quitting(&self) {
        self.0.quit.notified().await;
    }

    /// Where webviews may keep what they cannot be talked out of keeping.
    pub(super) fn web_folder(&self) -> Option<&Path> {
        self.0.web_folder.as_deref()
    }
}

/// Tells how a start went, unless stopping was quicker: then it is handed back.
fn tell(
    told: &watch::Sender<Started>,
    outcome: Result<Engine, UiError>,
) -> Option<Result<Engine, UiError>> {
    let mut outcome = Some(outcome);
    told.send_if_modified(|started| {
        let waited_for = started.is_none();
        if waited_for {
            *started = outcome.take();
        }
        waited_for
    });
    outcome
}

fn stopping() -> UiError {
    UiError::new(UiErrorCode::Unavailable, "Drawbridge is stopping")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every value behind these locks is replaced whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::sync::atomic::AtomicUsize;

    use super::*;

    fn failing() -> Shell {
        Shell::start(&Handle::current(), None, || {
            ready(Err(UiError::failed("port 8787 cannot be used")))
        })
    }

    #[tokio::test]
    async fn a_failed_start_is_told_to_everybody_who_asks() {
        let shell = failing();
        for _ in 0..2 {
            let error = shell.engine().await.err().unwrap();
            assert_eq!(error.message, "Port 8787 cannot be used");
        }
        shell.stop().await;
    }

    #[tokio::test]
    async fn quitting_while_it_starts_leaves_nobody_waiting() {
        let shell = Shell::start(&Handle::current(), None, pending);
        shell.stop().await;
        let error = shell.engine().await.err().unwrap();
        assert_eq!(error.code, UiErrorCode::Unavailable);
    }

    #[tokio::test]
    async fn what_starts_while_it_stops_is_handed_back_and_nothing_starts_after() {
        let (told, seen) = watch::channel(None);
        assert!(tell(&told, Err(stopping())).is_none());
        let late = tell(&told, Err(UiError::failed("late")));
        assert_eq!(late.unwrap().err().unwrap().message, "Late");
        let kept = seen.borrow().clone().unwrap().err().unwrap();
        assert_eq!(kept.code, UiErrorCode::Unavailable);

        let starts = Arc::new(AtomicUsize::new(0));
        let counted = starts.clone();
        let shell = Shell::start(&Handle::current(), None, move || {
            counted.fetch_add(1, Ordering::Relaxed);
            ready(Err(UiError::failed("it did not start")))
        });
        shell.stop().await;
        let error = shell.retry().await.unwrap_err();
        assert_eq!(error.code, UiErrorCode::Unavailable);
        assert_eq!(starts.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn a_closing_is_never_lost() {
        let shell = failing();
        for _ in 0..1000 {
            shell.tell_approval(approval::Event::Wanted);
        }
        shell.tell_approval(approval::Event::Gone);
        let mut unseen = shell.take_unseen().unwrap();
        let mut last = None;
        while let Ok(event) = unseen.try_recv() {
            last = Some(event);
        }
        assert_eq!(last, Some(approval::Event::Gone));
    }

    #[tokio::test]
    async fn a_failed_start_can_be_tried_again() {
        let tries = Arc::new(AtomicUsize::new(0));
        let counted = tries.clone();
        let shell = Shell::start(&Handle::current(), None, move || {
            let attempt = counted.fetch_add(1, Ordering::Relaxed);
            ready(Err(UiError::failed(format!("attempt {attempt}"))))
        });
        assert_eq!(
            shell.engine().await.err().unwrap().message,
            "Attempt 0".to_owned()
        );
        let error = shell.retry().await.unwrap_err();
        assert_eq!(error.message, "Attempt 1");
        assert_eq!(tries.load(Ordering::Relaxed), 2);
        shell.stop().await;
    }

    #[tokio::test]
    async fn a_view_is_asked_for_once() {
        let shell = failing();
        assert_eq!(shell.take_view(), None);
        shell.ask_for_view(Some(View::Servers));
        assert_eq!(shell.take_view(), Some(View::Servers));
        assert_eq!(shell.take_view(), None);
    }

    #[tokio::test]
    async fn nothing_is_let_in_that_was_not_in_view() {
        let shell = failing();
        let shown = Shown {
            id: "a".to_owned(),
            hash: "1".to_owned(),
        };
        let error = shell.settled(&shown).unwrap_err();
        assert_eq!(error.code, UiErrorCode::Conflict);
        assert_eq!(error.message, "Wait a moment, then press again");
        shell.settling().shown(std::time::Instant::now());
        shell.given(Some(shown.clone()));
        assert!(shell.settled(&shown).is_err());
    }
}
