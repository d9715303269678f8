//! Measures the desktop app as a person's session meets it; started by `cargo xtask bench desktop`
//! with the path of the program as it is installed.
//!
//! It uses the harness of the desktop tests: an X server, a session bus with a real gnome-keyring
//! and a place for tray icons, all its own. What is measured:
//! - from starting the program to its tray icon, without and with the main window;
//! - from the moment a browser begins to prove that it is on this computer to the approval window
//!   on the screen, and to the page painted in it: from the tray alone, and with the window open;
//! - memory of all its processes (PSS: shared pages are shared out);
//! - processor time of all its processes while nothing happens.
#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program for the terminal that reuses the tests' harness; it is itself the outside"
)]

#[expect(
    dead_code,
    unused_imports,
    reason = "shared with the desktop tests, which use all of it"
)]
mod harness;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use harness::{
    App, Browser, Client, Network, Notifications, REDIRECT, Session, TrayHost, links, text,
};

/// The title of the approval window.
const APPROVAL: &str = "Drawbridge asks";
/// The title of the main window.
const MAIN: &str = "Drawbridge";
/// What is measured in milliseconds is measured so many times.
const RUNS: usize = 9;
/// How long a process may take to come to rest before its memory and its idling are measured.
const SETTLE: Duration = Duration::from_secs(5);
/// How long nothing happens while processor time is measured.
const IDLE: Duration = Duration::from_mins(1);
/// The longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks at the screen.
const LOOK: Duration = Duration::from_millis(1);

fn main() {
    let mut program = None;
    let mut idle = IDLE;
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--quick" => idle = Duration::from_secs(5),
            // Cargo's own flag.
            "--bench" => {}
            _ => program = Some(PathBuf::from(argument)),
        }
    }
    let program = program.expect("the path of the program to measure");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(measure(program, idle));
}

async fn measure(program: PathBuf, idle: Duration) {
    let bench = Bench::start(program).await;
    println!("| measured | median | least | most |");
    println!("|---|---:|---:|---:|");
    let first = bench.start_to_tray(&["--background"]).await;
    row(
        "first start of all, new key in the keychain → tray icon",
        &[first],
    );
    let mut starts = Vec::new();
    for _ in 0..RUNS {
        starts.push(bench.start_to_tray(&["--background"]).await);
    }
    row("start → tray icon", &starts);
    let (mut mapped, mut painted) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let (on_screen, has_page) = bench.start_to_window().await;
        mapped.push(on_screen);
        painted.push(has_page);
    }
    row("start → main window on the screen", &mapped);
    row("start → its page painted", &painted);
    bench.approvals_from_the_tray().await;
    bench.approvals_with_the_window().await;
    bench.memory().await;
    bench.idle(idle).await;
}

/// The session in which all of it happens.
struct Bench {
    host: TrayHost,
    notifications: Notifications,
    session: Session,
}

/// One question: how long until it was seen.
struct Seen {
    notified: Duration,
    mapped: Duration,
    painted: Duration,
}

impl Bench {
    async fn start(program: PathBuf) -> Self {
        // As an installed app logs.
        let mut session = Session::start().environment_with("DRAWBRIDGE_LOG", "info");
        session.program = program;
        Self {
            host: TrayHost::start(&session).await,
            notifications: Notifications::start(&session).await,
            session,
        }
    }

    /// Starts the app and waits for its icon.
    async fn app(&self, arguments: &[&str]) -> App {
        let before = self.host.count();
        let app = self.session.start_app_with(arguments);
        until("the tray icon", || self.host.count() > before).await;
        app
    }

    async fn start_to_tray(&self, arguments: &[&str]) -> Duration {
        let began = Instant::now();
        let app = self.app(arguments).await;
        let took = began.elapsed();
        // Where it listens is said once it is open.
        self.base().await;
        drop(app);
        took
    }

    async fn start_to_window(&self) -> (Duration, Duration) {
        let began = Instant::now();
        let app = self.session.start_app();
        let times = self.window(began, MAIN).await;
        drop(app);
        times
    }

    /// How long after `began` a window is on the screen, and its page painted.
    async fn window(&self, began: Instant, title: &str) -> (Duration, Duration) {
        let display = &self.session.display;
        until("the window", || display.window(title).is_some()).await;
        let mapped = began.elapsed();
        until("its page", || {
            display
                .window(title)
                .is_some_and(|window| display.is_painted(&window))
        })
        .await;
        (mapped, began.elapsed())
    }

    /// Where the app listens, once it is open, and its local port.
    async fn base(&self) -> (String, u64) {
        let end = Instant::now() + PATIENCE;
        loop {
            let status = self.session.read(&["status"]).await;
            if status["state"] == "open" {
                return (
                    text(&status, "local_url"),
                    status["local_port"].as_u64().unwrap(),
                );
            }
            assert!(Instant::now() < end, "it did not open: {status}");
        }
    }

    /// A client registers, its browser proves where it is, and the window appears; then it is
    /// closed, which turns the client away.
    async fn question(&self, is_announced: bool) -> Seen {
        let (base, local_port) = self.base().await;
        let network = Network {
            front: None,
            canary: self.session.canary.clone(),
        };
        let client = Client::register_in(&network, &base, &[REDIRECT]).await;
        let mut browser = Browser::new(network);
        let page = browser
            .open(&client.authorization().url())
            .await
            .expect(200);
        let local = format!("http://127.0.0.1:{local_port}/approve/");
        let link = links(&page)
            .into_iter()
            .find(|link| link.as_str().starts_with(&local))
            .expect("the page leads to the local listener");
        let notified_before = self.notifications.shown().len();
        let began = Instant::now();
        let proof = browser.walk(link.as_str(), |_| false);
        let notified = async {
            if is_announced {
                until("the notification", || {
                    self.notifications.shown().len() > notified_before
                })
                .await;
            }
            began.elapsed()
        };
        let (waiting, notified, (mapped, painted)) =
            tokio::join!(proof, notified, self.window(began, APPROVAL));
        waiting.expect(200);
        let display = &self.session.display;
        let window = display.window(APPROVAL).unwrap();
        display.close(&window);
        until("the end of the window", || {
            display.window(APPROVAL).is_none()
        })
        .await;
        Seen {
            notified,
            mapped,
            painted,
        }
    }

