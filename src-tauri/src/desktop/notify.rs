//! The system's own notification that somebody asks: it is there before a window can be. Answering
//! happens in the window only, so a notification has nothing to press.

use tauri::{AppHandle, Runtime};
use tauri_plugin_notification::NotificationExt as _;

use super::approval::Asker;

/// The longest host that is shown whole, in characters.
const LONGEST_HOST: usize = 60;

/// Says that somebody asks. When the system has no notifications there is the window.
pub(super) fn tell<R: Runtime>(app: &AppHandle<R>, asker: &Asker) {
    let (title, body) = words(asker);
    let told = app.notification().builder().title(title).body(body).show();
    if let Err(error) = told {
        tracing::warn!(%error, "the system shows no notification");
    }
}

/// What it says: nothing that a client chose but the host its answer goes to.
fn words(asker: &Asker) -> (&'static str, String) {
    match asker {
        Asker::Host(host) => (
            "A connection asks to enter",
            format!(
                "It goes back to {}. Answer in the window that opens.",
                shown(host)
            ),
        ),
        Asker::Program => (
            "A connection asks to enter",
            "It is a program on a computer, not a website. Answer in the window that opens."
                .to_owned(),
        ),
        Asker::Widening => (
            "Drawbridge asks before it goes on",
            "Something wants to change what is let in. Answer in the window that opens.".to_owned(),
        ),
    }
}

/// A host as text that means nothing else to whoever shows it (some read it as markup), and never
/// cut at its right end, which says whose it is.
fn shown(host: &str) -> String {
    let safe: Vec<char> = host
        .chars()
        .map(|character| match character {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '-' | ':' | '[' | ']' => character,
            _ => '\u{fffd}',
        })
        .collect();
    let cut = safe.len().saturating_sub(LONGEST_HOST);
    let end: String = safe.iter().skip(cut).collect();
    if cut == 0 { end } else { format!("…{end}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_names_the_host_and_nothing_else_of_a_client() {
        let (title, body) = words(&Asker::Host("chatgpt.com".to_owned()));
        assert_eq!(title, "A connection asks to enter");
        assert_eq!(
            body,
            "It goes back to chatgpt.com. Answer in the window that opens."
        );
    }

    #[test]
    fn a_host_is_plain_text_and_keeps_its_right_end() {
        assert_eq!(shown("xn--chatgp-qyb.com"), "xn--chatgp-qyb.com");
        assert_eq!(shown("127.0.0.1:33418"), "127.0.0.1:33418");
        assert_eq!(
            shown("<a href=x>\u{202e}moc"),
            "\u{fffd}a\u{fffd}href\u{fffd}x\u{fffd}\u{fffd}moc"
        );
        let long = format!("{}.evil.example", "chatgpt.com.".repeat(20));
        let cut = shown(&long);
        assert!(
            cut.starts_with('…') && cut.ends_with(".evil.example"),
            "{cut}"
        );
        assert_eq!(cut.chars().count(), LONGEST_HOST + 1);
    }
}
