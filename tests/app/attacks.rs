//! What somebody does who must not get in. Each attack ends with what holds, not with a status.

use hyper::Method;
use serde_json::{Value, json};

use crate::harness::{
    Answer, Client, House, REDIRECT, Sending, Tokens, program, python, server_script,
};

/// The attacker's page says no, and shows neither a way back nor a redirect.
#[track_caller]
fn expect_turned_away(answer: &Answer) {
    assert!(answer.status.is_client_error(), "{answer:#?}");
    assert_eq!(answer.header("location"), None, "{answer:#?}");
    assert!(!answer.body.contains("dbc_"), "{answer:#?}");
}

#[tokio::test]
async fn a_handle_sent_to_another_browser_is_worth_nothing() {
    let house = House::start().await;
    let client = Client::register(&house).await;
    let mut attacker = house.browser();
    let (_, link) = house
        .page(&mut attacker, &client.authorization().url())
        .await;
    // The victim, on this computer, is made to click it.
    let mut victim = house.browser();
    let answer = victim.walk(link.as_str(), |_| false).await;
    expect_turned_away(&answer);
    assert!(house.owner().approvals().await.is_empty());
    // It is used up: the attacker cannot come after.
    let answer = attacker.walk(link.as_str(), |_| false).await;
    expect_turned_away(&answer);
    assert!(house.owner().approvals().await.is_empty());
}

#[tokio::test]
async fn a_victim_who_has_pages_of_its_own_open_is_no_help_either() {
    let house = House::start().await;
    let client = Client::register(&house).await;
    let mut attacker = house.browser();
    let (_, link) = house
        .page(&mut attacker, &client.authorization().url())
        .await;
    let mut victim = house.browser();
    house.page(&mut victim, &client.authorization().url()).await;
    let answer = victim.walk(link.as_str(), |_| false).await;
    expect_turned_away(&answer);
    assert!(house.owner().approvals().await.is_empty());
}

#[tokio::test]
async fn the_proof_is_good_once_and_only_in_its_browser() {
    let house = House::start().await;
    let client = Client::register(&house).await;
    let mut honest = house.browser();
    let (_, link) = house.page(&mut honest, &client.authorization().url()).await;
    let proof = honest.open(link.as_str()).await.location().unwrap();
    let mut stranger = house.browser();
    expect_turned_away(&stranger.open(proof.as_str()).await);
    assert!(house.owner().approvals().await.is_empty());
    // Whether a stranger's try costs the proof or not, a second use brings no second question.
    honest.open(proof.as_str()).await;
    honest.open(proof.as_str()).await;
    assert!(house.owner().approvals().await.len() <= 1);
}

#[tokio::test]
async fn the_waiting_url_in_another_browser_gets_no_code() {
    let house = House::start().await;
    let client = Client::register(&house).await;
    let authorization = client.authorization();
    let mut honest = house.browser();
    let waiting = house.knock(&mut honest, &authorization).await;
    let mut thief = house.browser();
    expect_turned_away(&thief.open(waiting.as_str()).await);
    house.page(&mut thief, &client.authorization().url()).await;
    expect_turned_away(&thief.open(waiting.as_str()).await);
    let approval = house.owner().only_approval().await;
    house.owner().done(&["approve", &approval]).await;
    expect_turned_away(&thief.open(waiting.as_str()).await);
    let code = authorization.code(&honest.open(waiting.as_str()).await);
    Tokens::of(&client.exchange(&code, &authorization).await);
}

#[tokio::test]
async fn the_waiting_url_never_gives_a_second_code_that_works() {
    let house = House::start().await;
    let client = Client::register(&house).await;
    let authorization = client.authorization();
    let mut browser = house.browser();
    let waiting = house.knock(&mut browser, &authorization).await;
    let approval = house.owner().only_approval().await;
    house.owner().done(&["approve", &approval]).await;
    let first = authorization.code(&browser.open(waiting.as_str()).await);
    // The browser lost the answer and asks again: at most one of the two codes is good.
    let again = browser.open(waiting.as_str()).await;
    let mut won = 0;
    let codes = [
        Some(first),
        again.location().map(|_| authorization.code(&again)),
    ];
    for code in codes.iter().flatten() {
        won += usize::from(
            client
                .exchange(code, &authorization)
                .await
                .status
                .is_success(),
        );
    }
    assert_eq!(won, 1);
    // And none any more once one was exchanged.
    let late = browser.open(waiting.as_str()).await;
    assert_eq!(late.header("location"), None, "{late:#?}");
    assert_eq!(house.owner().connections().await.len(), 1);
}

