//! What is kept of a server: how to start it. Sealed on disk, because its environment and its
//! arguments may hold secrets.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Longest settings of one server, in bytes of JSON.
pub const MAX_SETTINGS: usize = 64 * 1024;

/// A server to add: a program that speaks MCP over its stdin and stdout.
pub struct NewServer {
    /// Its name (see [`crate::ServerName`]).
    pub name: String,
    /// The program: a path, or a name that is looked up on the PATH.
    pub command: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Variables that it has besides the scrubbed environment. May hold secrets.
    pub env: BTreeMap<String, SecretString>,
    /// The folder it is started in.
    pub directory: Option<PathBuf>,
}

/// How to start a server. No `Debug`: it may hold secrets.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) command: String,
    pub(crate) args: Vec<SecretString>,
    pub(crate) env: BTreeMap<String, SecretString>,
    pub(crate) directory: Option<PathBuf>,
}

/// The settings as they are stored.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Stored {
    Stdio {
        command: String,
        #[serde(default)]
        args: Vec<Zeroizing<String>>,
        #[serde(default)]
        env: BTreeMap<String, Zeroizing<String>>,
        #[serde(default)]
        directory: Option<PathBuf>,
    },
}

/// Why settings are not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSettings {
    /// Nothing to start.
    #[error("a server needs a command: `drawbridge servers add NAME -- COMMAND ARGUMENTS…`")]
    NoCommand,
    /// A NUL character, which no program can be given.
    #[error("the command, its arguments and its variables cannot hold a NUL character")]
    Nul,
    /// An environment variable without a usable name.
    #[error("`{0}` cannot be the name of an environment variable")]
    Variable(String),
    /// More than anybody needs.
    #[error("the server's settings are larger than {} KiB", MAX_SETTINGS / 1024)]
    TooLarge,
    /// What is stored is not what was written.
    #[error("the stored settings of this server cannot be read; remove it and add it again")]
    Unreadable,
}

impl Settings {
    /// Checks what the owner gave.
    pub(crate) fn new(server: NewServer) -> Result<Self, BadSettings> {
        let NewServer {
            name: _,
            command,
            args,
            env,
            directory,
        } = server;
        if command.trim().is_empty() {
            return Err(BadSettings::NoCommand);
        }
        if let Some(name) = env
            .keys()
            .find(|name| name.is_empty() || name.contains(['=', '\0']))
        {
            return Err(BadSettings::Variable(name.replace('\0', "")));
        }
        let nul = |text: &str| text.contains('\0');
        if nul(&command)
            || args.iter().any(|argument| nul(argument))
            || env.values().any(|value| nul(value.expose_secret()))
        {
            return Err(BadSettings::Nul);
        }
        Ok(Self {
            command,
            args: args.into_iter().map(SecretString::from).collect(),
            env,
            directory,
        })
    }

    /// As it is stored.
    pub(crate) fn to_details(&self) -> Result<Vec<u8>, BadSettings> {
        let copy = |secret: &SecretString| Zeroizing::new(secret.expose_secret().to_owned());
        let stored = Stored::Stdio {
            command: self.command.clone(),
            args: self.args.iter().map(copy).collect(),
            env: self
                .env
                .iter()
                .map(|(name, value)| (name.clone(), copy(value)))
                .collect(),
            directory: self.directory.clone(),
        };
        let details = serde_json::to_vec(&stored).map_err(|_| BadSettings::Unreadable)?;
        if details.len() > MAX_SETTINGS {
            Err(BadSettings::TooLarge)
        } else {
            Ok(details)
        }
    }

    /// Reads what [`Settings::to_details`] wrote.
    pub(crate) fn from_details(details: &[u8]) -> Result<Self, BadSettings> {
        let Stored::Stdio {
            command,
            args,
            env,
            directory,
        } = serde_json::from_slice(details).map_err(|_| BadSettings::Unreadable)?;
        let secret = |text: Zeroizing<String>| SecretString::from(text.as_str());
        Ok(Self {
            command,
            args: args.into_iter().map(secret).collect(),
            env: env
                .into_iter()
                .map(|(name, value)| (name, secret(value)))
                .collect(),
            directory,
        })
    }
}

impl fmt::Display for Settings {
    /// The program alone.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server() -> NewServer {
        NewServer {
            name: "files".to_owned(),
            command: "npx".to_owned(),
            args: vec!["-y".to_owned(), "thing".to_owned()],
            env: BTreeMap::from([("TOKEN".to_owned(), SecretString::from("hush"))]),
            directory: Some("/srv".into()),
        }
    }

    #[test]
    fn settings_are_read_as_they_were_written() {
        let details = Settings::new(server()).unwrap().to_details().unwrap();
        let read = Settings::from_details(&details).unwrap();
        assert_eq!(read.command, "npx");
        assert_eq!(read.args.len(), 2);
        assert_eq!(read.env["TOKEN"].expose_secret(), "hush");
        assert_eq!(read.directory, Some("/srv".into()));
    }

    #[test]
    fn what_cannot_be_started_is_refused() {
        let refusal = |server| Settings::new(server).err().unwrap();
        assert_eq!(
            refusal(NewServer {
                command: " ".to_owned(),
                ..server()
            }),
            BadSettings::NoCommand
        );
        assert_eq!(
            refusal(NewServer {
                command: "a\0".to_owned(),
                ..server()
            }),
            BadSettings::Nul
        );
        for name in ["", "A=B", "A\0"] {
            let env = BTreeMap::from([(name.to_owned(), SecretString::from("x"))]);
            assert!(matches!(
                refusal(NewServer { env, ..server() }),
                BadSettings::Variable(_)
            ));
        }
        let args = vec!["x".repeat(MAX_SETTINGS)];
        let large = Settings::new(NewServer { args, ..server() }).unwrap();
        assert_eq!(large.to_details(), Err(BadSettings::TooLarge));
    }

    #[test]
    fn damaged_settings_are_an_error() {
        for bytes in [&b""[..], b"{}", b"{\"kind\":\"carrier pigeon\"}", b"\xff"] {
            assert!(matches!(
                Settings::from_details(bytes),
                Err(BadSettings::Unreadable)
            ));
        }
    }
}
