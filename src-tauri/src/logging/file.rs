//! The log file: bounded in size and age, readable by its owner only.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use drawbridge_vault::ensure_private_directory;

use super::FILE_NAME;

/// A file that has grown to this many bytes is put aside and a new one begun.
const FILE_BYTES: u64 = 5 * 1024 * 1024;
/// How many files that were put aside are kept.
const KEPT_FILES: u32 = 3;
/// A file put aside longer ago than this is deleted.
const KEPT_FOR: Duration = Duration::from_hours(14 * 24);
/// How far back from its end the log is read for its newest lines, in bytes.
const TAIL_BYTES: u64 = 1024 * 1024;

/// Appends lines, and begins a new file when the present one is full.
pub struct LogFile {
    folder: PathBuf,
    /// None once it is closed; then lines go nowhere.
    file: Option<File>,
    bytes: u64,
}

impl LogFile {
    /// Opens the log of this folder, which is made private first.
    pub fn open(folder: &Path) -> io::Result<Self> {
        ensure_private_directory(folder).map_err(io::Error::other)?;
        delete_old(folder);
        let file = open_private(&folder.join(FILE_NAME))?;
        let bytes = file.metadata()?.len();
        Ok(Self {
            folder: folder.to_owned(),
            file: Some(file),
            bytes,
        })
    }

    /// Writes nothing any more.
    pub fn close(&mut self) {
        self.file = None;
    }

    fn begin_new(&mut self) -> io::Result<()> {
        for number in (1..KEPT_FILES).rev() {
            let from = put_aside(&self.folder, number);
            if from.exists() {
                fs::rename(from, put_aside(&self.folder, number + 1))?;
            }
        }
        let current = self.folder.join(FILE_NAME);
        fs::rename(&current, put_aside(&self.folder, 1))?;
        delete_old(&self.folder);
        self.file = Some(open_private(&current)?);
        self.bytes = 0;
        Ok(())
    }
}

impl Write for LogFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.file.is_some() && self.bytes > 0 && self.bytes + line.len() as u64 > FILE_BYTES {
            self.begin_new()?;
        }
        let Some(file) = &mut self.file else {
            return Ok(line.len());
        };
        let written = file.write(line)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), Write::flush)
    }
}

fn put_aside(folder: &Path, number: u32) -> PathBuf {
    folder.join(format!("{FILE_NAME}.{number}"))
}

fn open_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
        options.custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed());
    }
    options.open(path)
}

/// Age is a courtesy, so a file that cannot be judged or deleted stays until size pushes it out.
fn delete_old(folder: &Path) {
    for number in 1..=KEPT_FILES {
        let path = put_aside(folder, number);
        let age = fs::metadata(&path)
            .and_then(|found| found.modified())
            .ok()
            .and_then(|at| at.elapsed().ok());
        if age.is_some_and(|age| age > KEPT_FOR) {
            let _kept_if_busy = fs::remove_file(path);
        }
    }
}

/// The newest lines of the log in this folder, oldest of them first; none when there is no log.
pub fn newest_lines(folder: &Path, count: usize) -> io::Result<Vec<String>> {
    let mut lines = tail(&folder.join(FILE_NAME), count)?;
    if lines.len() < count {
        let mut older = tail(&put_aside(folder, 1), count - lines.len())?;
        older.append(&mut lines);
        lines = older;
    }
    Ok(lines)
}

fn tail(path: &Path, count: usize) -> io::Result<Vec<String>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let length = file.metadata()?.len();
    let start = length.saturating_sub(TAIL_BYTES);
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let mut lines = text.lines();
    if start > 0 {
        // Most likely the second half of a line.
        lines.next();
    }
    let lines: Vec<&str> = lines.collect();
    let from = lines.len().saturating_sub(count);
    Ok(lines
        .get(from..)
        .unwrap_or_default()
        .iter()
        .map(|&line| line.to_owned())
        .collect())
}

/// Reads what is added to the log, also across the beginning of a new file.
pub struct LogFollower {
    path: PathBuf,
    reader: Option<BufReader<File>>,
    partial: String,
}

impl LogFollower {
    /// Follows the log of this folder from its present end.
    pub fn at_end(folder: &Path) -> io::Result<Self> {
        let path = folder.join(FILE_NAME);
        let reader = match File::open(&path) {
            Ok(mut file) => {
                file.seek(SeekFrom::End(0))?;
                Some(BufReader::new(file))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        Ok(Self {
            path,
            reader,
            partial: String::new(),
        })
    }

    /// The whole lines added since the last call; possibly none.
    pub fn added(&mut self) -> io::Result<Vec<String>> {
        let mut lines = Vec::new();
        self.read_present(&mut lines)?;
        if self.was_replaced()? {
            // What was written between the last read and the change of files.
            self.read_present(&mut lines)?;
            self.partial.clear();
            self.reader = File::open(&self.path).ok().map(BufReader::new);
            self.read_present(&mut lines)?;
        }
        Ok(lines)
    }

    fn read_present(&mut self, lines: &mut Vec<String>) -> io::Result<()> {
        let Some(reader) = &mut self.reader else {
            return Ok(());
        };
        while reader.read_line(&mut self.partial)? > 0 {
            if self.partial.ends_with('\n') {
                lines.push(self.partial.trim_end().to_owned());
                self.partial.clear();
            }
        }
        Ok(())
    }

    fn was_replaced(&self) -> io::Result<bool> {
        let Some(reader) = &self.reader else {
            return Ok(self.path.exists());
        };
        let Ok(at_path) = fs::metadata(&self.path) else {
            return Ok(false);
        };
        let open = reader.get_ref().metadata()?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt as _;
            Ok(at_path.ino() != open.ino() || at_path.dev() != open.dev())
        }
        #[cfg(not(unix))]
        {
            Ok(at_path.len() < open.len())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_file_is_put_aside_and_few_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = LogFile::open(folder.path()).unwrap();
        let line = vec![b'x'; 1024 * 1024];
        for _ in 0..40 {
            log.write_all(&line).unwrap();
        }
        let files = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(files, 1 + KEPT_FILES as usize);
        for entry in fs::read_dir(folder.path()).unwrap() {
            assert!(entry.unwrap().metadata().unwrap().len() <= FILE_BYTES);
        }
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_may_read_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let _log = LogFile::open(folder.path()).unwrap();
        let mode = fs::metadata(folder.path().join(FILE_NAME))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn the_newest_lines_come_in_their_order() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("drawbridge.log.1"), "1\n2\n").unwrap();
        fs::write(folder.path().join(FILE_NAME), "3\n4\n5\n").unwrap();
        assert_eq!(newest_lines(folder.path(), 2).unwrap(), ["4", "5"]);
        assert_eq!(
            newest_lines(folder.path(), 4).unwrap(),
            ["2", "3", "4", "5"]
        );
    }

    #[test]
    fn a_follower_survives_a_new_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE_NAME);
        fs::write(&path, "before\n").unwrap();
        let mut follower = LogFollower::at_end(folder.path()).unwrap();
        assert!(follower.added().unwrap().is_empty());
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"one\ntw").unwrap();
        assert_eq!(follower.added().unwrap(), ["one"]);
        file.write_all(b"o\n").unwrap();
        fs::rename(&path, folder.path().join("drawbridge.log.1")).unwrap();
        fs::write(&path, "three\n").unwrap();
        assert_eq!(follower.added().unwrap(), ["two", "three"]);
    }
}
