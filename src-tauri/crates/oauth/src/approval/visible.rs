//! Strangers' text, made safe to show: bounded, and with nothing in it that hides or turns text
//! around.
//!
//! A client chooses its own name, so the name may hold line breaks, invisible characters or marks
//! that reverse the reading direction. Here each of them becomes readable (`[U+202E]`). Escaping
//! for HTML is the templates' work, not done here.

/// Most characters of a client's name that are shown to a person.
pub(crate) const MOST_NAME_CHARS: usize = 80;

/// A letter with more accents than this is a drawing, not a letter.
const MOST_MARKS_IN_A_ROW: usize = 3;

/// `text` with control, invisible and direction characters spelled out as `[U+XXXX]`, every kind of
/// space as one plain space, and at most `most` characters of the original (then an ellipsis).
pub(crate) fn visible(text: &str, most: usize) -> String {
    let mut shown = String::with_capacity(text.len().min(most * 4));
    let mut marks = 0;
    for (count, character) in text.trim().chars().enumerate() {
        if count == most {
            shown.push('…');
            break;
        }
        marks = if is_mark(character) { marks + 1 } else { 0 };
        if is_space(character) {
            if !shown.ends_with(' ') {
                shown.push(' ');
            }
        } else if is_hidden(character) || marks > MOST_MARKS_IN_A_ROW {
            use std::fmt::Write as _;
            // Writing to a String cannot fail.
            let _ = write!(shown, "[U+{:04X}]", u32::from(character));
        } else {
            shown.push(character);
        }
    }
    shown
}

/// `text` whole, with control, invisible and direction characters and every space but the plain one
/// spelled out as `[U+XXXX]`: for what a person is asked to confirm exactly.
#[must_use]
pub fn spelled_out(text: &str) -> String {
    use std::fmt::Write as _;
    let mut shown = String::with_capacity(text.len());
    let mut marks = 0;
    for character in text.chars() {
        marks = if is_mark(character) { marks + 1 } else { 0 };
        let space = character != ' ' && is_space(character);
        if space || is_hidden(character) || marks > MOST_MARKS_IN_A_ROW {
            // Writing to a String cannot fail.
            let _ = write!(shown, "[U+{:04X}]", u32::from(character));
        } else {
            shown.push(character);
        }
    }
    shown
}

/// The space separators (Unicode category Zs). Tabs and line breaks are not among them: in a name
/// they are a trick, so they are spelled out.
fn is_space(character: char) -> bool {
    matches!(
        character,
        ' ' | '\u{a0}' | '\u{1680}' | '\u{2000}'
            ..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}'
    )
}

/// Characters that show nothing, or change how others are shown (categories Cc, Cf, Zl, Zp, the
/// default-ignorable code points, private use).
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}'
            | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{2800}' | '\u{3164}' | '\u{e000}'..='\u{f8ff}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{10ffff}')
}

/// Combining marks that stack on the letter before them.
fn is_mark(character: char) -> bool {
    matches!(character,
        '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{1ab0}'..='\u{1aff}'
        | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn leaves_ordinary_names_alone() {
        for name in [
            "ChatGPT",
            "Claude – Desktop",
            "Café Ångström",
            "日本語クライアント",
            "مرحبا",
        ] {
            assert_eq!(visible(name, MOST_NAME_CHARS), name);
        }
    }

    #[test]
    fn spells_out_what_hides_or_turns_text() {
        assert_eq!(visible("a\u{202e}b", 80), "a[U+202E]b");
        assert_eq!(visible("Chat\u{200b}GPT", 80), "Chat[U+200B]GPT");
        assert_eq!(visible("one\r\ntwo", 80), "one[U+000D][U+000A]two");
        assert_eq!(visible("\u{1b}[31mred", 80), "[U+001B][31mred");
        assert_eq!(visible("tag\u{e0041}", 80), "tag[U+E0041]");
    }

    #[test]
    fn spaces_become_one_plain_space() {
        assert_eq!(visible("  a\u{a0}\u{3000} b  ", 80), "a b");
    }

    #[test]
    fn stacks_of_accents_end() {
        let name = format!("a{}", "\u{301}".repeat(6));
        assert_eq!(
            visible(&name, 80),
            "a\u{301}\u{301}\u{301}[U+0301][U+0301][U+0301]"
        );
    }

    #[test]
    fn long_text_is_cut_with_an_ellipsis() {
        assert_eq!(visible("abcdef", 3), "abc…");
        assert_eq!(visible("abc", 3), "abc");
    }

    #[test]
    fn what_is_confirmed_is_shown_whole() {
        let long = "a  b".repeat(500);
        assert_eq!(spelled_out(&long), long);
        assert_eq!(spelled_out(" a\u{a0}b\n"), " a[U+00A0]b[U+000A]");
    }

    proptest! {
        #[test]
        fn spelled_out_text_hides_nothing_and_loses_nothing(
            text in "\\PC{0,40}|.{0,40}|[\u{200b}-\u{206f}\u{0}-\u{20}]{0,40}",
        ) {
            let shown = spelled_out(&text);
            prop_assert!(shown.chars().all(|character| !is_hidden(character)));
            prop_assert!(shown.chars().count() >= text.chars().count());
        }

        #[test]
        fn nothing_hidden_is_left(text in "\\PC{0,40}|.{0,40}|[\u{200b}-\u{206f}\u{0}-\u{20}]{0,40}") {
            let shown = visible(&text, 20);
            prop_assert!(shown.chars().all(|character| !is_hidden(character)));
            // Each character of the original becomes at most "[U+10FFFF]", and one ellipsis.
            prop_assert!(shown.chars().count() <= 20 * 10 + 1);
        }
    }
}
