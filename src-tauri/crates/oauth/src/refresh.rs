//! Refresh tokens: rotation that loses nobody, and notices a thief.
//!
//! Each use of a token issues a successor. The token stays valid until a successor is used for
//! the first time, because the answer that carried the successor may have been lost; so using it
//! again, also several times at once, is no error and only issues one more successor. The first
//! use of a successor settles it: parent and siblings are dead. A dead token that comes back means
//! that two hold the family, and ends the grant (RFC 9700 section 4.14.2).
//!
//! With a dead sibling goes the access token that was issued together with it: nobody but a thief
//! can hold it, or the client threw it away. The access tokens issued with the parent and with the
//! token that was used stay until they expire: the client may have calls under way with them.
//!
//! ```text
//! R0 active ─use─► R0 superseded ─use R1─► R0 dead
//!                  ├─ R1 active ──use────► R1 superseded ── R3 active
//!                  └─ R2 active ──────────► R2 dead
//! ```

use drawbridge_vault::{RefreshState, RefreshTokenRow, StoreError, Writer};
use jiff::Timestamp;

/// How many successors of one token may wait for their first use. The oldest makes room, and the
/// client may have kept just that one, so there are more than one address can ask for at once
/// ([`crate::limits::TOKEN_PER_ADDRESS`]); beyond that memory must have a bound.
pub(crate) const MOST_SIBLINGS: usize = 64;
/// How many dead tokens of one grant are remembered, so that their reuse is noticed.
pub(crate) const MOST_DEAD: usize = 1024;

type Hash = [u8; 32];

/// What becomes of a refresh token that was presented.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refresh {
    /// Issue a successor, with these changes to the family.
    Issue(Changes),
    /// Refuse: it is too old. Nothing changes.
    Expired,
    /// Refuse, and end the grant: it was dead.
    Reused,
}

/// What the use of a token does to the others of its family.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    /// These are dead from now on.
    pub(crate) kill: Vec<Hash>,
    /// These are forgotten: successors that nobody used, and the oldest of the dead.
    pub(crate) forget: Vec<Hash>,
    /// The access tokens issued together with these are worth nothing from now on: siblings of the
    /// token in use, and successors that made room.
    pub(crate) take_back: Vec<Hash>,
}

/// Decides about a presented token. `family` holds every token of its grant, the oldest first,
/// with the presented one.
pub(crate) fn decide(
    family: &[RefreshTokenRow],
    presented: &RefreshTokenRow,
    now: Timestamp,
) -> Refresh {
    if presented.state == RefreshState::Dead {
        return Refresh::Reused;
    }
    if now >= presented.expires_at {
        return Refresh::Expired;
    }
    let mut changes = Changes::default();
    let live = || {
        family
            .iter()
            .filter(|token| token.state != RefreshState::Dead)
    };
    if let Some(parent) = presented.parent {
        // Its first use: the generation before it is settled.
        for token in live() {
            if token.hash == parent {
                changes.kill.push(token.hash);
            } else if token.parent == Some(parent) && token.hash != presented.hash {
                changes.kill.push(token.hash);
                changes.take_back.push(token.hash);
            }
        }
    }
    let successors: Vec<Hash> = live()
        .filter(|token| token.parent == Some(presented.hash))
        .map(|token| token.hash)
        .collect();
    let surplus = (successors.len() + 1).saturating_sub(MOST_SIBLINGS);
    let oldest = &successors[..surplus.min(successors.len())];
    changes.forget.extend(oldest);
    changes.take_back.extend(oldest);

    let dead: Vec<Hash> = family
        .iter()
        .filter(|token| token.state == RefreshState::Dead)
        .map(|token| token.hash)
        .collect();
    let surplus = (dead.len() + changes.kill.len()).saturating_sub(MOST_DEAD);
    changes.forget.extend(dead.into_iter().take(surplus));
    Refresh::Issue(changes)
}