#[tokio::test]
async fn one_approval_lets_one_of_two_requests_in() {
    let house = House::start().await;
    let client = Client::register(&house).await;
    let (mine, theirs) = (client.authorization(), client.authorization());
    let (mut me, mut them) = (house.browser(), house.browser());
    let my_wait = house.knock(&mut me, &mine).await;
    let my_approval = house.owner().only_approval().await;
    let their_wait = house.knock(&mut them, &theirs).await;
    assert_eq!(
        house.owner().approvals().await.len(),
        2,
        "they never coalesce"
    );
    house.owner().done(&["approve", &my_approval]).await;
    them.open(their_wait.as_str()).await.expect(200);
    mine.code(&me.open(my_wait.as_str()).await);
    assert_eq!(house.owner().approvals().await.len(), 1);
    assert_eq!(house.owner().connections().await.len(), 1);
}

#[tokio::test]
async fn a_double_click_decides_one_request() {
    let house = House::start().await;
    let client = Client::register(&house).await;
    let (mine, theirs) = (client.authorization(), client.authorization());
    let (mut me, mut them) = (house.browser(), house.browser());
    house.knock(&mut me, &mine).await;
    let approval = house.owner().only_approval().await;
    let their_wait = house.knock(&mut them, &theirs).await;
    let owner = house.owner();
    let command = ["approve", approval.as_str()];
    let (first, second) = tokio::join!(owner.run(&command), owner.run(&command));
    let mut codes = [first.code, second.code];
    codes.sort_unstable();
    assert_eq!(codes, [0, 1], "{first:#?} {second:#?}");
    // The second click did not fall on the question behind.
    them.open(their_wait.as_str()).await.expect(200);
    assert_eq!(house.owner().approvals().await.len(), 1);
    assert_eq!(house.owner().connections().await.len(), 1);
}

#[tokio::test]
async fn clicking_the_button_twice_is_one_question() {
    let house = House::start().await;
    let client = Client::register(&house).await;
    let mut browser = house.browser();
    let (_, link) = house
        .page(&mut browser, &client.authorization().url())
        .await;
    browser.walk(link.as_str(), |_| false).await.expect(200);
    browser.walk(link.as_str(), |_| false).await;
    assert_eq!(house.owner().approvals().await.len(), 1);
}

#[tokio::test]
async fn a_forged_address_on_loopback_counts_for_nothing() {
    let house = House::start().await;
    let client = Client::register(&house).await;
    let fields = [("grant_type", "refresh_token"), ("refresh_token", "dbr_x")];
    let mut refused = 0;
    for n in 0..60 {
        let address = format!("198.51.100.{n}");
        let mut sending = client.sending("/oauth/token", &fields);
        for name in [
            "cf-connecting-ip",
            "x-forwarded-for",
            "x-real-ip",
            "true-client-ip",
        ] {
            sending = sending.header(name, &address);
        }
        sending = sending.header("forwarded", &format!("for={address}"));
        refused += usize::from(house.network.send(sending).await.status.as_u16() == 429);
    }
    assert_eq!(refused, 10, "fifty are allowed, whatever they say they are");
    // Nor does it show as where the question came from.
    let mut browser = house.browser();
    let url = client.authorization().url();
    let forged = Sending::get(&url).header("cf-connecting-ip", "203.0.113.7");
    let page = browser
        .send(forged.header("cf-ipcountry", "KP"))
        .await
        .expect(200);
    let local = house.local();
    let link = crate::harness::links(&page)
        .into_iter()
        .find(|link| {
            link.as_str()
                .starts_with(&format!("http://{local}/approve/"))
        })
        .unwrap();
    house.proceed(&mut browser, link.as_str()).await;
    let waiting = house.owner().approvals().await;
    let shown = format!(
        "{}{}",
        waiting[0],
        house.owner().done(&["approvals"]).await.stdout
    );
    assert!(
        !shown.contains("203.0.113.7") && !shown.contains("KP"),
        "{shown}"
    );
}

#[tokio::test]
async fn doubled_addresses_on_the_tunnel_are_not_believed() {
    let house = House::start_public("bridge.example").await;
    let client = Client::register(&house).await;
    let fields = [("grant_type", "refresh_token"), ("refresh_token", "dbr_x")];
    let twice = client
        .sending("/oauth/token", &fields)
        .header("cf-connecting-ip", "198.51.100.1")
        .header("cf-connecting-ip", "198.51.100.2");
    let answer = house.network.send(twice).await;
    assert!(answer.status.is_client_error(), "{answer:#?}");
}

