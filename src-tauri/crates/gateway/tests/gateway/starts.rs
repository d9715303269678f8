//! How a start goes: what is told of it, how it is given up, and what is said when it fails.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use drawbridge_gateway::{Event, Health, MAX_PROGRESS_LINE, NewServer, ServerStatus};
use secrecy::SecretString;

#[cfg(target_os = "linux")]
use crate::harness::is_alive;
use crate::harness::{CHILD, House, server, until};

/// A house that starts children as the app does here.
async fn house() -> House {
    if cfg!(target_os = "linux") {
        let own = std::process::id().to_string();
        House::launching((CHILD.into(), vec!["launch".into(), own.into()])).await
    } else {
        House::new().await
    }
}

fn status(house: &House) -> ServerStatus {
    house.gateway.servers().remove(0)
}

async fn failed(house: &House) -> String {
    until("a failure", || status(house).health == Health::Failed).await;
    status(house).last_error.unwrap()
}

/// The numbers of a child that fetches and of its own child, once it has said them.
#[cfg(unix)]
async fn fetching(house: &House) -> Vec<u32> {
    let numbers = |status: ServerStatus| -> Option<Vec<u32>> {
        let line = status.progress?;
        line.split(' ').map(|number| number.parse().ok()).collect()
    };
    until("its numbers", || numbers(status(house)).is_some()).await;
    numbers(status(house)).unwrap()
}

#[cfg(unix)]
#[tokio::test]
async fn a_start_tells_since_when_and_what_was_said_last() {
    let house = house().await;
    let began = Instant::now();
    house
        .gateway
        .add_server(server("files", "fetches"))
        .await
        .unwrap();
    assert!(began.elapsed() < Duration::from_secs(5), "it does not wait");
    assert_eq!(status(&house).health, Health::Starting);
    assert!(status(&house).starting_since.is_some());
    assert_eq!(fetching(&house).await.len(), 2);
    let log = house.gateway.log_tail("files").unwrap();
    assert!(!log.join("\n").contains("secret"), "{log:?}");
    let told = house.told();
    let changes = told
        .iter()
        .filter(|event| matches!(event, Event::ServersChanged))
        .count();
    // Stored, starting, and at least once because of what it said.
    assert!(changes >= 3, "{told:?}");
    house.gateway.remove_server("files").await.unwrap();
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_start_that_is_not_wanted_ends_at_once_with_all_it_started() {
    for removed in [true, false] {
        let house = house().await;
        house
            .gateway
            .add_server(server("files", "fetches"))
            .await
            .unwrap();
        let numbers = fetching(&house).await;
        assert!(numbers.iter().all(|pid| is_alive(*pid)));
        if removed {
            house.gateway.remove_server("files").await.unwrap();
            assert!(house.gateway.servers().is_empty());
        } else {
            house.gateway.set_enabled("files", false).await.unwrap();
            let status = status(&house);
            assert_eq!(status.health, Health::Idle);
            assert_eq!((status.starting_since, status.progress), (None, None));
            assert_eq!(status.last_error, None, "it did not fail");
        }
        until("the end of all", || {
            !numbers.iter().any(|pid| is_alive(*pid))
        })
        .await;
        let told = house.told();
        let failures = told
            .iter()
            .any(|event| matches!(event, Event::ServerFailed { .. }));
        assert!(!failures, "{told:?}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_server_that_was_given_up_starts_again_when_it_is_switched_on() {
    let house = house().await;
    house
        .gateway
        .add_server(server("files", "fetches"))
        .await
        .unwrap();
    let before = fetching(&house).await;
    house.gateway.set_enabled("files", false).await.unwrap();
    house.gateway.set_enabled("files", true).await.unwrap();
    assert_eq!(status(&house).health, Health::Starting);
    assert_eq!(status(&house).progress, None, "nothing of the time before");
    let after = fetching(&house).await;
    assert_ne!(before, after);
    house.gateway.shutdown().await;
}

#[tokio::test]
async fn a_start_that_fails_says_with_what_and_the_last_words() {
    let house = house().await;
    house.add("files", "exits").await;
    let error = failed(&house).await;
    assert_eq!(
        error,
        "it ended with exit status 3; its last words: starting in mode exits"
    );
    let failures: Vec<_> = house
        .told()
        .into_iter()
        .filter(|event| matches!(event, Event::ServerFailed { .. }))
        .collect();
    let expected = Event::ServerFailed {
        server: "files".to_owned(),
        reason: error,
    };
    assert_eq!(failures, [expected]);
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named_with_what_to_do() {
    for (command, words) in [
        (
            "no-such-program",
            "was not found; install it, or give its full path",
        ),
        ("/nowhere/program", "check its path and its permissions"),
    ] {
        let house = house().await;
        let files = NewServer {
            command: command.to_owned(),
            ..server("files", "")
        };
        house.gateway.add_server(files).await.unwrap();
        let error = failed(&house).await;
        assert!(error.contains(command) && error.contains(words), "{error}");
    }
}

#[tokio::test]
async fn one_that_says_nothing_is_told_apart() {
    let house = house().await;
    house.add("files", "wordless").await;
    let error = failed(&house).await;
    assert!(
        error.starts_with("it ended with exit status 7 and said nothing; start its command"),
        "{error}"
    );
}

#[tokio::test]
async fn the_words_of_an_earlier_start_are_not_told_again() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("mark").display().to_string();
    let house = house().await;
    let files = NewServer {
        env: BTreeMap::from([("MARK".to_owned(), SecretString::from(mark))]),
        ..server("files", "grows silent")
    };
    house.gateway.add_server(files).await.unwrap();
    assert!(failed(&house).await.contains("words of the first time"));
    house.gateway.set_enabled("files", false).await.unwrap();
    house.gateway.set_enabled("files", true).await.unwrap();
    until("the second end", || {
        status(&house)
            .last_error
            .is_some_and(|error| error.contains("said nothing"))
    })
    .await;
    let log = house.gateway.log_tail("files").unwrap();
    assert_eq!(log, ["words of the first time"], "the log keeps them");
}

#[tokio::test]
async fn what_is_told_of_a_line_has_a_limit() {
    let house = house().await;
    let long = NewServer {
        args: vec![format!("silent {}", "é".repeat(500))],
        ..server("files", "")
    };
    house.gateway.add_server(long).await.unwrap();
    until("a line", || status(&house).progress.is_some()).await;
    let line = status(&house).progress.unwrap();
    assert_eq!(line.chars().count(), MAX_PROGRESS_LINE);
    house.gateway.remove_server("files").await.unwrap();
}
