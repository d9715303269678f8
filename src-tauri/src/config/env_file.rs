//! The `.env` file of the original guide.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use secrecy::{ExposeSecret as _, SecretString};

use super::{ConfigError, Variable};

/// The largest `.env` file we read, in bytes.
const ENV_FILE_BYTES: u64 = 64 * 1024;

/// A `.env` file: the values of the guide, and the names of what else it holds.
pub struct EnvFile {
    values: BTreeMap<&'static str, SecretString>,
    others: Vec<String>,
}

impl EnvFile {
    /// Reads a file that must be there.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let failed = |problem: String| ConfigError::EnvFile {
            path: path.display().to_string(),
            problem,
        };
        let file = std::fs::File::open(path).map_err(|error| failed(plain_io(&error)))?;
        let mut text = String::new();
        file.take(ENV_FILE_BYTES + 1)
            .read_to_string(&mut text)
            .map_err(|error| failed(plain_io(&error)))?;
        if text.len() as u64 > ENV_FILE_BYTES {
            return Err(failed(
                "it is larger than 64 KiB, so it is no .env file".to_owned(),
            ));
        }
        let text = SecretString::from(text);
        Self::parse(text.expose_secret()).map_err(failed)
    }

    /// Reads the file if it is there.
    pub fn read_if_present(path: &Path) -> Result<Option<Self>, ConfigError> {
        match std::fs::metadata(path) {
            Ok(found) if found.is_file() => Self::read(path).map(Some),
            _ => Ok(None),
        }
    }

    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut values = BTreeMap::new();
        let mut others = Vec::new();
        for item in dotenvy::Iter::new(text.as_bytes()) {
            // dotenvy's own error would repeat the line, and with it perhaps a secret.
            let (name, value) = item.map_err(|_| {
                "one of its lines is not NAME=value (a value with spaces needs quotes)".to_owned()
            })?;
            let value = SecretString::from(value);
            match Variable::ALL
                .into_iter()
                .find(|variable| variable.name() == name)
            {
                Some(variable) if value.expose_secret().is_empty() => {
                    values.remove(variable.name());
                }
                Some(variable) => {
                    values.insert(variable.name(), value);
                }
                None => others.push(name),
            }
        }
        Ok(Self { values, others })
    }

    /// The value of one of the guide's variables.
    #[must_use]
    pub fn value(&self, variable: Variable) -> Option<SecretString> {
        self.values.get(variable.name()).cloned()
    }

    /// The names of the other variables the file holds.
    #[must_use]
    pub fn others(&self) -> &[String] {
        &self.others
    }
}

fn plain_io(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "this account may not read it".to_owned(),
        std::io::ErrorKind::InvalidData => "it is not text (not UTF-8)".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_env_file_does_not_show_its_lines() {
        let problem = EnvFile::parse("OAUTH_CLIENT_SECRET=canary \"x\nBASE URL=canary\n")
            .err()
            .unwrap();
        assert!(!problem.contains("canary"), "{problem}");
    }
}
