//! The rules of `state.rs`, against whatever strangers may do in any order.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use proptest::prelude::*;

use super::state::{MOST_REQUESTS, MOST_WAITING};
use super::state_tests::{Bench, HOME, RIGHT, STRANGER, Ticket, WRONG};
use crate::tokens::TokenHash;
use crate::{ApprovalId, GrantId};

/// Anything anybody may do. Numbers pick one of the tickets or proofs that exist.
#[derive(Clone, Debug)]
enum Move {
    Ask {
        home: bool,
        url: u8,
    },
    /// Somebody on this computer follows a link, whoever's it is.
    Visit {
        ticket: usize,
    },
    Return {
        proof: usize,
        browser: u8,
    },
    Code {
        ticket: usize,
        browser: u8,
        right: bool,
    },
    OpenPairing,
    Arm,
    Approve {
        ticket: usize,
        shown_of: usize,
    },
    Deny {
        ticket: usize,
        shown_of: usize,
    },
    Collect {
        ticket: usize,
        browser: u8,
    },
    Pass {
        seconds: u16,
    },
}

fn moves(with_person: bool) -> impl Strategy<Value = Vec<Move>> {
    let strangers = prop_oneof![
        4 => (any::<bool>(), 0..4_u8).prop_map(|(home, url)| Move::Ask { home, url }),
        3 => (0..12_usize, 0..3_u8).prop_map(|(proof, browser)| Move::Return { proof, browser }),
        2 => (0..12_usize, 0..3_u8).prop_map(|(ticket, browser)| Move::Code { ticket, browser, right: false }),
        1 => (0..12_usize, 0..3_u8).prop_map(|(ticket, browser)| Move::Collect { ticket, browser }),
        1 => (0..200_u16).prop_map(|seconds| Move::Pass { seconds }),
    ];
    let person = prop_oneof![
        6 => (0..12_usize).prop_map(|ticket| Move::Visit { ticket }),
        2 => (0..12_usize, 0..3_u8).prop_map(|(ticket, browser)| Move::Code { ticket, browser, right: true }),
        1 => Just(Move::OpenPairing),
        1 => Just(Move::Arm),
        3 => (0..12_usize, 0..12_usize).prop_map(|(ticket, shown_of)| Move::Approve { ticket, shown_of }),
        1 => (0..12_usize, 0..12_usize).prop_map(|(ticket, shown_of)| Move::Deny { ticket, shown_of }),
    ];
    let step = if with_person {
        prop_oneof![3 => strangers, 2 => person].boxed()
    } else {
        strangers.boxed()
    };
    prop::collection::vec(step, 0..80)
}

/// What a fair observer knows.
#[derive(Default)]
struct Record {
    owner: BTreeMap<ApprovalId, u8>,
    tickets: Vec<Ticket>,
    proofs: Vec<(TokenHash, ApprovalId)>,
    handles_used: BTreeSet<[u8; 32]>,
    proofs_used: BTreeSet<[u8; 32]>,
    entitled: BTreeSet<ApprovalId>,
    decided: BTreeSet<ApprovalId>,
    approved: BTreeSet<ApprovalId>,
    codes_used: u32,
    codes_opened: u32,
}

fn browser_of(number: u8) -> Option<TokenHash> {
    [Some(HOME), Some(STRANGER), None][usize::from(number % 3)]
}

