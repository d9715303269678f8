//! What closing does to who waits and to what is under way.

use super::*;

#[tokio::test]
async fn closing_cuts_off_what_does_not_end_by_itself() {
    let house = House::new();
    let engine = house.open().await;
    let address = engine.addresses().loopback;
    // Headers that never end, a body that never comes, a connection on which nothing is asked.
    let begun = [
        format!("GET /health HTTP/1.1\r\nHost: {address}\r\n"),
        format!(
            "POST /oauth/register HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
             Content-Length: 100\r\n\r\n{{"
        ),
        String::new(),
    ];
    let mut streams = Vec::new();
    for text in begun {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        streams.push(stream);
    }
    // Answered, so all before it were accepted.
    get(address, "/health", "").await;
    let started = Instant::now();
    engine.close().await;
    assert!(started.elapsed() < CLOSE + SLACK, "{:?}", started.elapsed());
    for mut stream in streams {
        let mut rest = Vec::new();
        let _broken = stream.read_to_end(&mut rest).await;
    }
    engine.open().await.unwrap();
    assert_eq!(engine.addresses().loopback, address);
    engine.stop().await;
}

/// The Python of the tests and the server they put behind the gateway.
fn fixture_server() -> NewServer {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let python = if cfg!(windows) {
        ".venv/Scripts/python.exe"
    } else {
        ".venv/bin/python"
    };
    let text = |path: PathBuf| path.into_os_string().into_string().unwrap();
    NewServer {
        name: "fixture".to_owned(),
        command: text(tests.join(python)),
        args: vec![text(tests.join("app/fixtures/server.py"))],
        env: BTreeMap::new(),
        directory: None,
    }
}

fn mcp(address: SocketAddr, token: &str, body: &serde_json::Value) -> String {
    let body = body.to_string();
    format!(
        "POST /mcp HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
         Accept: application/json, text/event-stream\r\nMcp-Protocol-Version: 2025-11-25\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[cfg(unix)]
#[tokio::test]
async fn a_call_in_flight_ends_in_time_and_its_token_works_when_it_is_open_again() {
    let house = House::new();
    let engine = house.open().await;
    let address = engine.addresses().loopback;
    add_server(&engine, fixture_server()).await.unwrap();
    // Answers when the server has started.
    tools(&engine, "fixture").await.unwrap();
    let terms = TermsChoice {
        servers: None,
        access: AccessLevel::Read,
        lifetime: GrantLifetime::Hour,
    };
    let asked = NewToken {
        name: "test".to_owned(),
        terms,
        public: false,
    };
    let token = create_token(&engine, asked)
        .await
        .unwrap()
        .token
        .into_secret();
    let token = token.expose_secret();
    let list = serde_json::json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}});
    let listed = exchange(address, &mcp(address, token, &list)).await;
    let (_, json) = listed.split_once("\r\n\r\n").unwrap();
    let json: serde_json::Value = serde_json::from_str(json).unwrap();
    let names = json["result"]["tools"].as_array().unwrap().iter();
    let name = names
        .filter_map(|tool| tool["name"].as_str())
        .find(|name| name.ends_with("run"))
        .unwrap();
    // The program says through a pipe that it runs; then it stays.
    let pipe = house.folder.path().join("begun");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RWXU).unwrap();
    let script = format!("echo > '{}'; exec sleep 300", pipe.display());
    let call = serde_json::json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params":
        {"name": name, "arguments":
            {"command": ["/bin/sh", "-c", script], "environment": {}, "way": "child"}}});
    let mut flying = TcpStream::connect(address).await.unwrap();
    flying
        .write_all(mcp(address, token, &call).as_bytes())
        .await
        .unwrap();
    tokio::fs::read(&pipe).await.unwrap();
    let started = Instant::now();
    engine.close().await;
    assert!(started.elapsed() < CLOSE + SLACK, "{:?}", started.elapsed());
    let mut answer = Vec::new();
    let _broken = flying.read_to_end(&mut answer).await;

    engine.open().await.unwrap();
    let again = exchange(address, &mcp(address, token, &list)).await;
    assert!(again.starts_with("HTTP/1.1 200"), "{again}");
    engine.stop().await;
}

#[tokio::test]
async fn closing_withdraws_a_question_and_nobody_is_said_to_have_denied_it() {
    let house = House::new();
    let engine = house.open().await;
    let address = engine.addresses().loopback;
    let (page, cookie) = question(&engine).await;
    assert_eq!(engine.oauth().approvals().len(), 1);
    let mut events = engine.events();
    // A browser waits for the answer.
    let script = format!("{cookie}Accept: application/json\r\n");
    let mut waiting = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {page} HTTP/1.1\r\nHost: {address}\r\n{script}\r\n");
    waiting.write_all(request.as_bytes()).await.unwrap();
    get(address, "/health", "").await;
    let started = Instant::now();
    engine.close().await;
    assert!(started.elapsed() < CLOSE + SLACK, "{:?}", started.elapsed());
    let mut heard = String::new();
    waiting.read_to_string(&mut heard).await.unwrap();
    assert!(heard.ends_with(r#"{"state":"decided"}"#), "{heard}");
    assert!(engine.oauth().approvals().is_empty());
    let ended = told(&mut events).into_iter().find_map(|event| match event {
        Event::OAuth(OAuthEvent::ApprovalEnded { outcome, .. }) => Some(outcome),
        _ => None,
    });
    assert_eq!(ended, Some(ApprovalOutcome::Abandoned));

    engine.open().await.unwrap();
    let refused = get(address, &page, &cookie).await;
    let location = header(&refused, "location");
    assert!(
        location.contains("error=temporarily_unavailable") && !location.contains("denied"),
        "{location}"
    );
    // Opened again it takes questions again.
    question(&engine).await;
    assert_eq!(engine.oauth().approvals().len(), 1);
    engine.stop().await;
}
