//! The desktop's place for notifications.
#![expect(
    clippy::used_underscore_binding,
    reason = "the macro names every argument of the protocol"
)]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use zbus::zvariant::OwnedValue;

use super::{Session, eventually};

const NAME: &str = "org.freedesktop.Notifications";
const PATH: &str = "/org/freedesktop/Notifications";

/// What was shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Notification {
    pub(crate) app: String,
    pub(crate) summary: String,
    pub(crate) body: String,
    pub(crate) actions: Vec<String>,
}

/// A place for notifications that keeps what it was told.
pub(crate) struct Notifications {
    shown: Arc<Mutex<Vec<Notification>>>,
    _connection: zbus::Connection,
}

struct Server(Arc<Mutex<Vec<Notification>>>);

#[zbus::interface(name = "org.freedesktop.Notifications")]
impl Server {
    #[expect(clippy::too_many_arguments, reason = "the shape of the protocol")]
    fn notify(
        &self,
        app_name: String,
        _replaces_id: u32,
        _app_icon: String,
        summary: String,
        body: String,
        actions: Vec<String>,
        _hints: HashMap<String, OwnedValue>,
        _expire_timeout: i32,
    ) -> u32 {
        let mut shown = self.0.lock().unwrap();
        shown.push(Notification {
            app: app_name,
            summary,
            body,
            actions,
        });
        u32::try_from(shown.len()).unwrap()
    }

    #[expect(clippy::unused_self, reason = "the shape of the protocol")]
    fn close_notification(&self, _id: u32) {}

    #[expect(clippy::unused_self, reason = "the shape of the protocol")]
    fn get_capabilities(&self) -> Vec<String> {
        vec!["body".to_owned(), "actions".to_owned()]
    }

    #[expect(clippy::unused_self, reason = "the shape of the protocol")]
    fn get_server_information(&self) -> (String, String, String, String) {
        let text = |text: &str| text.to_owned();
        (text("tests"), text("Drawbridge"), text("1"), text("1.2"))
    }
}

impl Notifications {
    pub(crate) async fn start(session: &Session) -> Self {
        let shown = Arc::<Mutex<Vec<Notification>>>::default();
        let server = Server(shown.clone());
        let connection = session
            .bus_with(|bus| bus.serve_at(PATH, server).unwrap().name(NAME).unwrap())
            .await;
        Self {
            shown,
            _connection: connection,
        }
    }

    /// Everything that was shown so far.
    pub(crate) fn shown(&self) -> Vec<Notification> {
        self.shown.lock().unwrap().clone()
    }

    /// Waits for a notification that holds these words.
    pub(crate) async fn shows(&self, words: &str) -> Notification {
        eventually(&format!("a notification with {words:?}"), || {
            let found = self
                .shown()
                .into_iter()
                .find(|one| one.summary.contains(words) || one.body.contains(words));
            async move { found }
        })
        .await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_shown_is_kept() {
    let session = Session::start();
    let notifications = super::Notifications::start(&session).await;
    let bus = session.bus().await;
    let nothing = HashMap::<String, OwnedValue>::new();
    let none: Vec<&str> = Vec::new();
    let said = ("app", 0_u32, "", "Somebody asks", "", none, nothing, -1);
    bus.call_method(Some(NAME), PATH, Some(NAME), "Notify", &said)
        .await
        .unwrap();
    assert_eq!(notifications.shows("asks").await.app, "app");
    assert_eq!(notifications.shown().len(), 1);
}
