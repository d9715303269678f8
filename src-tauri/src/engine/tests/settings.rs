//! Settings: what a change does to an open bridge, and that they last.

use super::*;

#[tokio::test]
async fn other_ports_are_opened_at_once_and_the_old_ones_closed() {
    let house = House::new();
    let engine = house.open().await;
    let before = engine.addresses();
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    change_settings(&engine, ports(port, 0, 0)).await.unwrap();
    let after = engine.addresses();
    assert_eq!(after.loopback.port(), port);
    assert_eq!(after.local, before.local, "any free one: the one it had");
    assert!(is_reachable(after.loopback).await);
    assert!(!is_reachable(before.loopback).await);
    assert_eq!(engine.state(), State::Open);
    engine.stop().await;
}

#[tokio::test]
async fn what_does_not_move_the_ports_takes_effect_at_once_and_ends_no_stream() {
    let house = House::new();
    let engine = house.open().await;
    let mut stream = TcpStream::connect(engine.addresses().loopback)
        .await
        .unwrap();
    let mut events = engine.events();
    let strict = SettingsChange {
        armed_only: Some(true),
        known_clients_only: Some(true),
        open_at_start: Some(false),
        ..SettingsChange::default()
    };
    change_settings(&engine, strict).await.unwrap();
    let seen = engine.inner.oauth_settings.borrow().clone();
    assert!(seen.armed_only && seen.known_clients_only);
    assert_eq!(seen.local_listener, Some(engine.addresses().local));
    assert!(status(&engine).unwrap().armed_only);
    let told = told(&mut events);
    assert!(matches!(told[..], [Event::Settings]), "{told:?}");
    let host = engine.addresses().loopback;
    let request = format!("GET /health HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    engine.stop().await;
}

#[tokio::test]
async fn a_change_that_cannot_be_changes_nothing() {
    let house = House::new();
    let engine = house.open().await;
    let before = settings(&engine).unwrap();
    for wrong in [
        SettingsChange {
            armed_only: Some(true),
            ..ports(9000, 9000, 0)
        },
        SettingsChange {
            public_url: Some("bridge.example".to_owned()),
            open_at_start: Some(false),
            ..SettingsChange::default()
        },
    ] {
        let error = change_settings(&engine, wrong).await.unwrap_err();
        assert_eq!(error.code, UiErrorCode::Invalid);
        assert_eq!(settings(&engine).unwrap(), before);
        assert_eq!(engine.state(), State::Open);
    }
    engine.stop().await;
}

#[tokio::test]
async fn settings_outlive_a_restart_and_flags_win_over_them() {
    let house = House::new();
    let engine = house.start().await;
    let asked = SettingsChange {
        open_at_start: Some(false),
        show_window_at_start: Some(false),
        armed_only: Some(true),
        known_clients_only: Some(true),
        ..own_front()
    };
    let before = change_settings(&engine, asked).await.unwrap();
    assert!(before.fixed.is_empty());
    engine.stop().await;

    let engine = house.start_with(house.config()).await;
    assert_eq!(settings(&engine).unwrap(), before);
    engine.open().await.unwrap();
    let seen = engine.inner.oauth_settings.borrow().clone();
    assert!(seen.armed_only && seen.known_clients_only);
    assert_eq!(
        seen.public_origin.as_deref(),
        Some("https://bridge.example")
    );
    engine.stop().await;

    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let given = Config {
        ports: GivenPorts {
            loopback: Some(port),
            ..GivenPorts::default()
        },
        guide: GuideValues {
            base_url: Some(PublicUrl::parse("https://environment.example").unwrap()),
            ..GuideValues::default()
        },
        ..house.config()
    };
    let engine = house.start_with(given).await;
    let view = settings(&engine).unwrap();
    assert_eq!(view.fixed, ["ports.loopback", "tunnel", "public_url"]);
    assert_eq!(
        view.public_url.as_deref(),
        Some("https://environment.example")
    );
    engine.open().await.unwrap();
    assert_eq!(engine.addresses().loopback.port(), port);
    engine.stop().await;
}
