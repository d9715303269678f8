//! The power cut: kill -9 inside requests in flight and beside each commit.
//!
//! Whatever the moment: no grant is lost, one code has one exchange, once a successor refresh token
//! is used its parent and siblings are dead, and the database opens.

use tokio::task::JoinSet;

use crate::harness::{Authorization, Client, House, Tokens, python};

/// Clients whose requests are in flight together.
const DEVICES: usize = 10;
/// Refreshes and approvals that are cut, at least.
const CUT_OPERATIONS: usize = 300;

/// One honest client: it keeps what it was told, and repeats what was not answered.
struct Device {
    client: Client,
    tokens: Tokens,
}

impl Device {
    async fn connected(house: &House) -> Self {
        let client = Client::register(house).await;
        let tokens = house.connect(&client).await;
        Self { client, tokens }
    }

    /// What must hold after a power cut that may have eaten the answer: the client goes on with
    /// the newest token it was told of, as if nothing had happened.
    async fn goes_on(&mut self) {
        let client = self.client.clone().moved();
        assert!(
            client.works(&self.tokens.access).await,
            "an access token was lost"
        );
        self.tokens = client.refreshed(&self.tokens.refresh).await;
        assert!(client.works(&self.tokens.access).await);
    }
}

/// Draws a number below `end`.
fn draw(end: usize) -> usize {
    let mut bytes = [0_u8; 4];
    getrandom::fill(&mut bytes).unwrap();
    usize::try_from(u32::from_le_bytes(bytes)).unwrap() % end
}