/// Writes what was decided, and the successor.
pub(crate) fn apply(
    writer: &Writer<'_>,
    presented: &Hash,
    changes: &Changes,
    successor: &RefreshTokenRow,
) -> Result<(), StoreError> {
    writer.set_refresh_state(presented, RefreshState::Superseded)?;
    for hash in &changes.kill {
        writer.set_refresh_state(hash, RefreshState::Dead)?;
    }
    for hash in &changes.forget {
        writer.delete_refresh_token(hash)?;
    }
    for hash in &changes.take_back {
        writer.delete_access_tokens_of_refresh(&successor.grant_id, hash)?;
    }
    writer.put_refresh_token(successor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;
    use proptest::prelude::*;

    /// The family as rows, changed as [`apply`] changes them.
    #[derive(Default)]
    struct Rows {
        tokens: Vec<RefreshTokenRow>,
        ended: bool,
        minted: u16,
        now: i64,
    }

    impl Rows {
        fn mint(&mut self, parent: Option<Hash>) -> Hash {
            let mut hash = [0; 32];
            hash[..2].copy_from_slice(&self.minted.to_be_bytes());
            self.minted += 1;
            self.now += 1;
            let created_at = Timestamp::from_second(self.now).unwrap();
            self.tokens.push(RefreshTokenRow {
                hash,
                grant_id: "g-1".into(),
                parent,
                state: RefreshState::Active,
                created_at,
                expires_at: created_at
                    .checked_add(SignedDuration::from_hours(24))
                    .unwrap(),
            });
            hash
        }

        fn present(&mut self, hash: Hash) -> Option<Hash> {
            let presented = self.tokens.iter().find(|row| row.hash == hash)?.clone();
            let now = Timestamp::from_second(self.now).unwrap();
            match decide(&self.tokens, &presented, now) {
                Refresh::Reused => {
                    self.ended = true;
                    self.tokens.clear();
                    None
                }
                Refresh::Expired => None,
                Refresh::Issue(changes) => {
                    for row in &mut self.tokens {
                        if row.hash == hash {
                            row.state = RefreshState::Superseded;
                        }
                        if changes.kill.contains(&row.hash) {
                            row.state = RefreshState::Dead;
                        }
                    }
                    self.tokens
                        .retain(|row| !changes.forget.contains(&row.hash));
                    Some(self.mint(Some(hash)))
                }
            }
        }
    }

    /// The same in other words: one token is held, its successors wait for their first use.
    struct Model {
        held: Hash,
        waiting: Vec<Hash>,
        dead: Vec<Hash>,
        ended: bool,
    }

    #[derive(Debug, PartialEq, Eq)]
    enum Answer {
        Issued,
        Refused,
        Ended,
    }

    impl Model {
        fn present(&mut self, hash: Hash) -> Answer {
            if self.ended {
                return Answer::Refused;
            }
            if self.waiting.contains(&hash) {
                self.dead.push(self.held);
                self.dead
                    .extend(self.waiting.drain(..).filter(|other| *other != hash));
                self.held = hash;
            }
            if hash == self.held {
                return Answer::Issued;
            }
            if self.dead.contains(&hash) {
                self.ended = true;
                return Answer::Ended;
            }
            Answer::Refused
        }

        fn issued(&mut self, successor: Hash) {
            self.waiting.push(successor);
            if self.waiting.len() > MOST_SIBLINGS {
                self.waiting.remove(0);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]
        /// Each step presents any token ever minted, or the newest ones more often.
        #[test]
        fn it_does_what_the_simple_model_does(
            steps in prop::collection::vec((any::<bool>(), any::<prop::sample::Index>()), 1..80),
        ) {
            let mut rows = Rows::default();
            let first = rows.mint(None);
            let mut model = Model { held: first, waiting: vec![], dead: vec![], ended: false };
            let mut minted = vec![first];
            for (recent, index) in steps {
                let pool = if recent { &minted[minted.len().saturating_sub(3)..] } else { &minted };
                let hash = *index.get(pool);
                let expected = model.present(hash);
                let successor = rows.present(hash);
                let answer = match (successor, rows.ended) {
                    (Some(_), _) => Answer::Issued,
                    (None, true) if expected == Answer::Ended => Answer::Ended,
                    (None, _) => Answer::Refused,
                };
                prop_assert_eq!(answer, expected);
                prop_assert_eq!(rows.ended, model.ended);
                if let Some(successor) = successor {
                    model.issued(successor);
                    minted.push(successor);
                    let mut live: Vec<Hash> = rows.tokens.iter()
                        .filter(|row| row.state != RefreshState::Dead).map(|row| row.hash).collect();
                    let mut expected = model.waiting.clone();
                    expected.push(model.held);
                    live.sort_unstable();
                    expected.sort_unstable();
                    prop_assert_eq!(live, expected);
                }
            }
        }

        /// However many requests an honest client has under way at once, and whichever answer it
        /// keeps, none is refused.
        #[test]
        fn an_honest_client_is_never_refused(
            rounds in prop::collection::vec((1..=MOST_SIBLINGS, any::<prop::sample::Index>()), 1..8),
        ) {
            let mut rows = Rows::default();
            let mut held = rows.mint(None);
            for (concurrent, kept) in rounds {
                let answers: Vec<Option<Hash>> =
                    (0..concurrent).map(|_| rows.present(held)).collect();
                prop_assert!(answers.iter().all(Option::is_some));
                held = kept.get(&answers).unwrap();
            }
            prop_assert!(!rows.ended);
        }
    }

    #[test]
    fn a_lost_answer_logs_nobody_out() {
        let mut rows = Rows::default();
        let first = rows.mint(None);
        let lost = rows.present(first).unwrap();
        let received = rows.present(first).unwrap();
        assert_ne!(lost, received);
        assert!(rows.present(received).is_some());
        assert!(
            rows.present(lost).is_none(),
            "the sibling died with the first use"
        );
        assert!(rows.ended);
    }

    #[test]
    fn an_expired_token_is_refused_and_ends_nothing() {
        let mut rows = Rows::default();
        let first = rows.mint(None);
        rows.now += 24 * 3600;
        assert!(rows.present(first).is_none());
        assert!(!rows.ended);
    }

    #[test]
    fn memory_of_the_dead_is_bounded() {
        let mut rows = Rows::default();
        let mut held = rows.mint(None);
        for _ in 0..MOST_DEAD + 50 {
            held = rows.present(held).unwrap();
        }
        assert!(rows.tokens.len() <= MOST_DEAD + MOST_SIBLINGS + 1);
    }
}
