//! The life of an authorization request between the client's redirect and the code: pure.
//!
//! ```text
//! ask ──► Asked ──use_handle──► Proven ──come_back──┐
//!           └───────────enter_code──────────────────┴► Waiting ──► Deciding ──► Approved ──► collected
//!                                                          └─ denied, timed out, closed ──► Refused
//! ```
//! What holds here, whatever order strangers' visits come in:
//! - A request waits for a person only after *its own browser* (the cookie) came back from this
//!   computer (the handle, then the return proof), or typed the code that this computer shows.
//! - Each handle, proof, code and approval works once; two requests never share any of them.
//! - A decision names the approval and the hash of what was shown.
//! - Everything is bounded and everything ends by itself.
//!
//! No clock, no randomness, no I/O: the moment and the hashes of fresh secrets are parameters.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::asked::Asked;
use super::outcome::{
    CodeRefused, Collect, HandleEnded, NewRequest, NotDecided, NotNow, Refusal, ReturnRefused,
    Scene, Standing, View,
};
use super::shown::{Approval, Proof, ShownHash};
use crate::pairing::{Pairing, PairingStatus, Try, Typed, WRONG_TRIES_PER_PAGE};
use crate::tokens::TokenHash;
use crate::{ApprovalId, GrantId, ServerChoice};

/// Requests kept at once. When there are more, the oldest that nobody proved goes.
pub const MOST_REQUESTS: usize = 256;
/// Approvals that wait for a person at once.
pub const MOST_WAITING: usize = 8;
/// How long a request may take until it waits for a person.
pub const REQUEST_LIFE: SignedDuration = SignedDuration::from_mins(10);
/// How long the link to the local listener works.
pub const HANDLE_LIFE: SignedDuration = SignedDuration::from_mins(5);
/// How long the browser may take from the local listener back to the public address.
pub const RETURN_LIFE: SignedDuration = SignedDuration::from_secs(60);
/// How long an approval waits for a person.
pub const APPROVAL_LIFE: SignedDuration = SignedDuration::from_mins(5);
/// How long the browser may take to collect what was decided.
pub const COLLECT_LIFE: SignedDuration = SignedDuration::from_mins(5);
/// How long the same browser may ask again for an answer that got lost.
pub const COLLECT_AGAIN: SignedDuration = SignedDuration::from_secs(60);
/// How long *Add connection* lets new connections ask.
pub const ARMED_LIFE: SignedDuration = SignedDuration::from_mins(10);
/// So many denials …
pub const QUIET_AFTER_DENIALS: usize = 3;
/// … within this time …
pub const QUIET_WINDOW: SignedDuration = SignedDuration::from_mins(5);
/// … keep new requests away for this long.
pub const QUIET_LIFE: SignedDuration = SignedDuration::from_mins(1);

/// `now` plus `life`, or the end of time.
pub(crate) fn later(now: Timestamp, life: SignedDuration) -> Timestamp {
    now.saturating_add(life).unwrap_or(Timestamp::MAX)
}

/// A secret that works once, until a moment.
#[derive(Clone, Copy)]
struct OneTime {
    hash: TokenHash,
    expires_at: Timestamp,
}

impl OneTime {
    fn matches(&self, hash: &TokenHash, now: Timestamp) -> bool {
        // Both sides are hashes of 256 random bits: how long the comparison takes tells nothing.
        self.hash == *hash && now < self.expires_at
    }
}

enum Stage {
    /// The page was shown.
    Asked { handle: Option<OneTime> },
    /// The handle was used on this computer; the browser is on its way back.
    Proven { proof: OneTime, how: Proof },
    /// The person is asked.
    Waiting(Arc<Approval>),
    /// The person approved; the grant is being written.
    Deciding(Arc<Approval>),
    /// The grant is on disk.
    Approved(Approved),
    /// There will be no grant.
    Refused {
        why: Refusal,
        ends_at: Timestamp,
        first_told_at: Option<Timestamp>,
    },
}

struct Approved {
    grant: GrantId,
    /// When an approved request that nobody collects ends.
    ends_at: Timestamp,
    /// A code is being written just now.
    minting: bool,
    /// When the first code went out.
    collected: Option<Timestamp>,
}