    async fn approvals_from_the_tray(&self) {
        let mut seen = Vec::new();
        for _ in 0..RUNS {
            let app = self.app(&["--background"]).await;
            seen.push(self.question(true).await);
            drop(app);
        }
        let times = |of: fn(&Seen) -> Duration| seen.iter().map(of).collect::<Vec<_>>();
        row(
            "proof → notification, from the tray alone",
            &times(|seen| seen.notified),
        );
        row(
            "proof → approval window on the screen, from the tray alone",
            &times(|seen| seen.mapped),
        );
        row(
            "proof → its page painted, from the tray alone",
            &times(|seen| seen.painted),
        );
    }

    async fn approvals_with_the_window(&self) {
        let mut seen = Vec::new();
        for _ in 0..RUNS {
            // Another start for each: after three denials it would be quiet for a minute.
            let app = self.app(&[]).await;
            self.window(Instant::now(), MAIN).await;
            seen.push(self.question(false).await);
            drop(app);
        }
        let times = |of: fn(&Seen) -> Duration| seen.iter().map(of).collect::<Vec<_>>();
        row(
            "proof → approval window on the screen, main window open",
            &times(|seen| seen.mapped),
        );
        row(
            "proof → its page painted, main window open",
            &times(|seen| seen.painted),
        );
    }

    async fn memory(&self) {
        println!("\n| memory of all its processes (PSS) | MiB | its own data | processes |");
        println!("|---|---:|---:|---|");
        let app = self.app(&["--background"]).await;
        self.base().await;
        tokio::time::sleep(SETTLE).await;
        memory_row("in the tray, never a window", &app);
        drop(app);
        let app = self.app(&[]).await;
        self.window(Instant::now(), MAIN).await;
        tokio::time::sleep(SETTLE).await;
        memory_row("with the main window", &app);
        let display = &self.session.display;
        let window = display.window(MAIN).unwrap();
        display.close(&window);
        until("no page", || app.web_processes().is_empty()).await;
        tokio::time::sleep(SETTLE).await;
        memory_row("in the tray, the window closed again", &app);
        drop(app);
    }

    async fn idle(&self, idle: Duration) {
        let app = self.app(&["--background"]).await;
        self.base().await;
        tokio::time::sleep(SETTLE).await;
        let before = processor_time(&app);
        tokio::time::sleep(idle).await;
        let used = processor_time(&app).saturating_sub(before);
        println!(
            "\nProcessor time of all its processes in {} s of nothing, in the tray: {} ms.",
            idle.as_secs(),
            used.as_millis()
        );
        drop(app);
    }
}

async fn until(what: &str, mut there: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !there() {
        assert!(Instant::now() < end, "it never came: {what}");
        tokio::time::sleep(LOOK).await;
    }
}

fn row(what: &str, times: &[Duration]) {
    let mut times = times.to_vec();
    times.sort_unstable();
    let shown = |time: Duration| format!("{} ms", time.as_millis());
    println!(
        "| {what} | {} | {} | {} |",
        shown(times[times.len() / 2]),
        shown(times[0]),
        shown(times[times.len() - 1])
    );
}

/// The app's process and all it started.
fn processes(app: &App) -> Vec<(u32, String)> {
    let mut all = vec![(app.pid(), "drawbridge".to_owned())];
    all.extend(
        app.children()
            .into_iter()
            .map(|child| (child.pid, child.name)),
    );
    all
}

fn memory_row(what: &str, app: &App) {
    let all = processes(app);
    let total = |line| {
        all.iter()
            .map(|(pid, _)| proportional_kib(*pid, line))
            .sum()
    };
    let shown: Vec<String> = all
        .iter()
        .map(|(pid, name)| format!("{name} {}", mib(proportional_kib(*pid, "Pss:"))))
        .collect();
    println!(
        "| {what} | {} | {} | {} |",
        mib(total("Pss:")),
        mib(total("Pss_Anon:")),
        shown.join(", ")
    );
}

fn mib(kib: u64) -> String {
    format!("{}.{}", kib / 1024, kib % 1024 * 10 / 1024)
}

/// The memory of one process, what it shares shared out, in KiB: all of it, or what is no file's
/// (`Pss_Anon:`). Nothing for one that has gone.
fn proportional_kib(pid: u32, line: &str) -> u64 {
    std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))
        .unwrap_or_default()
        .lines()
        .find_map(|found| found.strip_prefix(line))
        .and_then(|rest| rest.trim().strip_suffix(" kB")?.parse().ok())
        .unwrap_or(0)
}

/// What all its processes have used of the processor so far.
fn processor_time(app: &App) -> Duration {
    let ticks: u64 = processes(app)
        .iter()
        .filter_map(|(pid, _)| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            let (_, fields) = stat.rsplit_once(')')?;
            let fields: Vec<&str> = fields.split_whitespace().collect();
            // In user mode and in the kernel.
            Some(fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?)
        })
        .sum();
    // Linux counts in hundredths of a second on every machine we know.
    Duration::from_millis(ticks * 10)
}
