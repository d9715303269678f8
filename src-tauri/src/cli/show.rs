//! A question as a person reads it in a terminal: first where it goes back to, which is checked,
//! then what the client says of itself, which is not.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::terminal::{printable, relative};
use crate::ui_api::{ApprovalView, BrowserProof, ChoiceView, ClientKind};

/// All that is known about one question.
pub(super) fn question(approval: &ApprovalView, now: Timestamp) -> String {
    let mut text = String::new();
    let mut row = |name: &str, value: &str| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "  {name:<15}{value}");
    };
    row("Goes back to", &goes_back_to(approval));
    row("Says it is", &says_it_is(approval));
    row("Asked by", &asked_by(approval));
    row("At", &printable(&approval.address));
    if !approval.pkce {
        row(
            "Careful",
            "it does not protect its code (no PKCE); only clients typed in by hand may",
        );
    }
    if approval.choices.is_empty() {
        row("Servers", "none yet: it could connect, but use nothing");
    }
    for (index, choice) in approval.choices.iter().enumerate() {
        row(if index == 0 { "Servers" } else { "" }, &server(choice));
    }
    row("Withdrawn", &relative(approval.expires_at, now));
    text.push_str(
        "\n  Whoever started this there gets in. Approve only if that was you, just now.\n",
    );
    text
}

fn goes_back_to(approval: &ApprovalView) -> String {
    let host = printable(&approval.redirect_host);
    if approval.redirect_loopback {
        return format!("{host}: a program on this computer");
    }
    let registrable = approval
        .redirect_registrable
        .as_deref()
        .filter(|registrable| *registrable != approval.redirect_host)
        .map_or_else(String::new, |registrable| {
            format!(" (of {})", printable(registrable))
        });
    if approval.redirect_known {
        format!("✓ {host}{registrable}")
    } else {
        format!("{host}{registrable}, which Drawbridge does not know")
    }
}

fn says_it_is(approval: &ApprovalView) -> String {
    let name = printable(&approval.client);
    match (approval.client_domain.as_deref(), approval.client_kind) {
        (Some(domain), _) => format!("“{name}”, published by {}", printable(domain)),
        // It has no name of its own, so this is Drawbridge's word for it.
        (None, ClientKind::Static) => name,
        (None, _) => format!("“{name}”, self-registered, not verified"),
    }
}

fn asked_by(approval: &ApprovalView) -> String {
    match approval.proof {
        BrowserProof::Browser => "a browser on this computer".to_owned(),
        BrowserProof::Code => {
            let address = approval.from_address.map_or_else(
                || "an unknown address".to_owned(),
                |address| address.to_string(),
            );
            let country = approval
                .from_country
                .as_deref()
                .map_or_else(String::new, |country| format!(" ({})", printable(country)));
            format!("a browser that typed your code, at {address}{country}")
        }
        BrowserProof::Program => "a program on this computer".to_owned(),
    }
}

fn server(choice: &ChoiceView) -> String {
    let name = printable(&choice.name);
    if choice.tools == 0 {
        return format!("{name} (its tools are not known yet)");
    }
    format!(
        "{name} ({} tools, {} of them change things, {} ask first)",
        choice.tools, choice.changing, choice.asking
    )
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// What ChatGPT's request looks like.
    pub(in crate::cli) fn chatgpt() -> ApprovalView {
        let now = Timestamp::UNIX_EPOCH;
        ApprovalView {
            id: "K7M2QX".to_owned(),
            kind: "connection".to_owned(),
            client: "ChatGPT".to_owned(),
            redirect_host: "chatgpt.com".to_owned(),
            servers: vec!["notion".to_owned()],
            expires_at: now.checked_add(jiff::SignedDuration::from_mins(5)).unwrap(),
            shown: "0".repeat(64),
            client_kind: ClientKind::Cimd,
            client_domain: Some("chatgpt.com".to_owned()),
            redirect_registrable: Some("chatgpt.com".to_owned()),
            redirect_known: true,
            redirect_loopback: false,
            pkce: true,
            scope: "mcp".to_owned(),
            address: "https://mcp.example.com".to_owned(),
            proof: BrowserProof::Browser,
            from_address: None,
            from_country: None,
            choices: vec![ChoiceView {
                name: "notion".to_owned(),
                title: "Notion".to_owned(),
                tools: 12,
                changing: 5,
                asking: 2,
            }],
            requested_at: now,
        }
    }

    #[test]
    fn a_known_host_has_the_mark_and_the_warning_stands_under_it() {
        let text = question(&chatgpt(), Timestamp::UNIX_EPOCH);
        assert!(text.contains("✓ chatgpt.com\n"), "{text}");
        assert!(
            text.contains("“ChatGPT”, published by chatgpt.com"),
            "{text}"
        );
        assert!(text.contains("Approve only if that was you"), "{text}");
        assert!(
            text.find("Goes back to") < text.find("Says it is"),
            "{text}"
        );
    }

    #[test]
    fn a_program_on_this_computer_and_a_stranger_have_no_mark() {
        let mut approval = chatgpt();
        approval.redirect_known = false;
        approval.redirect_loopback = true;
        approval.redirect_host = "127.0.0.1:4711".to_owned();
        approval.client_domain = None;
        approval.client_kind = ClientKind::Dcr;
        approval.client = "Chat\u{1b}[31mGPT".to_owned();
        approval.pkce = false;
        let text = question(&approval, Timestamp::UNIX_EPOCH);
        assert!(!text.contains('✓') && !text.contains('\u{1b}'), "{text}");
        assert!(text.contains("self-registered, not verified"), "{text}");
        assert!(text.contains("no PKCE"), "{text}");
        approval.redirect_loopback = false;
        approval.redirect_host = "a.evil.example".to_owned();
        approval.redirect_registrable = Some("evil.example".to_owned());
        let text = question(&approval, Timestamp::UNIX_EPOCH);
        assert!(!text.contains('✓'), "{text}");
        assert!(
            text.contains("a.evil.example (of evil.example), which Drawbridge does not know"),
            "{text}"
        );
    }
}
