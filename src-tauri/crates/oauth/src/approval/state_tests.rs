//! The rules of `state.rs`, by example.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::asked::Asked;
use super::outcome::*;
use super::shown::{Approval, Proof};
use super::state::*;
use crate::clients::{ClientInformation, ClientKind, GrantType};
use crate::grants::AuthorizationRequest;
use crate::pairing::{PairingState, Typed, WRONG_TRIES_IN_ALL, WRONG_TRIES_PER_PAGE};
use crate::resource::Resource;
use crate::scope::Scope;
use crate::testing::SeededEntropy;
use crate::tokens::TokenHash;
use crate::{ApprovalId, Audience, GrantId, RequestOrigin, ServerChoice};

pub(super) const START: Timestamp = Timestamp::UNIX_EPOCH;
pub(super) const HOME: TokenHash = TokenHash([200; 32]);
pub(super) const STRANGER: TokenHash = TokenHash([201; 32]);

fn asked() -> Arc<Asked> {
    let origin = RequestOrigin {
        audience: Audience::Loopback,
        base: "http://127.0.0.1:8787".into(),
    };
    let client = ClientInformation {
        id: "c-test".into(),
        kind: ClientKind::Registered,
        name: Some("Test".into()),
        host: None,
        redirect_uris: vec!["https://example.com/callback".into()],
        grant_types: vec![GrantType::AuthorizationCode],
    };
    let authorization = AuthorizationRequest {
        client,
        redirect_uri: "https://example.com/callback".into(),
        challenge: None,
        scope: Scope::DEFAULT,
        resource: Resource::of(&origin.audience),
        audience: origin.audience.clone(),
    };
    Arc::new(Asked::new(authorization, Some("state".into()), &origin))
}

/// A state with a clock and a source of fresh hashes.
pub(super) struct Bench {
    pub(super) state: State,
    pub(super) now: Timestamp,
    pub(super) fresh: u64,
    pub(super) entropy: SeededEntropy,
    pub(super) asked: Arc<Asked>,
}

/// What the browser that asked holds.
#[derive(Clone)]
pub(super) struct Ticket {
    pub(super) id: ApprovalId,
    pub(super) page: TokenHash,
    pub(super) handle: TokenHash,
}

impl Bench {
    pub(super) fn new() -> Self {
        Self {
            state: State::default(),
            now: START,
            fresh: 0,
            entropy: SeededEntropy::new(7),
            asked: asked(),
        }
    }

