//! The running app, and what must hold when it ends.

use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use super::captured::Captured;
use super::processes::{Pinned, Signal, descendants, signal, survivors};
use super::{Session, eventually};
use crate::harness::canary::Canary;

/// The promise: everything has ended within this time of being told to.
const STOP: Duration = Duration::from_secs(2);
/// What the linker, gtk and the machine may add to it before it counts as hanging.
const PATIENCE: Duration = Duration::from_secs(20);

/// One running app.
pub(crate) struct App {
    child: Option<Child>,
    pid: u32,
    stdout: Captured,
    stderr: Captured,
    canary: Canary,
    data: std::path::PathBuf,
}

impl App {
    pub(super) fn start(session: &Session, arguments: &[&str]) -> Self {
        let mut child = session.command(arguments).spawn().unwrap();
        Self {
            pid: child.id(),
            stdout: Captured::start(child.stdout.take().unwrap()),
            stderr: Captured::start(child.stderr.take().unwrap()),
            child: Some(child),
            canary: session.canary.clone(),
            data: session.data(),
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// What it printed and logged so far.
    pub(crate) fn said(&self) -> String {
        format!("{}{}", self.stdout.so_far(), self.stderr.so_far())
    }

    /// Waits until it has said this.
    pub(crate) async fn says(&self, words: &str) {
        eventually(&format!("it says {words:?}"), || {
            let said = self.said().contains(words);
            async move { said.then_some(()) }
        })
        .await;
    }

    /// Everything it has started that lives.
    pub(crate) fn children(&self) -> Vec<Pinned> {
        descendants(self.pid)
    }

    /// The processes that show pages: one for each window.
    pub(crate) fn web_processes(&self) -> Vec<Pinned> {
        // The system keeps the first 15 characters of a name.
        self.children()
            .into_iter()
            .filter(|child| child.name.starts_with("WebKitWebProces"))
            .collect()
    }

    /// How it ended, if it has.
    pub(crate) fn exit(&mut self) -> Option<ExitStatus> {
        self.child.as_mut()?.try_wait().unwrap()
    }

    /// Waits until it has ended by itself; everything that it had started must have ended with it,
    /// within two seconds from now.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let children = self.children();
        let asked = Instant::now();
        let status = eventually("the app ends", || {
            let exit = self.exit();
            async move { exit }
        })
        .await;
        let took = asked.elapsed();
        assert!(took < STOP, "it took {took:?} to end");
        self.child = None;
        self.inspect(&children);
        status
    }

    /// The power cut.
    pub(crate) fn kill(&mut self) {
        let mut all = self.children();
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        all.retain(Pinned::alive);
        for left in all {
            signal(left.pid, Signal::Kill);
        }
    }

    /// What must hold when it has ended.
    fn inspect(&self, children: &[Pinned]) {
        let left = survivors(children, STOP);
        assert!(left.is_empty(), "these were left behind: {left:#?}");
        let stderr = self.stderr.all(STOP);
        assert!(!stderr.contains("panicked"), "{stderr}");
        let mut outputs = vec![
            ("standard output".to_owned(), self.stdout.all(STOP)),
            ("standard error".to_owned(), stderr),
        ];
        let logs = std::fs::read_dir(self.data.join("logs"));
        for file in logs.into_iter().flatten().flatten() {
            outputs.push((
                file.file_name().to_string_lossy().into_owned(),
                std::fs::read_to_string(file.path()).unwrap_or_default(),
            ));
        }
        let leaks = self.canary.leaks(&outputs, &self.data);
        assert!(leaks.is_empty(), "secrets leaked:\n{leaks:#?}");
    }
}

impl Drop for App {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.kill();
            println!("--- the app had said ---\n{}", self.said());
            return;
        }
        let Some(mut child) = self.child.take() else {
            return;
        };
        let children = self.children();
        let asked = Instant::now();
        signal(self.pid, Signal::Term);
        let status = loop {
            match child.try_wait().unwrap() {
                Some(status) => break status,
                None if asked.elapsed() > PATIENCE => {
                    child.kill().unwrap();
                    child.wait().unwrap();
                    panic!("it hung after TERM: {}", self.said());
                }
                None => std::thread::sleep(super::LOOK_EVERY),
            }
        };
        let took = asked.elapsed();
        assert!(status.success(), "after TERM: {status}: {}", self.said());
        assert!(took < STOP, "it took {took:?} to stop");
        self.inspect(&children);
    }
}
