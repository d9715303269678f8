//! A person's session: a home, a display, a bus, a keyring.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use zbus::connection::Builder;
use zbus::zvariant::{ObjectPath, OwnedObjectPath, OwnedValue, Value};

use super::canary::Canary;
use super::captured::Captured;
use super::secret_service::SecretService;
use super::{App, Display, SOON};

/// How long a command beside the app may take.
const COMMAND: Duration = Duration::from_secs(30);

/// Opens the keyring.
const PASSWORD: &str = "a password of the test";
/// The one keyring there is.
const KEYRING: &str = "/org/freedesktop/secrets/collection/login";

/// Calls a method of the keyring.
async fn call<Arguments, Answer>(
    bus: &zbus::Connection,
    (path, interface): (&str, &str),
    method: &str,
    arguments: &Arguments,
) -> Answer
where
    Arguments: serde::Serialize + zbus::zvariant::DynamicType,
    Answer: for<'d> zbus::zvariant::DynamicDeserialize<'d>,
{
    let name = Some("org.freedesktop.secrets");
    let answer = bus.call_method(name, path, Some(interface), method, arguments);
    answer.await.unwrap().body().deserialize().unwrap()
}

/// One session. Fall it last: what runs in it needs its display and its bus.
pub(crate) struct Session {
    /// The real program, or another build of it.
    pub(crate) program: PathBuf,
    environment: BTreeMap<String, String>,
    pub(crate) display: Display,
    pub(crate) canary: Canary,
    /// Ends when the session does.
    _keyring: SecretService,
    home: TempDir,
}

impl Session {
    /// A session with an unlocked keyring.
    pub(crate) fn start() -> Self {
        Self::start_with(Some(PASSWORD))
    }