fn play(bench: &mut Bench, record: &mut Record, step: &Move) -> Result<(), TestCaseError> {
    match *step {
        Move::Ask { home, url } => {
            let browser = if home { HOME } else { STRANGER };
            if let Ok(ticket) = bench.ask_as(browser, url, false) {
                record
                    .owner
                    .entry(ticket.id.clone())
                    .or_insert(u8::from(!home));
                prop_assert_eq!(record.owner[&ticket.id], u8::from(!home));
                let known = record.tickets.iter().find(|known| known.id == ticket.id);
                let page = known.map_or(ticket.page, |known| known.page);
                record.tickets.push(Ticket { page, ..ticket });
            }
        }
        Move::Visit { ticket } => {
            let Some(ticket) = record.tickets.get(ticket).cloned() else {
                return Ok(());
            };
            if let Ok(proof) = bench.prove(&ticket) {
                prop_assert!(
                    record.handles_used.insert(ticket.handle.0),
                    "a handle worked twice"
                );
                record.proofs.push((proof, ticket.id));
            }
        }
        Move::Return { proof, browser } => {
            let Some((proof, id)) = record.proofs.get(proof).cloned() else {
                return Ok(());
            };
            if let Ok(queued) = bench.come_back(proof, browser_of(browser)) {
                prop_assert_eq!(&queued, &id);
                prop_assert!(record.proofs_used.insert(proof.0), "a proof worked twice");
                prop_assert_eq!(record.owner[&id], browser, "another browser came back");
                record.entitled.insert(id);
            }
        }
        Move::Code {
            ticket,
            browser,
            right,
        } => {
            let Some(ticket) = record.tickets.get(ticket).cloned() else {
                return Ok(());
            };
            let code = if right { RIGHT } else { WRONG };
            if let Ok(queued) = bench.try_code(&ticket, browser_of(browser), code) {
                prop_assert!(right, "a wrong code worked");
                prop_assert_eq!(record.owner[&queued], browser, "another browser typed it");
                record.codes_used += 1;
                prop_assert!(
                    record.codes_used <= record.codes_opened,
                    "a code worked twice"
                );
                record.entitled.insert(queued);
            }
        }
        Move::OpenPairing => {
            bench.open_pairing();
            record.codes_opened += 1;
        }
        Move::Arm => {
            bench.state.arm(bench.now);
        }
        Move::Approve { ticket, shown_of } => decide(bench, record, ticket, shown_of, true)?,
        Move::Deny { ticket, shown_of } => decide(bench, record, ticket, shown_of, false)?,
        Move::Collect { ticket, browser } => collect(bench, record, ticket, browser)?,
        Move::Pass { seconds } => bench.pass(SignedDuration::from_secs(seconds.into())),
    }
    let waiting = bench.state.waiting();
    prop_assert!(waiting.len() <= MOST_WAITING);
    for approval in &waiting {
        prop_assert!(
            record.entitled.contains(approval.id()),
            "a question without proof"
        );
        prop_assert!(
            !record.decided.contains(approval.id()),
            "a decided question waits"
        );
    }
    Ok(())
}

/// A decision about one ticket, with the hash of what may be another's question.
fn decide(
    bench: &mut Bench,
    record: &mut Record,
    ticket: usize,
    shown_of: usize,
    approve: bool,
) -> Result<(), TestCaseError> {
    let waiting = bench.state.waiting();
    let (Some(ticket), Some(shown)) = (record.tickets.get(ticket), waiting.get(shown_of)) else {
        return Ok(());
    };
    let (id, hash, now) = (&ticket.id, shown.shown(), bench.now);
    let taken = if approve {
        bench.state.begin_decision(id, &hash, now).is_ok()
    } else {
        bench.state.deny(id, &hash, now).is_ok()
    };
    if taken {
        prop_assert_eq!(id, shown.id(), "decided about another question");
        prop_assert!(record.decided.insert(id.clone()), "decided twice");
    }
    if taken && approve {
        let grant = GrantId::random(&bench.entropy).unwrap();
        bench.state.end_decision(id, Some(grant), now);
        record.approved.insert(id.clone());
    }
    Ok(())
}

fn collect(
    bench: &mut Bench,
    record: &Record,
    ticket: usize,
    browser: u8,
) -> Result<(), TestCaseError> {
    let Some(ticket) = record.tickets.get(ticket) else {
        return Ok(());
    };
    let cookie = browser_of(browser);
    let begun = bench
        .state
        .begin_collect(&ticket.page, cookie.as_ref(), bench.now);
    if let Some(collect) = begun {
        prop_assert!(
            record.approved.contains(&collect.id),
            "a code without approval"
        );
        prop_assert_eq!(
            record.owner[&collect.id],
            browser,
            "another browser collected"
        );
        bench.state.end_collect(&collect.id, true, bench.now);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn whatever_happens_the_promises_hold(steps in moves(true)) {
        let (mut bench, mut record) = (Bench::new(), Record::default());
        for step in &steps {
            play(&mut bench, &mut record, step)?;
        }
    }

    #[test]
    fn strangers_alone_make_no_question_appear(steps in moves(false)) {
        let (mut bench, mut record) = (Bench::new(), Record::default());
        bench.open_pairing();
        for step in &steps {
            play(&mut bench, &mut record, step)?;
            prop_assert!(bench.state.waiting().is_empty());
        }
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    #[test]
    fn memory_is_bounded(count in 0..2000_u32, with_waiting in 0..8_u8) {
        let mut bench = Bench::new();
        for url in 0..with_waiting {
            bench.queue(url);
        }
        for number in 0..count {
            let mut browser = [9; 32];
            browser[..4].copy_from_slice(&number.to_le_bytes());
            prop_assert!(bench.ask_as(TokenHash(browser), 1, false).is_ok());
            prop_assert!(bench.state.len() <= MOST_REQUESTS);
        }
    }
}