    pub(super) fn hash(&mut self) -> TokenHash {
        self.fresh += 1;
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&self.fresh.to_le_bytes());
        TokenHash(bytes)
    }

    pub(super) fn pass(&mut self, time: SignedDuration) {
        self.now = later(self.now, time);
    }

    pub(super) fn ask_as(
        &mut self,
        browser: TokenHash,
        url: u8,
        armed_only: bool,
    ) -> Result<Ticket, NotNow> {
        let request = NewRequest {
            id: ApprovalId::random(&self.entropy).unwrap(),
            page: self.hash(),
            browser,
            fingerprint: TokenHash([url; 32]),
            handle: self.hash(),
            asked: Arc::clone(&self.asked),
        };
        let (id, page, handle) = (request.id.clone(), request.page, request.handle);
        match self.state.ask(request, armed_only, self.now)? {
            Standing::Page(known) | Standing::Wait(known) => {
                // The shell derives the page from cookie and id; here only new ones have a page.
                let page = if known == id {
                    page
                } else {
                    TokenHash([0; 32])
                };
                Ok(Ticket {
                    id: known,
                    page,
                    handle,
                })
            }
        }
    }

    pub(super) fn ask(&mut self, url: u8) -> Ticket {
        self.ask_as(HOME, url, false).unwrap()
    }

    pub(super) fn prove(&mut self, ticket: &Ticket) -> Result<TokenHash, HandleEnded> {
        let proof = self.hash();
        self.state
            .use_handle(&ticket.handle, Proof::Browser, proof, self.now)
            .map(|_| proof)
    }

    pub(super) fn come_back(
        &mut self,
        proof: TokenHash,
        browser: Option<TokenHash>,
    ) -> Result<ApprovalId, ReturnRefused> {
        self.state
            .come_back(&proof, browser.as_ref(), scene(false), self.now)
    }

    /// From the page to the question.
    pub(super) fn queue(&mut self, url: u8) -> Ticket {
        let ticket = self.ask(url);
        let proof = self.prove(&ticket).unwrap();
        self.come_back(proof, Some(HOME)).unwrap();
        ticket
    }

    pub(super) fn approval(&self, ticket: &Ticket) -> Approval {
        self.state
            .waiting()
            .into_iter()
            .find(|found| *found.id() == ticket.id)
            .unwrap()
    }

    pub(super) fn approve(&mut self, ticket: &Ticket) {
        let shown = self.approval(ticket).shown();
        self.state
            .begin_decision(&ticket.id, &shown, self.now)
            .unwrap();
        let grant = GrantId::random(&self.entropy).unwrap();
        self.state.end_decision(&ticket.id, Some(grant), self.now);
    }

    pub(super) fn deny(&mut self, ticket: &Ticket) {
        let shown = self.approval(ticket).shown();
        self.state.deny(&ticket.id, &shown, self.now).unwrap();
    }

    pub(super) fn try_code(
        &mut self,
        ticket: &Ticket,
        browser: Option<TokenHash>,
        code: &str,
    ) -> Result<ApprovalId, CodeRefused> {
        let how = Proof::Code {
            address: None,
            country: None,
        };
        let typed = Typed::parse(code).unwrap();
        self.state.enter_code(
            &ticket.page,
            browser.as_ref(),
            &typed,
            how,
            scene(false),
            self.now,
        )
    }

    pub(super) fn open_pairing(&mut self) {
        self.state
            .open_pairing(&Typed::parse(RIGHT).unwrap(), self.now);
    }

    pub(super) fn pairing_state(&self) -> PairingState {
        self.state.pairing(self.now).unwrap().state
    }
}

pub(super) const RIGHT: &str = "ABCD-EFGH";
pub(super) const WRONG: &str = "2222-2222";

fn servers() -> Vec<ServerChoice> {
    vec![ServerChoice {
        name: "notes".into(),
        title: "Notes".into(),
        tools: 3,
        changing: 1,
        asking: 0,
    }]
}

pub(super) fn scene(armed_only: bool) -> Scene {
    Scene {
        servers: servers(),
        armed_only,
    }
}

#[test]
fn the_whole_way() {
    let mut bench = Bench::new();
    let ticket = bench.queue(1);
    assert_eq!(bench.approval(&ticket).proof(), &Proof::Browser);
    assert_eq!(bench.approval(&ticket).servers(), servers());
    assert!(matches!(
        bench.state.view(&ticket.page, Some(&HOME), bench.now),
        View::Waiting(_)
    ));
    bench.approve(&ticket);
    assert!(bench.state.waiting().is_empty());
    let collect = bench
        .state
        .begin_collect(&ticket.page, Some(&HOME), bench.now)
        .unwrap();
    assert!(!collect.again);
    assert!(
        bench
            .state
            .begin_collect(&ticket.page, Some(&HOME), bench.now)
            .is_none(),
        "one at a time"
    );
    bench.state.end_collect(&ticket.id, true, bench.now);
    bench.pass(SignedDuration::from_secs(59));
    let again = bench
        .state
        .begin_collect(&ticket.page, Some(&HOME), bench.now)
        .unwrap();
    assert!(again.again);
    bench.state.end_collect(&ticket.id, false, bench.now);
    bench.pass(SignedDuration::from_secs(1));
    assert!(
        bench
            .state
            .begin_collect(&ticket.page, Some(&HOME), bench.now)
            .is_none()
    );
    assert!(matches!(
        bench.state.view(&ticket.page, Some(&HOME), bench.now),
        View::Over
    ));
}

