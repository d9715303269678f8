//! What is done with the keys: unlocking at the start, rotating the data key, moving the master key.
//!
//! Each is a row of steps, and the process may be killed between any two of them. What the database
//! says is true after each: the master key it names is in the place it names, and every data key
//! that a row is sealed with is there. `leftover_place` names the place where a step that came to
//! nothing may have left a key that nobody uses; it is taken away at the next start or move.

use std::sync::Arc;

use rusqlite::params;
use rusqlite::types::ValueRef;
use tokio::sync::MutexGuard;

use crate::database::{KeyState, WrappedKey};
use crate::envelope::{Envelope, KeyId};
use crate::erase::is_being_erased;
use crate::error::StoreError;
use crate::key::{Identity, KeyError, KeyPlace};
use crate::ports::Entropy;
use crate::seal::{DATA_KEYS, SealingKey};
use crate::store::{SEALED, Writer};
use crate::vault::{Master, OpenError, Vault};

/// Rows looked at in one transaction of a rotation.
const BATCH: usize = 256;

/// What a rotation did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// How many values were sealed anew.
    pub resealed: u64,
}

/// Why the data key was not rotated. What was done so far holds; the rest is done at the next
/// rotation or the next start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RotateError {
    /// The database failed, or holds a value that does not open.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why the master key was not moved. The old one is still where it was, and used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MoveKeyError {
    /// It is there already.
    #[error("the encryption key already lives there ({place}); nothing was changed")]
    AlreadyThere {
        /// Where it is.
        place: KeyPlace,
    },
    /// The new place cannot take it.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Vault {
    /// Gets the master key from its place and the data keys with it; for a new database makes both.
    pub(crate) async fn unlock(&self) -> Result<(), OpenError> {
        let state = self.key_state()?;
        if let Some((place, id)) = state.master {
            self.unlock_with(state.identity, place, id).await?;
        }
        if let Err(error) = self.clear_leftover(&state).await {
            tracing::warn!(%error, "a key that is not used could not be deleted yet");
        }
        if state.master.is_none() {
            return self.make_first_key(state.identity).await;
        }
        if self.read(|reader| reader.data_keys())?.len() > 1
            && let Err(error) = self.finish_rotation().await
        {
            tracing::warn!(%error, "a rotation that was cut short could not be finished");
        }
        Ok(())
    }

    async fn unlock_with(
        &self,
        identity: Identity,
        place: KeyPlace,
        id: KeyId,
    ) -> Result<(), OpenError> {
        let key = self.inner.places.load(place, identity).await?;
        if key.id() != id {
            return Err(KeyError::Wrong { place }.into());
        }
        let stored = self.read(|reader| reader.data_keys())?;
        if stored.is_empty() {
            return Err(StoreError::Damaged.into());
        }
        for wrapped in &stored {
            self.inner.ring.activate(Arc::new(unwrap(wrapped, &key)?));
        }
        self.set_master(Master {
            place,
            key: Arc::new(key),
        });
        Ok(())
    }

    async fn make_first_key(&self, identity: Identity) -> Result<(), OpenError> {
        let places = &self.inner.places;
        let place = places.choose().await?;
        places.check_free(place).await?;
        self.write(move |writer| writer.set_leftover(Some(place)))
            .await?;
        let key = Arc::new(places.make(place, identity).await?);
        let master = Arc::clone(&key);
        let data_key = self
            .write(move |writer| -> Result<_, StoreError> {
                let data_key = SealingKey::random(writer.entropy())?;
                writer.add_data_key(&wrap(&data_key, &master, writer.entropy())?)?;
                writer.set_master(place, master.id())?;
                writer.set_leftover(None)?;
                Ok(data_key)
            })
            .await?;
        self.inner.ring.activate(Arc::new(data_key));
        self.set_master(Master { place, key });
        Ok(())
    }

    /// Takes away the key that a move or a creation left in a place that is not the key's.
    async fn clear_leftover(&self, state: &KeyState) -> Result<(), MoveKeyError> {
        let Some(leftover) = state.leftover else {
            return Ok(());
        };
        let used = state.master.is_some_and(|(place, _)| place == leftover);
        if !used {
            self.inner.places.remove(leftover, state.identity).await?;
        }
        self.write(|writer| writer.set_leftover(None)).await?;
        Ok(())
    }

    /// Leave to work on the keys, for one at a time, and for nobody once everything is to go: the
    /// marker names the key as it was then, and one that is made later would stay behind.
    async fn key_work(&self) -> Result<MutexGuard<'_, ()>, StoreError> {
        let alone = self.inner.key_work.lock().await;
        if is_being_erased(&self.inner.directory) {
            return Err(StoreError::Erasing);
        }
        Ok(alone)
    }

    /// Makes a new data key, seals every value anew with it, and deletes the old one. When it is
    /// cut short, the next start or the next rotation finishes it. Reading and writing go on
    /// meanwhile.
    pub async fn rotate(&self) -> Result<Rotation, RotateError> {
        let _alone = self.key_work().await?;
        let master = self.master().ok_or(StoreError::Closed)?;
        let data_key = self
            .write(move |writer| -> Result<_, StoreError> {
                let data_key = SealingKey::random(writer.entropy())?;
                writer.add_data_key(&wrap(&data_key, &master.key, writer.entropy())?)?;
                Ok(data_key)
            })
            .await?;
        // Only now: a row must not be sealed with a key that is not on disk.
        self.inner.ring.activate(Arc::new(data_key));
        Ok(Rotation {
            resealed: self.finish_rotation().await?,
        })
    }

    /// Seals anew what is sealed with an older data key, then deletes the older ones.
    async fn finish_rotation(&self) -> Result<u64, StoreError> {
        let mut resealed = 0;
        for index in 0..SEALED.len() {
            let mut after = Some(i64::MIN);
            while let Some(row) = after {
                let batch = self
                    .write(move |writer| reseal_batch(writer, index, row))
                    .await?;
                resealed += batch.resealed;
                after = batch.last;
            }
        }
        self.write(|writer| {
            let active = writer.ring().active().ok_or(StoreError::Closed)?.id();
            if uses_other_key(writer, active)? {
                return Err(StoreError::Damaged);
            }
            writer.keep_only_data_key(active)
        })
        .await?;
        self.inner.ring.forget_older();
        Ok(resealed)
    }

    /// Moves the master key: puts a new one in the new place, wraps the data keys with it, and takes
    /// the old one away. Killed at any moment, the vault still opens with the key of the place it
    /// records.
    pub async fn move_key(&self, to: KeyPlace) -> Result<(), MoveKeyError> {
        let _alone = self.key_work().await?;
        let from = self.master().ok_or(StoreError::Closed)?;
        if from.place == to {
            return Err(MoveKeyError::AlreadyThere { place: to });
        }
        let state = self.key_state()?;
        self.clear_leftover(&state).await?;
        let places = &self.inner.places;
        places.check_free(to).await?;
        self.write(move |writer| writer.set_leftover(Some(to)))
            .await?;
        let new = Arc::new(places.make(to, state.identity).await?);
        let (old_key, new_key, left) = (from.key, Arc::clone(&new), from.place);
        self.write(move |writer| -> Result<(), StoreError> {
            for stored in writer.data_keys()? {
                let data_key = unwrap(&stored, &old_key)?;
                writer.rewrap_data_key(&wrap(&data_key, &new_key, writer.entropy())?)?;
            }
            writer.set_master(to, new_key.id())?;
            writer.set_leftover(Some(left))
        })
        .await?;
        self.set_master(Master {
            place: to,
            key: new,
        });
        if let Some(warning) = self.warning() {
            tracing::warn!("{warning}");
        }
        let moved = self.key_state()?;
        if let Err(error) = self.clear_leftover(&moved).await {
            tracing::warn!(%error, "the old key could not be deleted; the next start tries again");
        }
        Ok(())
    }
}

