//! The one writer: a thread that puts waiting jobs into one transaction and answers each after the
//! commit.
//!
//! A commit waits for the disk (`synchronous=FULL`). While it does, further jobs queue up and share
//! the next one: that is what makes thousands of writes a second possible. Each job runs in a
//! savepoint of its own, so one that fails takes nobody along.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle, ThreadId};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::error::StoreError;
use crate::files::DataDirectory;
use crate::ports::Entropy;
use crate::seal::KeyRing;
use crate::store::Writer;

/// Jobs that may wait; who brings one more waits for room.
const QUEUE_LIMIT: usize = 1024;
/// Jobs in one transaction.
const GROUP_LIMIT: usize = 256;
/// How long a job nobody waits for may wait for others to share a commit with.
const SOON: Duration = Duration::from_millis(100);

/// What the writer thread owns.
pub(crate) struct WriterParts {
    pub(crate) connection: Connection,
    pub(crate) ring: Arc<KeyRing>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) directory: DataDirectory,
}

impl WriterParts {
    /// Closes the database, then gives the directory free.
    fn end(self) {
        drop(self.connection);
        drop(self.directory);
    }
}

/// The way to the writer thread. Dropping it lets the thread finish what is queued and waits for
/// that.
pub(crate) struct WriterHandle {
    messages: Mutex<Option<Sender<Message>>>,
    room: Arc<Semaphore>,
    thread: Mutex<Option<JoinHandle<()>>>,
    thread_id: ThreadId,
}

enum Message {
    Job(Queued),
    Close(oneshot::Sender<()>),
}

struct Queued {
    job: Box<dyn Job>,
    /// When it must be committed, for a job nobody waits for.
    due: Option<Instant>,
    /// Its room in the queue; given back when it is answered.
    _room: OwnedSemaphorePermit,
}

