//! The code that lets a browser on another device in: shown on this computer, typed into the web
//! page, never the other way round.
//!
//! A code shown by the *page* and confirmed on the desktop could be a stranger's page. Since it is
//! the desktop that shows the code, only somebody who sees this screen can type it. Everything here
//! is pure: the clock and the random bytes are parameters.
//! Source: draft-ietf-oauth-cross-device-security 6.1.16; RFC 8628 sections 5.1 and 6.1.

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::approval::later;
use crate::tokens::TokenHash;

/// How long a code may be typed.
pub const PAIRING_LIFE: SignedDuration = SignedDuration::from_mins(10);
/// Wrong codes one page may send.
pub const WRONG_TRIES_PER_PAGE: u8 = 5;
/// Wrong codes from all pages together; then the code is dead, because somebody is guessing.
pub const WRONG_TRIES_IN_ALL: u8 = 15;
/// Pages that may send codes while one code is open.
pub const MOST_PAGES: usize = 6;

/// Letters and digits that are not mistaken for each other: no 0 and O, no 1, I and L.
const ALPHABET: &[u8; 31] = b"23456789ABCDEFGHJKMNPQRSTUVWXYZ";
/// Characters of a code: 31^8 is about 2^39.6, against 15 tries.
const CODE_CHARS: usize = 8;

/// A code as it is shown to the person, once.
pub struct PairingCode {
    /// Two groups of four characters, with a hyphen between them.
    pub code: SecretString,
    /// When it stops working.
    pub expires_at: Timestamp,
}

/// What became of the code that was opened last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PairingState {
    /// It can be typed now.
    Open,
    /// It was typed: the approval it led to is (or was) waiting.
    Used,
    /// Too many wrong codes came in. Somebody who cannot see this screen is guessing.
    Guessed,
    /// Nobody typed it in time.
    Expired,
}

/// The state of the code that was opened last, without the code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PairingStatus {
    /// What became of it.
    pub state: PairingState,
    /// When it stops (or stopped) working.
    pub expires_at: Timestamp,
    /// Wrong codes received so far, from all pages.
    pub wrong_tries: u8,
}

/// Eight characters of the alphabet, as typed or as made.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Typed([u8; CODE_CHARS]);

impl Typed {
    /// What was typed, in any case and with any separators. `None` when it cannot be a code at all:
    /// that is a slip of the finger and not a try.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut typed = [0; CODE_CHARS];
        let mut count = 0;
        for character in text.chars() {
            if character.is_whitespace() || is_separator(character) {
                continue;
            }
            let upper = u8::try_from(character.to_ascii_uppercase()).ok()?;
            if !ALPHABET.contains(&upper) || count == CODE_CHARS {
                return None;
            }
            typed[count] = upper;
            count += 1;
        }
        (count == CODE_CHARS).then_some(Self(typed))
    }

    /// Makes a code from random bytes, each character equally likely. `None` when the bytes did not
    /// suffice (32 do, but for one time in 10^30 or so).
    pub(crate) fn from_random(random: &[u8]) -> Option<Self> {
        // 248 is the largest multiple of 31 in a byte: what lies above it would favour some letters.
        let mut usable = random.iter().filter(|byte| **byte < 248);
        let mut typed = [0; CODE_CHARS];
        for place in &mut typed {
            *place = ALPHABET[usize::from(*usable.next()?) % ALPHABET.len()];
        }
        Some(Self(typed))
    }

    /// As it is shown: `ABCD-EFGH`.
    pub(crate) fn show(&self) -> SecretString {
        let letters: String = self.0.iter().copied().map(char::from).collect();
        format!(
            "{}-{}",
            &letters[..CODE_CHARS / 2],
            &letters[CODE_CHARS / 2..]
        )
        .into()
    }

    fn digest(&self) -> [u8; 32] {
        Sha256::new()
            .chain_update(b"drawbridge pairing code\0")
            .chain_update(self.0)
            .finalize()
            .into()
    }
}

fn is_separator(character: char) -> bool {
    matches!(
        character,
        '-' | '_' | '.' | ',' | ':' | '/' | '\u{b7}' | '\u{2010}'..='\u{2015}' | '\u{2212}'
    )
}

/// What one try came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Try {
    /// The code is right, and now used up.
    Right,
    /// It is not, or no code is open: the answer does not tell which.
    Wrong,
    /// Too many pages are trying codes.
    TooManyPages,
}

/// One code and the tries at it.
pub(crate) struct Pairing {
    digest: [u8; 32],
    expires_at: Timestamp,
    wrong: u8,
    /// The pages that have tried, by the hash of their id.
    pages: Vec<TokenHash>,
    ended: Option<PairingState>,
}

impl Pairing {
    pub(crate) fn open(code: &Typed, now: Timestamp) -> Self {
        Self {
            digest: code.digest(),
            expires_at: later(now, PAIRING_LIFE),
            wrong: 0,
            pages: Vec::new(),
            ended: None,
        }
    }

    pub(crate) fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    pub(crate) fn status(&self, now: Timestamp) -> PairingStatus {
        PairingStatus {
            state: self.state(now),
            expires_at: self.expires_at,
            wrong_tries: self.wrong,
        }
    }

