//! Random interleavings of everything that changes a grant, over a real vault, against a model of
//! a few lines: who may still get in with what.

use std::time::Duration;

use http::StatusCode;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::GrantId;
use crate::refresh::MOST_SIBLINGS;
use crate::testing::World;

const ACCESS_SECONDS: u64 = 3600;
const CODE_SECONDS: u64 = 300;

/// One thing that happens.
#[derive(Debug, Clone)]
enum Step {
    /// A person approves; a code goes out.
    Approve,
    /// A code is exchanged, whether it should be or not.
    Exchange(Index),
    /// A code is tried with another verifier.
    WrongVerifier(Index),
    /// A refresh token is used, a recent one or any.
    Refresh(bool, Index),
    /// The client gives a refresh token back.
    GiveBack(Index),
    /// The user revokes a connection.
    Revoke(Index),
    /// Time passes.
    Wait(u64),
    /// The clean-up runs.
    Sweep,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => Just(Step::Approve),
        4 => any::<Index>().prop_map(Step::Exchange),
        1 => any::<Index>().prop_map(Step::WrongVerifier),
        8 => (any::<bool>(), any::<Index>()).prop_map(|(recent, at)| Step::Refresh(recent, at)),
        1 => any::<Index>().prop_map(Step::GiveBack),
        1 => any::<Index>().prop_map(Step::Revoke),
        2 => (1_u64..2000).prop_map(Step::Wait),
        1 => Just(Step::Sweep),
    ]
}

/// A grant as the model sees it.
struct Grant {
    id: GrantId,
    code: String,
    code_ends: u64,
    exchanged: bool,
    over: bool,
    /// The refresh token that is held, and its successors that nobody used yet.
    held: Option<usize>,
    waiting: Vec<usize>,
    dead: Vec<usize>,
}

/// A refresh token, the access token that came with it, and when that ends.
struct Pair {
    grant: usize,
    refresh: String,
    access: String,
    access_ends: u64,
    /// Whether a sibling of its refresh token was used instead.
    taken_back: bool,
}

#[derive(Default)]
struct Model {
    now: u64,
    grants: Vec<Grant>,
    pairs: Vec<Pair>,
}

impl Model {
    fn issued(&mut self, grant: usize, refresh: String, access: String) -> usize {
        let access_ends = self.now + ACCESS_SECONDS;
        self.pairs.push(Pair {
            grant,
            refresh,
            access,
            access_ends,
            taken_back: false,
        });
        self.pairs.len() - 1
    }

    /// Whether an exchange of this grant's code gives tokens.
    fn exchange(&mut self, at: usize) -> bool {
        let grant = &mut self.grants[at];
        if grant.over || self.now >= grant.code_ends {
            return false;
        }
        if grant.exchanged {
            grant.over = true;
            return false;
        }
        grant.exchanged = true;
        true
    }

    /// Whether this refresh token gives tokens.
    fn refresh(&mut self, at: usize) -> bool {
        let grant = &mut self.grants[self.pairs[at].grant];
        if grant.over {
            return false;
        }
        if let Some(place) = grant.waiting.iter().position(|found| *found == at) {
            grant.waiting.remove(place);
            grant.dead.extend(grant.held.replace(at));
            for sibling in &grant.waiting {
                self.pairs[*sibling].taken_back = true;
            }
            grant.dead.append(&mut grant.waiting);
        }
        if grant.held == Some(at) {
            return true;
        }
        grant.over = grant.dead.contains(&at);
        false
    }

    fn succeeded(&mut self, by: usize, successor: usize) {
        let grant = &mut self.grants[self.pairs[by].grant];
        grant.waiting.push(successor);
        if grant.waiting.len() > MOST_SIBLINGS {
            self.pairs[grant.waiting.remove(0)].taken_back = true;
        }
    }

    fn lets_in(&self, pair: &Pair) -> bool {
        !self.grants[pair.grant].over && !pair.taken_back && self.now < pair.access_ends
    }
}

async fn run(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let world = World::new().await;
    let client = world.register().await;
    let mut model = Model::default();
    for step in steps {
        let codes = model.grants.len();
        let pairs = model.pairs.len();
        match step {
            Step::Approve => {
                let (id, code) = world.approve(&client, &World::terms()).await;
                model.grants.push(Grant {
                    id,
                    code,
                    code_ends: model.now + CODE_SECONDS,
                    exchanged: false,
                    over: false,
                    held: None,
                    waiting: Vec::new(),
                    dead: Vec::new(),
                });
            }
            Step::Exchange(at) if codes > 0 => {
                let at = at.index(codes);
                let reply = world.exchange(&client, &model.grants[at].code).await;
                prop_assert_eq!(reply.status == StatusCode::OK, model.exchange(at));
                if reply.status == StatusCode::OK {
                    let (refresh, access) = (
                        reply.text_of("refresh_token"),
                        reply.text_of("access_token"),
                    );
                    let first = model.issued(at, refresh, access);
                    model.grants[at].held = Some(first);
                }
            }
            Step::WrongVerifier(at) if codes > 0 => {
                let parameters = [
                    ("grant_type", "authorization_code"),
                    ("code", model.grants[at.index(codes)].code.as_str()),
                    ("client_id", client.as_str()),
                    ("code_verifier", &"x".repeat(43)),
                ];
                let reply = world.form("/oauth/token", &parameters).await;
                prop_assert_eq!(reply.text_of("error"), "invalid_grant");
            }
            Step::Refresh(recent, at) if pairs > 0 => {
                let at = if recent {
                    pairs - 1 - at.index(pairs.min(3))
                } else {
                    at.index(pairs)
                };
                let reply = world.refresh(&client, &model.pairs[at].refresh).await;
                prop_assert_eq!(reply.status == StatusCode::OK, model.refresh(at));
                if reply.status == StatusCode::OK {
                    let (refresh, access) = (
                        reply.text_of("refresh_token"),
                        reply.text_of("access_token"),
                    );
                    let successor = model.issued(model.pairs[at].grant, refresh, access);
                    model.succeeded(at, successor);
                } else {
                    prop_assert_eq!(reply.text_of("error"), "invalid_grant");
                }
            }
            Step::GiveBack(at) if pairs > 0 => {
                let pair = &model.pairs[at.index(pairs)];
                let grant = &model.grants[pair.grant];
                let known = grant.dead.iter().chain(&grant.waiting).chain(&grant.held);
                let known = known.into_iter().any(|found| *found == at.index(pairs));
                let grant = pair.grant;
                world.revoke_token(&client, &pair.refresh).await;
                model.grants[grant].over |= known;
            }
            Step::Revoke(at) if codes > 0 => {
                let grant = &mut model.grants[at.index(codes)];
                let revoked = world.server.revoke(&grant.id).await;
                prop_assert_eq!(revoked.is_ok(), !grant.over);
                grant.over = true;
            }
            Step::Wait(seconds) => {
                world.clock.advance(Duration::from_secs(seconds));
                model.now += seconds;
            }
            Step::Sweep => {
                world.server.sweep().await;
                for grant in &mut model.grants {
                    // Approved, but nobody came within the time to collect and exchange.
                    let forgotten = !grant.exchanged && model.now >= grant.code_ends + 360;
                    grant.over |= forgotten;
                }
            }
            // There is nothing yet to do it with.
            _ => {}
        }
        for pair in &model.pairs {
            prop_assert_eq!(world.lets_in(&pair.access).await, model.lets_in(pair));
        }
    }
    world.vault.close().await;
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn grants_codes_and_tokens_do_what_the_model_does(
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(run(steps))?;
    }
}
