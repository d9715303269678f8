//! How often an endpoint may be asked: by one address, and by everybody together.
//!
//! The numbers are those of the official SDKs' servers. An IPv6 address counts as its /64, which
//! is what one subscriber has. The limit for everybody holds at the public address only: there it
//! stops a crowd of addresses, while on this computer all addresses are this computer.

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use drawbridge_vault::ports::Clock;
use governor::clock::Clock as GovernorClock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::keyed::HashMapStateStore;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use jiff::Timestamp;

use crate::{Audience, ClientAddress};

const QUARTER_HOUR: Duration = Duration::from_mins(15);
const HOUR: Duration = Duration::from_hours(1);

/// Authorization requests of one address in 15 minutes.
pub const AUTHORIZE_PER_ADDRESS: u32 = 100;
/// Token and revocation requests of one address in 15 minutes.
pub const TOKEN_PER_ADDRESS: u32 = 50;
/// Registrations of one address in an hour.
pub const REGISTER_PER_ADDRESS: u32 = 20;
/// Authorization requests of everybody at the public address in 15 minutes.
pub const AUTHORIZE_IN_ALL: u32 = 1_000;
/// Token and revocation requests of everybody at the public address in 15 minutes.
pub const TOKEN_IN_ALL: u32 = 5_000;
/// Registrations of everybody at the public address in an hour.
pub const REGISTER_IN_ALL: u32 = 200;
/// Wrong secrets for the static client in 15 minutes, from one address.
pub(crate) const WRONG_SECRETS_PER_ADDRESS: u32 = 5;
/// Wrong secrets for the static client in 15 minutes, from everybody at the public address.
pub(crate) const WRONG_SECRETS_IN_ALL: u32 = 30;
/// Documents fetched from hosts we do not know, in a minute.
pub(crate) const UNKNOWN_DOCUMENTS_PER_MINUTE: u32 = 6;
/// Documents fetched from hosts we know, in a minute.
pub(crate) const KNOWN_DOCUMENTS_PER_MINUTE: u32 = 30;
/// Addresses that are told apart at once.
pub(crate) const MOST_ADDRESSES: usize = 20_000;
/// When there are more, all of them share so many budgets, by a hash that nobody outside can
/// foresee: a crowd that fills the table can neither pick whom it shares with nor use memory.
const SHARED_BUDGETS: u64 = 1_024;

/// An endpoint with a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// `GET /oauth/authorize`.
    Authorize,
    /// `POST /oauth/token` and `POST /oauth/revoke`.
    Token,
    /// `POST /oauth/register`.
    Register,
}

impl Endpoint {
    /// Its name in events.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Authorize => "authorize",
            Self::Token => "token",
            Self::Register => "register",
        }
    }
}

/// There were too many; try again after this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooMany {
    pub(crate) retry_after: Duration,
}

impl TooMany {
    /// Whole seconds for `Retry-After`, at least one.
    pub(crate) fn seconds(self) -> u64 {
        self.retry_after.as_secs().saturating_add(1)
    }
}

/// The app's clock, counted from when the limiter was made.
#[derive(Clone)]
struct LimiterClock {
    clock: Arc<dyn Clock>,
    start: Timestamp,
}

impl LimiterClock {
    fn new(clock: &Arc<dyn Clock>) -> Self {
        Self {
            clock: Arc::clone(clock),
            start: clock.now(),
        }
    }
}

impl GovernorClock for LimiterClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        let passed = self.clock.now().duration_since(self.start);
        u64::try_from(passed.as_nanos()).unwrap_or(0).into()
    }
}

type Keyed = RateLimiter<IpAddr, HashMapStateStore<IpAddr>, LimiterClock, NoOpMiddleware<Nanos>>;
type Direct = RateLimiter<NotKeyed, InMemoryState, LimiterClock, NoOpMiddleware<Nanos>>;

/// One budget that everybody shares.
pub(crate) struct Budget {
    limiter: Direct,
}

impl Budget {
    pub(crate) fn new(count: u32, per: Duration, clock: &Arc<dyn Clock>) -> Self {
        let clock = LimiterClock::new(clock);
        Self {
            limiter: RateLimiter::direct_with_clock(quota(count, per), clock),
        }
    }

    pub(crate) fn take(&self) -> Result<(), TooMany> {
        self.limiter.check().map_err(|until| self.too_many(&until))
    }

    fn too_many(&self, until: &governor::NotUntil<Nanos>) -> TooMany {
        TooMany {
            retry_after: until.wait_time_from(self.limiter.clock().now()),
        }
    }
}

struct PerAddress {
    each: Keyed,
    sharing: RandomState,
    all: Budget,
}

impl PerAddress {
    fn new(each: u32, all: u32, per: Duration, clock: &Arc<dyn Clock>) -> Self {
        let state = HashMapStateStore::default();
        Self {
            each: RateLimiter::new(quota(each, per), state, LimiterClock::new(clock)),
            sharing: RandomState::new(),
            all: Budget::new(all, per, clock),
        }
    }

    fn check(&self, address: ClientAddress, audience: &Audience) -> Result<(), TooMany> {
        let mut key = network_of(address.0);
        if self.each.len() >= MOST_ADDRESSES {
            self.each.retain_recent();
            if self.each.len() >= MOST_ADDRESSES {
                // No network has this key: theirs end in 64 zeros.
                let share = 1 + self.sharing.hash_one(key) % SHARED_BUDGETS;
                key = IpAddr::V6(Ipv6Addr::from_bits(share.into()));
            }
        }
        self.each.check_key(&key).map_err(|until| TooMany {
            retry_after: until.wait_time_from(self.each.clock().now()),
        })?;
        match audience {
            Audience::Loopback => Ok(()),
            Audience::Public(_) => self.all.take(),
        }
    }
}

