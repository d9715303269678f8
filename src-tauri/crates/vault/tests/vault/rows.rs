//! What is written is read back, ordered, counted and deleted as the row's file says.

use drawbridge_vault::{RefreshState, StoreError, VALUE_LIMIT, Vault, Writer};
use secrecy::{ExposeSecret, SecretString};

use crate::common::{
    CANARY, access_token, assert_filled, at, client, code, contains, files, fill, folder, grant,
    hash, refresh_token, server, vault,
};

async fn write<T: Send + 'static>(
    vault: &Vault,
    work: impl FnOnce(&Writer<'_>) -> Result<T, StoreError> + Send + 'static,
) -> T {
    vault.write(work).await.unwrap()
}

fn read<T>(
    vault: &Vault,
    work: impl FnOnce(&drawbridge_vault::Reader<'_>) -> Result<T, StoreError>,
) -> T {
    vault.read(work).unwrap()
}

#[tokio::test]
async fn every_sealed_row_comes_back_and_stands_nowhere_in_plain() {
    let folder = folder();
    let vault = vault(folder.path()).await;
    fill(&vault).await;
    assert_filled(&vault);
    for (path, bytes) in files(folder.path()) {
        assert!(
            !contains(&bytes, CANARY),
            "{} holds a sealed value in plain",
            path.display()
        );
    }
    vault.close().await;
    for (path, bytes) in files(folder.path()) {
        assert!(
            !contains(&bytes, CANARY),
            "{} holds a sealed value in plain",
            path.display()
        );
    }
}

#[tokio::test]
async fn clients_are_replaced_touched_approved_counted_and_forgotten() {
    let folder = folder();
    let vault = vault(folder.path()).await;
    write(&vault, |writer| {
        assert!(!writer.touch_client("a", at(1))?);
        writer.put_client(&client("a"))?;
        writer.put_client(&client("b"))?;
        assert!(writer.touch_client("a", at(50))?);
        // The clock may go backwards; what was used later stays used later.
        assert!(writer.touch_client("a", at(20))?);
        assert!(writer.mark_client_approved("a")?);
        assert!(!writer.mark_client_approved("nobody")?);
        Ok(())
    })
    .await;
    let row = read(&vault, |reader| reader.client("a")).unwrap();
    assert!(row.approved && row.last_used_at == at(50));
    assert_eq!(read(&vault, |reader| reader.count_clients("dcr")), 2);
    assert_eq!(read(&vault, |reader| reader.count_clients("cimd")), 0);
    let mut changed = client("b");
    changed.kind = "cimd".to_owned();
    changed.details = b"other".to_vec();
    let expected = changed.clone();
    write(&vault, move |writer| writer.put_client(&changed)).await;
    assert_eq!(read(&vault, |reader| reader.client("b")), Some(expected));
    assert!(write(&vault, |writer| writer.delete_client("b")).await);
    assert!(!write(&vault, |writer| writer.delete_client("b")).await);
    assert_eq!(read(&vault, |reader| reader.client("b")), None);
}

#[tokio::test]
async fn the_stalest_unapproved_client_is_old_unapproved_and_not_kept() {
    let folder = folder();
    let vault = vault(folder.path()).await;
    write(&vault, |writer| {
        for (id, created, used, approved) in [
            ("old", 0, 40, false),
            ("stale", 1, 10, false),
            ("approved", 2, 5, true),
            ("young", 900, 1, false),
        ] {
            let mut row = client(id);
            (row.created_at, row.last_used_at, row.approved) = (at(created), at(used), approved);
            writer.put_client(&row)?;
        }
        Ok(())
    })
    .await;
    let stalest = |keep: &[&str]| {
        let keep: Vec<String> = keep.iter().map(|id| (*id).to_owned()).collect();
        read(&vault, |reader| {
            reader.stalest_unapproved_client("dcr", at(100), &keep)
        })
    };
    assert_eq!(stalest(&[]).as_deref(), Some("stale"));
    assert_eq!(stalest(&["stale"]).as_deref(), Some("old"));
    assert_eq!(stalest(&["stale", "old"]), None);
}

#[tokio::test]
async fn grants_are_listed_newest_first_and_found_when_unused_or_expired() {
    let folder = folder();
    let vault = vault(folder.path()).await;
    write(&vault, |writer| {
        for (id, created, used, expires) in [
            ("a", 1, 10, None),
            ("b", 3, 30, Some(50)),
            ("c", 2, 90, Some(80)),
        ] {
            let mut row = grant(id);
            (row.created_at, row.last_used_at, row.expires_at) =
                (at(created), at(used), expires.map(at));
            writer.put_grant(&row)?;
        }
        Ok(())
    })
    .await;
    let ids = |rows: Vec<drawbridge_vault::GrantRow>| -> Vec<String> {
        rows.into_iter().map(|row| row.id).collect()
    };
    assert_eq!(ids(read(&vault, |reader| reader.grants())), ["b", "c", "a"]);
    assert_eq!(
        read(&vault, |reader| reader.live_grant_ids_of_client("client")),
        ["b", "c", "a"]
    );
    assert!(read(&vault, |reader| reader.live_grant_ids_of_client("other")).is_empty());
    assert_eq!(
        read(&vault, |reader| reader.grants_unused_since(at(60))),
        ["a", "b"]
    );
    assert_eq!(
        read(&vault, |reader| reader.grants_expired(at(49))),
        Vec::<String>::new()
    );
    assert_eq!(
        read(&vault, |reader| reader.grants_expired(at(80))),
        ["b", "c"]
    );
    let count = |now, used_since| {
        read(&vault, |reader| {
            reader.count_live_grants(at(now), at(used_since))
        })
    };
    assert_eq!(
        [count(49, 9), count(50, 9), count(79, 30), count(80, 0)],
        [3, 2, 1, 1]
    );
    let live = |now, used_since| {
        read(&vault, |reader| {
            reader.live_grant_ids(at(now), at(used_since))
        })
    };
    assert_eq!(live(49, 9), ["b", "c", "a"]);
    assert_eq!((live(79, 30).len(), live(80, 0).len()), (1, 1));
    write(&vault, |writer| {
        assert!(writer.end_grant("b", at(55), "expired")?);
        assert!(
            !writer.end_grant("b", at(99), "revoked")?,
            "it keeps its first end"
        );
        assert!(!writer.end_grant("nothing", at(99), "revoked")?);
        assert!(writer.touch_grant("a", at(61))?);
        Ok(())
    })
    .await;
    assert_eq!(read(&vault, |reader| reader.grants_expired(at(80))), ["c"]);
    assert_eq!(
        read(&vault, |reader| reader.live_grant_ids_of_client("client")),
        ["c", "a"]
    );
    assert!(read(&vault, |reader| reader.grants_unused_since(at(60))).is_empty());
    let ended = read(&vault, |reader| reader.grant("b")).unwrap();
    assert_eq!(
        (ended.ended_at, ended.end_reason.as_deref()),
        (Some(at(55)), Some("expired"))
    );
    assert_eq!(
        write(&vault, |writer| writer.delete_grants_ended_before(at(55))).await,
        0
    );
    assert_eq!(
        write(&vault, |writer| writer.delete_grants_ended_before(at(56))).await,
        1
    );
    assert_eq!(ids(read(&vault, |reader| reader.grants())), ["c", "a"]);
}

#[tokio::test]
async fn ending_a_grant_takes_its_codes_and_tokens_and_nobody_elses() {
    let folder = folder();
    let vault = vault(folder.path()).await;
    write(&vault, |writer| {
        for (number, id) in [(1, "ends"), (2, "stays")] {
            writer.put_grant(&grant(id))?;
            writer.put_code(&code(number, id))?;
            writer.put_refresh_token(&refresh_token(number, id))?;
            writer.put_access_token(&access_token(number, id))?;
        }
        writer.end_grant("ends", at(9), "revoked")
    })
    .await;
    read(&vault, |reader| {
        assert_eq!(reader.code(&hash(1))?, None);
        assert_eq!(reader.refresh_token(&hash(1))?, None);
        assert_eq!(reader.access_token(&hash(1))?, None);
        assert_eq!(reader.code(&hash(2))?, Some(code(2, "stays")));
        assert_eq!(
            reader.refresh_token(&hash(2))?,
            Some(refresh_token(2, "stays"))
        );
        assert_eq!(
            reader.access_token(&hash(2))?,
            Some(access_token(2, "stays"))
        );
        Ok(())
    });
    // Replacing a grant does not take its tokens, forgetting it does.
    write(&vault, |writer| {
        writer.put_grant(&grant("stays"))?;
        assert!(writer.access_token(&hash(2))?.is_some());
        writer.end_grant("stays", at(9), "revoked")?;
        writer.put_access_token(&access_token(3, "stays"))?;
        writer.delete_grants_ended_before(at(10))?;
        assert!(writer.access_token(&hash(3))?.is_none());
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_code_is_used_once() {
    let folder = folder();
    let vault = vault(folder.path()).await;
    write(&vault, |writer| {
        writer.put_grant(&grant("g"))?;
        writer.put_code(&code(1, "g"))?;
        assert!(writer.mark_code_used(&hash(1), at(5))?);
        assert!(!writer.mark_code_used(&hash(1), at(6))?);
        assert!(!writer.mark_code_used(&hash(2), at(6))?);
        assert_eq!(
            writer.code(&hash(1))?.and_then(|row| row.used_at),
            Some(at(5))
        );
        assert_eq!(writer.delete_codes_expired_before(at(600))?, 0);
        assert_eq!(writer.delete_codes_expired_before(at(601))?, 1);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn tokens_belong_to_a_grant_that_exists() {
    let folder = folder();
    let vault = vault(folder.path()).await;
    let orphan = vault
        .write(|writer| writer.put_access_token(&access_token(1, "gone")))
        .await;
    assert_eq!(orphan, Err(StoreError::Orphan));
    let orphan = vault
        .write(|writer| writer.put_refresh_token(&refresh_token(1, "gone")))
        .await;
    assert_eq!(orphan, Err(StoreError::Orphan));
    let orphan = vault
        .write(|writer| writer.put_code(&code(1, "gone")))
        .await;
    assert_eq!(orphan, Err(StoreError::Orphan));
}

#[tokio::test]
async fn a_refresh_token_changes_state_and_its_access_tokens_go() {
    let folder = folder();
    let vault = vault(folder.path()).await;
    write(&vault, |writer| {
        writer.put_grant(&grant("g"))?;
        writer.put_refresh_token(&refresh_token(1, "g"))?;
        let mut successor = refresh_token(2, "g");
        (successor.parent, successor.created_at) = (Some(hash(1)), at(1));
        writer.put_refresh_token(&successor)?;
        assert!(writer.set_refresh_state(&hash(1), RefreshState::Superseded)?);
        assert!(!writer.set_refresh_state(&hash(9), RefreshState::Dead)?);
        let family = writer.refresh_tokens_of("g")?;
        let states: Vec<_> = family.iter().map(|row| (row.hash[0], row.state)).collect();
        assert_eq!(
            states,
            [(1, RefreshState::Superseded), (2, RefreshState::Active)]
        );
        assert_eq!(family[1].parent, Some(hash(1)));

        for (number, refresh) in [(11, 1), (12, 2)] {
            let mut row = access_token(number, "g");
            row.refresh = Some(hash(refresh));
            writer.put_access_token(&row)?;
        }
        assert_eq!(writer.delete_access_tokens_of_refresh("g", &hash(1))?, 1);
        assert_eq!(writer.access_tokens_of("g")?.len(), 1);
        assert!(writer.delete_access_token(&hash(12))?);
        assert!(!writer.delete_access_token(&hash(12))?);

        let mut lasting = access_token(13, "g");
        lasting.expires_at = None;
        writer.put_access_token(&lasting)?;
        writer.put_access_token(&access_token(14, "g"))?;
        assert_eq!(
            writer.delete_access_tokens_expired_before(at(9_999_999))?,
            1
        );
        assert_eq!(writer.access_token(&hash(13))?, Some(lasting));
        assert_eq!(writer.delete_access_tokens_of("g")?, 1);

        assert!(writer.delete_refresh_token(&hash(1))?);
        assert_eq!(writer.delete_refresh_tokens_expired_before(at(600))?, 0);
        assert_eq!(writer.delete_refresh_tokens_expired_before(at(601))?, 1);
        writer.put_refresh_token(&refresh_token(3, "g"))?;
        assert_eq!(writer.delete_refresh_tokens_of("g")?, 1);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_server_takes_its_rules_along() {
    let folder = folder();
    let vault = vault(folder.path()).await;
    write(&vault, |writer| {
        writer.put_server(&server("files"))?;
        writer.put_server(&server("Air"))?;
        writer.put_tool_rule("files", "write", "ask")?;
        writer.put_tool_rule("files", "read", "allow")?;
        writer.put_tool_rule("files", "write", "block")?;
        writer.put_tool_rule("built-in", "search", "allow")?;
        assert_eq!(
            writer.tool_rule("files", "write")?.as_deref(),
            Some("block")
        );
        let rules = writer.tool_rules("files")?;
        let rules: Vec<_> = rules.iter().map(|row| (&*row.tool, &*row.rule)).collect();
        assert_eq!(rules, [("read", "allow"), ("write", "block")]);
        assert!(writer.delete_tool_rule("files", "read")?);
        assert!(!writer.delete_tool_rule("files", "read")?);
        let names: Vec<_> = writer.servers()?.into_iter().map(|row| row.name).collect();
        assert_eq!(names, ["Air", "files"]);
        assert!(writer.delete_server("files")?);
        assert!(!writer.delete_server("files")?);
        assert_eq!(writer.tool_rule("files", "write")?, None);
        assert_eq!(
            writer.tool_rule("built-in", "search")?.as_deref(),
            Some("allow")
        );
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn secrets_and_settings_are_kept_replaced_and_forgotten() {
    let folder = folder();
    let vault = vault(folder.path()).await;
    write(&vault, |writer| {
        writer.put_secret("static-client", &SecretString::from("first"))?;
        writer.put_secret("static-client", &SecretString::from("second"))?;
        writer.put_secret("notion", &SecretString::from("third"))?;
        assert_eq!(writer.secret_names()?, ["notion", "static-client"]);
        let secret = writer.secret("static-client")?;
        assert_eq!(
            secret.as_ref().map(|secret| secret.expose_secret()),
            Some("second")
        );
        assert!(writer.delete_secret("notion")?);
        assert!(!writer.delete_secret("notion")?);
        assert!(writer.secret("notion")?.is_none());
        writer.put_setting("armed", "true")?;
        writer.put_setting("armed", "false")?;
        assert_eq!(writer.setting("armed")?.as_deref(), Some("false"));
        assert!(writer.delete_setting("armed")?);
        assert!(!writer.delete_setting("armed")?);
        assert_eq!(writer.setting("armed")?, None);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn the_audit_is_paged_newest_first_and_no_id_comes_twice() {
    let folder = folder();
    let vault = vault(folder.path()).await;
    write(&vault, |writer| {
        for number in 1..=5 {
            assert_eq!(
                writer.append_audit(at(number), format!("{number}").as_bytes())?,
                number
            );
        }
        let ids = |before, limit| -> Result<Vec<i64>, StoreError> {
            Ok(writer
                .audit(before, limit)?
                .into_iter()
                .map(|row| row.id)
                .collect())
        };
        assert_eq!(ids(None, 2)?, [5, 4]);
        assert_eq!(ids(Some(4), 2)?, [3, 2]);
        assert_eq!(ids(Some(1), 2)?, Vec::<i64>::new());
        assert_eq!(writer.keep_newest_audit(5)?, 0);
        assert_eq!(writer.keep_newest_audit(2)?, 3);
        assert_eq!(ids(None, 9)?, [5, 4]);
        assert_eq!(writer.keep_newest_audit(0)?, 2);
        assert_eq!(writer.keep_newest_audit(0)?, 0);
        assert_eq!(writer.append_audit(at(6), b"6")?, 6);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_value_beyond_the_limit_is_refused_and_names_the_limit() {
    let folder = folder();
    let vault = vault(folder.path()).await;
    let mut row = client("big");
    row.details = vec![b'x'; VALUE_LIMIT];
    let largest = row.clone();
    vault
        .write(move |writer| writer.put_client(&largest))
        .await
        .unwrap();
    row.details.push(b'x');
    let refused = vault
        .write(move |writer| writer.put_client(&row))
        .await
        .unwrap_err();
    assert_eq!(
        refused,
        StoreError::TooLarge {
            table: "clients",
            limit: VALUE_LIMIT
        }
    );
    assert!(refused.to_string().contains(&VALUE_LIMIT.to_string()));
}

#[tokio::test]
async fn debug_output_of_a_row_holds_nothing_of_its_content() {
    for shown in [
        format!("{:?}", client("a")),
        format!("{:?}", grant("a")),
        format!("{:?}", code(1, "a")),
        format!("{:?}", server("a")),
    ] {
        assert!(
            !shown.contains(CANARY) && !shown.contains("details"),
            "{shown}"
        );
    }
}

#[tokio::test]
async fn a_grant_that_does_not_open_hides_no_other() {
    let folder = folder();
    let vault = vault(folder.path()).await;
    write(&vault, |writer| {
        writer.put_grant(&grant("a"))?;
        writer.put_grant(&grant("b"))
    })
    .await;
    let database = rusqlite::Connection::open(folder.path().join("drawbridge.db")).unwrap();
    let damage = "UPDATE grants SET details = zeroblob(length(details)) WHERE id = 'a'";
    assert_eq!(database.execute(damage, []).unwrap(), 1);
    drop(database);
    let listed = read(&vault, |reader| reader.grants());
    let opened: Vec<_> = listed
        .iter()
        .map(|row| (row.id.as_str(), row.details.is_empty()))
        .collect();
    assert_eq!(opened, [("b", false), ("a", true)]);
    assert!(vault.read(|reader| reader.grant("a")).is_err());
    assert!(write(&vault, |writer| writer.end_grant("a", at(9), "revoked")).await);
}