#[test]
fn a_handle_works_once_and_for_five_minutes() {
    let mut bench = Bench::new();
    let ticket = bench.ask(1);
    assert!(bench.prove(&ticket).is_ok());
    assert_eq!(bench.prove(&ticket), Err(HandleEnded));
    let ticket = bench.ask(2);
    bench.pass(HANDLE_LIFE);
    assert_eq!(bench.prove(&ticket), Err(HandleEnded));
}

#[test]
fn a_proof_is_used_up_by_whoever_brings_it() {
    for other in [None, Some(STRANGER)] {
        let mut bench = Bench::new();
        let ticket = bench.ask(1);
        let proof = bench.prove(&ticket).unwrap();
        assert_eq!(
            bench.come_back(proof, other),
            Err(ReturnRefused::WrongBrowser)
        );
        assert_eq!(
            bench.come_back(proof, Some(HOME)),
            Err(ReturnRefused::Ended)
        );
        assert!(bench.state.waiting().is_empty());
        // The browser that asked can still start over from its own page.
        let ticket = bench.ask(1);
        let proof = bench.prove(&ticket).unwrap();
        assert!(bench.come_back(proof, Some(HOME)).is_ok());
    }
}

#[test]
fn a_proof_is_short_lived() {
    let mut bench = Bench::new();
    let ticket = bench.ask(1);
    let proof = bench.prove(&ticket).unwrap();
    bench.pass(RETURN_LIFE);
    assert_eq!(
        bench.come_back(proof, Some(HOME)),
        Err(ReturnRefused::Ended)
    );
}

#[test]
fn reloading_keeps_one_request_and_its_newest_handle() {
    let mut bench = Bench::new();
    let first = bench.ask(1);
    let reload = bench.ask(1);
    assert_eq!(first.id, reload.id);
    assert_eq!(bench.prove(&first), Err(HandleEnded));
    let proof = bench.prove(&reload).unwrap();
    bench.come_back(proof, Some(HOME)).unwrap();
    // Once it waits, a reload leads to the waiting page and asks nothing anew.
    assert_eq!(bench.ask(1).id, first.id);
    assert_eq!(bench.state.waiting().len(), 1);
}

#[test]
fn two_requests_never_become_one() {
    let mut bench = Bench::new();
    let (one, other) = (bench.queue(1), bench.queue(2));
    assert_ne!(one.id, other.id);
    assert_eq!(bench.state.waiting().len(), 2);
    bench.approve(&one);
    assert!(matches!(
        bench.state.view(&other.page, Some(&HOME), bench.now),
        View::Waiting(_)
    ));
    assert!(
        bench
            .state
            .begin_collect(&other.page, Some(&HOME), bench.now)
            .is_none()
    );
    let same_url = bench.ask_as(STRANGER, 1, false).unwrap();
    assert_ne!(same_url.id, one.id);
}

#[test]
fn a_decision_needs_the_right_id_and_hash_and_counts_once() {
    let mut bench = Bench::new();
    let (one, other) = (bench.queue(1), bench.queue(2));
    let shown = bench.approval(&one).shown();
    assert_eq!(
        bench.state.deny(&other.id, &shown, bench.now),
        Err(NotDecided::Changed)
    );
    let result = bench.state.begin_decision(&other.id, &shown, bench.now);
    assert_eq!(result.err(), Some(NotDecided::Changed));
    assert_eq!(bench.state.waiting().len(), 2);
    bench
        .state
        .begin_decision(&one.id, &shown, bench.now)
        .unwrap();
    let result = bench.state.begin_decision(&one.id, &shown, bench.now);
    assert_eq!(result.err(), Some(NotDecided::NotWaiting));
    assert_eq!(
        bench.state.deny(&one.id, &shown, bench.now),
        Err(NotDecided::NotWaiting)
    );
    // The grant could not be written: the question stands as it was.
    bench.state.end_decision(&one.id, None, bench.now);
    assert_eq!(bench.approval(&one).shown(), shown);
}

