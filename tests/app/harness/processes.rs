//! Processes, seen from outside: who descends from whom, and is it still the same one?

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A process that cannot be taken for another one that got its number later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pinned {
    pub(crate) pid: u32,
    /// Clock ticks since boot.
    started: u64,
    pub(crate) name: String,
}

impl Pinned {
    /// The process of this number, as it is now.
    pub(crate) fn of(pid: u32) -> Self {
        let stat = read(pid).expect("it runs");
        Self {
            pid,
            started: stat.started,
            name: stat.name,
        }
    }

    /// Is it still there (and not only a zombie)?
    pub(crate) fn alive(&self) -> bool {
        read(self.pid).is_some_and(|now| now.started == self.started && !now.zombie)
    }
}

struct Stat {
    parent: u32,
    started: u64,
    zombie: bool,
    name: String,
}

fn read(pid: u32) -> Option<Stat> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in parentheses and may hold anything, so it is cut off from its right end.
    let (head, tail) = text.rsplit_once(')')?;
    let fields: Vec<&str> = tail.split_whitespace().collect();
    Some(Stat {
        zombie: fields.first()? == &"Z",
        parent: fields.get(1)?.parse().ok()?,
        started: fields.get(19)?.parse().ok()?,
        name: head.split_once('(')?.1.to_owned(),
    })
}

/// Every living descendant of a process. Nothing where the system has no `/proc`.
pub(crate) fn descendants(root: u32) -> Vec<Pinned> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    let mut children: BTreeMap<u32, Vec<Pinned>> = BTreeMap::new();
    for pid in entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
    {
        if let Some(stat) = read(pid).filter(|stat| !stat.zombie) {
            let pinned = Pinned {
                pid,
                started: stat.started,
                name: stat.name,
            };
            children.entry(stat.parent).or_default().push(pinned);
        }
    }
    let mut found: Vec<Pinned> = Vec::new();
    let mut open = vec![root];
    while let Some(next) = open.pop() {
        for child in children.remove(&next).unwrap_or_default() {
            open.push(child.pid);
            found.push(child);
        }
    }
    found
}

/// Those of `processes` that are still alive when `within` is over. The system tells nobody when a
/// stranger's process ends, so this looks again until then.
pub(crate) fn survivors(processes: &[Pinned], within: Duration) -> Vec<Pinned> {
    let end = Instant::now() + within;
    loop {
        let left: Vec<Pinned> = processes
            .iter()
            .filter(|one| one.alive())
            .cloned()
            .collect();
        if left.is_empty() || Instant::now() >= end {
            return left;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Asks a process of ours to end, or ends it.
pub(crate) fn signal(pid: u32, which: Signal) {
    let number = match which {
        Signal::Term => rustix::process::Signal::TERM,
        Signal::Int => rustix::process::Signal::INT,
        Signal::Kill => rustix::process::Signal::KILL,
    };
    if let Some(pid) = i32::try_from(pid)
        .ok()
        .and_then(rustix::process::Pid::from_raw)
    {
        // Gone already is what was wanted.
        let _ = rustix::process::kill_process(pid, number);
    }
}

/// How a test ends a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// As a service manager does.
    Term,
    /// As Ctrl-C does.
    Int,
    /// As the power cut does.
    Kill,
}
