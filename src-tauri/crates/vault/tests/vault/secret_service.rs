//! The real thing: gnome-keyring on a private D-Bus, in a home of its own.
//!
//! The bus's address goes into the environment of a child process only, which runs one of the
//! scenarios at the end of this file against the operating system's keychain.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use drawbridge_vault::{
    Availability, KeyError, KeyPlace, Keychain, KeychainError, OpenError, OpenOptions, OsKeychain,
    StoreError, Vault,
};
use secrecy::{ExposeSecret, SecretString};
use tempfile::TempDir;
use zbus::blocking::connection::Builder;
use zbus::blocking::fdo::DBusProxy;

use crate::common::{ENVIRONMENT_KEY, assert_filled, fill, folder, options};

const SCENARIO: &str = "DRAWBRIDGE_TEST_SCENARIO";
const FOLDER: &str = "DRAWBRIDGE_TEST_FOLDER";
const SERVICE: &str = "org.freedesktop.secrets";

/// A child that ends with its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a program, or says what to install.
fn start(command: &mut Command) -> Running {
    match command.spawn() {
        Ok(child) => Running(child),
        Err(error) => panic!(
            "{} does not start ({error}): install the packages `dbus` (on Debian also \
             `dbus-daemon`) and `gnome-keyring`, or run `cargo xtask test`, which does that",
            command.get_program().display()
        ),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "real programs are what is tested against"
)]
fn program(name: &str, home: &Path) -> Command {
    let mut command = Command::new(name);
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home)
        .env("XDG_DATA_HOME", home.join("data"))
        .env("XDG_RUNTIME_DIR", home.join("runtime"))
        .env("DBUS_SESSION_BUS_ADDRESS", address(home))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

fn address(home: &Path) -> String {
    format!("unix:path={}", home.join("bus").display())
}

/// A session of nobody: a home, a bus and perhaps a keyring.
struct Session {
    keyring: Option<Running>,
    bus: Option<Running>,
    home: TempDir,
}

impl Session {
    fn without_bus() -> Self {
        let home = folder();
        fs::create_dir(home.path().join("runtime")).unwrap();
        fs::create_dir(home.path().join("services")).unwrap();
        Self {
            keyring: None,
            bus: None,
            home,
        }
    }

    /// A bus that can start nothing but what `services` in the home offers.
    fn new() -> Self {
        let mut session = Self::without_bus();
        session.start_bus();
        session
    }

