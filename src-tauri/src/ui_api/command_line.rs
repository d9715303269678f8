//! A command typed on one line, taken apart as the system's shell would, but without a shell:
//! nothing is replaced but a `~` for your own folder, and in quotes, or after a backslash, not even
//! that.
//!
//! With the rules of Unix, what only a shell could do is refused rather than passed on: pipes,
//! redirects, `$…`, `` `…` ``, `~name`, `*`, and braces that stand for several words. `?` and `[…]`
//! are passed on as they stand, which is what a shell does when no file matches them: that is how
//! they come in addresses and in names like `mcp[cli]`. `#` is a letter.
//!
//! With the rules of Windows, where programs match names of files themselves and a lone `%` is one,
//! only pipes and redirects are refused.

use std::path::Path;

use thiserror::Error;

/// The longest line taken, in bytes.
const MAX_LINE: usize = 32 * 1024;
/// How much of a name an error repeats, in characters.
const MAX_NAME: usize = 40;

/// Whose rules hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rules {
    /// Unix shells: single quotes, double quotes, backslashes.
    Posix,
    /// What programs on Windows read of their line: double quotes, backslashes are letters.
    Windows,
}

impl Rules {
    /// Those of this system.
    pub(super) const HERE: Self = if cfg!(windows) {
        Self::Windows
    } else {
        Self::Posix
    };
}

/// Why a line is not taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum BadCommandLine {
    #[error(
        "there is no command; type the program with its arguments, like: npx -y @modelcontextprotocol/server-everything"
    )]
    Empty,
    #[error("the command is longer than {} KiB", MAX_LINE / 1024)]
    TooLong,
    #[error(
        "the quotation mark {0} is opened and not closed; close it, or write \\{0} for the sign itself"
    )]
    Unclosed(char),
    #[error(
        "the command ends with a backslash that has nothing to stand for; remove it, or write two"
    )]
    Backslash,
    #[error(
        "`{0}` sets a variable, and a command cannot begin with that; put it among the variables of the server"
    )]
    Assignment(String),
    #[error(
        "`{0}` is for a shell, and Drawbridge starts programs without one; put it in quotes if it is an argument, or start a shell: sh -c '…'"
    )]
    Operator(char),
    #[error(
        "`{0}` is not replaced, because Drawbridge starts programs without a shell; write what it stands for, or put it in single quotes if it is meant as it stands"
    )]
    Replacement(String),
    #[error(
        "`*` would stand for names of files, and Drawbridge starts programs without a shell; write \
         the names, or put it in single quotes if it is meant as it stands"
    )]
    Files,
    #[error(
        "`{{…}}` would stand for several words, and Drawbridge starts programs without a shell; write \
         them out, or put it in single quotes if it is meant as it stands"
    )]
    Braces,
    #[error("the command holds more than one line; put it on one")]
    Lines,
    #[error("the command holds a NUL character")]
    Nul,
    #[error(
        "`~` stands for your own folder, and this system does not say where it is; write the full path"
    )]
    NoHome,
}

/// The words of a line; the first is the program. An unquoted `~` at the beginning of a word becomes
/// `home`.
pub(super) fn split(
    line: &str,
    rules: Rules,
    home: Option<&Path>,
) -> Result<Vec<String>, BadCommandLine> {
    let line = line.trim();
    if line.len() > MAX_LINE {
        return Err(BadCommandLine::TooLong);
    }
    if line.contains('\0') {
        return Err(BadCommandLine::Nul);
    }
    if line.contains(['\n', '\r']) {
        return Err(BadCommandLine::Lines);
    }
    let words = match rules {
        Rules::Posix => posix(line, home)?,
        Rules::Windows => windows(line, home)?,
    };
    match words.first() {
        None => Err(BadCommandLine::Empty),
        Some(first) if first.is_empty() => Err(BadCommandLine::Empty),
        Some(first) if rules == Rules::Posix && is_assignment(first) => {
            let name = first.split('=').next().unwrap_or_default();
            Err(BadCommandLine::Assignment(format!("{name}=…")))
        }
        Some(_) => Ok(words),
    }
}

/// A path with `~` or `~/…` in your own folder, in which nothing is quoted. Another's (`~name`) stays
/// as it is.
pub(super) fn at_home(
    word: String,
    rules: Rules,
    home: Option<&Path>,
) -> Result<String, BadCommandLine> {
    let ends = |next: char| next == '/' || (rules == Rules::Windows && next == '\\');
    match word.strip_prefix('~') {
        Some(rest) if rest.chars().next().is_none_or(ends) => {
            Ok(format!("{}{rest}", own_folder(home)?))
        }
        _ => Ok(word),
    }
}