struct Entry {
    id: ApprovalId,
    /// Hash of the id in the waiting page's address.
    page: TokenHash,
    /// Hash of the cookie of the browser that asked.
    browser: TokenHash,
    /// Hash of the URL that was asked.
    fingerprint: TokenHash,
    asked: Arc<Asked>,
    requested_at: Timestamp,
    /// Whether it came in while *Add connection* let new connections ask.
    armed: bool,
    wrong_codes: u8,
    stage: Stage,
}

impl Entry {
    /// When this entry's present stage ends by itself.
    fn ends_at(&self) -> Timestamp {
        match &self.stage {
            Stage::Asked { .. } | Stage::Proven { .. } => later(self.requested_at, REQUEST_LIFE),
            Stage::Waiting(approval) => approval.expires_at(),
            // Ends when the write does, well or badly.
            Stage::Deciding(_) | Stage::Approved(Approved { minting: true, .. }) => Timestamp::MAX,
            Stage::Approved(approved) => approved.ends_at,
            Stage::Refused { ends_at, .. } => *ends_at,
        }
    }

    fn is_done(&self) -> bool {
        match &self.stage {
            Stage::Approved(approved) => approved.collected.is_some() && !approved.minting,
            Stage::Refused { first_told_at, .. } => first_told_at.is_some(),
            _ => false,
        }
    }
}

/// The requests, the pairing code and what keeps new ones away.
#[derive(Default)]
pub(crate) struct State {
    entries: Vec<Entry>,
    pairing: Option<Pairing>,
    armed_until: Option<Timestamp>,
    denials: VecDeque<Timestamp>,
    quiet_until: Option<Timestamp>,
    closing: bool,
    /// Requests that were kept away, since the start.
    missed: u64,
    /// Approvals that nobody answered in time, until [`Self::take_timed_out`].
    timed_out: Vec<ApprovalId>,
}

impl State {
    /// A client sent a browser. The same URL from the same browser is a reload of one request; any
    /// other is a request of its own. `armed_only` is the setting of this moment.
    pub(crate) fn ask(
        &mut self,
        request: NewRequest,
        armed_only: bool,
        now: Timestamp,
    ) -> Result<Standing, NotNow> {
        self.expire(now);
        let reload = self.entries.iter_mut().find(|entry| {
            entry.browser == request.browser && entry.fingerprint == request.fingerprint
        });
        if let Some(entry) = reload {
            return Ok(match entry.stage {
                Stage::Asked { .. } | Stage::Proven { .. } => {
                    entry.stage = Stage::Asked {
                        handle: Some(fresh(request.handle, now)),
                    };
                    Standing::Page(entry.id.clone())
                }
                _ => Standing::Wait(entry.id.clone()),
            });
        }
        let armed = self.is_armed(now);
        self.admit(armed, armed_only, now)?;
        self.make_room()?;
        let id = request.id.clone();
        self.entries.push(Entry {
            id: request.id,
            page: request.page,
            browser: request.browser,
            fingerprint: request.fingerprint,
            asked: request.asked,
            requested_at: now,
            armed,
            wrong_codes: 0,
            stage: Stage::Asked {
                handle: Some(fresh(request.handle, now)),
            },
        });
        Ok(Standing::Page(id))
    }

    /// The link to this computer was followed on this computer. Answers the address the browser goes
    /// back to; `proof` is the hash of the secret it takes along.
    pub(crate) fn use_handle(
        &mut self,
        handle: &TokenHash,
        how: Proof,
        proof: TokenHash,
        now: Timestamp,
    ) -> Result<String, HandleEnded> {
        self.expire(now);
        let entry = self.entries.iter_mut().find(|entry| {
            matches!(&entry.stage, Stage::Asked { handle: Some(known) } if known.matches(handle, now))
        });
        let entry = entry.ok_or(HandleEnded)?;
        let proof = OneTime {
            hash: proof,
            expires_at: later(now, RETURN_LIFE),
        };
        entry.stage = Stage::Proven { proof, how };
        Ok(entry.asked.answer.issuer.clone())
    }