/// The limits of every endpoint.
pub(crate) struct Limits {
    authorize: PerAddress,
    token: PerAddress,
    register: PerAddress,
    wrong_secrets: PerAddress,
}

impl Limits {
    pub(crate) fn new(clock: &Arc<dyn Clock>) -> Self {
        let limit = |each, all, per| PerAddress::new(each, all, per, clock);
        Self {
            authorize: limit(AUTHORIZE_PER_ADDRESS, AUTHORIZE_IN_ALL, QUARTER_HOUR),
            token: limit(TOKEN_PER_ADDRESS, TOKEN_IN_ALL, QUARTER_HOUR),
            register: limit(REGISTER_PER_ADDRESS, REGISTER_IN_ALL, HOUR),
            wrong_secrets: limit(
                WRONG_SECRETS_PER_ADDRESS,
                WRONG_SECRETS_IN_ALL,
                QUARTER_HOUR,
            ),
        }
    }

    /// Counts one request.
    pub(crate) fn check(
        &self,
        endpoint: Endpoint,
        address: ClientAddress,
        audience: &Audience,
    ) -> Result<(), TooMany> {
        match endpoint {
            Endpoint::Authorize => &self.authorize,
            Endpoint::Token => &self.token,
            Endpoint::Register => &self.register,
        }
        .check(address, audience)
    }

    /// Counts one wrong secret for the static client.
    pub(crate) fn wrong_secret(
        &self,
        address: ClientAddress,
        audience: &Audience,
    ) -> Result<(), TooMany> {
        self.wrong_secrets.check(address, audience)
    }
}

/// `count` at once, then one each `per / count`.
fn quota(count: u32, per: Duration) -> Quota {
    let count = NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
    Quota::with_period(per / count.get())
        .unwrap_or_else(|| Quota::per_second(count))
        .allow_burst(count)
}

/// The address itself, or the /64 an IPv6 address is in. An IPv4 address in IPv6 clothes is the
/// IPv4 address.
fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::FakeClock;

    fn address(text: &str) -> ClientAddress {
        ClientAddress(text.parse().unwrap())
    }

    fn public() -> Audience {
        Audience::Public("https://bridge.example".into())
    }

    fn limits() -> (Limits, Arc<FakeClock>) {
        let clock = Arc::new(FakeClock::new());
        let port: Arc<dyn Clock> = clock.clone();
        (Limits::new(&port), clock)
    }

    #[test]
    fn each_address_has_its_own_budget_and_gets_it_back() {
        let (limits, clock) = limits();
        let check = |text| limits.check(Endpoint::Token, address(text), &public());
        for _ in 0..TOKEN_PER_ADDRESS {
            check("192.0.2.1").unwrap();
        }
        let refused = check("192.0.2.1").unwrap_err();
        assert_eq!(refused.seconds(), 19, "one comes back each 18 seconds");
        check("192.0.2.2").unwrap();
        clock.advance(refused.retry_after);
        check("192.0.2.1").unwrap();
        check("192.0.2.1").unwrap_err();
    }

    #[test]
    fn an_ipv6_address_counts_as_its_network() {
        let (limits, _) = limits();
        for number in 0..REGISTER_PER_ADDRESS {
            let text = format!("2001:db8:1:2::{number:x}");
            limits
                .check(Endpoint::Register, address(&text), &public())
                .unwrap();
        }
        let check = |text| limits.check(Endpoint::Register, address(text), &public());
        check("2001:db8:1:2:ffff::1").unwrap_err();
        check("2001:db8:1:3::1").unwrap();
        assert_eq!(
            network_of("::ffff:192.0.2.1".parse().unwrap()),
            address("192.0.2.1").0
        );
    }

    #[test]
    fn everybody_together_has_a_limit_at_the_public_address_only() {
        let (limits, _) = limits();
        let nth = |number: u32| ClientAddress(IpAddr::V4((0x7f00_0001 + number).into()));
        for number in 0..REGISTER_IN_ALL {
            limits
                .check(Endpoint::Register, nth(number), &public())
                .unwrap();
        }
        let next = nth(REGISTER_IN_ALL);
        limits
            .check(Endpoint::Register, next, &public())
            .unwrap_err();
        limits
            .check(Endpoint::Register, next, &Audience::Loopback)
            .unwrap();
    }

    #[test]
    fn a_crowd_does_not_use_up_what_an_honest_address_has() {
        let (limits, _) = limits();
        let count = u32::try_from(MOST_ADDRESSES).unwrap() + 2 * AUTHORIZE_PER_ADDRESS;
        for number in 0..count {
            let address = ClientAddress(IpAddr::V4((0x0a00_0000 + number).into()));
            let _ = limits.check(Endpoint::Authorize, address, &Audience::Loopback);
        }
        let honest = address("192.0.2.1");
        limits
            .check(Endpoint::Authorize, honest, &Audience::Loopback)
            .unwrap();
    }

    #[test]
    fn memory_is_bounded() {
        let (limits, clock) = limits();
        let count = u32::try_from(MOST_ADDRESSES).unwrap() + 100;
        for number in 0..count {
            let address = ClientAddress(IpAddr::V4((0x0a00_0000 + number).into()));
            let _ = limits.check(Endpoint::Authorize, address, &Audience::Loopback);
        }
        let shared = usize::try_from(SHARED_BUDGETS).unwrap();
        assert!(limits.authorize.each.len() <= MOST_ADDRESSES + shared);
        clock.advance(QUARTER_HOUR);
        limits
            .check(
                Endpoint::Authorize,
                address("192.0.2.1"),
                &Audience::Loopback,
            )
            .unwrap();
        assert!(
            limits.authorize.each.len() <= 2,
            "the old ones are forgotten"
        );
    }
}