/// What `~` stands for.
fn own_folder(home: Option<&Path>) -> Result<&str, BadCommandLine> {
    let home = home.and_then(Path::to_str).ok_or(BadCommandLine::NoHome)?;
    Ok(home.trim_end_matches(['/', '\\']))
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=')
        .is_some_and(|(name, _)| is_variable_name(name))
}

/// Whether programs everywhere take this as the name of a variable.
pub(super) fn is_variable_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn posix(line: &str, home: Option<&Path>) -> Result<Vec<String>, BadCommandLine> {
    shlex::split(&only_words(line, home)?).ok_or(BadCommandLine::Backslash)
}

/// Finds what is unfinished, and what a shell would not pass on as it stands. Returns the line
/// without comments, because in a line typed into a field `#` is a sign like others, and with `home`
/// in quotes where an unquoted `~` stands for it.
fn only_words(line: &str, home: Option<&Path>) -> Result<String, BadCommandLine> {
    let mut quote = None;
    let mut only = String::with_capacity(line.len());
    let mut begins = true;
    let mut signs = line.char_indices();
    while let Some((at, sign)) = signs.next() {
        let begins_word = std::mem::replace(&mut begins, quote.is_none() && sign.is_whitespace());
        if quote.is_none() {
            let rest = &line[at..];
            match sign {
                '#' if begins_word => only.push('\\'),
                '~' if begins_word => {
                    if let Some(folder) = folder_of(rest, home)? {
                        only.push_str(&folder);
                        continue;
                    }
                }
                '*' => return Err(BadCommandLine::Files),
                '{' => braces(rest)?,
                '|' | '&' | ';' | '<' | '>' | '(' | ')' => {
                    return Err(BadCommandLine::Operator(sign));
                }
                _ => {}
            }
        }
        only.push(sign);
        match (quote, sign) {
            (None, '\'' | '"') => quote = Some(sign),
            (Some(open), _) if open == sign => quote = None,
            (Some('\''), _) => {}
            (_, '\\') => {
                let Some((_, next)) = signs.next() else {
                    return Err(quote.map_or(BadCommandLine::Backslash, BadCommandLine::Unclosed));
                };
                only.push(next);
            }
            (_, '$' | '`') => {
                if let Some(name) = replacement(&line[at..], quote.is_some()) {
                    return Err(BadCommandLine::Replacement(name));
                }
            }
            _ => {}
        }
    }
    quote.map_or(Ok(only), |open| Err(BadCommandLine::Unclosed(open)))
}

/// What the `~` that this text begins with stands for, in quotes; `None` when it is a letter,
/// because what a name would be is quoted.
fn folder_of(rest: &str, home: Option<&Path>) -> Result<Option<String>, BadCommandLine> {
    let name: String = rest
        .chars()
        .skip(1)
        .take_while(|sign| *sign != '/' && !sign.is_whitespace())
        .collect();
    if name.contains(['\'', '"', '\\']) {
        return Ok(None);
    }
    if !name.is_empty() {
        let shown: String = name.chars().take(MAX_NAME).collect();
        return Err(BadCommandLine::Replacement(format!("~{shown}")));
    }
    let folder = own_folder(home)?;
    let quoted = shlex::try_quote(folder).map_err(|_| BadCommandLine::Nul)?;
    Ok(Some(quoted.into_owned()))
}

/// Refuses braces that a shell makes several words of: `{a,b}` and `{1..3}`.
fn braces(rest: &str) -> Result<(), BadCommandLine> {
    let word = rest.split(char::is_whitespace).next().unwrap_or_default();
    let several = word
        .split_once('}')
        .is_some_and(|(inside, _)| inside.contains(',') || inside.contains(".."));
    if several {
        return Err(BadCommandLine::Braces);
    }
    Ok(())
}

/// What a shell would replace at the beginning of this text; `None` for a sign that means itself.
fn replacement(rest: &str, quoted: bool) -> Option<String> {
    if rest.starts_with('`') {
        return Some("`…`".to_owned());
    }
    let after = rest.get(1..)?;
    match after.chars().next()? {
        '{' => Some("${…}".to_owned()),
        '(' => Some("$(…)".to_owned()),
        quote @ ('\'' | '"') if !quoted => Some(format!("${quote}…{quote}")),
        special @ ('@' | '*' | '#' | '?' | '-' | '$' | '!') => Some(format!("${special}")),
        first if first.is_ascii_alphanumeric() || first == '_' => {
            let name: String = after
                .chars()
                .take_while(|sign| sign.is_ascii_alphanumeric() || *sign == '_')
                .take(MAX_NAME)
                .collect();
            Some(format!("${name}"))
        }
        _ => None,
    }
}

