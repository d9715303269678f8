//! The questions of `serve` on a terminal: what the window would show, one at a time.
//!
//! For two seconds after a question is shown no answer counts, so that nothing typed for another
//! purpose approves; Enter alone denies. A question that ends meanwhile (decided elsewhere, timed
//! out) is said to be over. When standard input ends, questions are left to the other commands.

use std::io::{BufRead as _, Write};
use std::time::{Duration, Instant};

use drawbridge_oauth::{AccessLevel, GrantLifetime};
use drawbridge_vault::ports::{Clock as _, SystemClock};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::show;
use crate::engine::Engine;
use crate::ui_api::{self, ApprovalView, Decision, TermsChoice};

/// How long after it is shown a question takes no answer.
const READ_FIRST: Duration = Duration::from_secs(2);
/// How often a server's or level's name may be mistyped before the answer counts as no.
const TRIES: usize = 3;

/// Asks until it is dropped.
pub(super) struct Prompt(JoinHandle<()>);

impl Drop for Prompt {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Begins to ask the person at the terminal.
pub(super) fn start(engine: Engine) -> Prompt {
    let (typed, lines) = mpsc::channel(16);
    // A thread of its own and not the runtime's: nothing can call it back from waiting for a line,
    // and it must not keep the process from ending.
    let _never_joined = std::thread::Builder::new()
        .name("terminal".to_owned())
        .spawn(move || {
            for line in std::io::stdin().lock().lines() {
                let Ok(text) = line else { return };
                let line = Line {
                    text,
                    typed_at: Instant::now(),
                };
                if typed.blocking_send(line).is_err() {
                    return;
                }
            }
        });
    Prompt(tokio::spawn(async move {
        let mut person = Person {
            lines,
            output: std::io::stderr(),
        };
        ask_all(&engine, &mut person).await;
    }))
}

async fn ask_all<W: Write>(engine: &Engine, person: &mut Person<W>) {
    let mut waiting = engine.oauth().watch_approvals();
    loop {
        let first = waiting.borrow_and_update().first().map(ApprovalView::from);
        let Some(approval) = first else {
            if waiting.changed().await.is_err() {
                return;
            }
            continue;
        };
        let id = approval.id.clone();
        let over = over(waiting.clone(), id.clone());
        let answer = tokio::select! {
            answer = person.ask(&approval) => answer,
            () = over => {
                person.say("\n\nThis question is over; it was decided elsewhere or withdrawn.\n");
                continue;
            }
        };
        let Some(terms) = answer else { return };
        let approved = terms.is_some();
        let decision = Decision {
            id,
            shown: approval.shown,
            terms,
        };
        match ui_api::decide(engine, decision).await {
            Ok(_) if approved => person.say("Approved. The browser goes on by itself.\n"),
            Ok(_) => person.say("Denied.\n"),
            Err(error) => person.say(&format!("{error}\n")),
        }
    }
}

/// Ends when this question waits no more.
async fn over(mut waiting: watch::Receiver<Vec<drawbridge_oauth::Approval>>, id: String) {
    let is_over = |waiting: &Vec<drawbridge_oauth::Approval>| {
        waiting.iter().all(|approval| approval.id().as_str() != id)
    };
    let _closed = waiting.wait_for(is_over).await;
}

/// What was typed, and when: a line may wait here longer than its question.
struct Line {
    text: String,
    typed_at: Instant,
}

/// Who sits at the terminal.
struct Person<W> {
    lines: mpsc::Receiver<Line>,
    output: W,
}

impl<W: Write> Person<W> {
    fn say(&mut self, text: &str) {
        // A terminal that is gone cannot be told so.
        let _gone = self.output.write_all(text.as_bytes());
        let _gone = self.output.flush();
    }

