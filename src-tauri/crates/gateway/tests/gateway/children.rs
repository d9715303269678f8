//! Servers that crash, hang, flood, talk nonsense or do not want to die.

use std::collections::BTreeMap;
use std::time::Duration;

use drawbridge_gateway::{Health, NewServer, Options, Outcome};
use drawbridge_oauth::AccessLevel;
use secrecy::SecretString;
use serde_json::json;

#[cfg(target_os = "linux")]
use crate::harness::is_alive;
use crate::harness::{CHILD, Client, House, server, until};

async fn house_with(mode: &str) -> (House, Client) {
    let house = House::new().await;
    house.add("files", mode).await;
    let client = house.client(&["files"], AccessLevel::Read);
    (house, client)
}

#[tokio::test]
async fn one_child_serves_all_clients() {
    let (house, client) = house_with("well").await;
    let other = house.client(&["files"], AccessLevel::ReadWrite);
    let (first, second) = tokio::join!(client.text("files_pid"), other.text("files_pid"));
    assert_eq!(first, second);
    let calls = (0..50).map(|_| client.text("files_pid"));
    for pid in futures_util::future::join_all(calls).await {
        assert_eq!(pid, first);
    }
    assert_eq!(house.gateway.child_processes().len(), 1);
}

#[tokio::test]
async fn a_crash_fails_what_is_in_flight_at_once_and_the_next_call_works() {
    let (house, client) = house_with("well").await;
    let before = client.text("files_pid").await;
    let began = std::time::Instant::now();
    let (failure, crash) =
        tokio::join!(client.failure("files_sleep"), client.failure("files_exit"));
    assert!(began.elapsed() < Duration::from_secs(10));
    for text in [failure, crash] {
        assert!(text.contains("could not finish this call"), "{text}");
    }
    assert_ne!(client.text("files_pid").await, before);
    assert_eq!(house.gateway.servers()[0].health, Health::Running);
    let outcomes: Vec<_> = house
        .audit(4)
        .await
        .into_iter()
        .map(|record| record.outcome)
        .collect();
    assert_eq!(
        outcomes,
        [
            Outcome::Done,
            Outcome::Unavailable,
            Outcome::Unavailable,
            Outcome::Done
        ]
    );
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_child_killed_from_outside_is_started_again() {
    let (_house, client) = house_with("well").await;
    let pid: u32 = client.text("files_pid").await.parse().unwrap();
    let victim = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(victim, rustix::process::Signal::KILL).unwrap();
    until("its end", || !is_alive(pid)).await;
    assert_ne!(client.text("files_pid").await, pid.to_string());
}

#[tokio::test]
async fn nonsense_and_floods_end_the_child_and_nothing_else() {
    let house = House::new().await;
    house.add("files", "well").await;
    house.add("mail", "well").await;
    let client = house.client(&["files", "mail"], AccessLevel::Read);
    let well = client.text("mail_pid").await;
    let garbage = client.failure("files_garbage").await;
    assert!(garbage.contains("no MCP messages"), "{garbage}");
    let flood = client.failure("files_flood").await;
    assert!(flood.contains("16 MiB"), "{flood}");
    assert!(
        house.gateway.servers()[0]
            .last_error
            .clone()
            .unwrap()
            .contains("16 MiB")
    );
    assert_eq!(client.text("mail_pid").await, well);
    assert!(!client.text("files_pid").await.is_empty());
}

#[tokio::test]
async fn stray_lines_unknown_answers_and_requests_do_no_harm() {
    let (house, client) = house_with("well").await;
    assert_eq!(client.text("files_stray").await, "still well");
    let tail = house.gateway.log_tail("files").unwrap();
    assert!(
        tail.iter()
            .any(|line| line.contains("starting in mode well"))
    );
    assert!(
        tail.iter().any(|line| line.contains("something happened")),
        "{tail:?}"
    );
}

#[tokio::test]
async fn a_call_that_hangs_is_answered_in_time_and_cancelled() {
    let options = Options {
        call_deadline: Duration::from_millis(300),
        ..Options::default()
    };
    let house = House::with(options).await;
    house.add("files", "well").await;
    until("the tools", || house.gateway.servers()[0].tools.is_some()).await;
    let client = house.client(&["files"], AccessLevel::Read);
    let failure = client.failure("files_sleep").await;
    assert!(failure.contains("did not answer within"), "{failure}");
    let cancelled: Vec<u64> = serde_json::from_str(&client.text("files_cancelled").await).unwrap();
    assert_eq!(cancelled.len(), 1);
    assert_eq!(house.audit(2).await[0].outcome, Outcome::TimedOut);
}

#[tokio::test]
async fn a_call_whose_client_went_away_is_cancelled() {
    let (house, client) = house_with("well").await;
    client.text("files_pid").await;
    let gone = client.clone();
    let calling = tokio::spawn(async move { gone.call("files_sleep").await });
    until("the call", || {
        let tail = house.gateway.log_tail("files").unwrap();
        tail.iter().any(|line| line == "sleeping")
    })
    .await;
    let mut cancelled = String::from("[]");
    calling.abort();
    for _ in 0..100 {
        cancelled = client.text("files_cancelled").await;
        if cancelled != "[]" {
            break;
        }
    }
    assert_ne!(cancelled, "[]");
    assert_eq!(house.gateway.child_processes().len(), 1);
}

#[tokio::test]
async fn a_server_that_does_not_start_says_so_and_rests() {
    let (house, client) = house_with("exits").await;
    let failure = client.failure("files_pid").await;
    assert!(failure.contains("The server `files`"), "{failure}");
    assert!(
        !failure.contains("mode"),
        "what it wrote is the owner's: {failure}"
    );
    until("a failure", || {
        house.gateway.servers()[0].health == Health::Failed
    })
    .await;
    let status = &house.gateway.servers()[0];
    assert!(
        status
            .last_error
            .as_ref()
            .unwrap()
            .contains("starting in mode exits"),
        "{status:?}"
    );
    let error = house.gateway.tools("files").await.unwrap_err().to_string();
    assert!(error.contains("cannot be asked"), "{error}");
    // The list is empty, but it is a list.
    assert!(client.names().await.is_empty());
}

#[tokio::test]
async fn a_missing_program_is_named_to_its_owner() {
    let house = House::new().await;
    let missing = NewServer {
        command: "no-such-program".to_owned(),
        ..server("files", "well")
    };
    house.gateway.add_server(missing).await.unwrap();
    let error = house.gateway.tools("files").await.unwrap_err().to_string();
    assert!(error.contains("`no-such-program` was not found"), "{error}");
    let client = house.client(&["files"], AccessLevel::Read);
    assert!(
        !client
            .failure("files_pid")
            .await
            .contains("no-such-program")
    );
}

#[tokio::test]
async fn a_silent_server_delays_the_list_no_longer_than_set_and_hides_nobody() {
    let options = Options {
        list_deadline: Duration::from_millis(500),
        call_deadline: Duration::from_millis(500),
        ..Options::default()
    };
    let house = House::with(options).await;
    house.add("mute", "silent").await;
    house.add("files", "well").await;
    until("the tools", || house.gateway.servers()[0].tools.is_some()).await;
    let client = house.client(&["files", "mute"], AccessLevel::Read);
    let names = client.names().await;
    assert!(names.iter().any(|name| name == "files_pid"));
    let failure = client.failure("mute_anything").await;
    assert!(failure.contains("still starting"), "{failure}");
    house.gateway.set_enabled("mute", false).await.unwrap();
    assert_eq!(house.gateway.servers()[1].health, Health::Idle);
}

#[tokio::test]
async fn a_babbling_server_and_one_of_another_age_are_refused() {
    let (house, client) = house_with("babbles").await;
    assert!(client.failure("files_pid").await.contains("did not start"));
    assert!(
        house.gateway.servers()[0]
            .last_error
            .as_ref()
            .unwrap()
            .contains("no MCP messages")
    );
    let (house, client) = house_with("future").await;
    assert!(client.failure("files_pid").await.contains("did not start"));
    assert!(
        house.gateway.servers()[0]
            .last_error
            .as_ref()
            .unwrap()
            .contains("2999-01-01")
    );
}

#[tokio::test]
async fn a_server_of_the_newer_era_is_spoken_to_in_its_way() {
    let (_house, client) = house_with("modern").await;
    assert!(!client.text("files_pid").await.is_empty());
    let meta = client.text("files_meta").await;
    assert!(
        meta.contains("2026-07-28") && meta.contains("drawbridge"),
        "{meta}"
    );
}

#[tokio::test]
async fn a_child_has_the_environment_it_was_given_and_no_other() {
    let house = House::new().await;
    let env = BTreeMap::from([
        ("TOKEN".to_owned(), SecretString::from("hush")),
        ("LANG".to_owned(), SecretString::from("fi")),
    ]);
    let with_env = NewServer {
        env,
        ..server("files", "well")
    };
    house.gateway.add_server(with_env).await.unwrap();
    let client = house.client(&["files"], AccessLevel::Read);
    let environment = client.text("files_environment").await;
    assert_eq!(environment, "LANG=fi\nPATH=/usr/bin:/bin\nTOKEN=hush");
    let status = format!("{:?}", house.gateway.servers());
    assert!(!status.contains("hush"));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn what_a_child_started_dies_with_it() {
    let (house, client) = house_with("deaf").await;
    let pid: u32 = client.text("files_pid").await.parse().unwrap();
    let offspring: u32 = client.text("files_offspring").await.parse().unwrap();
    assert!(is_alive(pid) && is_alive(offspring));
    // It ignores the end of its input and the polite signal.
    house.gateway.shutdown().await;
    assert!(!is_alive(pid));
    until("the end of its child", || !is_alive(offspring)).await;
    assert!(
        client.names().await.is_empty(),
        "nothing starts after the end"
    );
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn dropping_the_gateway_ends_its_children() {
    let (house, client) = house_with("deaf").await;
    let pid: u32 = client.text("files_pid").await.parse().unwrap();
    drop(client);
    drop(house);
    until("its end", || !is_alive(pid)).await;
}

#[tokio::test]
async fn a_changed_list_is_asked_for_again() {
    let (_house, client) = house_with("well").await;
    assert!(!client.names().await.contains(&"files_extra".to_owned()));
    client.text("files_change").await;
    assert!(client.names().await.contains(&"files_extra".to_owned()));
    assert_eq!(client.text("files_extra").await, "called extra");
}

#[tokio::test]
async fn errors_and_odd_results_of_a_server_reach_the_client_as_they_should() {
    let (house, client) = house_with("well").await;
    let error = client.call("files_error").await;
    assert_eq!(error["error"]["code"], -32602);
    assert_eq!(error["error"]["message"], "no good");
    assert_eq!(error["error"]["data"], json!({ "why": "because" }));
    assert!(
        client
            .failure("files_nonsense")
            .await
            .contains("not a tool's result")
    );
    assert!(
        client
            .failure("files_ask")
            .await
            .contains("not a tool's result")
    );
    let outcomes: Vec<_> = house
        .audit(3)
        .await
        .into_iter()
        .map(|record| record.outcome)
        .collect();
    assert_eq!(outcomes, [Outcome::Failed; 3]);
}

/// The fields of a process's `stat` after its name.
#[cfg(target_os = "linux")]
fn stat(pid: u32) -> Vec<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    fields.split_whitespace().map(str::to_owned).collect()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_child_has_a_session_of_its_own_and_so_no_terminal() {
    let (_house, client) = house_with("well").await;
    let pid: u32 = client.text("files_pid").await.parse().unwrap();
    let child = stat(pid);
    // Parent, group, session, terminal.
    assert_eq!(child[2], pid.to_string());
    assert_eq!(child[3], pid.to_string());
    assert_eq!(child[4], "0");
    assert_ne!(child[3], stat(std::process::id())[3]);
}

#[cfg(target_os = "linux")]
fn launcher() -> crate::harness::Launcher {
    let own = std::process::id().to_string();
    (CHILD.into(), vec!["launch".into(), own.into()])
}

/// The numbers of the processes that a server started and let go.
#[cfg(target_os = "linux")]
async fn runaways(client: &Client) -> Vec<u32> {
    let said = client.text("files_runaways").await;
    let numbers: Vec<u32> = said.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(numbers.len(), 2, "{said}");
    numbers
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_launched_child_is_watched_by_a_process_that_holds_nothing_of_it() {
    let house = House::launching(launcher()).await;
    house.add("files", "well").await;
    let client = house.client(&["files"], AccessLevel::Read);
    let pid: u32 = client.text("files_pid").await.parse().unwrap();
    let [watcher] = house.gateway.child_processes()[..] else {
        panic!("one child");
    };
    assert_eq!(stat(pid)[1], watcher.to_string());
    assert_eq!(stat(pid)[3], watcher.to_string());
    assert_eq!(stat(pid)[4], "0");
    // It becomes the watcher after it has started the server, which may answer before that.
    let own = std::process::id();
    let arguments = format!("/proc/self/exe\0watch\0{own}\0{pid}\0");
    until("the watcher", || {
        std::fs::read_to_string(format!("/proc/{watcher}/cmdline")).unwrap() == arguments
    })
    .await;
    let environment = std::fs::read(format!("/proc/{watcher}/environ")).unwrap();
    assert!(environment.is_empty());
    for handle in 0..3 {
        let open = std::fs::read_link(format!("/proc/{watcher}/fd/{handle}")).unwrap();
        assert_eq!(open.to_str(), Some("/dev/null"));
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn what_ran_away_from_a_launched_child_ends_when_it_is_stopped_or_ends() {
    for end in ["stop", "crash", "kill"] {
        let house = House::launching(launcher()).await;
        house.add("files", "deaf").await;
        let client = house.client(&["files"], AccessLevel::Read);
        let numbers = runaways(&client).await;
        assert!(numbers.iter().all(|pid| is_alive(*pid)), "{end}");
        match end {
            "stop" => house.gateway.set_enabled("files", false).await.unwrap(),
            "crash" => {
                client.failure("files_exit").await;
            }
            _ => {
                let pid: i32 = client.text("files_pid").await.parse().unwrap();
                let victim = rustix::process::Pid::from_raw(pid).unwrap();
                rustix::process::kill_process(victim, rustix::process::Signal::KILL).unwrap();
            }
        }
        until("the end of all", || {
            !numbers.iter().any(|pid| is_alive(*pid))
        })
        .await;
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_launched_child_and_all_below_it_die_with_a_parent_that_is_killed() {
    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};

    #[expect(clippy::disallowed_methods, reason = "it plays the app that is killed")]
    let mut nurse = tokio::process::Command::new(CHILD);
    let mut nurse = nurse
        .arg("nurse")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // The server is at the nurse's own input and output.
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": { "name": "runaways" } });
    let mut said = BufReader::new(nurse.stdout.take().unwrap()).lines();
    let watcher: u32 = said.next_line().await.unwrap().unwrap().parse().unwrap();
    let mut input = nurse.stdin.take().unwrap();
    input
        .write_all(format!("{call}\n").as_bytes())
        .await
        .unwrap();
    let answer: serde_json::Value =
        serde_json::from_str(&said.next_line().await.unwrap().unwrap()).unwrap();
    let said = answer["result"]["content"][0]["text"].as_str().unwrap();
    let mut all: Vec<u32> = said.lines().map(|line| line.parse().unwrap()).collect();
    all.push(watcher);
    assert_eq!(all.len(), 3);
    assert!(all.iter().all(|pid| is_alive(*pid)));
    nurse.kill().await.unwrap();
    until("the end of all", || !all.iter().any(|pid| is_alive(*pid))).await;
}
