//! One running Drawbridge, and what must hold when it ends.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::captured::Captured;
use super::owner::Owner;
use super::processes::{Pinned, Signal, descendants, signal, survivors};
use super::{Browser, Canary, Network, python, text};

/// How long the start may take: Argon2id on a busy machine is the slowest part of it.
const START: Duration = Duration::from_mins(1);
/// The promise: `serve` stops within this time of TERM and INT.
const STOP: Duration = Duration::from_secs(2);

/// Any free ports, so that houses stand side by side.
const ANY_PORTS: [&str; 6] = ["--port", "0", "--local-port", "0", "--tunnel-port", "0"];

/// Runs a program on a new terminal and ends as it ends.
const ON_A_TERMINAL: &str =
    "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";

/// The real program.
pub(crate) fn program() -> &'static str {
    env!("CARGO_BIN_EXE_drawbridge")
}

/// What a house is opened with.
#[derive(Clone)]
pub(crate) struct HouseBuilder {
    environment: BTreeMap<String, String>,
    public: Option<String>,
    on_terminal: bool,
    home: Arc<TempDir>,
    canary: Canary,
}

impl HouseBuilder {
    pub(crate) fn new() -> Self {
        let home = Arc::new(
            tempfile::Builder::new()
                .prefix("drawbridge-")
                .tempdir()
                .unwrap(),
        );
        let data = home.path().join("data");
        // Nothing of the environment the tests run in reaches the program: no D-Bus, no display.
        let mut environment = BTreeMap::new();
        for kept in ["PATH", "SystemRoot", "LLVM_PROFILE_FILE"] {
            if let Ok(value) = std::env::var(kept) {
                environment.insert(kept.to_owned(), value);
            }
        }
        environment.insert("HOME".to_owned(), home.path().to_str().unwrap().to_owned());
        // The canary shall see everything that could ever be logged.
        environment.insert("DRAWBRIDGE_LOG".to_owned(), "trace".to_owned());
        environment.insert(
            "DRAWBRIDGE_HOME".to_owned(),
            data.to_str().unwrap().to_owned(),
        );
        Self {
            environment,
            public: None,
            on_terminal: false,
            home,
            canary: Canary::default(),
        }
    }

    /// Sets an environment variable of the program; of the owner's commands too.
    pub(crate) fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Sets an environment variable that holds a secret.
    pub(crate) fn secret_environment(self, name: &str, value: &str) -> Self {
        self.canary.secret(value);
        self.environment(name, value)
    }

    /// Opens with the user's own HTTPS front at `https://<host>`.
    pub(crate) fn public(self, host: &str) -> Self {
        let url = format!("https://{host}");
        self.public_from_file(&url).environment("BASE_URL", &url)
    }

    /// Runs it on a terminal of its own, where a person sits.
    pub(crate) fn on_terminal(mut self) -> Self {
        self.on_terminal = true;
        self
    }

    /// The public origin comes from a `.env` file.
    pub(crate) fn public_from_file(mut self, url: &str) -> Self {
        self.public = Some(url.to_owned());
        self
    }

    /// The folder that stands for the account's home; the data directory is `data` in it.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }

    /// The owner, also of a house that does not run.
    pub(crate) fn owner(&self) -> Owner {
        Owner {
            home: self.home.path().to_owned(),
            environment: self.environment.clone(),
            canary: self.canary.clone(),
        }
    }

    /// Starts it, and is back when it says that it is ready.
    pub(crate) async fn start(self) -> House {
        let running = self.launch(&ANY_PORTS);
        let mut house = House {
            network: Network {
                front: None,
                canary: self.canary.clone(),
            },
            builder: self,
            running: Some(running),
            outputs: Vec::new(),
            status: Value::Null,
            children: Vec::new(),
        };
        house.look().await;
        house
    }

