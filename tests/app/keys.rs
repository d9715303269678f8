//! Where the key lies: a real Secret Service, the environment, or a file; never silently another.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::harness::{Client, HouseBuilder, random};

/// A D-Bus session of its own with gnome-keyring, as a desktop has it.
struct Session {
    bus: Child,
    keyring: Option<Child>,
    address: String,
    home: PathBuf,
}

fn start(command: &mut Command) -> Child {
    let name = command.get_program().to_string_lossy().into_owned();
    command.spawn().unwrap_or_else(|error| {
        panic!(
            "{name} does not start ({error}). On Linux this test needs the packages dbus and \
             gnome-keyring; `cargo xtask test` installs them"
        )
    })
}

impl Session {
    fn new(home: &Path) -> Self {
        let mut bus = start(
            Command::new("dbus-daemon")
                .args(["--session", "--nofork", "--nopidfile", "--print-address=1"])
                .env("HOME", home)
                .env_remove("DBUS_SESSION_BUS_ADDRESS")
                .stdout(Stdio::piped())
                .stderr(Stdio::null()),
        );
        let mut address = String::new();
        BufReader::new(bus.stdout.take().unwrap())
            .read_line(&mut address)
            .unwrap();
        let address = address.trim().to_owned();
        assert!(address.starts_with("unix:"), "{address}");
        Self {
            bus,
            keyring: None,
            address,
            home: home.to_owned(),
        }
    }

    /// Starts gnome-keyring, unlocked with a password or, with none, as it is before a login.
    fn start_keyring(&mut self, password: Option<&str>) {
        let mut command = Command::new("gnome-keyring-daemon");
        command
            .args(["--foreground", "--components=secrets"])
            .args(password.map(|_| "--unlock"))
            .env("DBUS_SESSION_BUS_ADDRESS", &self.address)
            .env("HOME", &self.home)
            .env("XDG_DATA_HOME", self.home.join("share"))
            .env("XDG_RUNTIME_DIR", self.home.join("run"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        std::fs::create_dir_all(self.home.join("run")).unwrap();
        std::fs::create_dir_all(self.home.join("share")).unwrap();
        let mut keyring = start(&mut command);
        // It reads the password to the end of its input, and says where it is when it is there.
        let mut input = keyring.stdin.take().unwrap();
        input
            .write_all(password.unwrap_or_default().as_bytes())
            .unwrap();
        drop(input);
        let mut line = String::new();
        BufReader::new(keyring.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        self.keyring = Some(keyring);
    }

    fn stop_keyring(&mut self) {
        if let Some(mut keyring) = self.keyring.take() {
            keyring.kill().unwrap();
            keyring.wait().unwrap();
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.stop_keyring();
        let _ = self.bus.kill();
        let _ = self.bus.wait();
    }
}

#[tokio::test]
async fn a_real_secret_service_keeps_the_key() {
    let home = tempfile::tempdir().unwrap();
    let mut session = Session::new(home.path());
    session.start_keyring(Some("a password"));
    let builder = HouseBuilder::new().environment("DBUS_SESSION_BUS_ADDRESS", &session.address);
    let mut house = builder.start().await;
    assert_eq!(house.status["key_place"], "keychain");
    assert!(!house.data().join("key").exists());
    let client = Client::register(&house).await;
    let tokens = house.connect(&client).await;
    house.stop(crate::harness::Signal::Term);
    house.restart();
    client.refreshed(&tokens.refresh).await;
    house.stop(crate::harness::Signal::Term);

    // Locked is an error that says what to do, never another place.
    session.stop_keyring();
    session.start_keyring(None);
    let (code, said) = house.start_refused();
    assert_eq!(code, 1, "{said}");
    assert!(said.to_lowercase().contains("unlock"), "{said}");
    assert!(!house.data().join("key").exists());

    // And unlocked again it is as it was.
    session.stop_keyring();
    session.start_keyring(Some("a password"));
    house.restart();
    assert_eq!(
        house.owner().read(&["status"]).await["key_place"],
        "keychain"
    );
}

#[tokio::test]
async fn the_environments_key_opens_what_it_sealed_and_no_other_does() {
    let key = random();
    let builder = HouseBuilder::new().secret_environment("TOKEN_ENCRYPTION_KEY", &key);
    let mut house = builder.start().await;
    assert_eq!(house.status["key_place"], "environment");
    assert!(!house.data().join("key").exists());
    let client = Client::register(&house).await;
    let tokens = house.connect(&client).await;
    house.stop(crate::harness::Signal::Term);

    let other = random();
    let (code, said) = house.start_refused_with(&[("TOKEN_ENCRYPTION_KEY", &other)]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("TOKEN_ENCRYPTION_KEY"), "{said}");
    let (code, said) = house.start_refused_with(&[("TOKEN_ENCRYPTION_KEY", "")]);
    assert_eq!(code, 1, "{said}");
    house.restart();
    client.refreshed(&tokens.refresh).await;
}

#[tokio::test]
async fn a_key_in_a_file_is_not_left_for_another_place_without_being_moved() {
    let mut house = HouseBuilder::new().start().await;
    assert_eq!(house.status["key_place"], "file");
    let client = Client::register(&house).await;
    let tokens = house.connect(&client).await;
    house.stop(crate::harness::Signal::Term);
    let (code, said) = house.start_refused_with(&[("TOKEN_ENCRYPTION_KEY", &random())]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("secrets move"), "{said}");
    house.restart();
    client.refreshed(&tokens.refresh).await;
}

#[tokio::test]
async fn rotating_the_key_loses_nothing() {
    let mut house = HouseBuilder::new().start().await;
    let client = Client::register(&house).await;
    let tokens = house.connect(&client).await;
    house.owner().done(&["secrets", "rotate"]).await;
    let tokens = client.refreshed(&tokens.refresh).await;
    house.stop(crate::harness::Signal::Term);
    house.restart();
    client.refreshed(&tokens.refresh).await;
    assert_eq!(house.owner().connections().await.len(), 1);
}

#[tokio::test]
async fn a_key_that_protects_nothing_is_refused() {
    for weak in ["short", "your_token_encryption_key_here"] {
        let house = HouseBuilder::new().environment("TOKEN_ENCRYPTION_KEY", weak);
        let (code, said) = house.start_refused();
        assert_ne!(code, 0, "{said}");
        assert!(
            said.contains("TOKEN_ENCRYPTION_KEY") && !said.contains("your_token"),
            "{said}"
        );
    }
}
