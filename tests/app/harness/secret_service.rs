//! A D-Bus session of its own with a real gnome-keyring, as a Linux desktop has it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

const NAME: &str = "org.freedesktop.secrets";

/// Where the sessions of one test lie, one after the other at the same address.
pub(crate) struct SecretService {
    home: PathBuf,
    running: Vec<Child>,
}

fn start(command: &mut Command) -> Child {
    let name = command.get_program().to_string_lossy().into_owned();
    command.spawn().unwrap_or_else(|error| {
        panic!(
            "{name} does not start ({error}). On Linux this test needs dbus and gnome-keyring; \
             `cargo xtask test` installs them"
        )
    })
}

fn first_line(child: &mut Child) -> (String, BufReader<std::process::ChildStdout>) {
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    (line, output)
}

impl SecretService {
    pub(crate) fn new(home: &Path) -> Self {
        for folder in ["run", "share"] {
            std::fs::create_dir_all(home.join(folder)).unwrap();
        }
        // No service files: nothing starts a second keyring behind the test's back.
        let bus = home.join("bus");
        let configuration = format!(
            "<busconfig><type>session</type><listen>unix:path={}</listen><auth>EXTERNAL</auth>\
             <policy context=\"default\"><allow send_destination=\"*\" eavesdrop=\"true\"/>\
             <allow eavesdrop=\"true\"/><allow own=\"*\"/></policy></busconfig>",
            bus.display()
        );
        std::fs::write(home.join("bus.conf"), configuration).unwrap();
        Self {
            home: home.to_owned(),
            running: Vec::new(),
        }
    }

    /// `DBUS_SESSION_BUS_ADDRESS` of every session.
    pub(crate) fn address(&self) -> String {
        format!("unix:path={}", self.home.join("bus").display())
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env("DBUS_SESSION_BUS_ADDRESS", self.address())
            .env("HOME", &self.home)
            .env("XDG_DATA_HOME", self.home.join("share"))
            .env("XDG_RUNTIME_DIR", self.home.join("run"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        command
    }

    /// Starts a session whose keyring is unlocked with a password or, with none, still locked as
    /// it is before a login. Back when the Secret Service is on the bus.
    pub(crate) fn start(&mut self, password: Option<&str>) {
        assert!(self.running.is_empty(), "one session at a time");
        self.start_bus();
        let watch = format!("type='signal',member='NameOwnerChanged',arg0='{NAME}'");
        let mut monitor = start(self.command("dbus-monitor").args(["--session", &watch]));
        let (_, mut seen) = first_line(&mut monitor);
        let mut keyring = self.command("gnome-keyring-daemon");
        keyring
            .args(["--foreground", "--components=secrets"])
            .args(password.map(|_| "--unlock"))
            .stdin(Stdio::piped())
            .stdout(Stdio::null());
        let mut keyring = start(&mut keyring);
        // It reads the password to the end of its input.
        let mut input = keyring.stdin.take().unwrap();
        input
            .write_all(password.unwrap_or_default().as_bytes())
            .unwrap();
        drop(input);
        self.running.push(keyring);
        let mut line = String::new();
        while !line.contains(NAME) {
            line.clear();
            assert_ne!(seen.read_line(&mut line).unwrap(), 0, "the bus ended");
        }
        monitor.kill().unwrap();
        monitor.wait().unwrap();
    }

    /// Starts a session without any Secret Service: a server with D-Bus.
    pub(crate) fn start_bus(&mut self) {
        let _ = std::fs::remove_file(self.home.join("bus"));
        let mut bus = self.command("dbus-daemon");
        let configuration = format!("--config-file={}", self.home.join("bus.conf").display());
        bus.args([
            &configuration,
            "--nofork",
            "--nopidfile",
            "--print-address=1",
        ]);
        let mut bus = start(&mut bus);
        let (said, _) = first_line(&mut bus);
        self.running.push(bus);
        assert!(said.starts_with("unix:"), "the bus did not start: {said:?}");
    }

    /// Ends the session.
    pub(crate) fn stop(&mut self) {
        for mut child in self.running.drain(..) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for SecretService {
    fn drop(&mut self) {
        self.stop();
    }
}
