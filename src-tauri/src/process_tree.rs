//! Who descends from whom among the processes of this computer, and the orphans left to us.
//!
//! A server's child process must not speak to the control socket: it could let itself in. So a
//! caller whose ancestors include this process is refused. A process whose parent ended is handed
//! to the nearest *child subreaper* above it; this process makes itself one, so that ending the
//! parent in between (a double fork) is no way out. Linux only: other systems do not say who
//! descends from whom without privileges, or hand orphans to the first process.

/// Whether a process descends from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Descent {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// The chain of parents kept changing or ended in nothing while we looked.
    Unknown,
}

/// What the system says of one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process {
    /// Its parent's number; 0 when the parent is outside what we can see.
    pub parent: u32,
    /// When it started, in clock ticks since the system did. A number that was given to another
    /// process since has another start.
    pub started: u64,
    /// Whether it has ended and only waits for its parent to take notice.
    pub ended: bool,
}

/// How often a chain that changes under our eyes is followed again.
const WALKS: usize = 8;
/// More processes than this below us are not looked through.
const BELOW: usize = 4096;
/// Longer chains of parents do not exist; the limit ends a walk in circles.
const CHAIN: usize = 256;

/// Reads a line of `/proc/<pid>/stat`. The program's name stands in parentheses and may hold
/// anything, so the fields are counted from its last one.
#[must_use]
pub fn parse_stat(text: &str) -> Option<Process> {
    let (_, fields) = text.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace();
    let state = fields.next()?;
    let parent = fields.next()?.parse().ok()?;
    let started = fields.nth(17)?.parse().ok()?;
    Some(Process {
        parent,
        started,
        ended: matches!(state, "Z" | "X" | "x"),
    })
}

/// Whether `process` is `ancestor` or descends from it, as `look` describes processes.
///
/// Processes end and are handed to others while we look. So a chain counts only if it still
/// stands, start times included, when it is read a second time.
///
/// Where the system hides other users' processes (`hidepid`), a chain ends at a parent that its
/// child still names and that cannot be seen: it is somebody else's. It may still be below
/// `ancestor`, if a program there took on another user; so the chain counts only if
/// `all_visible_below` says of `ancestor` that nothing below it is hidden.
pub fn descends(
    process: u32,
    ancestor: u32,
    look: impl Fn(u32) -> Option<Process>,
    all_visible_below: impl Fn(u32) -> bool,
) -> Descent {
    for _ in 0..WALKS {
        let Some(chain) = chain(process, ancestor, &look) else {
            continue;
        };
        if chain
            .links
            .last()
            .is_some_and(|(number, _)| *number == ancestor)
        {
            return Descent::Yes;
        }
        let visible = !chain.ends_hidden || all_visible_below(ancestor);
        if visible
            && chain
                .links
                .iter()
                .all(|(number, seen)| look(*number) == Some(*seen))
        {
            return Descent::No;
        }
    }
    Descent::Unknown
}

/// Whether everything below `ancestor` can be seen. `children` names the children of a process,
/// hidden ones included; `None` if it does not say, for instance because the process is hidden.
pub fn all_visible_below(ancestor: u32, children: impl Fn(u32) -> Option<Vec<u32>>) -> bool {
    let mut waiting = vec![ancestor];
    let mut looked_at = 0;
    while let Some(number) = waiting.pop() {
        looked_at += 1;
        let Some(below) = children(number).filter(|_| looked_at <= BELOW) else {
            return false;
        };
        waiting.extend(below);
    }
    true
}

struct Chain {
    links: Vec<(u32, Process)>,
    /// Whether its last link has a parent that cannot be seen.
    ends_hidden: bool,
}

/// From `process` upwards, to `ancestor` or to the top.
fn chain(process: u32, ancestor: u32, look: &impl Fn(u32) -> Option<Process>) -> Option<Chain> {
    let mut links: Vec<(u32, Process)> = Vec::new();
    let mut number = process;
    while links.len() < CHAIN {
        let Some(seen) = look(number) else {
            // Ended, or hidden? The child of one that ended has another parent by now.
            let (child, before) = links.last()?;
            let ends_hidden = look(*child).as_ref() == Some(before);
            return ends_hidden.then_some(Chain { links, ends_hidden });
        };
        // No parent is younger than its child: this is somebody else with the parent's number.
        if links
            .last()
            .is_some_and(|(_, child)| seen.started > child.started)
        {
            return None;
        }
        links.push((number, seen));
        if number == ancestor || seen.parent == 0 {
            return Some(Chain {
                links,
                ends_hidden: false,
            });
        }
        number = seen.parent;
    }
    None
}

