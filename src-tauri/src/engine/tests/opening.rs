//! Opening and closing, one after the other and at once; ports that cannot be had.

use super::*;

#[tokio::test]
async fn started_it_is_closed_and_nothing_can_be_reached() {
    let house = House::new();
    let engine = house.start().await;
    assert_eq!(engine.state(), State::Closed);
    engine.open().await.unwrap();
    let open = engine.addresses();
    engine.close().await;
    assert_eq!(engine.state(), State::Closed);
    for address in places(&open) {
        assert!(!is_reachable(address).await, "{address}");
    }
    engine.stop().await;
}

#[tokio::test]
async fn it_opens_and_closes_and_opens_again_where_it_was() {
    let house = House::new();
    let engine = house.start().await;
    let mut events = engine.events();
    change_settings(&engine, own_front()).await.unwrap();
    told(&mut events);
    let mut before = None;
    for _ in 0..3 {
        engine.open().await.unwrap();
        engine.open().await.unwrap();
        let addresses = engine.addresses();
        assert_eq!(places(&addresses).len(), 3);
        for address in places(&addresses) {
            assert!(is_reachable(address).await, "{address}");
        }
        let health = get(addresses.loopback, "/health?nonce=n", "").await;
        assert!(health.starts_with("HTTP/1.1 200"), "{health}");
        assert_eq!(states(&mut events), [State::Opening, State::Open]);
        let told = status(&engine).unwrap();
        assert_eq!((told.state, told.tunnel), (State::Open, TunnelKind::Own));

        engine.close().await;
        engine.close().await;
        assert_eq!(states(&mut events), [State::Closed]);
        for address in places(&addresses) {
            assert!(!is_reachable(address).await, "{address}");
        }
        // Closed, it says where it would be: clients' settings stay right.
        let closed = status(&engine).unwrap();
        assert_eq!(closed.state, State::Closed);
        assert_eq!(closed.connector_url, "https://bridge.example/mcp");
        assert_eq!(closed.connector_url, told.connector_url);
        assert_eq!(closed.local_url, told.local_url);
        assert_eq!(closed.tunnel_url, told.tunnel_url);
        let places = places(&addresses);
        assert_eq!(*before.get_or_insert_with(|| places.clone()), places);
    }
    engine.stop().await;
}

#[tokio::test]
async fn a_port_in_use_needs_the_owner_and_is_mended_in_the_settings() {
    let house = House::new();
    let engine = house.open().await;
    let good = engine.addresses().loopback;
    let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let taken = other.local_addr().unwrap().port();
    let mut events = engine.events();

    // The change itself is no mistake: it is stored.
    let view = change_settings(&engine, ports(taken, 0, 0)).await.unwrap();
    assert_eq!(view.ports.loopback, taken);
    assert_eq!(engine.state(), State::Attention);
    assert!(!is_reachable(good).await, "the old port is given free");
    let problem = status(&engine).unwrap().problem.unwrap();
    assert_eq!(problem.code, UiErrorCode::Unavailable);
    assert!(
        problem
            .message
            .starts_with(&format!("Port {taken}, for clients on this computer,"))
            && problem.message.contains("Settings"),
        "{problem}"
    );
    assert_eq!(
        states(&mut events),
        [State::Opening, State::Attention],
        "closing to open anew is no state of its own"
    );
    // Asked again it is the same, in the same words.
    assert_eq!(open_bridge(&engine).await.unwrap_err(), problem);

    change_settings(&engine, ports(0, 0, 0)).await.unwrap();
    assert_eq!(engine.state(), State::Open);
    assert_eq!(status(&engine).unwrap().problem, None);
    assert!(is_reachable(engine.addresses().loopback).await);

    // Or by the other program going away.
    change_settings(&engine, ports(taken, 0, 0)).await.unwrap();
    drop(other);
    open_bridge(&engine).await.unwrap();
    assert_eq!(engine.addresses().loopback.port(), taken);
    engine.stop().await;
}

#[tokio::test]
async fn each_port_that_cannot_be_had_is_named() {
    let house = House::new();
    let engine = house.start().await;
    let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let taken = other.local_addr().unwrap().port();
    change_settings(&engine, own_front()).await.unwrap();
    for (asked, flag) in [
        (ports(taken, 0, 0), "--port"),
        (ports(0, taken, 0), "--local-port"),
        (ports(0, 0, taken), "--tunnel-port"),
    ] {
        change_settings(&engine, asked).await.unwrap();
        assert_eq!(engine.state(), State::Closed, "closed it stays closed");
        let error = engine.open().await.unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, OpenError::Port { port, .. } if port == taken));
        assert!(
            text.ends_with(flag) && text.contains(&taken.to_string()),
            "{text}"
        );
        engine.close().await;
        assert_eq!(engine.problem(), None);
    }
    engine.stop().await;
}

#[tokio::test]
async fn whoever_closes_while_it_opens_wins() {
    let house = House::new();
    let engine = house.start().await;
    for _ in 0..20 {
        let opening = tokio::spawn({
            let engine = engine.clone();
            async move { engine.open().await }
        });
        tokio::task::yield_now().await;
        engine.close().await;
        match opening.await.unwrap() {
            Ok(()) | Err(OpenError::Interrupted) => {}
            Err(other) => panic!("{other}"),
        }
        // Whichever came first, the last word was to close.
        engine.close().await;
        assert_eq!(engine.state(), State::Closed);
        assert!(!is_reachable(engine.addresses().loopback).await);
    }
    engine.open().await.unwrap();
    engine.stop().await;
}

#[tokio::test]
async fn many_who_open_at_once_open_once() {
    let house = House::new();
    let engine = house.start().await;
    let mut events = engine.events();
    let opening: Vec<_> = (0..8)
        .map(|_| {
            let engine = engine.clone();
            tokio::spawn(async move { engine.open().await })
        })
        .collect();
    for one in opening {
        one.await.unwrap().unwrap();
    }
    assert_eq!(states(&mut events), [State::Opening, State::Open]);
    engine.stop().await;
}

#[tokio::test]
async fn an_opening_that_waits_while_it_stops_opens_nothing() {
    let house = House::new();
    let engine = house.start().await;
    let turn = engine.inner.bridge.hold_turn().await;
    let opening = tokio::spawn({
        let engine = engine.clone();
        async move { engine.open().await }
    });
    tokio::task::yield_now().await;
    let stopping = tokio::spawn({
        let engine = engine.clone();
        async move { engine.stop().await }
    });
    engine.stopped().await;
    drop(turn);
    assert!(matches!(opening.await.unwrap(), Err(OpenError::Stopped)));
    stopping.await.unwrap();
    assert_eq!(engine.state(), State::Closed);
    assert!(matches!(engine.open().await, Err(OpenError::Stopped)));
}

#[tokio::test]
async fn stopping_frees_the_ports() {
    let house = House::new();
    let engine = house.open().await;
    let open = engine.addresses();
    let started = Instant::now();
    engine.stop().await;
    assert!(started.elapsed() < Duration::from_secs(2) + SLACK);
    for address in places(&open) {
        assert!(!is_reachable(address).await);
    }
}
