//! Adding up stages: how long each took, what it counted, and the closing line.

use std::time::{Duration, Instant};

/// How many tests a stage ran.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl Counts {
    /// A stage without tests of its own is one check.
    pub(crate) const ONE: Self = Self {
        passed: 1,
        failed: 0,
        skipped: 0,
    };

    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
            skipped: self.skipped + other.skipped,
        }
    }
}

/// What a stage has to say when it ran to its end.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) counts: Counts,
    /// Something the reader of the summary should know, such as a part that was skipped and why.
    pub(crate) note: Option<String>,
}

impl Outcome {
    /// One check passed.
    pub(crate) fn passed() -> Self {
        Self {
            counts: Counts::ONE,
            note: None,
        }
    }

    /// A part of the stage could not be run here.
    pub(crate) fn with_note(self, note: impl Into<String>) -> Self {
        Self {
            note: Some(note.into()),
            ..self
        }
    }
}

struct Line {
    name: &'static str,
    took: Duration,
    counts: Counts,
    note: Option<String>,
}

/// The stages so far.
#[derive(Default)]
pub(crate) struct Report {
    lines: Vec<Line>,
}

impl Report {
    /// Runs one stage; whatever comes of it, the next one can follow.
    pub(crate) fn stage(
        &mut self,
        name: &'static str,
        work: impl FnOnce() -> anyhow::Result<Outcome>,
    ) {
        println!("\n=== {name}");
        let start = Instant::now();
        let outcome = work().unwrap_or_else(|error| Outcome {
            counts: Counts {
                failed: 1,
                ..Counts::default()
            },
            note: Some(format!("{error:#}")),
        });
        let took = start.elapsed();
        let verdict = if outcome.counts.failed == 0 {
            "passed"
        } else {
            "FAILED"
        };
        println!("\n=== {name}: {verdict} in {}", words(took));
        if let Some(note) = &outcome.note {
            println!("    {note}");
        }
        self.lines.push(Line {
            name,
            took,
            counts: outcome.counts,
            note: outcome.note,
        });
    }

    /// Prints the table of stages and, last, the closing line. Did everything pass?
    pub(crate) fn close(self) -> bool {
        println!("\n=== summary");
        for line in &self.lines {
            let verdict = if line.counts.failed == 0 {
                "passed"
            } else {
                "FAILED"
            };
            let counts = line.counts;
            let skipped = match counts.skipped {
                0 => String::new(),
                skipped => format!(", {skipped} skipped"),
            };
            println!(
                "{verdict}  {:>8}  {:<24} {} passed, {} failed{skipped}",
                words(line.took),
                line.name,
                counts.passed,
                counts.failed,
            );
            if let Some(note) = &line.note {
                println!(
                    "                  {}",
                    note.lines().next().unwrap_or_default()
                );
            }
        }
        let took: Duration = self.lines.iter().map(|line| line.took).sum();
        let total = self
            .lines
            .iter()
            .fold(Counts::default(), |sum, line| sum.plus(line.counts));
        println!(
            "        {:>8}  in all (a stage without tests of its own counts as one)",
            words(took)
        );
        println!("{}", closing(total));
        total.failed == 0
    }
}

/// The closing line, alone on the last line.
fn closing(total: Counts) -> String {
    match total.skipped {
        0 => format!("{} passed, {} failed", total.passed, total.failed),
        skipped => format!(
            "{} passed, {} failed, {skipped} skipped",
            total.passed, total.failed
        ),
    }
}

/// A duration as a person says it.
fn words(took: Duration) -> String {
    let seconds = took.as_secs();
    if seconds < 60 {
        format!("{:.1} s", took.as_secs_f64())
    } else {
        format!("{} m {:02} s", seconds / 60, seconds % 60)
    }
}

/// Sums what nextest, cargo's own test runner and vitest say at their ends.
pub(crate) fn counted(lines: &[String]) -> Counts {
    lines
        .iter()
        .map(|line| plain(line))
        .filter(|line| {
            let line = line.trim_start();
            line.starts_with("Summary [")
                || line.starts_with("test result:")
                || line.starts_with("Tests  ")
        })
        .map(|line| Counts {
            passed: number_before(&line, "passed"),
            failed: number_before(&line, "failed") + number_before(&line, "timed out"),
            skipped: number_before(&line, "skipped") + number_before(&line, "ignored"),
        })
        .fold(Counts::default(), Counts::plus)
}

/// The number that stands before a word, or 0 where the line does not have it.
fn number_before(line: &str, word: &str) -> u64 {
    line.find(word)
        .and_then(|at| line.get(..at))
        .and_then(|before| before.split_whitespace().next_back())
        .and_then(|number| number.parse().ok())
        .unwrap_or(0)
}

/// The line without the terminal's colours.
fn plain(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, escape)) = rest.split_once("\u{1b}[") {
        text.push_str(before);
        rest = escape
            .split_once(|end: char| end.is_ascii_alphabetic())
            .map_or("", |(_, rest)| rest);
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[&str]) -> Vec<String> {
        text.iter().copied().map(str::to_owned).collect()
    }

    #[test]
    fn nextest_cargo_and_vitest_are_understood() {
        let nextest =
            "     Summary [  12.3s] 45 tests run: 43 passed (1 slow), 2 failed, 3 skipped";
        assert_eq!(
            counted(&lines(&[nextest])),
            Counts {
                passed: 43,
                failed: 2,
                skipped: 3
            }
        );
        let timed_out = "Summary [ 1s] 3 tests run: 2 passed, 1 timed out, 0 skipped";
        assert_eq!(
            counted(&lines(&[timed_out])),
            Counts {
                passed: 2,
                failed: 1,
                skipped: 0
            }
        );
        let cargo = "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out";
        let two = Counts {
            passed: 6,
            failed: 0,
            skipped: 2,
        };
        assert_eq!(counted(&lines(&[cargo, "other 9 passed", cargo])), two);
        let vitest =
            "\u{1b}[2m      Tests \u{1b}[22m \u{1b}[1m\u{1b}[32m79 passed\u{1b}[39m\u{1b}[22m (79)";
        assert_eq!(
            counted(&lines(&[vitest])),
            Counts {
                passed: 79,
                failed: 0,
                skipped: 0
            }
        );
    }

    #[test]
    fn a_run_without_a_summary_counts_nothing() {
        assert_eq!(
            counted(&lines(&["error: could not compile"])),
            Counts::default()
        );
    }

    #[test]
    fn the_closing_line_is_the_plain_one() {
        assert_eq!(
            closing(Counts {
                passed: 5,
                failed: 0,
                skipped: 0
            }),
            "5 passed, 0 failed"
        );
        let some = Counts {
            passed: 5,
            failed: 1,
            skipped: 2,
        };
        assert_eq!(closing(some), "5 passed, 1 failed, 2 skipped");
    }

    #[test]
    fn a_failing_stage_does_not_stop_the_next() {
        let mut report = Report::default();
        report.stage("first", || anyhow::bail!("broken"));
        report.stage("second", || Ok(Outcome::passed().with_note("half of it")));
        assert!(!report.close());
    }
}