#[test]
fn the_hash_covers_all_that_is_shown() {
    let asked = asked();
    let entropy = SeededEntropy::new(1);
    let id = ApprovalId::random(&entropy).unwrap();
    let make = |id: &ApprovalId,
                question: &super::shown::Question,
                proof: Proof,
                servers: Vec<ServerChoice>,
                end| {
        Approval::new(id.clone(), question.clone(), proof, servers, START, end).shown()
    };
    let base = make(&id, &asked.question, Proof::Browser, servers(), START);
    assert_eq!(
        base,
        make(&id, &asked.question, Proof::Browser, servers(), START)
    );
    let mut variants = vec![
        make(
            &ApprovalId::random(&entropy).unwrap(),
            &asked.question,
            Proof::Browser,
            servers(),
            START,
        ),
        make(&id, &asked.question, Proof::Program, servers(), START),
        make(
            &id,
            &asked.question,
            Proof::Code {
                address: None,
                country: None,
            },
            servers(),
            START,
        ),
        make(&id, &asked.question, Proof::Browser, Vec::new(), START),
        make(
            &id,
            &asked.question,
            Proof::Browser,
            servers(),
            later(START, APPROVAL_LIFE),
        ),
    ];
    let mut question = asked.question.clone();
    question.redirect.host = "example.com:444".into();
    variants.push(make(&id, &question, Proof::Browser, servers(), START));
    let mut question = asked.question.clone();
    question.client.name = Some("Tess".into());
    variants.push(make(&id, &question, Proof::Browser, servers(), START));
    let mut question = asked.question.clone();
    question.pkce = !question.pkce;
    variants.push(make(&id, &question, Proof::Browser, servers(), START));
    for (number, variant) in variants.iter().enumerate() {
        assert_ne!(*variant, base, "variant {number}");
        let read: super::shown::ShownHash = variant.to_string().parse().unwrap();
        assert_eq!(read, *variant);
    }
}

#[test]
fn nobody_denied_what_timed_out() {
    let mut bench = Bench::new();
    let ticket = bench.queue(1);
    let shown = bench.approval(&ticket).shown();
    bench.pass(APPROVAL_LIFE);
    assert_eq!(
        bench
            .state
            .begin_decision(&ticket.id, &shown, bench.now)
            .err(),
        Some(NotDecided::NotWaiting)
    );
    assert_eq!(
        bench.state.take_timed_out(),
        std::slice::from_ref(&ticket.id)
    );
    let view = bench.state.view(&ticket.page, Some(&HOME), bench.now);
    assert!(matches!(view, View::Refused(_, Refusal::TimedOut)));
    assert_eq!(Refusal::TimedOut.told().0, "access_denied");
    for why in [Refusal::TimedOut, Refusal::Closed] {
        assert!(!why.told().1.contains("denied"));
    }
}

#[test]
fn closing_refuses_what_waits_and_takes_nothing_new() {
    let mut bench = Bench::new();
    let waiting = bench.queue(1);
    let unproven = bench.ask(2);
    assert_eq!(
        bench.state.close(bench.now),
        std::slice::from_ref(&waiting.id)
    );
    let view = bench.state.view(&waiting.page, Some(&HOME), bench.now);
    assert!(matches!(view, View::Refused(_, Refusal::Closed)));
    assert_eq!(bench.prove(&unproven), Err(HandleEnded));
    assert_eq!(bench.ask_as(HOME, 3, false).err(), Some(NotNow::Closing));
}

#[test]
fn opened_again_it_takes_requests_and_what_was_closed_stays_refused() {
    let mut bench = Bench::new();
    let waiting = bench.queue(1);
    bench.state.close(bench.now);
    bench.state.open();
    let view = bench.state.view(&waiting.page, Some(&HOME), bench.now);
    assert!(matches!(view, View::Refused(_, Refusal::Closed)));
    assert!(bench.state.waiting().is_empty());
    let next = bench.queue(2);
    assert_eq!(bench.state.waiting().len(), 1);
    assert_eq!(bench.state.waiting()[0].id(), &next.id);
}

