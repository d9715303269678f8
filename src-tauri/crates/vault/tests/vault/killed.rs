//! Killed at every commit there is: the vault opens, with everything it ever acknowledged.
//!
//! Each test runs a row of steps in a child process again and again, each time dying one commit
//! later, until it gets through.

use std::fs::{self, File, OpenOptions as FileOptions};
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use drawbridge_vault::{KeyPlace, OpenOptions, RefreshState, StoreError, Vault, is_being_erased};
use secrecy::SecretString;

use crate::common::{
    ENVIRONMENT_KEY, FolderKeychain, access_token, assert_filled, fill, folder, grant, hash,
    options, refresh_token,
};

const STEPS: &str = "DRAWBRIDGE_TEST_STEPS";
const FOLDER: &str = "DRAWBRIDGE_TEST_FOLDER";
const FAILPOINT: &str = "DRAWBRIDGE_FAILPOINT";
/// More commits than any of the rows of steps has.
const TOO_MANY: u32 = 400;

fn killable_options(folder: &Path) -> OpenOptions {
    let keychain = folder.join("keychain");
    fs::create_dir_all(&keychain).unwrap();
    OpenOptions {
        environment_key: Some(SecretString::from(ENVIRONMENT_KEY)),
        ..options(&folder.join("data"), Arc::new(FolderKeychain(keychain)))
    }
}

/// Not a test of its own: the child that the tests below start and that dies on the way.
#[tokio::test]
#[ignore = "the other tests of this file run it in a child process"]
#[expect(
    clippy::disallowed_methods,
    reason = "the only way to tell the child what to do"
)]
async fn child() {
    let (Ok(steps), Ok(folder)) = (std::env::var(STEPS), std::env::var(FOLDER)) else {
        return;
    };
    let folder = PathBuf::from(folder);
    let vault = Vault::open(killable_options(&folder)).await.unwrap();
    match &*steps {
        "fill" => fill(&vault).await,
        "rotate" => drop(vault.rotate().await.unwrap()),
        "refresh" => refresh(&vault, &folder).await,
        "erase" => {
            vault.begin_erasing().await.unwrap();
            vault.erase(&[folder.join("logs")]).await.unwrap();
        }
        "open" => {}
        place => vault.move_key(place.parse().unwrap()).await.unwrap(),
    }
}

/// Runs the steps in a child. Answers whether it got through; else it died at the failpoint.
#[expect(
    clippy::disallowed_methods,
    reason = "a child that dies is what is tested"
)]
fn run(folder: &Path, steps: &str, failpoint: Option<&str>) -> bool {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "killed::child", "--ignored", "--test-threads=1"])
        .env(STEPS, steps)
        .env(FOLDER, folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if let Some(failpoint) = failpoint {
        command.env(FAILPOINT, failpoint);
    }
    let ended = command.status().unwrap();
    assert!(
        ended.success() || ended.signal().is_some(),
        "the child failed: {ended}"
    );
    ended.success()
}

/// Kills the steps at each commit, before and after it, and looks at what is left.
async fn killed_everywhere(steps: &str, prepare: &[&str], look: impl AsyncFn(&Path)) {
    killed_at(&["before-commit", "after-commit"], steps, prepare, look).await;
}

/// The same at each place of these kinds.
async fn killed_at(kinds: &[&str], steps: &str, prepare: &[&str], look: impl AsyncFn(&Path)) {
    for when in kinds {
        let mut number = 1;
        loop {
            let folder = folder();
            for steps in prepare {
                assert!(run(folder.path(), steps, None));
            }
            let through = run(folder.path(), steps, Some(&format!("{when}:{number}")));
            look(folder.path()).await;
            if through {
                break;
            }
            number += 1;
            assert!(number < TOO_MANY, "it never gets through");
        }
        assert!(number > 1, "it was never killed");
    }
}

/// Opens it and expects that it is new: nothing of what was erased is left, and nothing is missing.
async fn expect_new(folder: &Path, place: KeyPlace) {
    let vault = open(folder).await;
    let kept = vault
        .read(|reader| -> Result<_, StoreError> {
            Ok((reader.grants()?.len(), reader.secret_names()?.len()))
        })
        .unwrap();
    assert_eq!(kept, (0, 0));
    assert!(!is_being_erased(&folder.join("data")));
    assert_eq!(vault.key_place(), KeyPlace::Keychain);
    let items = fs::read_dir(folder.join("keychain")).unwrap().count();
    assert_eq!(items, 1, "the key was in the {place}");
    assert!(!folder.join("data/key").exists());
    fill(&vault).await;
    vault.close().await;
    assert_filled(&open(folder).await);
}

async fn open(folder: &Path) -> Vault {
    Vault::open(killable_options(folder)).await.unwrap()
}

#[tokio::test]
async fn while_a_vault_is_made() {
    killed_everywhere("fill", &[], async |folder| {
        let vault = open(folder).await;
        fill(&vault).await;
        drop(vault);
        drop(open(folder).await);
        assert_eq!(fs::read_dir(folder.join("keychain")).unwrap().count(), 1);
    })
    .await;
}

