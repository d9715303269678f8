//! `drawbridge serve`: how it starts, that there is one, and how it ends.

use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::{Client, House, HouseBuilder, Signal};

#[tokio::test]
async fn it_says_in_one_line_that_it_is_ready() {
    let house = House::start().await;
    let said = house.said();
    let ready: Vec<_> = said
        .lines()
        .filter(|line| line.contains("is ready"))
        .collect();
    assert_eq!(ready.len(), 1, "{said}");
    let expected = format!("Drawbridge is ready: {}", house.connector_url());
    assert!(ready[0].starts_with(&expected), "{said}");
}

#[tokio::test]
async fn term_and_int_both_stop_it_in_time() {
    for how in [Signal::Term, Signal::Int] {
        let mut house = House::start().await;
        house.add_server("fixture").await;
        // A question is open and a browser waits: neither holds it up.
        let client = Client::register(&house).await;
        let mut browser = house.browser();
        house.knock(&mut browser, &client.authorization()).await;
        house.stop(how);
    }
}

#[tokio::test]
async fn a_call_in_flight_does_not_hold_it_up() {
    let mut house = House::start().await;
    house.add_server("fixture").await;
    let client = Client::register(&house).await;
    let tokens = house.connect(&client).await;
    let tools = client.tools(&tokens.access).await;
    let run = tools
        .iter()
        .find(|name| name.ends_with("run"))
        .unwrap()
        .clone();
    let begun = house.home().join("begun");
    let script = format!("echo > '{}'; exec sleep 300", begun.display());
    let call = json!({"name": run, "arguments":
        {"command": ["sh", "-c", script], "environment": {}, "way": "child"}});
    let flying = tokio::spawn(async move {
        client
            .rpc_or_break(&tokens.access, "tools/call", call)
            .await
    });
    // A file says that the program runs; nobody tells us when a file appears.
    let end = Instant::now() + Duration::from_secs(30);
    while !begun.exists() {
        assert!(Instant::now() < end, "the call never reached the server");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    house.stop(Signal::Term);
    // It was answered that the server ended, or the connection broke: either way it is over.
    let _ = flying.await.unwrap();
}

#[tokio::test]
async fn tunnels_of_a_later_version_are_refused_in_words() {
    for kind in ["quick", "named"] {
        let house = HouseBuilder::new();
        let serve = [
            "serve",
            "--port",
            "0",
            "--local-port",
            "0",
            "--tunnel",
            kind,
        ];
        let ran = house.owner().run(&serve).await.expect(1);
        assert!(ran.stderr.contains("not in this version"), "{ran:#?}");
    }
}

#[tokio::test]
async fn an_own_tunnel_needs_its_address() {
    let house = HouseBuilder::new();
    let serve = [
        "serve",
        "--port",
        "0",
        "--local-port",
        "0",
        "--tunnel",
        "own",
    ];
    let ran = house.owner().run(&serve).await.expect(1);
    assert!(ran.stderr.contains("BASE_URL"), "{ran:#?}");
    for bad in [
        "http://bridge.example",
        "https://bridge.example/path",
        "bridge.example",
        "https://",
    ] {
        let house = HouseBuilder::new().environment("BASE_URL", bad);
        let ran = house.owner().run(&serve).await.expect(1);
        assert!(ran.stderr.contains("BASE_URL"), "{ran:#?}");
    }
}

#[tokio::test]
async fn there_is_one_drawbridge_for_a_data_directory() {
    let house = House::start().await;
    let second = [
        "serve",
        "--port",
        "0",
        "--local-port",
        "0",
        "--tunnel",
        "off",
    ];
    let ran = house.owner().run(&second).await.expect(1);
    assert!(
        ran.stderr.contains("running") || ran.stderr.contains("runs"),
        "{ran:#?}"
    );
    house.owner().done(&["status"]).await;
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let house = House::start().await;
    let other = HouseBuilder::new();
    let port = house.loopback().port().to_string();
    let serve = [
        "serve",
        "--port",
        &port,
        "--local-port",
        "0",
        "--tunnel",
        "off",
    ];
    let ran = other.owner().run(&serve).await.expect(1);
    assert!(ran.stderr.contains(&port), "{ran:#?}");
}

#[tokio::test]
async fn a_stale_socket_of_a_killed_one_is_no_obstacle() {
    let mut house = House::start().await;
    house.kill();
    house.owner().run(&["status"]).await.expect(3);
    house.restart();
    house.owner().done(&["status"]).await;
}

#[tokio::test]
async fn what_it_writes_is_the_owners_alone() {
    let house = House::start().await;
    house.add_server("fixture").await;
    let mut open = vec![house.data()];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(directory).unwrap().flatten() {
            let mode = entry.metadata().unwrap().permissions().mode();
            assert_eq!(
                mode & 0o077,
                0,
                "{:o} {}",
                mode & 0o777,
                entry.path().display()
            );
            if entry.file_type().unwrap().is_dir() {
                open.push(entry.path());
            }
        }
    }
    let mode = std::fs::metadata(house.data())
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[tokio::test]
async fn a_dot_env_beside_it_is_read() {
    let house = HouseBuilder::new();
    let secret = crate::harness::random();
    let text = format!("BASE_URL=https://dotenv.example\nTOKEN_ENCRYPTION_KEY={secret}\n");
    std::fs::write(house.home().join(".env"), text).unwrap();
    let house = house
        .public_from_file("https://dotenv.example")
        .start()
        .await;
    house.canary().secret(&secret);
    assert_eq!(house.status["public_url"], "https://dotenv.example");
    assert_eq!(house.status["key_place"], "environment");
}