    /// A browser came back with a proof. Whoever presents it, it is used up.
    pub(crate) fn come_back(
        &mut self,
        proof: &TokenHash,
        browser: Option<&TokenHash>,
        scene: Scene,
        now: Timestamp,
    ) -> Result<ApprovalId, ReturnRefused> {
        self.expire(now);
        let index = self.entries.iter().position(
            |entry| matches!(&entry.stage, Stage::Proven { proof: known, .. } if known.matches(proof, now)),
        );
        let index = index.ok_or(ReturnRefused::Ended)?;
        let entry = &mut self.entries[index];
        let before = std::mem::replace(&mut entry.stage, Stage::Asked { handle: None });
        let Stage::Proven { how, .. } = before else {
            return Err(ReturnRefused::Ended);
        };
        if browser != Some(&entry.browser) {
            return Err(ReturnRefused::WrongBrowser);
        }
        let armed = entry.armed;
        self.admit_waiting(armed, scene.armed_only, now)
            .map_err(ReturnRefused::NotNow)?;
        Ok(wait(&mut self.entries[index], how, scene.servers, now))
    }

    /// A code was typed into the page `page`.
    pub(crate) fn enter_code(
        &mut self,
        page: &TokenHash,
        browser: Option<&TokenHash>,
        typed: &Typed,
        how: Proof,
        scene: Scene,
        now: Timestamp,
    ) -> Result<ApprovalId, CodeRefused> {
        self.expire(now);
        let index = self.entries.iter().position(|entry| entry.page == *page);
        let index = index.ok_or(CodeRefused::Ended)?;
        if browser != Some(&self.entries[index].browser) {
            return Err(CodeRefused::WrongBrowser);
        }
        if !matches!(
            self.entries[index].stage,
            Stage::Asked { .. } | Stage::Proven { .. }
        ) {
            return Err(CodeRefused::Ended);
        }
        if self.entries[index].wrong_codes >= WRONG_TRIES_PER_PAGE {
            return Err(CodeRefused::Wrong { left: 0 });
        }
        // Before the code is looked at: a right code is not lost because eight others wait.
        self.admit_waiting(self.entries[index].armed, scene.armed_only, now)
            .map_err(CodeRefused::NotNow)?;
        let result = self
            .pairing
            .as_mut()
            .map_or(Try::Wrong, |open| open.attempt(*page, typed, now));
        let entry = &mut self.entries[index];
        match result {
            Try::TooManyPages => Err(CodeRefused::TooManyPages),
            Try::Wrong => {
                entry.wrong_codes += 1;
                Err(CodeRefused::Wrong {
                    left: WRONG_TRIES_PER_PAGE - entry.wrong_codes,
                })
            }
            Try::Right => {
                if let Some(pairing) = &mut self.pairing {
                    pairing.use_up();
                }
                Ok(wait(entry, how, scene.servers, now))
            }
        }
    }

    /// What the browser sees at the waiting page.
    pub(crate) fn view(
        &mut self,
        page: &TokenHash,
        browser: Option<&TokenHash>,
        now: Timestamp,
    ) -> View {
        self.expire(now);
        let Some(entry) = self.entries.iter_mut().find(|entry| entry.page == *page) else {
            return View::Ended;
        };
        if browser != Some(&entry.browser) {
            return View::WrongBrowser;
        }
        match &mut entry.stage {
            Stage::Asked { .. } | Stage::Proven { .. } => View::NotProven,
            Stage::Waiting(_)
            | Stage::Deciding(_)
            | Stage::Approved(Approved { minting: true, .. }) => {
                View::Waiting(Arc::clone(&entry.asked))
            }
            Stage::Approved(Approved { collected, .. }) => match collected {
                Some(first) if now >= later(*first, COLLECT_AGAIN) => View::Over,
                _ => View::Approved,
            },
            Stage::Refused {
                why, first_told_at, ..
            } => match first_told_at {
                Some(first) if now >= later(*first, COLLECT_AGAIN) => View::Over,
                _ => View::Refused(Arc::clone(&entry.asked), *why),
            },
        }
    }