/// Requests that name another host than the listener's own, in every way there is.
fn host_tricks(right: &str, port: u16) -> Vec<String> {
    vec![
        "evil.example".to_owned(),
        format!("evil.example:{port}"),
        format!("{right}.evil.example"),
        format!("evil.example#{right}"),
        format!("{right}@evil.example"),
        format!("user@{right}"),
        format!("{right},evil.example"),
        format!("{right} "),
        format!("{right}."),
        format!("127.0.0.1:{}", port.wrapping_add(1)),
        "127.0.0.1".to_owned(),
        "localhost".to_owned(),
        format!("127.1:{port}"),
        format!("2130706433:{port}"),
        format!("0.0.0.0:{port}"),
        format!("[::ffff:127.0.0.1]:{port}"),
        format!("127.0.0.1:0{port}"),
        format!("127.0.0.1:{port}:{port}"),
        String::new(),
    ]
    .into_iter()
    .filter(|host| host.trim() != right)
    .collect()
}

/// No trick gets an answer of this listener's own.
async fn expect_no_way_in(house: &House, url: &str, right: &str, to: std::net::SocketAddr) {
    let get = || Sending::get(url).to(to);
    for host in host_tricks(right, to.port()) {
        let answer = house.network.send(get().host(&host)).await;
        assert!(
            answer.status.is_client_error(),
            "Host {host:?}: {answer:#?}"
        );
        assert!(
            !answer.body.contains("issuer"),
            "Host {host:?}: {answer:#?}"
        );
        assert!(
            !answer.body.contains("evil.example"),
            "Host {host:?}: {answer:#?}"
        );
    }
    for doubled in [
        get().host(right).header("host", right),
        get().host(right).header("host", "evil.example"),
    ] {
        let answer = house.network.send(doubled).await;
        assert!(answer.status.is_client_error(), "{answer:#?}");
    }
    let answer = house.network.send(get().without_host()).await;
    assert!(answer.status.is_client_error(), "{answer:#?}");
    let forwarded = get().host("evil.example").header("x-forwarded-host", right);
    let answer = house.network.send(forwarded).await;
    assert!(answer.status.is_client_error(), "{answer:#?}");
}

#[tokio::test]
async fn host_tricks_on_the_loopback_listener() {
    let house = House::start_public("bridge.example").await;
    let url = format!(
        "{}/.well-known/oauth-authorization-server",
        house.local_url()
    );
    let right = house.loopback().to_string();
    expect_no_way_in(&house, &url, &right, house.loopback()).await;
    let public = Sending::get(&url)
        .to(house.loopback())
        .host("bridge.example");
    assert!(house.network.send(public).await.status.is_client_error());
}

#[tokio::test]
async fn host_tricks_on_the_tunnel_listener() {
    let house = House::start_public("bridge.example").await;
    let url = format!("{}/.well-known/oauth-authorization-server", house.base());
    expect_no_way_in(&house, &url, "bridge.example", house.tunnel()).await;
    for other in [
        house.loopback().to_string(),
        house.local().to_string(),
        house.tunnel().to_string(),
    ] {
        let answer = house.network.send(Sending::get(&url).host(&other)).await;
        assert!(answer.status.is_client_error(), "{other}: {answer:#?}");
    }
    house
        .network
        .send(Sending::get(&url).host("bridge.example"))
        .await
        .expect(200);
}