/// As `CommandLineToArgvW` and the C library read a line: a backslash is one unless it stands
/// before a quotation mark, and two quotation marks inside of quotes are one.
fn windows(line: &str, home: Option<&Path>) -> Result<Vec<String>, BadCommandLine> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    let mut signs = line.chars().peekable();
    while let Some(sign) = signs.next() {
        match sign {
            ' ' | '\t' if !quoted => words.extend(word.take()),
            '\\' => {
                let mut count = 1;
                while signs.next_if_eq(&'\\').is_some() {
                    count += 1;
                }
                let word = word.get_or_insert_default();
                if signs.peek() == Some(&'"') {
                    word.extend(std::iter::repeat_n('\\', count / 2));
                    if count % 2 == 1 {
                        signs.next();
                        word.push('"');
                    }
                } else {
                    word.extend(std::iter::repeat_n('\\', count));
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                if quoted && signs.next_if_eq(&'"').is_some() {
                    word.push('"');
                } else {
                    quoted = !quoted;
                }
            }
            '|' | '&' | '<' | '>' if !quoted => return Err(BadCommandLine::Operator(sign)),
            '~' if !quoted && word.is_none() && stands_for_home(signs.peek()) => {
                word = Some(own_folder(home)?.to_owned());
            }
            _ => word.get_or_insert_default().push(sign),
        }
    }
    if quoted {
        return Err(BadCommandLine::Unclosed('"'));
    }
    words.extend(word);
    Ok(words)
}

