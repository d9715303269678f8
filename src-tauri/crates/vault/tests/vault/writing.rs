//! Group commit: everybody gets their own answer, and nobody harms another.

use std::sync::Arc;
use std::sync::mpsc::channel;

use drawbridge_vault::{MemoryKeychain, StoreError, Vault};
use tokio::task::JoinSet;

use crate::common::{access_token, at, folder, grant, hash, options, vault};

#[derive(Debug, PartialEq)]
enum Refused {
    Rule,
    Store(StoreError),
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Holds the writer until the sender is dropped, so that what follows is one group.
async fn hold(vault: &Vault) -> std::sync::mpsc::Sender<()> {
    let (release, held) = channel::<()>();
    let (started, running) = tokio::sync::oneshot::channel();
    let vault = vault.clone();
    tokio::spawn(async move {
        vault
            .write(move |_| -> Result<(), StoreError> {
                let _ = started.send(());
                let _ = held.recv();
                Ok(())
            })
            .await
    });
    running.await.unwrap();
    release
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_one_group_the_failed_leave_no_trace_and_the_others_are_saved() {
    let folder = folder();
    let vault = vault(folder.path()).await;
    let release = hold(&vault).await;
    let mut jobs = JoinSet::new();
    for number in 0..200_u8 {
        let vault = vault.clone();
        jobs.spawn(async move {
            let answer = vault
                .write(move |writer| {
                    writer.put_grant(&grant(&format!("g{number}")))?;
                    match number % 4 {
                        0 => Err(Refused::Rule),
                        1 => panic!("a job that panics"),
                        2 => {
                            writer.put_access_token(&access_token(number, "gone"))?;
                            Ok(number)
                        }
                        _ => Ok(number),
                    }
                })
                .await;
            (number, answer)
        });
    }
    drop(release);
    while let Some(finished) = jobs.join_next().await {
        let (number, answer) = finished.unwrap();
        let expected = match number % 4 {
            0 => Err(Refused::Rule),
            1 => Err(Refused::Store(StoreError::Panicked)),
            2 => Err(Refused::Store(StoreError::Orphan)),
            _ => Ok(number),
        };
        assert_eq!(answer, expected);
        let saved = vault
            .read(|reader| reader.grant(&format!("g{number}")))
            .unwrap();
        assert_eq!(saved.is_some(), answer.is_ok(), "{number}");
    }
}

#[tokio::test]
async fn what_nobody_waits_for_is_done_in_order_and_saved_at_the_end() {
    let folder = folder();
    let keychain = Arc::new(MemoryKeychain::new());
    let vault = Vault::open(options(folder.path(), keychain.clone()))
        .await
        .unwrap();
    vault
        .write_soon(|writer| writer.put_grant(&grant("a")))
        .await
        .unwrap();
    vault
        .write_soon(|writer| writer.touch_grant("a", at(7)).map(drop))
        .await
        .unwrap();
    // One that fails is nobody's loss but its own.
    vault
        .write_soon(|writer| writer.put_access_token(&access_token(1, "gone")))
        .await
        .unwrap();
    vault
        .write_soon(|_| panic!("in the background"))
        .await
        .unwrap();
    let seen = vault
        .write(|writer| writer.grant("a"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(seen.last_used_at, at(7));
    for number in 0..50 {
        let touched = move |writer: &drawbridge_vault::Writer<'_>| {
            writer.touch_grant("a", at(100 + number)).map(drop)
        };
        vault.write_soon(touched).await.unwrap();
    }
    drop(vault);
    let vault = Vault::open(options(folder.path(), keychain)).await.unwrap();
    let saved = vault.read(|reader| reader.grant("a")).unwrap().unwrap();
    assert_eq!(saved.last_used_at, at(149));
}

#[tokio::test]
async fn work_nobody_waits_for_any_more_is_done_all_the_same() {
    let folder = folder();
    let vault = vault(folder.path()).await;
    let release = hold(&vault).await;
    {
        let mut abandoned = Box::pin(
            vault.write(|writer| -> Result<(), StoreError> { writer.put_grant(&grant("a")) }),
        );
        // Queued with the first poll, then given up.
        let polled = futures_poll(&mut abandoned);
        assert!(polled.is_pending());
    }
    drop(release);
    assert!(
        vault
            .write(|writer| writer.grant("a"))
            .await
            .unwrap()
            .is_some()
    );
}

fn futures_poll<F: Future + Unpin>(future: &mut F) -> std::task::Poll<F::Output> {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    std::pin::Pin::new(future).poll(&mut context)
}

#[tokio::test]
async fn a_closed_vault_says_so_and_gives_the_folder_free() {
    let folder = folder();
    let keychain = Arc::new(MemoryKeychain::new());
    let vault = Vault::open(options(folder.path(), keychain.clone()))
        .await
        .unwrap();
    vault
        .write(|writer| writer.put_grant(&grant("a")))
        .await
        .unwrap();
    let clone = vault.clone();
    vault.close().await;
    vault.close().await;
    assert_eq!(
        clone.read(|reader| reader.grant("a")),
        Err(StoreError::Closed)
    );
    assert_eq!(
        clone.write(|writer| writer.grant("a")).await,
        Err(StoreError::Closed)
    );
    assert_eq!(clone.write_soon(|_| Ok(())).await, Err(StoreError::Closed));
    let again = Vault::open(options(folder.path(), keychain)).await.unwrap();
    assert!(again.read(|reader| reader.grant("a")).unwrap().is_some());
}

#[tokio::test]
async fn the_last_handle_may_go_inside_a_job() {
    let folder = folder();
    let keychain = Arc::new(MemoryKeychain::new());
    let vault = Vault::open(options(folder.path(), keychain.clone()))
        .await
        .unwrap();
    let inside = vault.clone();
    vault
        .write_soon(move |writer| {
            drop(inside);
            writer.put_grant(&grant("a"))
        })
        .await
        .unwrap();
    drop(vault);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_see_whole_writes_only() {
    let folder = folder();
    let vault = vault(folder.path()).await;
    vault
        .write(|writer| writer.put_grant(&grant("g")))
        .await
        .unwrap();
    let writing = tokio::spawn({
        let vault = vault.clone();
        async move {
            for round in 0..100 {
                vault
                    .write(move |writer| -> Result<(), StoreError> {
                        writer.delete_access_tokens_of("g")?;
                        for number in 0..4 {
                            let mut row = access_token(number, "g");
                            row.created_at = at(round);
                            writer.put_access_token(&row)?;
                        }
                        Ok(())
                    })
                    .await
                    .unwrap();
            }
        }
    });
    let reading: Vec<_> = (0..6)
        .map(|_| {
            let (vault, writing) = (vault.clone(), writing.abort_handle());
            std::thread::spawn(move || {
                while !writing.is_finished() {
                    vault
                        .read(|reader| -> Result<(), StoreError> {
                            let listed = reader.access_tokens_of("g")?;
                            assert!(listed.is_empty() || listed.len() == 4);
                            for row in &listed {
                                let single = reader.access_token(&row.hash)?;
                                assert_eq!(single.as_ref(), Some(row), "one snapshot");
                                assert_eq!(row.created_at, listed[0].created_at);
                            }
                            Ok(())
                        })
                        .unwrap();
                }
            })
        })
        .collect();
    writing.await.unwrap();
    for thread in reading {
        thread.join().unwrap();
    }
    assert!(
        vault
            .read(|reader| reader.access_token(&hash(3)))
            .unwrap()
            .is_some()
    );
}

#[tokio::test]
async fn a_read_that_panics_costs_no_reader() {
    let folder = folder();
    let vault = vault(folder.path()).await;
    for _ in 0..20 {
        let vault = vault.clone();
        let panicked = std::thread::spawn(move || {
            vault.read(|_| -> Result<(), StoreError> { panic!("in a read") })
        })
        .join();
        assert!(panicked.is_err());
    }
    vault
        .write(|writer| writer.put_grant(&grant("a")))
        .await
        .unwrap();
    assert!(
        vault.read(|reader| reader.grant("a")).unwrap().is_some(),
        "and sees what is new"
    );
}