#[tokio::test]
async fn the_local_listener_takes_one_kind_of_visit() {
    let house = House::start_public("bridge.example").await;
    let client = Client::register(&house).await;
    let mut browser = house.browser();
    let (_, link) = house
        .page(&mut browser, &client.authorization().url())
        .await;
    let local = house.local();
    let get = || Sending::get(link.as_str());
    expect_no_way_in(&house, link.as_str(), &local.to_string(), local).await;
    let localhost = format!("localhost:{}", local.port());
    expect_turned_away(&house.network.send(get().host(&localhost)).await);
    for (name, value) in [
        ("cf-connecting-ip", "203.0.113.1"),
        ("cf-ray", "x"),
        ("x-forwarded-for", "203.0.113.1"),
        ("x-forwarded-proto", "https"),
        ("forwarded", "for=203.0.113.1"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("sec-fetch-mode", "cors"),
        ("sec-fetch-mode", "no-cors"),
        ("sec-fetch-dest", "iframe"),
        ("sec-fetch-dest", "image"),
        ("sec-fetch-dest", "empty"),
    ] {
        let answer = house.network.send(get().header(name, value)).await;
        expect_turned_away(&answer);
        assert_eq!(
            answer.header("access-control-allow-origin"),
            None,
            "{answer:#?}"
        );
    }
    for method in [Method::POST, Method::HEAD, Method::OPTIONS, Method::PUT] {
        let answer = house
            .network
            .send(Sending::new(method, link.as_str()))
            .await;
        expect_turned_away(&answer);
    }
    for path in [
        "/",
        "/approve/",
        "/health",
        "/mcp",
        "/oauth/authorize",
        "/.well-known/oauth-authorization-server",
    ] {
        let answer = house
            .network
            .send(Sending::get(&format!("http://{local}{path}")))
            .await;
        expect_turned_away(&answer);
    }
    // None of all that has used the handle up.
    house.proceed(&mut browser, link.as_str()).await;
    assert_eq!(house.owner().approvals().await.len(), 1);
}

#[tokio::test]
async fn origin_tricks_at_the_mcp_endpoint() {
    let house = House::start_public("bridge.example").await;
    let there = Client::register(&house).await;
    let here = Client::register_at(&house, &house.local_url(), &[REDIRECT]).await;
    for client in [there, here] {
        let tokens = house.connect(&client).await;
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}});
        let list = || {
            Sending::post(&client.resource())
                .json(&request)
                .bearer(&tokens.access)
                .header("accept", "application/json, text/event-stream")
                .header("mcp-protocol-version", "2025-11-25")
        };
        house.network.send(list()).await.expect(200);
        for evil in [
            "https://evil.example",
            "null",
            "https://bridge.example.evil.example",
            "http://127.0.0.1.evil.example",
            "file://",
            "",
        ] {
            let answer = house
                .network
                .send(list().header("origin", evil))
                .await
                .expect(403);
            assert_eq!(
                answer.header("access-control-allow-origin"),
                None,
                "{answer:#?}"
            );
        }
        let own = client.base.clone();
        let twice = list()
            .header("origin", &own)
            .header("origin", "https://evil.example");
        assert!(house.network.send(twice).await.status.is_client_error());
    }
}

#[tokio::test]
async fn a_large_body_is_refused_and_forgotten() {
    let house = House::start().await;
    let client = Client::register(&house).await;
    let tokens = house.connect(&client).await;
    let body = vec![b' '; 5 * 1024 * 1024];
    let sending = Sending::post(&client.resource())
        .bearer(&tokens.access)
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .body(body);
    // It may answer before it has read everything; the connection then breaks.
    if let Ok(answer) = house.network.try_send(sending).await {
        assert_eq!(answer.status.as_u16(), 413, "{answer:#?}");
    }
    assert!(client.works(&tokens.access).await);
}

/// Asks the fixture server to run `drawbridge` in one way or another.
async fn from_a_server(
    house: &House,
    client: &Client,
    tokens: &Tokens,
    way: &str,
    arguments: &[&str],
) -> Value {
    let tools = client.tools(&tokens.access).await;
    let run = tools.iter().find(|name| name.ends_with("run")).unwrap();
    let mut command = vec![program()];
    command.extend(arguments);
    let environment = json!({"DRAWBRIDGE_HOME": house.data()});
    let call = json!({"command": command, "environment": environment, "way": way});
    let (said, failed) = client.call(&tokens.access, run, call).await;
    assert!(!failed, "{said}");
    serde_json::from_str(&said).unwrap()
}