/// Whether a `~` before this stands for your own folder.
fn stands_for_home(next: Option<&char>) -> bool {
    next.is_none_or(|next| matches!(next, '/' | '\\' | ' ' | '\t'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unix(line: &str) -> Result<Vec<String>, BadCommandLine> {
        split(line, Rules::Posix, Some(Path::new("/home/ada")))
    }

    fn dos(line: &str) -> Result<Vec<String>, BadCommandLine> {
        split(line, Rules::Windows, Some(Path::new(r"C:\Home\ada")))
    }

    #[test]
    fn words_are_those_of_a_shell() {
        for (line, words) in [
            ("npx -y thing", vec!["npx", "-y", "thing"]),
            ("  a   b\t c ", vec!["a", "b", "c"]),
            (r#"a "b c" 'd e'"#, vec!["a", "b c", "d e"]),
            (r"a b\ c", vec!["a", "b c"]),
            (r#"a "x\"y" 'x"y'"#, vec!["a", "x\"y", "x\"y"]),
            ("a ''", vec!["a", ""]),
            ("a b=c --d=e", vec!["a", "b=c", "--d=e"]),
            (
                r#"a '$HOME' "|" '(;)' \$x \;"#,
                vec!["a", "$HOME", "|", "(;)", "$x", ";"],
            ),
            ("a 5$ $", vec!["a", "5$", "$"]),
            (
                "a #b c#d '#e #f' \"#g\"",
                vec!["a", "#b", "c#d", "#e #f", "#g"],
            ),
            ("programm ünï", vec!["programm", "ünï"]),
        ] {
            assert_eq!(unix(line).unwrap(), words, "{line}");
        }
    }

    #[test]
    fn only_the_own_folder_is_filled_in() {
        assert_eq!(
            unix("~/bin/tool ~ ~/a x~ --root=~/c ~/'b c'/~").unwrap(),
            [
                "/home/ada/bin/tool",
                "/home/ada",
                "/home/ada/a",
                "x~",
                "--root=~/c",
                "/home/ada/b c/~"
            ]
        );
        assert_eq!(
            dos(r#"~\bin\tool.exe ~/a ~ ~other x~ "b "~"#).unwrap(),
            [
                r"C:\Home\ada\bin\tool.exe",
                r"C:\Home\ada/a",
                r"C:\Home\ada",
                "~other",
                "x~",
                "b ~"
            ]
        );
        let ada = Some(Path::new("/home/it's $ada/"));
        assert_eq!(
            split("~/a ~", Rules::Posix, ada).unwrap(),
            ["/home/it's $ada/a", "/home/it's $ada"]
        );
        assert_eq!(
            split("~/a", Rules::Posix, None),
            Err(BadCommandLine::NoHome)
        );
        assert!(split("a b", Rules::Posix, None).is_ok());
    }

    #[test]
    fn a_quoted_tilde_is_a_letter() {
        assert_eq!(
            unix(r#"a '~/x' "~/x" \~ \~/x ~"/x" ~'other' '' '~'"#).unwrap(),
            ["a", "~/x", "~/x", "~", "~/x", "~/x", "~other", "", "~"]
        );
        assert_eq!(
            dos(r#"a "~\x" "~" ~"\x" ""~/x"#).unwrap(),
            ["a", r"~\x", "~", r"~\x", "~/x"]
        );
    }

    #[test]
    fn addresses_and_extras_are_passed_on() {
        assert_eq!(
            unix(
                "uvx --with mcp[cli] https://example.com/{id}?key=v {} '*' \\* \"{a,b}\" '{1..3}'"
            )
            .unwrap(),
            [
                "uvx",
                "--with",
                "mcp[cli]",
                "https://example.com/{id}?key=v",
                "{}",
                "*",
                "*",
                "{a,b}",
                "{1..3}"
            ]
        );
        let json = r#"{"name": "a", "list": [1, 2]}"#;
        assert_eq!(unix(&format!("a '{json}'")).unwrap(), ["a", json]);
        assert_eq!(
            dos("a *.txt {a,b} x?").unwrap(),
            ["a", "*.txt", "{a,b}", "x?"]
        );
    }

    #[test]
    fn what_is_unfinished_is_named() {
        for (line, error) in [
            ("", BadCommandLine::Empty),
            ("   ", BadCommandLine::Empty),
            ("''", BadCommandLine::Empty),
            ("a 'b", BadCommandLine::Unclosed('\'')),
            (r#"a "b"#, BadCommandLine::Unclosed('"')),
            (r#"a "b\"#, BadCommandLine::Unclosed('"')),
            ("it's", BadCommandLine::Unclosed('\'')),
            (r"a b\", BadCommandLine::Backslash),
            ("a\nb", BadCommandLine::Lines),
            ("a\0", BadCommandLine::Nul),
        ] {
            assert_eq!(unix(line), Err(error), "{line}");
        }
        assert_eq!(
            unix(&"x".repeat(MAX_LINE + 1)),
            Err(BadCommandLine::TooLong)
        );
    }

    #[test]
    fn what_only_a_shell_could_do_is_refused() {
        for (line, sign) in [
            ("a | b", '|'),
            ("a && b", '&'),
            ("cd x; a", ';'),
            ("a > b", '>'),
            ("(a)", '('),
        ] {
            assert_eq!(unix(line), Err(BadCommandLine::Operator(sign)), "{line}");
        }
        for (line, text) in [
            ("a $HOME/b", "$HOME"),
            (r#"a "x ${Y}""#, "${…}"),
            ("a $(b)", "$(…)"),
            ("a `b`", "`…`"),
            ("a $@", "$@"),
            (r#"a "$?""#, "$?"),
            (r"a $'x\n'", "$'…'"),
            ("a ~other/b", "~other"),
        ] {
            let error = unix(line).unwrap_err();
            assert_eq!(
                error,
                BadCommandLine::Replacement(text.to_owned()),
                "{line}"
            );
        }
        for line in ["a *", "a ~/notes/*.md", "a --tools=*", r#"a "b"*"#] {
            assert_eq!(unix(line), Err(BadCommandLine::Files), "{line}");
        }
        for line in ["a {b,c}", "a x{1..3}", r#"a {"b":1,"c":2}"#] {
            assert_eq!(unix(line), Err(BadCommandLine::Braces), "{line}");
        }
        let error = unix("TOKEN=hush npx a").unwrap_err();
        assert!(!error.to_string().contains("hush"), "{error}");
        assert_eq!(error, BadCommandLine::Assignment("TOKEN=…".to_owned()));
    }

    #[test]
    fn windows_reads_lines_in_its_own_way() {
        for (line, words) in [
            (r"C:\Tools\a.exe -x", vec![r"C:\Tools\a.exe", "-x"]),
            (
                r#""C:\Program Files\a.exe" b"#,
                vec![r"C:\Program Files\a.exe", "b"],
            ),
            (r#"a "b \"c\"" 'd e'"#, vec!["a", "b \"c\"", "'d", "e'"]),
            (r#"a "b\\" c"#, vec!["a", r"b\", "c"]),
            (r#"a "b""c""#, vec!["a", "b\"c"]),
            (r#"a """#, vec!["a", ""]),
            ("a %HOME% $x", vec!["a", "%HOME%", "$x"]),
        ] {
            assert_eq!(dos(line).unwrap(), words, "{line}");
        }
        assert_eq!(dos(r#"a "b"#), Err(BadCommandLine::Unclosed('"')));
        assert_eq!(dos("a | b"), Err(BadCommandLine::Operator('|')));
        assert_eq!(dos(""), Err(BadCommandLine::Empty));
    }

    #[test]
    fn names_of_variables_are_letters_digits_and_underscores() {
        for name in ["A", "_", "NOTION_TOKEN", "a1"] {
            assert!(is_variable_name(name), "{name}");
        }
        for name in ["", "1A", "A-B", "A B", "Ä", "A="] {
            assert!(!is_variable_name(name), "{name}");
        }
    }
}