    pub(crate) fn is_open(&self, now: Timestamp) -> bool {
        self.state(now) == PairingState::Open
    }

    fn state(&self, now: Timestamp) -> PairingState {
        match self.ended {
            Some(end) => end,
            None if now >= self.expires_at => PairingState::Expired,
            None => PairingState::Open,
        }
    }

    /// Tries a code typed into `page`. A right code is not used up yet: [`Self::use_up`] does that,
    /// once the approval it leads to has found a place.
    pub(crate) fn attempt(&mut self, page: TokenHash, typed: &Typed, now: Timestamp) -> Try {
        if !self.is_open(now) {
            return Try::Wrong;
        }
        if !self.pages.contains(&page) {
            if self.pages.len() >= MOST_PAGES {
                return Try::TooManyPages;
            }
            self.pages.push(page);
        }
        if bool::from(self.digest.ct_eq(&typed.digest())) {
            return Try::Right;
        }
        self.wrong += 1;
        if self.wrong >= WRONG_TRIES_IN_ALL {
            self.ended = Some(PairingState::Guessed);
        }
        Try::Wrong
    }

    /// The code has done its work.
    pub(crate) fn use_up(&mut self) {
        self.ended = Some(PairingState::Used);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use secrecy::ExposeSecret as _;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn code() -> Typed {
        Typed::parse("ABCD-EFGH").unwrap()
    }

    #[test]
    fn the_alphabet_is_large_enough_and_unambiguous() {
        assert!(ALPHABET.len() >= 30);
        for confusing in b"0O1IL" {
            assert!(!ALPHABET.contains(confusing));
        }
    }

    #[test]
    fn case_and_separators_do_not_matter() {
        for text in [
            "abcd-efgh",
            " ABCD EFGH ",
            "ab.cd_ef:gh",
            "ＡＢＣＤ",
            "abcd\u{2011}efgh\n",
        ] {
            assert_eq!(
                Typed::parse(text).is_some_and(|typed| typed == code()),
                !text.starts_with('Ａ')
            );
        }
    }

    #[test]
    fn what_cannot_be_a_code_is_no_try() {
        for text in [
            "",
            "ABCD",
            "ABCD-EFGHJ",
            "ABCD-EFG0",
            "ABCD-EFG!",
            "ÀBCDEFGH",
        ] {
            assert!(Typed::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_right_code_works_once() {
        let mut pairing = Pairing::open(&code(), NOW);
        assert_eq!(
            pairing.attempt(TokenHash([1; 32]), &code(), NOW),
            Try::Right
        );
        pairing.use_up();
        assert_eq!(
            pairing.attempt(TokenHash([1; 32]), &code(), NOW),
            Try::Wrong
        );
        assert_eq!(pairing.status(NOW).state, PairingState::Used);
    }

    #[test]
    fn it_expires() {
        let mut pairing = Pairing::open(&code(), NOW);
        let end = later(NOW, PAIRING_LIFE);
        assert!(pairing.is_open(later(NOW, PAIRING_LIFE - SignedDuration::from_millis(1))));
        assert_eq!(
            pairing.attempt(TokenHash([1; 32]), &code(), end),
            Try::Wrong
        );
        assert_eq!(pairing.status(end).state, PairingState::Expired);
    }

    #[test]
    fn guessing_ends_it_and_is_reported() {
        let wrong = Typed::parse("22222222").unwrap();
        let mut pairing = Pairing::open(&code(), NOW);
        for count in 0..WRONG_TRIES_IN_ALL {
            assert!(pairing.is_open(NOW));
            assert_eq!(
                pairing.attempt(TokenHash([count % 3; 32]), &wrong, NOW),
                Try::Wrong
            );
        }
        assert_eq!(pairing.status(NOW).state, PairingState::Guessed);
        assert_eq!(
            pairing.attempt(TokenHash([1; 32]), &code(), NOW),
            Try::Wrong
        );
    }

    #[test]
    fn a_seventh_page_may_not_try() {
        let wrong = Typed::parse("22222222").unwrap();
        let mut pairing = Pairing::open(&code(), NOW);
        for page in 0..6 {
            assert_eq!(
                pairing.attempt(TokenHash([page; 32]), &wrong, NOW),
                Try::Wrong
            );
        }
        assert_eq!(
            pairing.attempt(TokenHash([6; 32]), &code(), NOW),
            Try::TooManyPages
        );
        assert_eq!(
            pairing.attempt(TokenHash([5; 32]), &code(), NOW),
            Try::Right
        );
    }

    proptest! {
        #[test]
        fn every_code_made_can_be_typed(random in proptest::array::uniform32(0_u8..248)) {
            let made = Typed::from_random(&random).unwrap();
            let typed = Typed::parse(&made.show().expose_secret().to_lowercase()).unwrap();
            prop_assert!(made == typed);
        }

        #[test]
        fn parsing_never_panics(text in "\\PC{0,40}|.{0,40}") {
            let _ = Typed::parse(&text);
        }
    }
}
