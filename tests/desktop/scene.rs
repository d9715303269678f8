//! The whole thing: a session with a tray and notifications, the app driven through its windows,
//! and a client that wants in.

use std::path::Path;
use std::time::Duration;

use crate::harness::{
    Authorization, Browser, Client, Driver, Network, Notifications, Pinned, REDIRECT, Session,
    TrayHost, Windows, descendants, links, survivors, text,
};

/// The title of the approval window.
pub(crate) const APPROVAL: &str = "Drawbridge asks";
/// The page of the approval window.
pub(crate) const APPROVAL_PAGE: &str = "approval.html";
/// The page of the main window.
pub(crate) const MAIN_PAGE: &str = "main.html";

const PROGRAM: &str = env!("CARGO_BIN_EXE_drawbridge");

/// The app in its session, its main window open.
pub(crate) struct Scene {
    pub(crate) windows: Windows,
    pub(crate) host: TrayHost,
    pub(crate) notifications: Notifications,
    pub(crate) network: Network,
    /// `http://127.0.0.1:<port>`.
    pub(crate) base: String,
    local_port: u64,
    driver: Driver,
    pub(crate) session: Session,
}

/// A client whose browser has proved where it is, and waits.
pub(crate) struct Knock {
    pub(crate) client: Client,
    pub(crate) authorization: Authorization,
    pub(crate) browser: Browser,
    /// The page where the browser waits.
    pub(crate) waiting: String,
}

impl Scene {
    /// Starts the app in a session of its own, behind its windows, and waits until it is open.
    pub(crate) async fn open() -> Self {
        let mut scene = Self::start(Session::start()).await;
        scene.is_open().await;
        scene
    }

    /// Starts the app in this session; its main window is there, and says how it stands.
    pub(crate) async fn start(session: Session) -> Self {
        let host = TrayHost::start(&session).await;
        let notifications = Notifications::start(&session).await;
        let driver = Driver::start(session.environment(), session.home());
        let windows = driver.open(PROGRAM.as_ref(), &[]).await;
        Self {
            network: Network {
                front: None,
                canary: session.canary.clone(),
            },
            base: String::new(),
            local_port: 0,
            windows,
            host,
            notifications,
            driver,
            session,
        }
    }

    /// Waits until it is open, and looks where.
    pub(crate) async fn is_open(&mut self) {
        self.windows.says("Open on this computer").await;
        let status = self.session.read(&["status"]).await;
        self.base = text(&status, "local_url");
        self.local_port = status["local_port"].as_u64().unwrap();
    }

    /// Starts it anew once it has ended.
    pub(crate) async fn start_again(&mut self) {
        self.windows.leave().await;
        self.windows = self.driver.open(PROGRAM.as_ref(), &[]).await;
        self.is_open().await;
    }

    /// Adds the fixture server at the command line, and allows it in the window.
    pub(crate) async fn add_server(&self) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/app/fixtures/server.py");
        let script = script.to_str().unwrap();
        let command = ["servers", "add", "fixture", "--", "python3", script];
        let (added, ()) = tokio::join!(self.session.run(&command), async {
            self.approval().await;
            self.windows.read_and_press("Allow").await;
            self.answered().await;
        });
        assert!(added.status.success(), "{added:?}");
    }

    /// A client registers and sends its browser, which comes up to the waiting page.
    pub(crate) async fn knock(&self) -> Knock {
        Knock::on(&self.network, &self.base, self.local_port).await
    }

    /// The process of the app.
    pub(crate) async fn process(&self) -> Pinned {
        let number = self.session.read(&["status"]).await["process"].clone();
        Pinned::of(u32::try_from(number.as_u64().unwrap()).unwrap())
    }

    /// Turns to the approval window once it is on the screen.
    pub(crate) async fn approval(&self) {
        self.session.display.shows(APPROVAL).await;
        self.windows.turn_to(APPROVAL_PAGE).await;
    }

    /// Waits until the approval window has gone, and turns back to the main window.
    pub(crate) async fn answered(&self) {
        self.session.display.hides(APPROVAL).await;
        self.windows.turn_to(MAIN_PAGE).await;
    }

    /// The connections, as the command line lists them.
    pub(crate) async fn connections(&self) -> Vec<serde_json::Value> {
        let list = self.session.read(&["connections"]).await;
        list.as_array().unwrap().clone()
    }

    /// Quits by the tray: the app and everything it had started must be gone within two seconds.
    pub(crate) async fn quit(&self) {
        let process = self.process().await;
        let mut all = descendants(process.pid);
        all.push(process);
        let item = self.host.item().await;
        item.menu().await.choose("Quit Drawbridge").await;
        let left = survivors(&all, Duration::from_secs(2));
        assert!(left.is_empty(), "these were left behind: {left:#?}");
    }
}

impl Knock {
    /// A client registers at this address and sends its browser, which comes up to the waiting
    /// page.
    pub(crate) async fn on(network: &Network, base: &str, local_port: u64) -> Self {
        let client = Client::register_in(network, base, &[REDIRECT]).await;
        let authorization = client.authorization();
        let mut browser = Browser::new(network.clone());
        let page = browser.open(&authorization.url()).await.expect(200);
        let local = format!("http://127.0.0.1:{local_port}/approve/");
        let link = links(&page)
            .into_iter()
            .find(|link| link.as_str().starts_with(&local))
            .expect("the page leads to the local listener");
        let waiting = browser.walk(link.as_str(), |_| false).await.expect(200);
        Self {
            client,
            authorization,
            browser,
            waiting: waiting.url.to_string(),
        }
    }

    /// Where the browser is sent once the person has answered.
    pub(crate) async fn code(&mut self) -> String {
        let back = self.browser.open(&self.waiting).await;
        self.authorization.code(&back)
    }

    /// The error with which the browser is sent back.
    pub(crate) async fn error(&mut self) -> (String, String) {
        let back = self.browser.open(&self.waiting).await;
        self.authorization.error(&back)
    }
}