    /// The refusal is being told to the browser.
    pub(crate) fn told_refusal(&mut self, page: &TokenHash, now: Timestamp) {
        let entry = self.entries.iter_mut().find(|entry| entry.page == *page);
        if let Some(Entry {
            stage: Stage::Refused { first_told_at, .. },
            ..
        }) = entry
        {
            first_told_at.get_or_insert(now);
        }
    }

    /// The browser fetches its code. Until [`Self::end_collect`] nobody else does.
    pub(crate) fn begin_collect(
        &mut self,
        page: &TokenHash,
        browser: Option<&TokenHash>,
        now: Timestamp,
    ) -> Option<Collect> {
        self.expire(now);
        let entry = self.entries.iter_mut().find(|entry| entry.page == *page)?;
        if browser != Some(&entry.browser) {
            return None;
        }
        let Stage::Approved(approved) = &mut entry.stage else {
            return None;
        };
        let over = |first: Timestamp| now >= later(first, COLLECT_AGAIN);
        if approved.minting || approved.collected.is_some_and(over) {
            return None;
        }
        approved.minting = true;
        Some(Collect {
            id: entry.id.clone(),
            asked: Arc::clone(&entry.asked),
            grant: approved.grant.clone(),
            again: approved.collected.is_some(),
        })
    }

    /// The writing of a code ended; if it was not `minted`, nothing changed.
    pub(crate) fn end_collect(&mut self, id: &ApprovalId, minted: bool, now: Timestamp) {
        let entry = self.entries.iter_mut().find(|entry| entry.id == *id);
        if let Some(Entry {
            stage: Stage::Approved(approved),
            ..
        }) = entry
        {
            approved.minting = false;
            if minted {
                let first = *approved.collected.get_or_insert(now);
                approved.ends_at = approved.ends_at.max(later(first, COLLECT_LIFE));
            }
        }
    }

    /// The person denied.
    pub(crate) fn deny(
        &mut self,
        id: &ApprovalId,
        shown: &ShownHash,
        now: Timestamp,
    ) -> Result<(), NotDecided> {
        let entry = self.decidable(id, shown, now)?;
        entry.stage = refused(Refusal::Denied, now);
        self.denials.retain(|at| now < later(*at, QUIET_WINDOW));
        self.denials.push_back(now);
        if self.denials.len() >= QUIET_AFTER_DENIALS {
            self.denials.clear();
            self.quiet_until = Some(later(now, QUIET_LIFE));
        }
        Ok(())
    }

    /// The question a decision is about, if it may be decided so.
    pub(crate) fn decidable_approval(
        &mut self,
        id: &ApprovalId,
        shown: &ShownHash,
        now: Timestamp,
    ) -> Result<Arc<Approval>, NotDecided> {
        match &self.decidable(id, shown, now)?.stage {
            Stage::Waiting(approval) => Ok(Arc::clone(approval)),
            _ => Err(NotDecided::NotWaiting),
        }
    }

    /// The person approved: from here on no other decision counts. The caller writes the grant and
    /// then calls [`Self::end_decision`].
    pub(crate) fn begin_decision(
        &mut self,
        id: &ApprovalId,
        shown: &ShownHash,
        now: Timestamp,
    ) -> Result<Arc<Asked>, NotDecided> {
        let approval = self.decidable_approval(id, shown, now)?;
        let entry = self.decidable(id, shown, now)?;
        entry.stage = Stage::Deciding(approval);
        Ok(Arc::clone(&entry.asked))
    }

    /// The grant is on disk, or could not be written (then the question stands as before).
    pub(crate) fn end_decision(&mut self, id: &ApprovalId, grant: Option<GrantId>, now: Timestamp) {
        let Some(entry) = self.entries.iter_mut().find(|entry| entry.id == *id) else {
            return;
        };
        let Stage::Deciding(approval) = &entry.stage else {
            return;
        };
        entry.stage = match grant {
            Some(grant) => Stage::Approved(Approved {
                grant,
                ends_at: later(now, COLLECT_LIFE),
                minting: false,
                collected: None,
            }),
            None if self.closing => refused(Refusal::Closed, now),
            None => Stage::Waiting(Arc::clone(approval)),
        };
        self.expire(now);
    }

