//! The pages of the windows, as a person's mouse and keyboard reach them: fantoccini through
//! tauri-driver and WebKit's own driver, which starts the app.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fantoccini::actions::{InputSource as _, KeyAction, KeyActions};
use fantoccini::elements::Element;
use fantoccini::error::CmdError;
use fantoccini::key::Key;
use fantoccini::wd::WindowHandle;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

use super::processes::{Signal, descendants, signal};

/// How long anything in a window may take to appear on a busy machine.
const APPEARS: Duration = Duration::from_secs(30);

/// tauri-driver, listening, with the app's environment for what it starts.
pub(crate) struct Driver {
    process: Child,
    port: u16,
}

impl Driver {
    /// Starts it. The app it will start gets this environment, and nothing else.
    pub(crate) fn start(environment: &BTreeMap<String, String>, folder: &Path) -> Self {
        let (port, native) = (free_port(), free_port());
        let process = Command::new(program())
            .args(["--port", &port.to_string()])
            .args(["--native-port", &native.to_string()])
            .env_clear()
            .envs(environment)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("tauri-driver does not start ({error}): `cargo xtask test` installs it")
            });
        let mut driver = Self { process, port };
        driver.listens(port);
        driver.listens(native);
        driver
    }

    fn listens(&mut self, port: u16) {
        let end = Instant::now() + APPEARS;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            assert!(Instant::now() < end, "nothing listens at port {port}");
            let ended = self.process.try_wait().unwrap();
            assert!(ended.is_none(), "tauri-driver has ended: {ended:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Starts the app and attaches to its first window.
    pub(crate) async fn open(&self, app: &Path, arguments: &[&str]) -> Windows {
        let options = json!({ "application": app, "args": arguments });
        let Value::Object(capabilities) = json!({ "tauri:options": options }) else {
            unreachable!("an object was written");
        };
        let address = format!("http://127.0.0.1:{}", self.port);
        let mut builder = ClientBuilder::new(HttpConnector::new());
        let started = builder.capabilities(capabilities).connect(&address);
        let client = tokio::time::timeout(APPEARS, started)
            .await
            .expect("the app opens a window")
            .unwrap();
        Windows { client }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Killed, it leaves WebKit's driver behind, and that one the app.
        let started = descendants(self.process.id());
        let _ended = self.process.kill();
        let _status = self.process.wait();
        for process in started.iter().filter(|process| process.alive()) {
            signal(process.pid, Signal::Kill);
        }
    }
}

/// A port that was free a moment ago: neither driver can be told to choose one itself.
fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// An answer closes the window that asked, at times before the driver has said that it was given.
fn may_close_the_window(done: Result<(), CmdError>) {
    match done {
        Ok(()) => {}
        Err(error) if error.is_no_such_window() => {}
        Err(error) => panic!("the window does not take it: {error}"),
    }
}

/// Where cargo installs programs, which need not be on the path.
fn program() -> PathBuf {
    let name = "tauri-driver";
    std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")))
        .map(|home| home.join("bin").join(name))
        .filter(|program| program.exists())
        .unwrap_or_else(|| name.into())
}

/// The windows of one running app.
pub(crate) struct Windows {
    client: Client,
}

impl Windows {
    /// Turns to the window that shows this page, once there is one.
    pub(crate) async fn turn_to(&self, page: &str) {
        let end = Instant::now() + APPEARS;
        loop {
            if self.find_window(page).await.is_some() {
                return;
            }
            assert!(Instant::now() < end, "no window shows {page}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Turns to the window that shows this page, if there is one.
    pub(crate) async fn find_window(&self, page: &str) -> Option<WindowHandle> {
        for window in self.client.windows().await.unwrap_or_default() {
            // One that closes just now is none.
            if self.client.switch_to_window(window.clone()).await.is_err() {
                continue;
            }
            let shows = self.client.current_url().await;
            if shows.is_ok_and(|url| url.path().ends_with(page)) {
                return Some(window);
            }
        }
        None
    }

    /// The element of this XPath, once it is there.
    pub(crate) async fn element(&self, xpath: &str) -> Element {
        let found = self
            .client
            .wait()
            .at_most(APPEARS)
            .every(Duration::from_millis(20))
            .for_element(Locator::XPath(xpath))
            .await;
        match found {
            Ok(element) => element,
            Err(error) => panic!("no {xpath} ({error}) in: {}", self.text().await),
        }
    }

    /// The button that says this, once it can be pressed.
    pub(crate) async fn button(&self, says: &str) -> Element {
        self.element(&format!(
            "//button[normalize-space()='{says}'][not(@disabled)][not(@aria-disabled='true')]"
        ))
        .await
    }

    /// Presses the button that says this, once it can be pressed.
    pub(crate) async fn press(&self, says: &str) {
        may_close_the_window(self.button(says).await.click().await);
    }

    /// Scrolls to the end of the question, as it has to be read, and presses the button that says
    /// this.
    pub(crate) async fn read_and_press(&self, says: &str) {
        self.element("//*[@data-approve]").await;
        let to_the_end = "document.querySelector('.content').scrollTo(0, 1e6)";
        self.client.execute(to_the_end, vec![]).await.unwrap();
        self.press(says).await;
    }

    /// Types into the field of this label, in place of what stands there.
    pub(crate) async fn fill(&self, label: &str, text: &str) {
        let field = format!("//input[@id=//label[normalize-space()='{label}']/@for]");
        let field = self.element(&field).await;
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// Goes to a view of the main window.
    pub(crate) async fn open_view(&self, view: &str) {
        let entry = format!("//nav//button[@title='{view}']");
        self.element(&entry).await.click().await.unwrap();
    }

    /// Presses the button that says this in the dialog that is open.
    pub(crate) async fn press_in_dialog(&self, says: &str) {
        let button = self
            .element(&format!(
                "//*[self::dialog or @role='alertdialog' or @role='dialog']\
                 //button[normalize-space()='{says}'][not(@disabled)]"
            ))
            .await;
        button.click().await.unwrap();
    }

    /// Gives an element the focus, as the Tab key would in the end.
    pub(crate) async fn focus(&self, element: Element) {
        let element = serde_json::to_value(element).unwrap();
        self.client
            .execute("arguments[0].focus()", vec![element])
            .await
            .unwrap();
    }

    /// Presses a key and lets it go.
    pub(crate) async fn type_key(&self, key: Key) {
        let value = char::from(key);
        let keys = KeyActions::new("keyboard".to_owned())
            .then(KeyAction::Down { value })
            .then(KeyAction::Up { value });
        may_close_the_window(self.client.perform_actions(keys).await);
    }

    /// Everything that can be read in the window.
    pub(crate) async fn text(&self) -> String {
        let text = self
            .client
            .execute("return document.body.innerText", vec![])
            .await;
        text.ok()
            .and_then(|text| text.as_str().map(str::to_owned))
            .unwrap_or_default()
    }

    /// Waits until the window says this.
    pub(crate) async fn says(&self, words: &str) {
        let end = Instant::now() + APPEARS;
        loop {
            let text = self.text().await;
            if text.contains(words) {
                return;
            }
            assert!(
                Instant::now() < end,
                "it does not say {words:?} but: {text}"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Ends the driver's session with an app that has ended, so that another can be started.
    pub(crate) async fn leave(&self) {
        // The driver may have noticed by itself.
        let _ended = self.client.clone().close().await;
    }

    /// The session itself, for what is not named here.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }
}