#[tokio::test]
async fn a_server_cannot_let_anybody_in() {
    let house = House::start().await;
    house.add_server("fixture").await;
    let client = Client::register(&house).await;
    let tokens = house.connect(&client).await;
    let authorization = client.authorization();
    let mut browser = house.browser();
    let waiting = house.knock(&mut browser, &authorization).await;
    let approval = house.owner().only_approval().await;
    let (script, python) = (server_script(), python());
    let add = [
        "servers",
        "add",
        "more",
        "--",
        python.to_str().unwrap(),
        script.to_str().unwrap(),
    ];
    for way in ["child", "detached"] {
        for command in [
            &["approve", approval.as_str()][..],
            &["approvals", "--json"],
            &["pair", "--json"],
            &["token", "create", "--json"],
            &["servers", "tools", "fixture", "erase", "allow"],
            &add,
            &["status", "--json"],
        ] {
            let ran = from_a_server(&house, &client, &tokens, way, command).await;
            assert_eq!(ran["code"], 4, "{way} {command:?}: {ran:#}");
            assert_eq!(ran["stdout"], "", "{way} {command:?}: {ran:#}");
        }
    }
    browser.open(waiting.as_str()).await.expect(200);
    assert_eq!(house.owner().only_approval().await, approval);
    assert_eq!(house.owner().connections().await.len(), 1);
    // The owner's own shell still may.
    house.owner().done(&["approve", &approval]).await;
    authorization.code(&browser.open(waiting.as_str()).await);
}

/// Holds forty connections to a socket and says nothing, again whenever they are closed.
const HOLDER: &str = "import os, socket, sys
if os.fork():
    sys.exit()
for open_here in (0, 1, 2):
    os.close(open_here)
while True:
    held = []
    for _ in range(40):
        s = socket.socket(socket.AF_UNIX)
        s.connect(sys.argv[1])
        held.append(s)
    for s in held:
        try:
            while s.recv(4096):
                pass
        except OSError:
            pass";

#[tokio::test]
async fn a_server_cannot_keep_the_owners_commands_out() {
    let house = House::start().await;
    house.add_server("fixture").await;
    let client = Client::register(&house).await;
    let tokens = house.connect(&client).await;
    let socket = house.data().join("run/control.sock");
    let tools = client.tools(&tokens.access).await;
    let run = tools.iter().find(|name| name.ends_with("run")).unwrap();
    let call =
        json!({"command": [python(), "-c", HOLDER, socket], "environment": {}, "way": "child"});
    let (said, failed) = client.call(&tokens.access, run, call).await;
    assert!(!failed && said.contains("\"code\": 0"), "{said}");
    let id = house.owner().connections().await[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    house.owner().done(&["revoke", &id]).await;
    assert!(!client.works(&tokens.access).await);
}

/// Runs Python as another user of this computer, where the tests run as root.
#[cfg(target_os = "linux")]
async fn as_another_user(script: &str, arguments: &[&str]) -> Option<std::process::Output> {
    if !rustix::process::geteuid().is_root() {
        println!("not run: only root can become another user");
        return None;
    }
    // What it needs is read while it still may.
    let become_other = "import glob, os, socket, sys, encodings.idna
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
";
    let output = tokio::process::Command::new("python3")
        .args(["-c", &format!("{become_other}{script}")])
        .args(arguments)
        .output()
        .await
        .unwrap();
    Some(output)
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn another_user_of_this_computer_is_nobody_here() {
    let house = House::start().await;
    let client = Client::register(&house).await;
    let mut browser = house.browser();
    let (_, link) = house
        .page(&mut browser, &client.authorization().url())
        .await;
    let visit = "port, path = int(sys.argv[1]), sys.argv[2]
try:
    s = socket.create_connection(('127.0.0.1', port))
    s.sendall(f'GET {path} HTTP/1.1\\r\\nHost: 127.0.0.1:{port}\\r\\nConnection: close\\r\\n\\r\\n'.encode())
    print(s.makefile('rb').read().decode())
except OSError as error:
    print('refused', error)";
    let port = house.local().port().to_string();
    if let Some(output) = as_another_user(visit, &[&port, link.path()]).await {
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            said.contains(" 403 ") || said.starts_with("refused"),
            "{output:#?}"
        );
        assert!(!said.contains("/oauth/return/"), "{said}");
    }
    let connect = "found = glob.glob(sys.argv[1] + '/run/*')
print('listed', found)
try:
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[2])
    s.sendall(b'{}\\n')
    print('answered', s.recv(100))
except OSError as error:
    print('refused', error)";
    let sockets: Vec<_> = std::fs::read_dir(house.data().join("run"))
        .unwrap()
        .flatten()
        .collect();
    for socket in sockets {
        let path = socket.path();
        let (data, path) = (house.data(), path.to_str().unwrap().to_owned());
        if let Some(output) = as_another_user(connect, &[data.to_str().unwrap(), &path]).await {
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(
                said.contains("listed []") && said.contains("refused"),
                "{output:#?}"
            );
        }
    }
    house.proceed(&mut browser, link.as_str()).await;
}