/// Sends one refresh of every device at once and cuts the power when a drawn number of them has
/// been answered; every answer that came is what its device knows from then on.
async fn cut_during_refreshes(house: &mut House, devices: &mut [Device]) {
    let mut flying = JoinSet::new();
    for (number, device) in devices.iter().enumerate() {
        let client = device.client.clone().moved();
        let fields = [
            ("grant_type", "refresh_token"),
            ("refresh_token", device.tokens.refresh.as_str()),
        ];
        let sending = client.sending("/oauth/token", &fields);
        flying.spawn(async move { (number, client.network.try_send(sending).await) });
    }
    let answered_before = draw(DEVICES);
    let mut answered = 0;
    while answered < answered_before {
        let (number, answer) = flying.join_next().await.unwrap().unwrap();
        devices[number].tokens = Tokens::of(&answer.unwrap());
        answered += 1;
    }
    house.kill();
    while let Some(landed) = flying.join_next().await {
        if let (number, Ok(answer)) = landed.unwrap() {
            devices[number].tokens = Tokens::of(&answer);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refreshes_survive_the_power_cut() {
    let mut house = House::start().await;
    let mut devices = Vec::new();
    for _ in 0..DEVICES {
        devices.push(Device::connected(&house).await);
    }
    for _ in 0..CUT_OPERATIONS.div_ceil(DEVICES) / 2 {
        cut_during_refreshes(&mut house, &mut devices).await;
        house.restart();
        for device in &mut devices {
            device.goes_on().await;
        }
    }
    assert_eq!(house.owner().connections().await.len(), DEVICES);

    // The order of death, over power cuts: siblings of one parent, one of them used.
    let mut families = Vec::new();
    for device in &devices {
        let client = device.client.clone().moved();
        let lost = client.refreshed(&device.tokens.refresh).await;
        let kept = client.refreshed(&device.tokens.refresh).await;
        let next = client.refreshed(&kept.refresh).await;
        families.push((device.tokens.refresh.clone(), lost, next));
    }
    house.kill();
    house.restart();
    for (number, (device, (parent, sibling, next))) in devices.iter().zip(families).enumerate() {
        let client = device.client.clone().moved();
        let dead = if number % 2 == 0 {
            &parent
        } else {
            &sibling.refresh
        };
        assert!(client.works(&next.access).await);
        client
            .refresh(dead)
            .await
            .expect_error(400, "invalid_grant");
        assert!(!client.works(&next.access).await, "reuse ends the family");
    }
    expect_sound_database(&mut house).await;
}

/// One client with a code that it has not exchanged yet.
struct Coded {
    client: Client,
    authorization: Authorization,
    code: String,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_code_has_one_exchange_whenever_the_power_goes() {
    let mut house = House::start().await;
    let client = Client::register(&house).await;
    for _ in 0..CUT_OPERATIONS.div_ceil(DEVICES) / 3 {
        let mut coded = Vec::new();
        for _ in 0..DEVICES {
            let client = client.clone().moved();
            let authorization = client.authorization();
            let code = house.approved(&client, &authorization, &[]).await;
            coded.push(Coded {
                client,
                authorization,
                code,
            });
        }
        let mut flying = JoinSet::new();
        for (number, one) in coded.iter().enumerate() {
            let form = one.client.exchange_form(&one.code, &one.authorization);
            let sending = one.client.sending("/oauth/token", &form);
            let client = one.client.clone();
            flying.spawn(async move { (number, client.network.try_send(sending).await) });
        }
        let mut told: Vec<Option<Tokens>> = vec![None; DEVICES];
        for _ in 0..draw(DEVICES) {
            let (number, answer) = flying.join_next().await.unwrap().unwrap();
            told[number] = Some(Tokens::of(&answer.unwrap()));
        }
        house.kill();
        while let Some(landed) = flying.join_next().await {
            if let (number, Ok(answer)) = landed.unwrap() {
                told[number] = Some(Tokens::of(&answer));
            }
        }
        house.restart();
        for (one, told) in coded.iter().zip(told) {
            let client = one.client.clone().moved();
            if let Some(tokens) = &told {
                assert!(
                    client.works(&tokens.access).await,
                    "the client was told of it"
                );
            }
            let again = client.exchange(&one.code, &one.authorization).await;
            if told.is_some() || !again.status.is_success() {
                again.expect_error(400, "invalid_grant");
            } else {
                Tokens::of(&again);
            }
            client
                .exchange(&one.code, &one.authorization)
                .await
                .expect_error(400, "invalid_grant");
        }
    }
    expect_sound_database(&mut house).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approval_the_owner_was_told_of_is_there() {
    let mut house = House::start().await;
    let client = Client::register(&house).await;
    let mut told = 0;
    for _ in 0..CUT_OPERATIONS / 6 / 5 {
        let mut ids = Vec::new();
        for _ in 0..5 {
            let mut browser = house.browser();
            let client = client.clone().moved();
            house.knock(&mut browser, &client.authorization()).await;
        }
        for approval in house.owner().approvals().await {
            ids.push(crate::harness::text(&approval, "id"));
        }
        let mut flying = JoinSet::new();
        for id in ids {
            let owner = house.owner();
            flying.spawn(async move { owner.run(&["approve", &id]).await });
        }
        for _ in 0..draw(5) {
            told += usize::from(flying.join_next().await.unwrap().unwrap().code == 0);
        }
        house.kill();
        while let Some(landed) = flying.join_next().await {
            let ran = landed.unwrap();
            told += usize::from(ran.code == 0);
            assert!([0, 1, 3].contains(&ran.code), "{ran:#?}");
        }
        house.restart();
        let there = house.owner().connections().await.len();
        assert!(there >= told, "{told} were told of, {there} are there");
        assert!(
            house.owner().approvals().await.is_empty(),
            "questions die with their page"
        );
    }
    expect_sound_database(&mut house).await;
}

#[cfg(feature = "failpoints")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_at_any_commit() {
    let mut house = House::start().await;
    let mut devices = Vec::new();
    for _ in 0..3 {
        devices.push(Device::connected(&house).await);
    }
    for side in ["before-commit", "after-commit"] {
        for commit in 1..=12 {
            house.kill();
            let failpoint = format!("{side}:{commit}");
            if house.restart_with(&[("DRAWBRIDGE_FAILPOINT", &failpoint)]) {
                work_until_it_dies(&mut house, &mut devices).await;
            }
            house.restart();
            for device in &mut devices {
                device.goes_on().await;
            }
        }
    }
    assert_eq!(house.owner().connections().await.len(), devices.len());
    expect_sound_database(&mut house).await;
}

#[cfg(feature = "failpoints")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotation_of_the_key_cut_at_any_commit_loses_nothing() {
    let mut house = House::start().await;
    let mut device = Device::connected(&house).await;
    for side in ["before-commit", "after-commit"] {
        for commit in 1..=8 {
            house.kill();
            let failpoint = format!("{side}:{commit}");
            if house.restart_with(&[("DRAWBRIDGE_FAILPOINT", &failpoint)]) {
                let mut rotations = 0;
                while house.owner().run(&["secrets", "rotate"]).await.code == 0 {
                    rotations += 1;
                    assert!(
                        rotations < 20,
                        "the failpoint was never reached: is the program built without the feature failpoints?"
                    );
                }
                house.ended(None);
            }
            house.restart();
            device.goes_on().await;
        }
    }
    expect_sound_database(&mut house).await;
}

/// Refreshes and exchanges, one after the other, until the failpoint is reached.
#[cfg(feature = "failpoints")]
async fn work_until_it_dies(house: &mut House, devices: &mut [Device]) {
    for round in 0.. {
        assert!(
            round < 20,
            "the failpoint was never reached: is the program built without the feature failpoints?"
        );
        for device in &mut *devices {
            let client = device.client.clone().moved();
            let fields = [
                ("grant_type", "refresh_token"),
                ("refresh_token", device.tokens.refresh.as_str()),
            ];
            let sending = client.sending("/oauth/token", &fields);
            let Ok(answer) = client.network.try_send(sending).await else {
                house.ended(None);
                return;
            };
            device.tokens = Tokens::of(&answer);
        }
    }
}

/// Ends the house and lets SQLite itself look at every page of the database.
async fn expect_sound_database(house: &mut House) {
    house.kill();
    let script = "import sqlite3, sys
print(sqlite3.connect(sys.argv[1]).execute('pragma integrity_check').fetchall())";
    let output = tokio::process::Command::new(python())
        .args(["-c", script])
        .arg(house.data().join("drawbridge.db"))
        .output()
        .await
        .unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout).trim(),
        "[('ok',)]",
        "{output:#?}"
    );
}