#[tokio::test]
async fn while_the_data_key_is_rotated() {
    killed_everywhere("rotate", &["fill"], async |folder| {
        // Opening finishes it.
        let vault = open(folder).await;
        assert_filled(&vault);
        vault.close().await;
        let database = rusqlite::Connection::open(folder.join("data/drawbridge.db")).unwrap();
        let keys: i64 = database
            .query_row("SELECT count(*) FROM data_keys", [], |row| row.get(0))
            .unwrap();
        assert_eq!(keys, 1);
        drop(database);
        let vault = open(folder).await;
        assert_filled(&vault);
        vault.rotate().await.unwrap();
        assert_filled(&vault);
    })
    .await;
}

async fn killed_while_moving(from: KeyPlace, to: KeyPlace) {
    let mut prepare = vec!["fill"];
    if from != KeyPlace::Keychain {
        prepare.push(from.as_str());
    }
    killed_everywhere(to.as_str(), &prepare, async |folder| {
        let check = async |expected: Option<KeyPlace>| {
            let vault = open(folder).await;
            let place = vault.key_place();
            assert!(place == from || place == to);
            assert!(expected.is_none_or(|expected| expected == place));
            assert_filled(&vault);
            // Nothing is left in the other places.
            assert_eq!(folder.join("data/key").exists(), place == KeyPlace::File);
            let items = fs::read_dir(folder.join("keychain")).unwrap().count();
            assert_eq!(items, usize::from(place == KeyPlace::Keychain));
            if place != to {
                vault.move_key(to).await.unwrap();
            }
        };
        check(None).await;
        check(Some(to)).await;
    })
    .await;
}

#[tokio::test]
async fn while_the_key_moves_from_keychain_to_environment() {
    killed_while_moving(KeyPlace::Keychain, KeyPlace::Environment).await;
}

#[tokio::test]
async fn while_the_key_moves_from_environment_to_keychain() {
    killed_while_moving(KeyPlace::Environment, KeyPlace::Keychain).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn while_the_key_moves_from_keychain_to_file() {
    killed_while_moving(KeyPlace::Keychain, KeyPlace::File).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn while_the_key_moves_from_file_to_environment() {
    killed_while_moving(KeyPlace::File, KeyPlace::Environment).await;
}

async fn killed_while_erasing(prepare: &[&str], place: KeyPlace) {
    killed_at(&["erasing"], "erase", prepare, async |folder| {
        expect_new(folder, place).await;
    })
    .await;
}

#[tokio::test]
async fn while_everything_is_erased() {
    killed_while_erasing(&["fill"], KeyPlace::Keychain).await;
    killed_while_erasing(&["fill", "environment"], KeyPlace::Environment).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn while_everything_is_erased_with_a_key_file() {
    killed_while_erasing(&["fill", "file"], KeyPlace::File).await;
}

#[tokio::test]
async fn again_while_the_next_start_finishes_the_erasing() {
    let mut number = 1;
    loop {
        let folder = folder();
        assert!(run(folder.path(), "fill", None));
        assert!(!run(folder.path(), "erase", Some("erasing:1")));
        let failpoint = format!("erasing:{number}");
        let through = run(folder.path(), "open", Some(&failpoint));
        expect_new(folder.path(), KeyPlace::Keychain).await;
        if through {
            break;
        }
        number += 1;
        assert!(number < TOO_MANY, "it never gets through");
    }
    assert!(number > 3, "it was killed on the way");
}

/// Refreshes one token twenty times; each is written down outside once it is acknowledged.
async fn refresh(vault: &Vault, folder: &Path) {
    let mut acknowledged = FileOptions::new()
        .append(true)
        .create(true)
        .open(folder.join("acknowledged"))
        .unwrap();
    let start = |writer: &drawbridge_vault::Writer<'_>| -> Result<(), StoreError> {
        writer.put_grant(&grant("g"))?;
        writer.put_refresh_token(&refresh_token(0, "g"))
    };
    vault.write(start).await.unwrap();
    for number in 1..=20_u8 {
        vault
            .write(move |writer| -> Result<(), StoreError> {
                let mut successor = refresh_token(number, "g");
                successor.parent = Some(hash(number - 1));
                writer.set_refresh_state(&hash(number - 1), RefreshState::Dead)?;
                writer.put_refresh_token(&successor)?;
                writer.put_access_token(&access_token(number, "g"))
            })
            .await
            .unwrap();
        acknowledged.write_all(&[number]).unwrap();
        File::sync_data(&acknowledged).unwrap();
    }
}

#[tokio::test]
async fn while_tokens_are_refreshed() {
    killed_everywhere("refresh", &[], async |folder| {
        let acknowledged = fs::read(folder.join("acknowledged")).unwrap_or_default();
        let vault = open(folder).await;
        let (refresh, access) = vault
            .read(|reader| -> Result<_, StoreError> {
                Ok((
                    reader.refresh_tokens_of("g")?,
                    reader.access_tokens_of("g")?,
                ))
            })
            .unwrap();
        let last = acknowledged.last().copied().unwrap_or(0);
        assert!(
            access.len() >= usize::from(last),
            "an acknowledged refresh is lost"
        );
        assert!(
            access.len() <= usize::from(last) + 1,
            "a refresh is there that never was"
        );
        assert!(
            refresh.is_empty() || refresh.len() == access.len() + 1,
            "half a refresh"
        );
        let active = refresh
            .iter()
            .filter(|row| row.state == RefreshState::Active)
            .count();
        assert_eq!(active, usize::from(!refresh.is_empty()));
    })
    .await;
}