#[test]
fn a_refusal_is_told_for_a_minute() {
    let mut bench = Bench::new();
    let ticket = bench.queue(1);
    bench.deny(&ticket);
    let told = |bench: &mut Bench| {
        matches!(
            bench.state.view(&ticket.page, Some(&HOME), bench.now),
            View::Refused(..)
        )
    };
    assert!(told(&mut bench));
    bench.state.told_refusal(&ticket.page, bench.now);
    bench.pass(SignedDuration::from_secs(59));
    assert!(told(&mut bench));
    bench.pass(SignedDuration::from_secs(1));
    assert!(!told(&mut bench));
}

#[test]
fn eight_wait_and_the_ninth_is_told_so() {
    let mut bench = Bench::new();
    let tickets: Vec<_> = (0..8).map(|url| bench.queue(url)).collect();
    let ninth = bench.ask(9);
    let proof = bench.prove(&ninth).unwrap();
    assert_eq!(
        bench.come_back(proof, Some(HOME)),
        Err(ReturnRefused::NotNow(NotNow::Busy))
    );
    assert_eq!(bench.state.missed(), 1);
    // A code is not lost on it.
    bench.open_pairing();
    let result = bench.try_code(&ninth, Some(HOME), RIGHT);
    assert_eq!(result, Err(CodeRefused::NotNow(NotNow::Busy)));
    bench.approve(&tickets[0]);
    assert!(bench.try_code(&ninth, Some(HOME), RIGHT).is_ok());
}

#[test]
fn three_denials_make_quiet_for_a_minute() {
    let mut bench = Bench::new();
    for url in 0..3 {
        let ticket = bench.queue(url);
        bench.deny(&ticket);
    }
    let until = later(bench.now, QUIET_LIFE);
    assert_eq!(
        bench.ask_as(HOME, 9, false).err(),
        Some(NotNow::Quiet(until))
    );
    bench.pass(QUIET_LIFE);
    assert!(bench.ask_as(HOME, 9, false).is_ok());
}

#[test]
fn denials_far_apart_make_no_quiet() {
    let mut bench = Bench::new();
    for url in 0..6 {
        let ticket = bench.queue(url);
        bench.deny(&ticket);
        bench.pass(SignedDuration::from_mins(3));
    }
    assert!(bench.ask_as(HOME, 9, false).is_ok());
}

#[test]
fn armed_only_keeps_strangers_away_until_armed() {
    let mut bench = Bench::new();
    assert_eq!(bench.ask_as(HOME, 1, true).err(), Some(NotNow::Unarmed));
    assert_eq!(bench.state.missed(), 1);
    bench.state.arm(bench.now);
    let ticket = bench.ask_as(HOME, 1, true).unwrap();
    bench.pass(SignedDuration::from_mins(4));
    // Asked while it might, it may go on when the ten minutes are over.
    bench.state.arm(later(START, -ARMED_LIFE));
    let proof = bench.prove(&ticket).unwrap();
    let back = bench
        .state
        .come_back(&proof, Some(&HOME), scene(true), bench.now);
    assert!(back.is_ok());
    bench.pass(ARMED_LIFE);
    assert_eq!(bench.ask_as(HOME, 2, true).err(), Some(NotNow::Unarmed));
}

#[test]
fn arming_later_closes_the_way_for_those_who_asked_before() {
    let mut bench = Bench::new();
    let ticket = bench.ask(1);
    let proof = bench.prove(&ticket).unwrap();
    // The screen was locked meanwhile.
    let back = bench
        .state
        .come_back(&proof, Some(&HOME), scene(true), bench.now);
    assert_eq!(back, Err(ReturnRefused::NotNow(NotNow::Unarmed)));
}

#[test]
fn an_open_code_arms() {
    let mut bench = Bench::new();
    bench.open_pairing();
    assert!(bench.ask_as(STRANGER, 1, true).is_ok());
    bench.pass(SignedDuration::from_mins(10));
    assert_eq!(bench.ask_as(STRANGER, 2, true).err(), Some(NotNow::Unarmed));
}