    /// The answer: terms, `Some(None)` for no, `None` when nobody is there any more.
    async fn ask(&mut self, approval: &ApprovalView) -> Option<Option<TermsChoice>> {
        self.say(&format!(
            "\n\u{7}A client asks to connect ({}):\n\n{}\n",
            approval.id,
            show::question(approval, SystemClock.now())
        ));
        let shown_at = Instant::now();
        loop {
            self.say("Approve? [y/N] ");
            let line = self.lines.recv().await?;
            if line.typed_at >= shown_at + READ_FIRST {
                if is_yes(&line.text) {
                    break;
                }
                return Some(None);
            }
            self.say("That was too quick to have been read. ");
        }
        let there = &approval.servers;
        let which = "Servers, separated by commas";
        let Some(servers) = self
            .choose(which, "all", |text| servers(text, there))
            .await?
        else {
            return Some(None);
        };
        let access = |text: &str| text.parse::<AccessLevel>().ok();
        let Some(access) = self
            .choose("Access: read or read-write", "read", access)
            .await?
        else {
            return Some(None);
        };
        let lifetime = |text: &str| text.parse::<GrantLifetime>().ok();
        let how_long = "For how long: 1h, 1d, 30d or never";
        let Some(lifetime) = self.choose(how_long, "30d", lifetime).await? else {
            return Some(None);
        };
        Some(Some(TermsChoice {
            servers,
            access,
            lifetime,
        }))
    }

    /// One choice with a default; `Some(None)` when it was mistyped too often.
    async fn choose<T>(
        &mut self,
        question: &str,
        default: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<Option<T>> {
        for _ in 0..TRIES {
            self.say(&format!("{question} [{default}] "));
            let line = self.lines.recv().await?;
            let text = line.text.trim();
            let chosen = read(if text.is_empty() { default } else { text });
            if chosen.is_some() {
                return Some(chosen);
            }
            self.say("That is not one of the choices. ");
        }
        self.say("So the answer is no. ");
        Some(None)
    }
}

fn is_yes(line: &str) -> bool {
    matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

/// `Some(None)` is all of them.
#[expect(clippy::option_option, reason = "all servers is not an unknown server")]
fn servers(text: &str, there: &[String]) -> Option<Option<Vec<String>>> {
    if text == "all" {
        return Some(None);
    }
    let names: Vec<String> = text
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect();
    names
        .iter()
        .all(|name| there.contains(name))
        .then_some(Some(names))
}

#[cfg(test)]
mod tests {
    use super::show::tests::chatgpt;
    use super::*;

    /// Types lines, each so many milliseconds after now.
    async fn answer(typed: &[(u64, &str)]) -> (Option<Option<TermsChoice>>, String) {
        let (sender, lines) = mpsc::channel(16);
        let now = Instant::now();
        for (after, text) in typed {
            let typed_at = now + Duration::from_millis(*after);
            sender
                .try_send(Line {
                    text: (*text).to_owned(),
                    typed_at,
                })
                .ok()
                .unwrap();
        }
        drop(sender);
        let mut person = Person {
            lines,
            output: Vec::new(),
        };
        let answer = person.ask(&chatgpt()).await;
        (answer, String::from_utf8(person.output).unwrap())
    }

    #[tokio::test]
    async fn yes_asks_for_the_terms() {
        let (answer, said) = answer(&[
            (20_000, "y"),
            (20_000, "notion"),
            (20_000, "read-write"),
            (20_000, ""),
        ])
        .await;
        let terms = answer.unwrap().unwrap();
        assert_eq!(terms.servers, Some(vec!["notion".to_owned()]));
        assert_eq!(terms.access, AccessLevel::ReadWrite);
        assert_eq!(terms.lifetime, GrantLifetime::ThirtyDays);
        assert!(said.contains("chatgpt.com"), "{said}");
    }

    #[tokio::test]
    async fn a_quick_yes_does_not_count() {
        let (answer, said) = answer(&[(0, "y"), (1_900, "y"), (20_000, "")]).await;
        assert_eq!(answer, Some(None));
        assert!(said.contains("too quick"), "{said}");
    }

    #[tokio::test]
    async fn enter_and_anything_but_yes_deny() {
        for word in ["", "n", "no", "maybe", "yy"] {
            assert_eq!(answer(&[(20_000, word)]).await.0, Some(None), "{word}");
        }
    }

    #[tokio::test]
    async fn choices_mistyped_again_and_again_deny() {
        let lines = [
            (20_000, "y"),
            (20_000, "nope"),
            (20_000, "nope"),
            (20_000, "nope"),
        ];
        assert_eq!(answer(&lines).await.0, Some(None));
    }

    #[tokio::test]
    async fn nobody_there_is_no_answer() {
        assert_eq!(answer(&[]).await.0, None);
    }
}