/// One piece of work and the way to answer it.
trait Job: Send {
    /// Does the work; answers whether what it wrote may stay.
    fn run(&mut self, writer: &Writer<'_>) -> bool;
    /// Answers whoever waits. With an error nothing of it was saved.
    fn answer(self: Box<Self>, committed: Result<(), StoreError>);
}

/// Runs the work. What it half wrote before it panicked is rolled back, so nothing is left broken.
fn guarded<T, E: From<StoreError>>(
    work: impl FnOnce(&Writer<'_>) -> Result<T, E>,
    writer: &Writer<'_>,
) -> Result<T, E> {
    catch_unwind(AssertUnwindSafe(|| work(writer)))
        .unwrap_or_else(|_| Err(StoreError::Panicked.into()))
}

/// Work whose outcome somebody waits for.
struct Awaited<W, T, E> {
    work: Option<W>,
    outcome: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

impl<W, T, E> Job for Awaited<W, T, E>
where
    W: FnOnce(&Writer<'_>) -> Result<T, E> + Send,
    T: Send,
    E: From<StoreError> + Send,
{
    fn run(&mut self, writer: &Writer<'_>) -> bool {
        self.outcome = self.work.take().map(|work| guarded(work, writer));
        matches!(self.outcome, Some(Ok(_)))
    }

    fn answer(self: Box<Self>, committed: Result<(), StoreError>) {
        let outcome = match (self.outcome, committed) {
            (Some(Err(error)), _) => Err(error),
            (_, Err(error)) => Err(error.into()),
            (Some(done), Ok(())) => done,
            (None, Ok(())) => Err(StoreError::Closed.into()),
        };
        // Who asked may have stopped waiting.
        drop(self.reply.send(outcome));
    }
}

/// Work nobody waits for.
struct Unawaited<W> {
    work: Option<W>,
    outcome: Result<(), StoreError>,
}

impl<W> Job for Unawaited<W>
where
    W: FnOnce(&Writer<'_>) -> Result<(), StoreError> + Send,
{
    fn run(&mut self, writer: &Writer<'_>) -> bool {
        if let Some(work) = self.work.take() {
            self.outcome = guarded(work, writer);
        }
        self.outcome.is_ok()
    }

    fn answer(self: Box<Self>, committed: Result<(), StoreError>) {
        if let Err(error) = self.outcome.and(committed) {
            tracing::error!(%error, "something that was to be saved in the background was not");
        }
    }
}

impl WriterHandle {
    /// Starts the writer thread.
    pub(crate) fn start(parts: WriterParts) -> Result<Self, StoreError> {
        let (messages, queue) = channel();
        let thread = thread::Builder::new()
            .name("vault-writer".to_owned())
            .spawn(move || serve(parts, &queue))
            .map_err(|_| StoreError::Closed)?;
        Ok(Self {
            messages: Mutex::new(Some(messages)),
            room: Arc::new(Semaphore::new(QUEUE_LIMIT)),
            thread_id: thread.thread().id(),
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Has the work done; answers when it is on disk.
    pub(crate) async fn write<T, E>(
        &self,
        work: impl FnOnce(&Writer<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        self.queue(
            Box::new(Awaited {
                work: Some(work),
                outcome: None,
                reply,
            }),
            None,
        )
        .await?;
        answer
            .await
            .unwrap_or_else(|_| Err(StoreError::Closed.into()))
    }

    /// Has the work done; answers when it is queued.
    pub(crate) async fn write_soon(
        &self,
        work: impl FnOnce(&Writer<'_>) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<(), StoreError> {
        let job = Unawaited {
            work: Some(work),
            outcome: Ok(()),
        };
        self.queue(Box::new(job), Some(Instant::now() + SOON)).await
    }

    async fn queue(&self, job: Box<dyn Job>, due: Option<Instant>) -> Result<(), StoreError> {
        let room = Arc::clone(&self.room);
        let room = room.acquire_owned().await.map_err(|_| StoreError::Closed)?;
        self.send(Message::Job(Queued {
            job,
            due,
            _room: room,
        }))
    }

    fn send(&self, message: Message) -> Result<(), StoreError> {
        let messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        messages
            .as_ref()
            .ok_or(StoreError::Closed)?
            .send(message)
            .map_err(|_| StoreError::Closed)
    }

    /// Takes no more work, waits until all that was queued is on disk, and gives the directory free.
    pub(crate) async fn close(&self) {
        self.room.close();
        let (reply, closed) = oneshot::channel();
        if self.send(Message::Close(reply)).is_ok() {
            // An error only says that it was closed already.
            drop(closed.await);
        }
    }
}

impl Drop for WriterHandle {
    fn drop(&mut self) {
        drop(
            self.messages
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        // The last handle may be dropped by a job, on that very thread.
        if let Some(thread) = thread
            && thread::current().id() != self.thread_id
        {
            drop(thread.join());
        }
    }
}

/// The writer thread: until it is closed or nobody can reach it any more.
fn serve(parts: WriterParts, queue: &Receiver<Message>) {
    let mut group = Vec::with_capacity(GROUP_LIMIT);
    loop {
        let next = gather(queue, &mut group);
        if !group.is_empty() {
            let committed = commit(&parts, &mut group);
            for queued in group.drain(..) {
                queued.job.answer(committed);
            }
        }
        match next {
            Next::Group => {}
            Next::Close(reply) => {
                // Leaves one file behind rather than three; nothing is lost where it fails.
                let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
                if parts
                    .connection
                    .query_row(checkpoint, [], |_| Ok(()))
                    .is_err()
                {
                    tracing::debug!("the write-ahead log was left for the next start");
                }
                parts.end();
                // Who asked may have stopped waiting.
                let _: Result<(), ()> = reply.send(());
                return;
            }
            Next::End => return parts.end(),
        }
    }
}

enum Next {
    /// Commit the group and go on.
    Group,
    /// Commit the group, then close.
    Close(oneshot::Sender<()>),
    /// Nobody can bring anything any more.
    End,
}

/// Waits for a job and takes what else is waiting. Jobs that nobody waits for wait until one of them
/// is due, or for one that somebody does wait for.
fn gather(queue: &Receiver<Message>, group: &mut Vec<Queued>) -> Next {
    let Ok(mut message) = queue.recv() else {
        return Next::End;
    };
    let mut due: Option<Instant> = None;
    let mut urgent = false;
    loop {
        match message {
            Message::Close(reply) => return Next::Close(reply),
            Message::Job(queued) => {
                urgent |= queued.due.is_none();
                due = due.or(queued.due);
                group.push(queued);
            }
        }
        if group.len() == GROUP_LIMIT {
            return Next::Group;
        }
        let wait = due.filter(|_| !urgent).map_or(Duration::ZERO, |due| {
            due.saturating_duration_since(Instant::now())
        });
        message = match queue.recv_timeout(wait) {
            Ok(message) => message,
            // When it is the end, the next call finds that out.
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return Next::Group,
        };
    }
}

/// Runs the group in one transaction. An error means that nothing of any job was saved.
fn commit(parts: &WriterParts, group: &mut [Queued]) -> Result<(), StoreError> {
    let connection = &parts.connection;
    let done = transact(parts, group);
    if done.is_err() && !connection.is_autocommit() && run(connection, "ROLLBACK").is_err() {
        tracing::error!("a transaction could neither be saved nor rolled back");
    }
    done
}

fn transact(parts: &WriterParts, group: &mut [Queued]) -> Result<(), StoreError> {
    let connection = &parts.connection;
    let writer = Writer::new(connection, &parts.ring, &*parts.entropy);
    run(connection, "BEGIN IMMEDIATE")?;
    for queued in group {
        run(connection, "SAVEPOINT job")?;
        let keep = queued.job.run(&writer);
        if connection.is_autocommit() {
            // SQLite gave the whole transaction up: the disk is full or broken.
            return Err(StoreError::Sqlite {
                code: rusqlite::ffi::SQLITE_ABORT_ROLLBACK,
            });
        }
        if !keep {
            run(connection, "ROLLBACK TO job")?;
        }
        run(connection, "RELEASE job")?;
    }
    #[cfg(feature = "failpoints")]
    crate::failpoint::before_commit();
    run(connection, "COMMIT")?;
    #[cfg(feature = "failpoints")]
    crate::failpoint::after_commit();
    Ok(())
}

fn run(connection: &Connection, sql: &str) -> Result<(), StoreError> {
    connection.prepare_cached(sql)?.execute([])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::database::{open_reader, open_writer};
    use crate::files::DATABASE;
    use crate::ports::OsEntropy;
    use crate::store::Reader;

    fn start(folder: &TempDir) -> WriterHandle {
        let entropy: Arc<dyn Entropy> = Arc::new(OsEntropy);
        let directory = DataDirectory::hold(folder.path()).unwrap();
        let path = directory.database().unwrap();
        let Ok(connection) = open_writer(&path, &*entropy) else {
            panic!("no database")
        };
        let ring = Arc::new(KeyRing::empty());
        WriterHandle::start(WriterParts {
            connection,
            ring,
            entropy,
            directory,
        })
        .unwrap()
    }

    /// Holds the writer until the sender is dropped, so that what follows is one group.
    async fn hold(writer: &Arc<WriterHandle>) -> Sender<()> {
        let (release, held) = channel::<()>();
        let (started, running) = oneshot::channel();
        let writer = Arc::clone(writer);
        tokio::spawn(async move {
            let wait = move |_: &Writer<'_>| -> Result<(), StoreError> {
                let _: Result<(), ()> = started.send(());
                let _ = held.recv();
                Ok(())
            };
            writer.write(wait).await
        });
        running.await.unwrap();
        release
    }

    fn saved(folder: &TempDir, key: &str) -> bool {
        let connection = open_reader(&folder.path().join(DATABASE)).unwrap();
        let ring = KeyRing::empty();
        Reader::new(&connection, &ring)
            .setting(key)
            .unwrap()
            .is_some()
    }

    #[tokio::test]
    async fn when_the_commit_fails_everybody_in_the_group_is_told() {
        let folder = TempDir::new().unwrap();
        let writer = Arc::new(start(&folder));
        let release = hold(&writer).await;
        let good = tokio::spawn({
            let writer = Arc::clone(&writer);
            async move { writer.write(|writer| writer.put_setting("good", "1")).await }
        });
        // Found out at the commit only.
        let bad = tokio::spawn({
            let writer = Arc::clone(&writer);
            let orphan = "PRAGMA defer_foreign_keys = ON; \
                          INSERT INTO codes VALUES (zeroblob(32), 'gone', 0, 0, NULL, x'');";
            async move {
                let work = move |writer: &Writer<'_>| -> Result<(), StoreError> {
                    Ok(writer.connection().execute_batch(orphan)?)
                };
                writer.write(work).await
            }
        });
        tokio::task::yield_now().await;
        drop(release);
        assert_eq!(good.await.unwrap(), Err(StoreError::Orphan));
        assert_eq!(bad.await.unwrap(), Err(StoreError::Orphan));
        assert!(!saved(&folder, "good"));
        writer
            .write(|writer| writer.put_setting("later", "1"))
            .await
            .unwrap();
        assert!(saved(&folder, "later"), "the writer goes on");
    }

    #[tokio::test]
    async fn a_full_disk_fails_the_one_that_fills_it() {
        let folder = TempDir::new().unwrap();
        let writer = start(&folder);
        let limit = |writer: &Writer<'_>| -> Result<(), StoreError> {
            Ok(writer
                .connection()
                .pragma_update(None, "max_page_count", 60)?)
        };
        writer.write(limit).await.unwrap();
        let large = "x".repeat(1 << 20);
        let full = writer
            .write(move |writer| writer.put_setting("large", &large))
            .await;
        assert_eq!(full, Err(StoreError::DiskFull));
        writer
            .write(|writer| writer.put_setting("small", "1"))
            .await
            .unwrap();
        assert!(saved(&folder, "small") && !saved(&folder, "large"));
    }
}
