//! Too much of everything: what is bounded stays bounded, and the honest still get their answer.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};

use crate::harness::{Client, House, Sending, Signal};

/// Resident memory of a process in MiB.
fn memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    line.split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<u64>()
        .unwrap()
        / 1024
}

#[tokio::test]
async fn idle_connections_hinder_nobody_and_stop_in_time() {
    let mut house = House::start().await;
    let mut idle = Vec::new();
    for _ in 0..300 {
        let mut stream = TcpStream::connect(house.loopback()).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: ").await.unwrap();
        idle.push(stream);
    }
    let client = Client::register(&house).await;
    house.connect(&client).await;
    house.stop(Signal::Term);
}

#[tokio::test]
async fn pages_nobody_clicked_make_room_for_the_next() {
    let house = House::start_public("bridge.example").await;
    let client = Client::register(&house).await;
    for _ in 0..400 {
        house
            .browser()
            .open(&client.authorization().url())
            .await
            .expect(200);
    }
    let tokens = house.connect(&client).await;
    assert!(client.works(&tokens.access).await);
}

#[tokio::test]
async fn large_headers_and_queries_are_refused() {
    let house = House::start().await;
    let client = Client::register(&house).await;
    let long = "x".repeat(100 * 1024);
    let url = client.authorization().with("state", &long).url();
    for sending in [
        Sending::get(&url),
        Sending::get(&format!("{}/health", house.base())).header("x-long", &long),
    ] {
        // The connection may break before all of it was sent.
        if let Ok(answer) = house.network.try_send(sending).await {
            assert!(answer.status.is_client_error(), "{answer:#?}");
        }
    }
    house
        .network
        .send(Sending::get(&format!("{}/health", house.base())))
        .await
        .expect(200);
}

#[tokio::test]
async fn what_is_no_http_is_answered_or_cut() {
    let house = House::start_public("bridge.example").await;
    for listener in [house.loopback(), house.local(), house.tunnel()] {
        for bytes in [
            &b"\x16\x03\x01\x02\x00\x01\x00"[..],
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"GET /health HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            b"GET /health HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
            b"GET  HTTP/9.9\r\n\r\n",
            b"\0\0\0\0\r\n\r\n",
        ] {
            let mut stream = TcpStream::connect(listener).await.unwrap();
            stream.write_all(bytes).await.unwrap();
            stream.shutdown().await.unwrap();
            let mut said = Vec::new();
            let _ = stream.read_to_end(&mut said).await;
            let said = String::from_utf8_lossy(&said);
            assert!(said.is_empty() || said.starts_with("HTTP/1.1 4"), "{said}");
        }
    }
    house
        .network
        .send(Sending::get(&format!("{}/health", house.base())))
        .await
        .expect(200);
}

#[tokio::test]
async fn noise_on_the_control_socket_is_cut() {
    let house = House::start().await;
    let socket = house.data().join("run/control.sock");
    let before = memory(house.pid());
    let megabyte = vec![b'x'; 1024 * 1024];
    for noise in [
        &b"\n"[..],
        b"{}\n",
        b"{\"ask\":\"no such question\"}\n",
        b"\xff\xfe\n",
        b"[[[[[[\n",
    ] {
        let mut stream = UnixStream::connect(&socket).await.unwrap();
        stream.write_all(noise).await.unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).await.unwrap();
        assert!(said.is_empty() || said.contains("\"error\""), "{said}");
    }
    // A line without an end.
    for _ in 0..4 {
        let mut stream = UnixStream::connect(&socket).await.unwrap();
        for _ in 0..16 {
            if stream.write_all(&megabyte).await.is_err() {
                break;
            }
        }
    }
    house.owner().done(&["status"]).await;
    // Callers that say nothing do not keep the owner out for long.
    let mut silent = Vec::new();
    for _ in 0..40 {
        silent.push(UnixStream::connect(&socket).await.unwrap());
    }
    house.owner().done(&["status"]).await;
    let after = memory(house.pid());
    assert!(after < before + 32, "from {before} to {after} MiB");
}