    /// Starts it and expects that it refuses to: exit code and standard error.
    pub(crate) fn start_refused(&self) -> (i32, String) {
        let mut running = self.spawn(&ANY_PORTS);
        let status = running
            .exit
            .recv_timeout(START)
            .expect("neither ready nor refused");
        let (output, errors) = running.gather();
        assert!(!output.contains("is ready"), "{output}");
        assert!(!errors.contains("panicked"), "{errors}");
        (status.code().unwrap_or(-1), errors)
    }

    fn launch(&self, ports: &[&str]) -> Running {
        let mut running = self.spawn(ports);
        if !running.is_ready() {
            signal(running.pid, Signal::Kill);
            let status = running.exit.recv_timeout(START);
            panic!("not ready ({status:?}): {:#?}", running.gather());
        }
        running.look();
        running
    }

    fn spawn(&self, ports: &[&str]) -> Running {
        let mut command = if self.on_terminal {
            let mut command = std::process::Command::new(python());
            command.args(["-c", ON_A_TERMINAL, program()]);
            command
        } else {
            std::process::Command::new(program())
        };
        command.arg("serve").args(ports);
        command.args([
            "--tunnel",
            if self.public.is_some() { "own" } else { "off" },
        ]);
        let mut child = command
            .env_clear()
            .envs(&self.environment)
            .current_dir(self.home.path())
            .stdin(if self.on_terminal {
                Stdio::piped()
            } else {
                Stdio::null()
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let pid = child.id();
        let stdout = Captured::start(child.stdout.take().unwrap());
        let stderr = Captured::start(child.stderr.take().unwrap());
        let typed = child.stdin.take();
        let (told_exit, exit) = channel();
        std::thread::spawn(move || told_exit.send(child.wait().unwrap()));
        Running {
            pid,
            exit,
            stdout,
            stderr,
            typed,
        }
    }
}

struct Running {
    pid: u32,
    exit: Receiver<ExitStatus>,
    stdout: Captured,
    stderr: Captured,
    /// What a person types, where it runs on a terminal.
    typed: Option<ChildStdin>,
}

impl Running {
    /// Waits until it says that it is ready, or has ended.
    fn is_ready(&self) -> bool {
        self.stdout.wait(START, |said| said.contains("is ready"))
    }

    /// On a terminal the program is the terminal's child.
    fn look(&mut self) {
        if self.typed.is_some() {
            let inside = descendants(self.pid);
            self.pid = inside.first().expect("the terminal runs it").pid;
        }
    }

    /// Everything it said, once it has ended.
    fn gather(&mut self) -> (String, String) {
        (self.stdout.all(STOP), self.stderr.all(STOP))
    }
}

/// One running Drawbridge.
pub(crate) struct House {
    builder: HouseBuilder,
    running: Option<Running>,
    /// What earlier runs said.
    outputs: Vec<(String, String)>,
    children: Vec<Pinned>,
    pub(crate) network: Network,
    /// `status --json` after the last start.
    pub(crate) status: Value,
}

impl House {
    /// Drawbridge as it starts with nothing set: loopback only.
    pub(crate) async fn start() -> Self {
        HouseBuilder::new().start().await
    }

    /// Drawbridge behind the user's own HTTPS front.
    pub(crate) async fn start_public(host: &str) -> Self {
        HouseBuilder::new().public(host).start().await
    }

    async fn look(&mut self) {
        self.status = self.owner().read(&["status"]).await;
        if let Some(public) = &self.builder.public {
            self.network.front = Some((public.clone(), self.tunnel()));
        }
    }

    pub(crate) fn owner(&self) -> Owner {
        self.builder.owner()
    }

    /// A new browser on this computer (or somewhere, for the public host).
    pub(crate) fn browser(&self) -> Browser {
        Browser::new(self.network.clone())
    }

    pub(crate) fn canary(&self) -> &Canary {
        &self.builder.canary
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.builder.data()
    }

    /// The folder that stands for the account's home.
    pub(crate) fn home(&self) -> &Path {
        self.builder.home()
    }

    /// `http://127.0.0.1:<port>`, where clients on this computer reach it.
    pub(crate) fn local_url(&self) -> String {
        text(&self.status, "local_url")
    }

    /// The origin clients use: the public one where there is one.
    pub(crate) fn base(&self) -> String {
        self.builder
            .public
            .clone()
            .unwrap_or_else(|| self.local_url())
    }

    pub(crate) fn connector_url(&self) -> String {
        text(&self.status, "connector_url")
    }

    /// The loopback listener.
    pub(crate) fn loopback(&self) -> SocketAddr {
        let url = url::Url::parse(&self.local_url()).unwrap();
        SocketAddr::from((Ipv4Addr::LOCALHOST, url.port().unwrap()))
    }

    /// The local listener, which takes only the browser's same-device proof.
    pub(crate) fn local(&self) -> SocketAddr {
        let port = self.status["local_port"].as_u64().unwrap();
        SocketAddr::from((Ipv4Addr::LOCALHOST, u16::try_from(port).unwrap()))
    }

    /// The listener behind the HTTPS front.
    pub(crate) fn tunnel(&self) -> SocketAddr {
        let url = url::Url::parse(&text(&self.status, "tunnel_url")).unwrap();
        SocketAddr::from((Ipv4Addr::LOCALHOST, url.port().unwrap()))
    }

    pub(crate) fn pid(&self) -> u32 {
        self.running.as_ref().expect("it runs").pid
    }

    /// What it printed and logged to standard error so far.
    pub(crate) fn said(&self) -> String {
        let running = self.running.as_ref().expect("it runs");
        format!("{}{}", running.stdout.so_far(), running.stderr.so_far())
    }

    /// Waits until what it has said is enough, where a person reads it on a terminal.
    pub(crate) fn reads(&self, enough: impl Fn(&str) -> bool) {
        let running = self.running.as_ref().expect("it runs");
        assert!(
            running.stdout.wait(START, enough),
            "it said only: {}",
            running.stdout.so_far()
        );
    }

    /// Types a line on its terminal.
    pub(crate) fn types(&mut self, line: &str) {
        let typed = self
            .running
            .as_mut()
            .and_then(|running| running.typed.as_mut());
        typed
            .expect("it runs on a terminal")
            .write_all(format!("{line}\n").as_bytes())
            .unwrap();
    }

    /// What any program of this user can see of it and of what it started.
    fn note_processes(&mut self, pid: u32) {
        let children = descendants(pid);
        let own = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        self.outputs.push((
            "its arguments".to_owned(),
            String::from_utf8_lossy(&own).into_owned(),
        ));
        for child in &children {
            for seen in ["cmdline", "environ"] {
                let bytes =
                    std::fs::read(format!("/proc/{}/{seen}", child.pid)).unwrap_or_default();
                let place = format!("{seen} of the child {}", child.name);
                self.outputs
                    .push((place, String::from_utf8_lossy(&bytes).into_owned()));
            }
        }
        self.children.extend(children);
    }

    /// The power cut: gone without a word, with everything it had started.
    pub(crate) fn kill(&mut self) {
        let pid = self.pid();
        self.note_processes(pid);
        signal(pid, Signal::Kill);
        self.ended(None);
    }

    /// Waits until it has ended by itself (a failpoint).
    pub(crate) fn ended(&mut self, within: Option<Duration>) -> ExitStatus {
        let mut running = self.running.take().expect("it runs");
        let status = running
            .exit
            .recv_timeout(within.unwrap_or(START))
            .expect("it did not end");
        let (stdout, stderr) = running.gather();
        assert!(!stderr.contains("panicked"), "{stderr}");
        self.outputs.push(("standard output".to_owned(), stdout));
        self.outputs.push(("standard error".to_owned(), stderr));
        status
    }

    /// Starts it again on the same data, but at other ports and with more in its environment.
    pub(crate) async fn restart_elsewhere(&mut self, environment: &[(&str, &str)]) {
        assert!(self.running.is_none(), "it still runs");
        for (name, value) in environment {
            if *name == "BASE_URL" {
                self.builder.public = Some((*value).to_owned());
            }
            self.builder = self.builder.clone().environment(name, value);
        }
        self.running = Some(self.builder.launch(&ANY_PORTS));
        self.look().await;
    }

    /// Starts it again on the same data and the same ports.
    pub(crate) fn restart(&mut self) {
        let ready = self.restart_with(&[]);
        assert!(ready, "it did not start again: {:#?}", self.outputs);
    }

    /// Starts it again with more in its environment, this once; it may end before it is ready
    /// (then the answer is `false`), but only at a failpoint.
    pub(crate) fn restart_with(&mut self, environment: &[(&str, &str)]) -> bool {
        assert!(self.running.is_none(), "it still runs");
        let tunnel = self
            .builder
            .public
            .as_ref()
            .map_or(0, |_| self.tunnel().port());
        let ports =
            [self.loopback().port(), self.local().port(), tunnel].map(|port| port.to_string());
        let mut builder = self.builder.clone();
        for (name, value) in environment {
            builder = builder.environment(name, value);
        }
        let [port, local, tunnel] = &ports;
        let flags = [
            "--port",
            port,
            "--local-port",
            local,
            "--tunnel-port",
            tunnel,
        ];
        let running = builder.spawn(&flags);
        let ready = running.is_ready();
        self.running = Some(running);
        if !ready {
            self.ended(None);
        }
        ready
    }

    /// Expects that it refuses to start again: exit code and standard error.
    pub(crate) fn start_refused(&self) -> (i32, String) {
        self.start_refused_with(&[])
    }

    /// Likewise with more in its environment, this once.
    pub(crate) fn start_refused_with(&self, environment: &[(&str, &str)]) -> (i32, String) {
        assert!(self.running.is_none(), "it still runs");
        let mut builder = self.builder.clone();
        for (name, value) in environment {
            builder = builder.environment(name, value);
        }
        builder.start_refused()
    }

    /// Stops it as a service manager or Ctrl-C does, and checks what must hold then.
    pub(crate) fn stop(&mut self, how: Signal) {
        let pid = self.pid();
        self.note_processes(pid);
        let asked = Instant::now();
        signal(pid, how);
        let status = self.ended(Some(STOP));
        assert!(status.success(), "after {how:?}: {status}");
        assert!(
            asked.elapsed() < STOP,
            "it took {:?} to stop",
            asked.elapsed()
        );
    }

    /// What must hold when nothing runs any more.
    fn inspect(&mut self) {
        let left = survivors(&self.children, STOP);
        assert!(left.is_empty(), "these were left behind: {left:#?}");
        let mut outputs = std::mem::take(&mut self.outputs);
        for file in std::fs::read_dir(self.data().join("logs"))
            .into_iter()
            .flatten()
            .flatten()
        {
            let name = file.file_name().to_string_lossy().into_owned();
            outputs.push((
                name,
                std::fs::read_to_string(file.path()).unwrap_or_default(),
            ));
        }
        let leaks = self.canary().leaks(&outputs, &self.data());
        assert!(leaks.is_empty(), "secrets leaked:\n{leaks:#?}");
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if std::thread::panicking() {
            if let Some(running) = self.running.take() {
                signal(running.pid, Signal::Kill);
                let _ = running.exit.recv_timeout(STOP);
                let (stdout, stderr) = (running.stdout.so_far(), running.stderr.so_far());
                println!("--- it had said ---\n{stdout}{stderr}");
            }
            return;
        }
        if self.running.is_some() {
            self.stop(Signal::Term);
        }
        self.inspect();
    }
}