#[cfg(target_os = "linux")]
pub use linux::{become_subreaper, descends_from_us, end_orphans, programs, reap_orphans};

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use rustix::process::{Pid, Signal, WaitOptions, getpid};
    use tokio::signal::unix::{SignalKind, signal};
    use tokio_util::sync::CancellationToken;

    use super::{Descent, Process, all_visible_below, descends, parse_stat};

    /// How long a child that ended may be left to whoever started it before it counts as an
    /// orphan nobody waits for.
    const LEFT_ALONE: Duration = Duration::from_secs(5);

    fn look(number: u32) -> Option<Process> {
        parse_stat(&std::fs::read_to_string(format!("/proc/{number}/stat")).ok()?)
    }

    fn own_number() -> u32 {
        getpid().as_raw_nonzero().get().unsigned_abs()
    }

    /// Whether the process of this number is ours or a descendant of ours.
    #[must_use]
    pub fn descends_from_us(number: u32) -> Descent {
        descends(number, own_number(), look, |ancestor| {
            all_visible_below(ancestor, children_of)
        })
    }

    /// The names of a process and of those that started it, itself first, at most `most` of them:
    /// what a person may recognise. They chose their names themselves.
    #[must_use]
    pub fn programs(number: u32, most: usize) -> Vec<String> {
        let mut names = Vec::new();
        let mut next = number;
        while next > 1 && names.len() < most {
            let Ok(name) = std::fs::read(format!("/proc/{next}/comm")) else {
                break;
            };
            names.push(String::from_utf8_lossy(&name).trim_end().to_owned());
            next = look(next).map_or(0, |process| process.parent);
        }
        names
    }

    /// The children of a process, as the kernel lists them with each of its threads. The lists name
    /// hidden children, too; a hidden process has no lists.
    fn children_of(number: u32) -> Option<Vec<u32>> {
        let mut children = Vec::new();
        for thread in std::fs::read_dir(format!("/proc/{number}/task")).ok()? {
            let list = std::fs::read_to_string(thread.ok()?.path().join("children")).ok()?;
            for child in list.split_ascii_whitespace() {
                children.push(child.parse().ok()?);
            }
        }
        Some(children)
    }

    /// Asks the system to hand orphaned descendants to this process.
    ///
    /// # Errors
    /// When the system does not know this (Linux before 3.4).
    pub fn become_subreaper() -> std::io::Result<()> {
        rustix::process::set_child_subreaper(Some(getpid())).map_err(Into::into)
    }

    /// Our direct children of this moment.
    fn children() -> BTreeMap<u32, Process> {
        all()
            .into_iter()
            .filter(|(_, process)| process.parent == own_number())
            .collect()
    }

    fn all() -> BTreeMap<u32, Process> {
        let Ok(entries) = std::fs::read_dir("/proc") else {
            return BTreeMap::new();
        };
        entries
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
            .filter_map(|number| Some((number, look(number)?)))
            .collect()
    }

    /// Takes notice of orphans that ended, until told to stop.
    ///
    /// Children that somebody in this process waits for must be left to them: their numbers come
    /// from `known`, and one that ended is left alone for a while besides, because it may end
    /// before its starter has said that it is there.
    pub async fn reap_orphans(known: impl Fn() -> Vec<u32>, stop: CancellationToken) {
        let Ok(mut child_ended) = signal(SignalKind::child()) else {
            return;
        };
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = child_ended.recv() => {}
            }
            let before = ended_and_unknown(&known());
            if before.is_empty() {
                continue;
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LEFT_ALONE) => {}
            }
            for (number, seen) in ended_and_unknown(&known()) {
                if before.get(&number) == Some(&seen) {
                    reap(number);
                }
            }
        }
    }

    fn ended_and_unknown(known: &[u32]) -> BTreeMap<u32, Process> {
        children()
            .into_iter()
            .filter(|(number, seen)| seen.ended && !known.contains(number))
            .collect()
    }

    fn reap(number: u32) {
        if let Some(pid) = pid(number) {
            // Somebody else may have taken notice in between; that is what we want, too.
            let _gone = rustix::process::waitpid(Some(pid), WaitOptions::NOHANG);
        }
    }

    fn pid(number: u32) -> Option<Pid> {
        i32::try_from(number).ok().and_then(Pid::from_raw)
    }

    /// Ends every process below this one at once: called last, when the servers have had their
    /// chance to end by themselves and nothing else of ours runs children.
    pub fn end_orphans() {
        let processes = all();
        for number in processes.keys() {
            let below = *number != own_number()
                && descends(
                    *number,
                    own_number(),
                    |number| processes.get(&number).copied(),
                    |_| false,
                ) == Descent::Yes;
            if below && let Some(pid) = pid(*number) {
                let _gone = rustix::process::kill_process(pid, Signal::KILL);
                reap(*number);
            }
        }
    }
}

/// Not known on this system.
#[cfg(not(target_os = "linux"))]
#[must_use]
pub fn descends_from_us(_number: u32) -> Descent {
    Descent::Unknown
}

