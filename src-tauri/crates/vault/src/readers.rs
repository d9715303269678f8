//! The connections that read: a few, opened when first needed, each used by one thread at a time.

use std::path::PathBuf;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

use crate::database::open_reader;
use crate::error::StoreError;
use crate::seal::KeyRing;
use crate::store::Reader;

/// Reads at the same time; who brings one more waits.
const READERS: usize = 4;

pub(crate) struct Readers {
    path: PathBuf,
    pool: Mutex<Pool>,
    returned: Condvar,
}

#[derive(Default)]
struct Pool {
    idle: Vec<Connection>,
    opened: usize,
    closed: bool,
}

impl Readers {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            path,
            pool: Mutex::new(Pool::default()),
            returned: Condvar::new(),
        }
    }

    /// Does the work on one consistent snapshot.
    pub(crate) fn read<T, E: From<StoreError>>(
        &self,
        ring: &KeyRing,
        work: impl FnOnce(&Reader<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let lease = self.lease()?;
        let Some(connection) = lease.connection.as_ref() else {
            return Err(StoreError::Closed.into());
        };
        run(connection, "BEGIN")?;
        // The lease ends the transaction, whatever the work does.
        work(&Reader::new(connection, ring))
    }

    /// Gives no more connections out and closes those nobody uses.
    pub(crate) fn close(&self) {
        let mut pool = self.pool();
        pool.closed = true;
        pool.idle.clear();
        self.returned.notify_all();
    }

    fn lease(&self) -> Result<Lease<'_>, StoreError> {
        let mut pool = self.pool();
        loop {
            if pool.closed {
                return Err(StoreError::Closed);
            }
            if let Some(connection) = pool.idle.pop() {
                return Ok(Lease {
                    readers: self,
                    connection: Some(connection),
                });
            }
            if pool.opened < READERS {
                pool.opened += 1;
                drop(pool);
                // From here the lease counts, also when opening fails.
                let mut lease = Lease {
                    readers: self,
                    connection: None,
                };
                lease.connection = Some(open_reader(&self.path)?);
                return Ok(lease);
            }
            pool = self
                .returned
                .wait(pool)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One connection, until it is given back.
struct Lease<'a> {
    readers: &'a Readers,
    connection: Option<Connection>,
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let usable = self
            .connection
            .take()
            .filter(|connection| connection.is_autocommit() || run(connection, "ROLLBACK").is_ok());
        let mut pool = self.readers.pool();
        match usable {
            Some(connection) if !pool.closed => pool.idle.push(connection),
            _ => pool.opened -= 1,
        }
        drop(pool);
        self.readers.returned.notify_one();
    }
}

fn run(connection: &Connection, sql: &str) -> Result<(), StoreError> {
    connection.prepare_cached(sql)?.execute([])?;
    Ok(())
}