    /// A session whose keyring was unlocked with a password or, with none, is still locked.
    pub(crate) fn start_with(password: Option<&str>) -> Self {
        let home = tempfile::Builder::new()
            .prefix("drawbridge-desktop-")
            .tempdir()
            .unwrap();
        let display = Display::start();
        let mut keyring = SecretService::new(home.path());
        keyring.start(password);
        // Nothing of the session the tests run in reaches the app.
        let mut environment = BTreeMap::new();
        for kept in ["PATH", "LLVM_PROFILE_FILE"] {
            if let Ok(value) = std::env::var(kept) {
                environment.insert(kept.to_owned(), value);
            }
        }
        let mut set = |name: &str, value: String| environment.insert(name.to_owned(), value);
        for (name, folder) in [
            ("HOME", ""),
            ("DRAWBRIDGE_HOME", "data"),
            ("XDG_CONFIG_HOME", "config"),
            ("XDG_DATA_HOME", "share"),
            ("XDG_CACHE_HOME", "cache"),
            ("XDG_STATE_HOME", "state"),
            ("XDG_RUNTIME_DIR", "run"),
        ] {
            let folder = home.path().join(folder);
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700)).unwrap();
            set(name, folder.to_str().unwrap().to_owned());
        }
        set("DISPLAY", display.name());
        set("DBUS_SESSION_BUS_ADDRESS", keyring.address());
        set("DRAWBRIDGE_LOG", "debug".to_owned());
        for port in [
            "DRAWBRIDGE_PORT",
            "DRAWBRIDGE_LOCAL_PORT",
            "DRAWBRIDGE_TUNNEL_PORT",
        ] {
            set(port, "0".to_owned());
        }
        // No graphics card, no bus for accessibility, nothing of the system's settings.
        for (name, value) in [
            ("GDK_BACKEND", "x11"),
            ("GSETTINGS_BACKEND", "memory"),
            ("LANG", "C.UTF-8"),
            ("LIBGL_ALWAYS_SOFTWARE", "1"),
            ("NO_AT_BRIDGE", "1"),
            ("WEBKIT_DISABLE_DMABUF_RENDERER", "1"),
        ] {
            set(name, value.to_owned());
        }
        Self {
            program: env!("CARGO_BIN_EXE_drawbridge").into(),
            environment,
            display,
            canary: Canary::default(),
            _keyring: keyring,
            home,
        }
    }

    /// Sets a variable for what is started from now on.
    pub(crate) fn environment_with(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The environment of everything in the session.
    pub(crate) fn environment(&self) -> &BTreeMap<String, String> {
        &self.environment
    }

    /// The folder that stands for the account's home.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// The data folder.
    pub(crate) fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }

    /// A connection to the session's bus.
    pub(crate) async fn bus(&self) -> zbus::Connection {
        self.bus_with(|bus| bus).await
    }

    /// Likewise, with what is to be there from its first moment on.
    pub(crate) async fn bus_with<'a>(
        &'a self,
        with: impl FnOnce(Builder<'a>) -> Builder<'a>,
    ) -> zbus::Connection {
        let address = self.environment["DBUS_SESSION_BUS_ADDRESS"].as_str();
        let bus = Builder::address(address).unwrap();
        let connecting = with(bus.method_timeout(SOON)).build();
        let connected = tokio::time::timeout(SOON, connecting).await;
        connected.expect("the bus does not answer").unwrap()
    }

    /// Locks the keyring, as a password manager does when it is told to.
    pub(crate) async fn lock_keyring(&self) {
        let keyrings = vec![ObjectPath::try_from(KEYRING).unwrap()];
        let bus = self.bus().await;
        let asked = ("/org/freedesktop/secrets", "org.freedesktop.Secret.Service");
        let locked: (Vec<OwnedObjectPath>, OwnedObjectPath) =
            call(&bus, asked, "Lock", &(keyrings,)).await;
        assert_eq!(locked.0.len(), 1, "{locked:?}");
    }

    /// Unlocks it again with the password of [`Self::start`].
    pub(crate) async fn unlock_keyring(&self) {
        let bus = self.bus().await;
        let service = "/org/freedesktop/secrets";
        let plain = ("plain", Value::from(""));
        let secrets = (service, "org.freedesktop.Secret.Service");
        let (_, session): (OwnedValue, OwnedObjectPath) =
            call(&bus, secrets, "OpenSession", &plain).await;
        let password = (session, Vec::<u8>::new(), PASSWORD.as_bytes(), "text/plain");
        let inside = "org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface";
        let keyring = ObjectPath::try_from(KEYRING).unwrap();
        let () = call(
            &bus,
            (service, inside),
            "UnlockWithMasterPassword",
            &(keyring, password),
        )
        .await;
    }

    /// Has the keyring answer nobody, as while its own question waits for the person.
    pub(crate) async fn pause_keyring(&self) {
        self.signal_keyring(rustix::process::Signal::STOP).await;
    }

    /// Has it answer again.
    pub(crate) async fn resume_keyring(&self) {
        self.signal_keyring(rustix::process::Signal::CONT).await;
    }

    async fn signal_keyring(&self, signal: rustix::process::Signal) {
        let bus = self.bus().await;
        let path = ("/org/freedesktop/DBus", "org.freedesktop.DBus");
        let asked = bus.call_method(
            Some(path.1),
            path.0,
            Some(path.1),
            "GetConnectionUnixProcessID",
            &"org.freedesktop.secrets",
        );
        let number: u32 = asked.await.unwrap().body().deserialize().unwrap();
        let keyring = rustix::process::Pid::from_raw(i32::try_from(number).unwrap()).unwrap();
        rustix::process::kill_process(keyring, signal).unwrap();
    }

    /// The real program, in this session.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .env_clear()
            .envs(&self.environment)
            .current_dir(self.home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Starts the desktop app, as a person does.
    pub(crate) fn start_app(&self) -> App {
        App::start(self, &[])
    }

    /// Starts it with arguments: `--background`, as the system does at login, or `serve`.
    pub(crate) fn start_app_with(&self, arguments: &[&str]) -> App {
        App::start(self, arguments)
    }

    /// Runs a command of the program to its end.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Output {
        let mut child = self.command(arguments).spawn().unwrap();
        let stdout = Captured::start(child.stdout.take().unwrap());
        let stderr = Captured::start(child.stderr.take().unwrap());
        let what = format!("{arguments:?} ends");
        let status = super::within(COMMAND, &what, || {
            let ended = child.try_wait().unwrap();
            async move { ended }
        })
        .await;
        Output {
            status,
            stdout: stdout.all(COMMAND).into_bytes(),
            stderr: stderr.all(COMMAND).into_bytes(),
        }
    }

    /// What a reading command answers, as JSON.
    pub(crate) async fn read(&self, arguments: &[&str]) -> serde_json::Value {
        let mut arguments = arguments.to_vec();
        arguments.push("--json");
        let output = self.run(&arguments).await;
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}