    /// What waits for a person, oldest first: the first is the one to show.
    pub(crate) fn waiting(&self) -> Vec<Approval> {
        let mut waiting: Vec<Approval> = self
            .entries
            .iter()
            .filter_map(|entry| match &entry.stage {
                Stage::Waiting(approval) => Some(Approval::clone(approval)),
                _ => None,
            })
            .collect();
        waiting.sort_by_key(Approval::expires_at);
        waiting
    }

    /// Ends what is over at `now`. An approved request that nobody collects ends too; its grant,
    /// for which nobody holds a token, goes with the next sweep.
    pub(crate) fn expire(&mut self, now: Timestamp) {
        for entry in &mut self.entries {
            let ends_at = entry.ends_at();
            if matches!(entry.stage, Stage::Waiting(_)) && now >= ends_at {
                entry.stage = refused(Refusal::TimedOut, ends_at);
                self.timed_out.push(entry.id.clone());
            }
        }
        self.entries.retain(|entry| now < entry.ends_at());
    }

    /// The approvals that timed out since the last call.
    pub(crate) fn take_timed_out(&mut self) -> Vec<ApprovalId> {
        std::mem::take(&mut self.timed_out)
    }

    /// When the next approval times out.
    pub(crate) fn next_time_out(&self) -> Option<Timestamp> {
        let waiting = self
            .entries
            .iter()
            .filter(|entry| matches!(entry.stage, Stage::Waiting(_)));
        waiting.map(Entry::ends_at).min()
    }

    /// Nothing new may ask, and what waits is refused: not by the person, but because Drawbridge
    /// closes. Answers what waited.
    pub(crate) fn close(&mut self, now: Timestamp) -> Vec<ApprovalId> {
        self.closing = true;
        self.pairing = None;
        let mut closed = Vec::new();
        self.entries.retain_mut(|entry| {
            if matches!(entry.stage, Stage::Waiting(_)) {
                entry.stage = refused(Refusal::Closed, now);
                closed.push(entry.id.clone());
            }
            !matches!(entry.stage, Stage::Asked { .. } | Stage::Proven { .. })
        });
        closed
    }

    /// Takes requests again.
    pub(crate) fn open(&mut self) {
        self.closing = false;
    }

    /// Lets new connections ask for ten minutes, where the setting keeps them away.
    pub(crate) fn arm(&mut self, now: Timestamp) -> Timestamp {
        let until = later(now, ARMED_LIFE);
        self.armed_until = Some(until);
        until
    }

    /// Until when new connections may ask, where the setting keeps them away. An open pairing code
    /// counts: whoever opened it waits for a browser.
    pub(crate) fn armed_until(&self, now: Timestamp) -> Option<Timestamp> {
        let by_pairing = self
            .pairing
            .as_ref()
            .filter(|open| open.is_open(now))
            .map(Pairing::expires_at);
        self.armed_until
            .filter(|until| now < *until)
            .max(by_pairing)
    }

    fn is_armed(&self, now: Timestamp) -> bool {
        self.armed_until(now).is_some()
    }

    /// Opens a pairing code; an earlier one ends.
    pub(crate) fn open_pairing(&mut self, code: &Typed, now: Timestamp) -> Timestamp {
        let pairing = Pairing::open(code, now);
        let until = pairing.expires_at();
        self.pairing = Some(pairing);
        until
    }

    /// Ends the pairing code opened last, whatever became of it.
    pub(crate) fn end_pairing(&mut self) {
        self.pairing = None;
    }

    /// What became of the pairing code opened last.
    pub(crate) fn pairing(&self, now: Timestamp) -> Option<PairingStatus> {
        self.pairing.as_ref().map(|pairing| pairing.status(now))
    }

    /// Whether a cookie is one that a live request came with.
    pub(crate) fn knows_browser(&mut self, browser: &TokenHash, now: Timestamp) -> bool {
        self.expire(now);
        self.entries.iter().any(|entry| entry.browser == *browser)
    }