/// Not told on this system.
#[cfg(not(target_os = "linux"))]
#[must_use]
pub fn programs(_number: u32, _most: usize) -> Vec<String> {
    Vec::new()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::collections::BTreeMap;

    use super::*;

    const US: u32 = 100;

    /// Where nothing is hidden.
    fn descends(process: u32, ancestor: u32, look: impl Fn(u32) -> Option<Process>) -> Descent {
        super::descends(process, ancestor, look, |_| false)
    }

    fn process(parent: u32, started: u64) -> Process {
        Process {
            parent,
            started,
            ended: false,
        }
    }

    fn tree(pairs: &[(u32, Process)]) -> impl Fn(u32) -> Option<Process> + use<> {
        let map: BTreeMap<u32, Process> = pairs.iter().copied().collect();
        move |number| map.get(&number).copied()
    }

    #[test]
    fn a_line_with_any_name_is_read() {
        let line =
            "42 (a) b) R 7 ( x) S 100 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 1000 10";
        assert_eq!(
            parse_stat(line),
            Some(Process {
                parent: 100,
                started: 987_654,
                ended: false
            })
        );
        assert_eq!(parse_stat("42 (a"), None);
        assert_eq!(parse_stat("42 (a) Z 1"), None);
    }

    #[test]
    fn descendants_are_found_at_any_depth() {
        let look = tree(&[
            (1, process(0, 1)),
            (50, process(1, 2)),
            (US, process(50, 3)),
            (200, process(US, 4)),
            (300, process(200, 5)),
            (400, process(50, 6)),
        ]);
        assert_eq!(descends(300, US, &look), Descent::Yes);
        assert_eq!(descends(200, US, &look), Descent::Yes);
        assert_eq!(descends(400, US, &look), Descent::No);
        assert_eq!(descends(50, US, &look), Descent::No);
        assert_eq!(descends(999, US, &look), Descent::Unknown);
    }

    #[test]
    fn a_parent_that_ends_while_we_look_hands_its_child_to_us() {
        // At first 300's parent 200 is there; at the second look it has gone and 300 is ours.
        let looks = Cell::new(0);
        let look = |number| {
            looks.set(looks.get() + 1);
            let gone = looks.get() > 1;
            match number {
                300 if gone => Some(process(US, 5)),
                300 => Some(process(200, 5)),
                200 if gone => None,
                US => Some(process(1, 3)),
                1 => Some(process(0, 1)),
                _ => None,
            }
        };
        assert_eq!(descends(300, US, look), Descent::Yes);
    }

    #[test]
    fn a_number_given_to_a_stranger_since_is_no_parent() {
        // 200 started after its "child" 300: it is another process by now.
        let look = tree(&[
            (300, process(200, 5)),
            (200, process(1, 9)),
            (1, process(0, 1)),
        ]);
        assert_eq!(descends(300, US, look), Descent::Unknown);
    }

    #[test]
    fn a_hidden_parent_ends_the_chain_where_nothing_below_us_is_hidden() {
        // 60 belongs to somebody else and is hidden.
        let look = tree(&[(300, process(200, 5)), (200, process(60, 4))]);
        assert_eq!(super::descends(300, US, &look, |_| true), Descent::No);
        assert_eq!(super::descends(300, US, &look, |_| false), Descent::Unknown);
        // The caller itself must be seen.
        assert_eq!(super::descends(60, US, &look, |_| true), Descent::Unknown);
    }

    #[test]
    fn everything_below_is_looked_through() {
        let lists: BTreeMap<u32, Vec<u32>> =
            [(US, vec![1, 2]), (1, vec![3]), (2, vec![]), (3, vec![])].into();
        assert!(all_visible_below(US, |number| lists.get(&number).cloned()));
        let hidden = |number| lists.get(&number).filter(|_| number != 3).cloned();
        assert!(!all_visible_below(US, hidden));
        assert!(!all_visible_below(US, |_| Some(vec![US])), "circles end");
    }

    #[test]
    fn circles_end() {
        let look = tree(&[(2, process(3, 5)), (3, process(2, 5))]);
        assert_eq!(descends(2, US, look), Descent::Unknown);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn programs_are_named_from_the_caller_upwards() {
        let ours = programs(std::process::id(), 8);
        assert!(!ours.is_empty() && ours.len() <= 8, "{ours:?}");
        assert!(ours.iter().all(|name| name.len() <= 15), "{ours:?}");
        assert_eq!(programs(std::process::id(), 1), ours[..1]);
        assert!(programs(u32::MAX, 8).is_empty());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn we_are_our_own_and_our_parent_is_not() {
        assert_eq!(descends_from_us(std::process::id()), Descent::Yes);
        assert_eq!(
            descends_from_us(std::os::unix::process::parent_id()),
            Descent::No
        );
    }
}