    fn start_bus(&mut self) {
        let home = self.home.path();
        let config = format!(
            "<busconfig><type>session</type><listen>{}</listen><servicedir>{}</servicedir>\
             <policy context=\"default\"><allow send_destination=\"*\"/><allow receive_sender=\"*\"/>\
             <allow own=\"*\"/></policy></busconfig>",
            address(home),
            home.join("services").display()
        );
        let file = home.join("bus.conf");
        fs::write(&file, config).unwrap();
        let mut bus = start(
            program("dbus-daemon", home)
                .args(["--nofork", "--print-address"])
                .arg(format!("--config-file={}", file.display()))
                .stdout(Stdio::piped()),
        );
        // It prints its address when it listens.
        let mut line = String::new();
        BufReader::new(bus.0.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert!(line.starts_with("unix:"), "dbus-daemon did not start");
        self.bus = Some(bus);
    }

    /// Starts the keyring, unlocked with a password or as it is, and waits until it is on the bus.
    fn start_keyring(&mut self, unlocked: bool) {
        let home = self.home.path();
        let bus = Builder::address(&*address(home)).unwrap().build().unwrap();
        let daemon = DBusProxy::new(&bus).unwrap();
        let mut changes = daemon.receive_name_owner_changed().unwrap();
        let mut command = program("gnome-keyring-daemon", home);
        command.args(["--foreground", "--components=secrets"]);
        if unlocked {
            command.arg("--unlock").stdin(Stdio::piped());
        }
        let mut keyring = start(&mut command);
        if let Some(mut password) = keyring.0.stdin.take() {
            password.write_all(b"a password of nobody").unwrap();
        }
        self.keyring = Some(keyring);
        let is_it = |change: zbus::fdo::NameOwnerChanged| {
            change
                .args()
                .is_ok_and(|args| args.name == SERVICE && args.new_owner.is_some())
        };
        assert!(
            changes.any(is_it),
            "the bus ended before the keyring was there"
        );
    }

    fn stop_keyring(&mut self) {
        self.keyring = None;
    }

    fn data(&self) -> PathBuf {
        self.home.path().join("drawbridge")
    }

    /// Runs a scenario in a child of this session and shows what it says when it fails.
    fn run(&self, scenario: &str) {
        let output = self.child(scenario).output().unwrap();
        assert!(
            output.status.success(),
            "{scenario}: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }

    fn child(&self, scenario: &str) -> Command {
        let this = std::env::current_exe().unwrap();
        let mut command = program(this.to_str().unwrap(), self.home.path());
        command
            .args([
                "--exact",
                "secret_service::child",
                "--ignored",
                "--test-threads=1",
            ])
            .env(SCENARIO, scenario)
            .env(FOLDER, self.data())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }
}

#[test]
fn the_keychain_keeps_the_key() {
    let mut session = Session::new();
    session.start_keyring(true);
    session.run("one-item");
    session.run("fill");
    session.run("reopen");
    session.run("move");
    session.run("reopen");
    // And a new daemon still has it.
    session.stop_keyring();
    session.start_keyring(true);
    session.run("reopen");
}

#[test]
fn everything_is_erased_with_its_item() {
    let mut session = Session::new();
    session.start_keyring(true);
    session.run("fill");
    session.run("erase");
    // Cut short, and the keyring is locked when it goes on.
    session.run("fill");
    session.run("begin-erasing");
    session.stop_keyring();
    session.start_keyring(false);
    session.run("locked");
    session.stop_keyring();
    session.start_keyring(true);
    session.run("erased");
}

#[test]
fn a_locked_keyring_is_an_error_and_never_a_reason_to_go_elsewhere() {
    let mut session = Session::new();
    session.start_keyring(true);
    session.run("fill");
    session.stop_keyring();
    session.start_keyring(false);
    session.run("locked");
    session.stop_keyring();
    session.start_keyring(true);
    session.run("reopen");
}

#[test]
fn without_a_bus_or_a_service_there_is_no_keychain() {
    let mut session = Session::new();
    session.start_keyring(true);
    session.run("fill");
    session.stop_keyring();
    session.run("awaited");
    // The socket is still there and nobody listens; then there is none.
    session.bus = None;
    session.run("absent");
    fs::remove_file(session.home.path().join("bus")).unwrap();
    session.run("absent");
}

#[test]
fn a_service_that_cannot_be_started_exists_and_is_an_error() {
    let session = {
        let mut session = Session::without_bus();
        let service = format!("[D-BUS Service]\nName={SERVICE}\nExec=/bin/false\n");
        let file = format!("services/{SERVICE}.service");
        fs::write(session.home.path().join(file), service).unwrap();
        session.start_bus();
        session
    };
    session.run("unusable");
}

#[test]
fn a_keyring_without_a_default_collection_is_an_error() {
    let mut session = Session::new();
    session.start_keyring(false);
    session.run("no-collection");
}

#[test]
fn the_keyring_is_waited_for_at_login() {
    let mut session = Session::new();
    session.start_keyring(true);
    session.run("fill");
    session.stop_keyring();
    let waiting = Running(session.child("late").spawn().unwrap());
    session.start_keyring(true);
    let mut waiting = waiting;
    assert!(waiting.0.wait().unwrap().success());
}

fn os_options(directory: &Path) -> OpenOptions {
    OpenOptions {
        environment_key: Some(SecretString::from(ENVIRONMENT_KEY)),
        ..options(directory, Arc::new(OsKeychain))
    }
}

async fn refused(directory: &Path) -> KeyError {
    match Vault::open(os_options(directory)).await {
        Err(OpenError::Key(error)) => error,
        Err(other) => panic!("{other:?}"),
        Ok(vault) => panic!("it opened with the key in {}", vault.key_place()),
    }
}

/// Not a test of its own: the child of the tests above.
#[tokio::test]
#[ignore = "the other tests of this file run it in a child process"]
#[expect(
    clippy::disallowed_methods,
    reason = "the only way to tell the child what to do"
)]
async fn child() {
    let (Ok(scenario), Ok(folder)) = (std::env::var(SCENARIO), std::env::var(FOLDER)) else {
        return;
    };
    let folder = PathBuf::from(folder);
    let fresh = folder.with_file_name("fresh");
    match &*scenario {
        "one-item" => one_item(),
        "fill" => {
            let vault = Vault::open(os_options(&folder)).await.unwrap();
            assert_eq!(vault.key_place(), KeyPlace::Keychain);
            fill(&vault).await;
        }
        "reopen" => {
            let vault = Vault::open(os_options(&folder)).await.unwrap();
            assert_eq!(vault.key_place(), KeyPlace::Keychain);
            assert_filled(&vault);
        }
        "move" => {
            let vault = Vault::open(os_options(&folder)).await.unwrap();
            vault.move_key(KeyPlace::Environment).await.unwrap();
            assert_filled(&vault);
            vault.move_key(KeyPlace::Keychain).await.unwrap();
            vault.rotate().await.unwrap();
            assert_filled(&vault);
        }
        "locked" => {
            assert_eq!(OsKeychain.availability(), Ok(Availability::Available));
            for folder in [&folder, &fresh] {
                let error = refused(folder).await;
                assert!(
                    matches!(error, KeyError::Keychain(KeychainError::Refused)),
                    "{error:?}"
                );
                assert!(error.to_string().contains("unlock"));
                assert!(!folder.join("key").exists());
            }
        }
        "awaited" | "absent" => {
            let expected = if *scenario == *"awaited" {
                Availability::Awaited
            } else {
                Availability::Absent
            };
            assert_eq!(OsKeychain.availability(), Ok(expected));
            let error = refused(&folder).await;
            assert!(matches!(error, KeyError::KeychainAbsent), "{error:?}");
            let vault = Vault::open(os_options(&fresh)).await.unwrap();
            assert_eq!(vault.key_place(), KeyPlace::Environment);
        }
        "unusable" => {
            assert_eq!(OsKeychain.availability(), Ok(Availability::Available));
            let error = refused(&fresh).await;
            assert!(
                matches!(error, KeyError::Keychain(KeychainError::Failed { .. })),
                "{error:?}"
            );
            assert!(!fresh.join("key").exists());
        }
        "no-collection" => {
            let error = refused(&fresh).await;
            let expected = KeychainError::NoDefaultCollection;
            assert!(
                matches!(&error, KeyError::Keychain(found) if *found == expected),
                "{error:?}"
            );
        }
        "erase" | "begin-erasing" => {
            let vault = Vault::open(os_options(&folder)).await.unwrap();
            assert_eq!(vault.key_place(), KeyPlace::Keychain);
            vault.begin_erasing().await.unwrap();
            let item = fs::read_to_string(folder.join("erasing")).unwrap();
            assert!(OsKeychain.get(&item).unwrap().is_some());
            if *scenario == *"erase" {
                vault.erase(&[]).await.unwrap();
                assert!(OsKeychain.get(&item).unwrap().is_none());
            } else {
                fs::write(folder.with_file_name("item"), item).unwrap();
            }
        }
        "erased" => {
            let vault = Vault::open(os_options(&folder)).await.unwrap();
            let names = vault.read::<_, StoreError>(|reader| reader.secret_names());
            assert_eq!(names, Ok(Vec::new()));
            let item = fs::read_to_string(folder.with_file_name("item")).unwrap();
            assert!(OsKeychain.get(&item).unwrap().is_none());
        }
        "late" => {
            let mut options = os_options(&folder);
            options.keychain_wait = Duration::from_mins(1);
            assert_filled(&Vault::open(options).await.unwrap());
        }
        other => panic!("unknown scenario {other}"),
    }
}

/// One item from nothing to nothing.
fn one_item() {
    let shown = |item: &str| {
        let found = OsKeychain.get(item).unwrap();
        found.map(|value| value.expose_secret().to_owned())
    };
    assert_eq!(OsKeychain.availability(), Ok(Availability::Available));
    assert_eq!(shown("test"), None);
    OsKeychain.delete("test").unwrap();
    OsKeychain
        .set("test", &SecretString::from("first"))
        .unwrap();
    OsKeychain
        .set("test", &SecretString::from("second"))
        .unwrap();
    OsKeychain
        .set("other", &SecretString::from("third"))
        .unwrap();
    assert_eq!(shown("test").as_deref(), Some("second"));
    OsKeychain.delete("test").unwrap();
    assert_eq!(shown("test"), None);
    assert_eq!(shown("other").as_deref(), Some("third"));
    OsKeychain.delete("other").unwrap();
}
