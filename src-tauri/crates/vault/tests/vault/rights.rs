//! Owners, rights and links of the data directory and the key file.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;
use std::sync::Arc;

use drawbridge_vault::{
    DirectoryError, MemoryKeychain, OpenError, Vault, ensure_private_directory,
};

use crate::common::{fill, folder, options, vault};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[tokio::test]
async fn folder_and_files_are_their_users_alone() {
    let folder = folder();
    let data = folder.path().join("deep/er");
    let vault = vault(&data).await;
    fill(&vault).await;
    vault.read(|reader| reader.grant("row-1")).unwrap();
    assert_eq!(mode(&data), 0o700);
    for name in [
        "drawbridge.db",
        "drawbridge.db-wal",
        "drawbridge.db-shm",
        "lock",
    ] {
        assert_eq!(mode(&data.join(name)), 0o600, "{name}");
    }
}

#[tokio::test]
async fn an_empty_folder_and_ones_of_drawbridge_are_made_private() {
    let empty = folder();
    set_mode(empty.path(), 0o755);
    vault(empty.path()).await.close().await;
    assert_eq!(mode(empty.path()), 0o700);
    set_mode(empty.path(), 0o777);
    set_mode(&empty.path().join("drawbridge.db"), 0o644);
    ensure_private_directory(empty.path()).unwrap();
    assert_eq!(mode(empty.path()), 0o700);
    drop(vault(&empty.path().join("run")).await);
}

#[tokio::test]
async fn a_readable_database_file_is_made_private() {
    let folder = folder();
    fs::write(folder.path().join("drawbridge.db"), "").unwrap();
    set_mode(&folder.path().join("drawbridge.db"), 0o666);
    let _vault = vault(folder.path()).await;
    assert_eq!(mode(&folder.path().join("drawbridge.db")), 0o600);
}

#[test]
fn an_open_folder_with_other_peoples_things_is_left_as_it_is() {
    let folder = folder();
    fs::write(folder.path().join("thesis.odt"), "").unwrap();
    set_mode(folder.path(), 0o755);
    let error = ensure_private_directory(folder.path()).unwrap_err();
    assert!(matches!(error, DirectoryError::Exposed { .. }));
    assert!(error.to_string().contains("chmod 700"), "{error}");
    assert_eq!(mode(folder.path()), 0o755);
    // Private already: then what else is in it does not matter.
    set_mode(folder.path(), 0o700);
    ensure_private_directory(folder.path()).unwrap();
}

#[test]
fn a_folder_of_another_user_is_refused() {
    let folder = folder();
    // Root can make one; for everybody else `/` is one.
    let foreign = match chown(folder.path(), Some(1), None) {
        Ok(()) => folder.path(),
        Err(_) => Path::new("/"),
    };
    let error = ensure_private_directory(foreign).unwrap_err();
    assert!(
        matches!(error, DirectoryError::NotYours { .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn links_and_folders_in_place_of_files_are_refused() {
    let outside = folder();
    let target = outside.path().join("target");
    fs::write(&target, "").unwrap();
    for name in ["drawbridge.db", "lock"] {
        for is_link in [true, false] {
            let folder = folder();
            let path = folder.path().join(name);
            if is_link {
                symlink(&target, &path).unwrap();
            } else {
                fs::create_dir(&path).unwrap();
            }
            let opened = Vault::open(options(folder.path(), Arc::new(MemoryKeychain::new()))).await;
            assert!(
                matches!(
                    opened,
                    Err(OpenError::Directory(DirectoryError::WrongKind { .. }))
                ),
                "{name} link {is_link}"
            );
            assert_eq!(fs::read(&target).unwrap(), b"");
        }
    }
    let file = outside.path().join("file");
    fs::write(&file, "").unwrap();
    let error = ensure_private_directory(&file).unwrap_err();
    assert!(
        matches!(error, DirectoryError::WrongKind { .. }),
        "{error:?}"
    );
}

#[cfg(target_os = "linux")]
mod key_file {
    use drawbridge_vault::{KeyError, KeyFileError, KeyPlace};

    use super::*;
    use crate::common::assert_filled;

    async fn refused(folder: &Path) -> KeyFileError {
        match Vault::open(options(folder, Arc::new(MemoryKeychain::absent()))).await {
            Err(OpenError::Key(KeyError::File(error))) => error,
            Err(other) => panic!("{other:?}"),
            Ok(_) => panic!("it opened"),
        }
    }

    #[tokio::test]
    async fn is_the_last_resort_and_private_and_warned_of() {
        let folder = folder();
        let open = || Vault::open(options(folder.path(), Arc::new(MemoryKeychain::absent())));
        let vault = open().await.unwrap();
        assert_eq!(vault.key_place(), KeyPlace::File);
        assert!(
            vault
                .warning()
                .unwrap()
                .contains("whoever copies the folder copies the key")
        );
        assert_eq!(mode(&folder.path().join("key")), 0o600);
        fill(&vault).await;
        drop(vault);
        assert_filled(&open().await.unwrap());
    }

    #[tokio::test]
    async fn that_others_can_read_or_that_is_a_link_is_refused() {
        let folder = folder();
        let key = folder.path().join("key");
        drop(
            Vault::open(options(folder.path(), Arc::new(MemoryKeychain::absent())))
                .await
                .unwrap(),
        );
        set_mode(&key, 0o640);
        assert!(matches!(
            refused(folder.path()).await,
            KeyFileError::Exposed
        ));
        set_mode(&key, 0o600);
        fs::hard_link(&key, folder.path().join("second-name")).unwrap();
        assert!(matches!(
            refused(folder.path()).await,
            KeyFileError::NotPlain
        ));
        fs::remove_file(folder.path().join("second-name")).unwrap();
        let moved = folder.path().join("elsewhere");
        fs::rename(&key, &moved).unwrap();
        assert!(matches!(
            refused(folder.path()).await,
            KeyFileError::Missing
        ));
        symlink(&moved, &key).unwrap();
        assert!(matches!(
            refused(folder.path()).await,
            KeyFileError::NotPlain
        ));
        fs::remove_file(&key).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &key,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
            0,
        )
        .unwrap();
        assert!(matches!(
            refused(folder.path()).await,
            KeyFileError::NotPlain
        ));
        fs::remove_file(&key).unwrap();
        fs::write(&key, [0xff, 0xfe]).unwrap();
        set_mode(&key, 0o600);
        assert!(matches!(
            refused(folder.path()).await,
            KeyFileError::Malformed
        ));
        fs::write(&key, "a key this is not").unwrap();
        assert!(matches!(
            refused(folder.path()).await,
            KeyFileError::Malformed
        ));
        fs::rename(&moved, &key).unwrap();
        Vault::open(options(folder.path(), Arc::new(MemoryKeychain::absent())))
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn of_another_database_is_not_overwritten() {
        let folder = folder();
        fs::write(folder.path().join("key"), "precious").unwrap();
        set_mode(&folder.path().join("key"), 0o600);
        assert!(matches!(
            refused(folder.path()).await,
            KeyFileError::AlreadyThere
        ));
        assert!(matches!(
            refused(folder.path()).await,
            KeyFileError::AlreadyThere
        ));
        assert_eq!(
            fs::read_to_string(folder.path().join("key")).unwrap(),
            "precious"
        );
    }
}
