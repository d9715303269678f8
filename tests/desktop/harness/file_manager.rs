//! The desktop's file manager, as far as it can be asked for something.

use std::sync::{Arc, Mutex};

use super::{Session, eventually};

const NAME: &str = "org.freedesktop.FileManager1";
const PATH: &str = "/org/freedesktop/FileManager1";

/// A file manager that keeps what it was asked to show.
pub(crate) struct FileManager {
    shown: Arc<Mutex<Vec<String>>>,
    _connection: zbus::Connection,
}

struct Server(Arc<Mutex<Vec<String>>>);

#[zbus::interface(name = "org.freedesktop.FileManager1")]
impl Server {
    fn show_folders(&self, uris: Vec<String>, startup_id: &str) {
        assert!(startup_id.is_empty(), "{startup_id}");
        self.0.lock().unwrap().extend(uris);
    }
}

impl FileManager {
    pub(crate) async fn start(session: &Session) -> Self {
        let shown = Arc::<Mutex<Vec<String>>>::default();
        let server = Server(shown.clone());
        let connection = session
            .bus_with(|bus| bus.serve_at(PATH, server).unwrap().name(NAME).unwrap())
            .await;
        Self {
            shown,
            _connection: connection,
        }
    }

    /// Waits until it was asked to show something, and says what.
    pub(crate) async fn shows(&self) -> String {
        eventually("the file manager is asked for a folder", || {
            let first = self.shown.lock().unwrap().first().cloned();
            async move { first }
        })
        .await
    }
}