fn wrap(
    data_key: &SealingKey,
    master: &SealingKey,
    entropy: &dyn Entropy,
) -> Result<WrappedKey, StoreError> {
    let id = data_key.id();
    let wrapped = master.seal(DATA_KEYS, &id.0, data_key.expose(), entropy)?;
    Ok(WrappedKey { id, wrapped })
}

fn unwrap(stored: &WrappedKey, master: &SealingKey) -> Result<SealingKey, StoreError> {
    let unsealable = || StoreError::Unsealable { table: DATA_KEYS };
    let envelope = Envelope::parse(&stored.wrapped).map_err(|_| unsealable())?;
    let opened = master
        .open(DATA_KEYS, &stored.id.0, &envelope)
        .map_err(|_| unsealable())?;
    let key = SealingKey::from_bytes(opened).map_err(|_| unsealable())?;
    if key.id() == stored.id {
        Ok(key)
    } else {
        Err(unsealable())
    }
}

/// What one batch of a rotation came to.
struct Batch {
    resealed: u64,
    /// The last row looked at; none when there are no more.
    last: Option<i64>,
}

/// Looks at the next rows of one table and seals anew what is not sealed with the active key.
fn reseal_batch(writer: &Writer<'_>, index: usize, after: i64) -> Result<Batch, StoreError> {
    let Some(&(table, id_column, column)) = SEALED.get(index) else {
        return Ok(Batch {
            resealed: 0,
            last: None,
        });
    };
    let active = writer.ring().active().ok_or(StoreError::Closed)?.id();
    let connection = writer.connection();
    let mut select = connection.prepare_cached(&format!(
        "SELECT rowid, {id_column}, {column} FROM {table} WHERE rowid > ?1 \
         ORDER BY rowid LIMIT {BATCH}"
    ))?;
    let mut update = connection.prepare_cached(&format!(
        "UPDATE {table} SET {column} = ?2 WHERE rowid = ?1"
    ))?;
    let mut batch = Batch {
        resealed: 0,
        last: None,
    };
    let mut seen = 0;
    let mut changes = Vec::new();
    let mut rows = select.query([after])?;
    while let Some(row) = rows.next()? {
        let rowid: i64 = row.get(0)?;
        seen += 1;
        batch.last = Some(rowid);
        let sealed: Vec<u8> = row.get(2)?;
        let envelope = Envelope::parse(&sealed).map_err(|_| StoreError::Unsealable { table })?;
        if envelope.key == active {
            continue;
        }
        let id = row_id(row.get_ref(1)?).ok_or(StoreError::Damaged)?;
        let plain = zeroize::Zeroizing::new(writer.ring().open(table, &id, &sealed)?);
        changes.push((rowid, writer.seal(table, &id, &plain)?));
    }
    drop(rows);
    for (rowid, sealed) in changes {
        update.execute(params![rowid, sealed])?;
        batch.resealed += 1;
    }
    if seen < BATCH {
        batch.last = None;
    }
    Ok(batch)
}

/// A row's id as it is bound into what the row holds.
fn row_id(value: ValueRef<'_>) -> Option<Vec<u8>> {
    match value {
        ValueRef::Integer(number) => Some(number.to_be_bytes().to_vec()),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(bytes.to_vec()),
        ValueRef::Null | ValueRef::Real(_) => None,
    }
}

/// Whether anything is sealed with another key than this one.
fn uses_other_key(writer: &Writer<'_>, active: KeyId) -> Result<bool, StoreError> {
    for (table, _, column) in SEALED {
        let found: bool = writer.connection().query_row(
            &format!("SELECT EXISTS (SELECT 1 FROM {table} WHERE substr({column}, 2, 8) <> ?1)"),
            [active.0],
            |row| row.get(0),
        )?;
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}