#[test]
fn a_code_counts_on_its_own_page_in_its_own_browser() {
    let mut bench = Bench::new();
    let ticket = bench.ask_as(STRANGER, 1, false).unwrap();
    bench.open_pairing();
    assert_eq!(
        bench.try_code(&ticket, Some(HOME), RIGHT),
        Err(CodeRefused::WrongBrowser)
    );
    assert_eq!(
        bench.try_code(&ticket, None, RIGHT),
        Err(CodeRefused::WrongBrowser)
    );
    assert_eq!(bench.pairing_state(), PairingState::Open);
    assert!(bench.try_code(&ticket, Some(STRANGER), RIGHT).is_ok());
    assert_eq!(bench.pairing_state(), PairingState::Used);
    let other = bench.ask_as(STRANGER, 2, false).unwrap();
    let left = WRONG_TRIES_PER_PAGE - 1;
    assert_eq!(
        bench.try_code(&other, Some(STRANGER), RIGHT),
        Err(CodeRefused::Wrong { left })
    );
}

#[test]
fn five_wrong_codes_end_a_page_and_fifteen_the_code() {
    let mut bench = Bench::new();
    bench.open_pairing();
    for page in 0..3 {
        let ticket = bench.ask_as(STRANGER, page, false).unwrap();
        for left in (0..WRONG_TRIES_PER_PAGE).rev() {
            let result = bench.try_code(&ticket, Some(STRANGER), WRONG);
            assert_eq!(result, Err(CodeRefused::Wrong { left }));
        }
        let result = bench.try_code(&ticket, Some(STRANGER), RIGHT);
        assert_eq!(
            result,
            Err(CodeRefused::Wrong { left: 0 }),
            "the page is over"
        );
    }
    assert_eq!(bench.pairing_state(), PairingState::Guessed);
    assert_eq!(
        bench.state.pairing(bench.now).unwrap().wrong_tries,
        WRONG_TRIES_IN_ALL
    );
    let fresh = bench.ask(9);
    assert!(bench.try_code(&fresh, Some(HOME), RIGHT).is_err());
    assert!(bench.state.waiting().is_empty());
}

#[test]
fn without_an_open_code_the_answer_is_the_same_as_for_a_wrong_one() {
    let mut bench = Bench::new();
    let ticket = bench.ask(1);
    let left = WRONG_TRIES_PER_PAGE - 1;
    assert_eq!(
        bench.try_code(&ticket, Some(HOME), RIGHT),
        Err(CodeRefused::Wrong { left })
    );
}

#[test]
fn a_flood_displaces_only_what_nobody_proved() {
    let mut bench = Bench::new();
    let waiting = bench.queue(1);
    let proven = bench.ask(2);
    let proof = bench.prove(&proven).unwrap();
    for number in 0..1000_u32 {
        let mut browser = [9; 32];
        browser[..4].copy_from_slice(&number.to_le_bytes());
        bench.ask_as(TokenHash(browser), 3, false).unwrap();
    }
    assert!(bench.come_back(proof, Some(HOME)).is_ok());
    assert!(matches!(
        bench.state.view(&waiting.page, Some(&HOME), bench.now),
        View::Waiting(_)
    ));
}

#[test]
fn nothing_lives_for_ever() {
    let mut bench = Bench::new();
    bench.ask(1);
    let queued = bench.queue(2);
    let approved = bench.queue(3);
    bench.approve(&approved);
    let denied = bench.queue(4);
    bench.deny(&denied);
    bench.pass(SignedDuration::from_mins(30));
    for ticket in [&queued, &approved, &denied] {
        assert!(matches!(
            bench.state.view(&ticket.page, Some(&HOME), bench.now),
            View::Ended
        ));
    }
    assert!(!bench.state.knows_browser(&HOME, bench.now));
    assert!(bench.state.client_ids().is_empty());
}