    /// What is being asked on a page, for the browser it belongs to.
    pub(crate) fn asked_on(
        &self,
        page: &TokenHash,
        browser: Option<&TokenHash>,
    ) -> Option<Arc<Asked>> {
        let entry = self.entries.iter().find(|entry| entry.page == *page)?;
        (browser == Some(&entry.browser)).then(|| Arc::clone(&entry.asked))
    }

    /// The clients that have a request under way: their registrations must stay.
    pub(crate) fn client_ids(&self) -> Vec<String> {
        let mut ids: Vec<String> = self
            .entries
            .iter()
            .map(|entry| entry.asked.client_id().to_owned())
            .collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// How many requests are remembered.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// How many requests were kept away since the start.
    pub(crate) fn missed(&self) -> u64 {
        self.missed
    }

    fn decidable(
        &mut self,
        id: &ApprovalId,
        shown: &ShownHash,
        now: Timestamp,
    ) -> Result<&mut Entry, NotDecided> {
        self.expire(now);
        let entry = self.entries.iter_mut().find(|entry| entry.id == *id);
        let entry = entry.ok_or(NotDecided::NotWaiting)?;
        match &entry.stage {
            Stage::Waiting(approval) if approval.shown() == *shown => Ok(entry),
            Stage::Waiting(_) => Err(NotDecided::Changed),
            _ => Err(NotDecided::NotWaiting),
        }
    }

    /// Whether somebody new may ask, with a count of those who may not.
    fn admit(&mut self, armed: bool, armed_only: bool, now: Timestamp) -> Result<(), NotNow> {
        let refused = if self.closing {
            NotNow::Closing
        } else if armed_only && !armed {
            NotNow::Unarmed
        } else if let Some(until) = self.quiet_until.filter(|until| now < *until) {
            NotNow::Quiet(until)
        } else {
            return Ok(());
        };
        self.missed = self.missed.saturating_add(1);
        Err(refused)
    }

    /// Whether one more may wait for a person. `armed` is whether its request came in at a time
    /// when it might.
    fn admit_waiting(
        &mut self,
        armed: bool,
        armed_only: bool,
        now: Timestamp,
    ) -> Result<(), NotNow> {
        let armed = armed || self.is_armed(now);
        self.admit(armed, armed_only, now)?;
        let waiting = self
            .entries
            .iter()
            .filter(|entry| matches!(entry.stage, Stage::Waiting(_) | Stage::Deciding(_)));
        if waiting.count() >= MOST_WAITING {
            self.missed = self.missed.saturating_add(1);
            return Err(NotNow::Busy);
        }
        Ok(())
    }

    /// Makes room for one more request: what is done goes first, then the oldest that nobody proved.
    fn make_room(&mut self) -> Result<(), NotNow> {
        if self.entries.len() < MOST_REQUESTS {
            return Ok(());
        }
        let unproven = |entry: &Entry| matches!(entry.stage, Stage::Asked { .. });
        let place = self.entries.iter().position(Entry::is_done);
        let Some(place) = place.or_else(|| self.entries.iter().position(unproven)) else {
            self.missed = self.missed.saturating_add(1);
            return Err(NotNow::Busy);
        };
        self.entries.remove(place);
        Ok(())
    }
}

fn fresh(hash: TokenHash, now: Timestamp) -> OneTime {
    OneTime {
        hash,
        expires_at: later(now, HANDLE_LIFE),
    }
}

fn refused(why: Refusal, now: Timestamp) -> Stage {
    Stage::Refused {
        why,
        ends_at: later(now, COLLECT_LIFE),
        first_told_at: None,
    }
}

fn wait(entry: &mut Entry, how: Proof, servers: Vec<ServerChoice>, now: Timestamp) -> ApprovalId {
    let approval = Approval::new(
        entry.id.clone(),
        entry.asked.question.clone(),
        how,
        servers,
        entry.requested_at,
        later(now, APPROVAL_LIFE),
    );
    entry.stage = Stage::Waiting(Arc::new(approval));
    entry.id.clone()
}
