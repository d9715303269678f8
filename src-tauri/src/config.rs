//! Settings from outside: the environment (read once, here and nowhere else), a `.env` file, and
//! the command line, checked together into one [`Config`].
//!
//! A variable of the environment wins over the same line in `.env`; nothing of `.env` is exported
//! into this process's environment, so no child can inherit it. An error names the variable, what
//! is wrong with it and what to do, and never its value.

mod env_file;
mod folders;
mod ports;
mod public_url;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::net::Ipv4Addr;
use std::path::Path;

use drawbridge_oauth::SecretProblem;
use secrecy::{ExposeSecret as _, SecretString};
use thiserror::Error;

pub use env_file::EnvFile;
pub use folders::Folders;
pub use ports::{GivenPorts, LOCAL_PORT, LOOPBACK_PORT, Listener, Ports, TUNNEL_PORT};
pub use public_url::PublicUrl;

/// A variable that Drawbridge reads, from the environment or from `.env`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variable {
    /// The public address of the owner's own HTTPS front.
    BaseUrl,
    /// The secret of the client whose credentials are typed in by hand.
    OauthClientSecret,
    /// The key for what is stored, where there is no keychain.
    TokenEncryptionKey,
}

impl Variable {
    /// All of them, in the order the original guide lists them.
    pub const ALL: [Self; 3] = [
        Self::BaseUrl,
        Self::OauthClientSecret,
        Self::TokenEncryptionKey,
    ];

    /// Its name in the environment.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BaseUrl => "BASE_URL",
            Self::OauthClientSecret => "OAUTH_CLIENT_SECRET",
            Self::TokenEncryptionKey => "TOKEN_ENCRYPTION_KEY",
        }
    }
}

/// A setting that cannot be used. The text names the setting and what to do, never its value.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
pub enum ConfigError {
    /// `BASE_URL` is not an address we can serve at.
    #[error(
        "BASE_URL {problem}. Write only the address of your HTTPS front, like https://mcp.example.com"
    )]
    BaseUrl {
        /// What is wrong, to stand after the name.
        problem: &'static str,
    },
    /// `OAUTH_CLIENT_SECRET` would not protect anything.
    #[error(
        "OAUTH_CLIENT_SECRET {problem}. Make one with: python3 -c \"import secrets; print(secrets.token_urlsafe(32))\""
    )]
    ClientSecret {
        /// What is wrong, to stand after the name.
        problem: SecretProblem,
    },
    /// `TOKEN_ENCRYPTION_KEY` is the placeholder of a guide.
    #[error(
        "TOKEN_ENCRYPTION_KEY {problem}. Make one with: python3 -c \"import secrets; print(secrets.token_urlsafe(32))\""
    )]
    EncryptionKey {
        /// What is wrong, to stand after the name.
        problem: &'static str,
    },
    /// A variable holds bytes that are not text.
    #[error("{name} is not readable text (it is not UTF-8). Set it again, or unset it")]
    NotText {
        /// The variable.
        name: &'static str,
    },
    /// `.env` cannot be read.
    #[error("the file {path} cannot be read: {problem}")]
    EnvFile {
        /// Which file.
        path: String,
        /// What the system said, or which line is wrong; never a line's content.
        problem: String,
    },
    /// `DRAWBRIDGE_HOME` is not a usable folder name.
    #[error(
        "DRAWBRIDGE_HOME {problem}. Set it to the folder Drawbridge may keep its data in, or unset it"
    )]
    Home {
        /// What is wrong, to stand after the name.
        problem: &'static str,
    },
    /// The system does not say where this user's data lives.
    #[error(
        "this system does not say where your data folder is (no home directory). Set DRAWBRIDGE_HOME to the folder Drawbridge may keep its data in"
    )]
    NoHome,
    /// `DRAWBRIDGE_LOG` is not a level.
    #[error("DRAWBRIDGE_LOG must be one of error, warn, info, debug, trace")]
    LogLevel,
    /// `DRAWBRIDGE_FRONT` is no kind of front.
    #[error("DRAWBRIDGE_FRONT must be cloudflare or other")]
    Front,
    /// A variable that should hold a port does not.
    #[error("{name} must be a port: a number up to 65535, or 0 for a free one")]
    Port {
        /// The variable.
        name: &'static str,
    },
    /// Two listeners were given the same port.
    #[error(
        "{} and {} are the same port ({port}). Give each its own, or 0 for a free one",
        first.flag(),
        second.flag()
    )]
    SamePort {
        /// One of them.
        first: Listener,
        /// The other.
        second: Listener,
        /// The port.
        port: u16,
    },
}

/// The process's environment as it was at the start.
#[derive(Clone)]
pub struct Environment(BTreeMap<OsString, OsString>);

impl Environment {
    /// Reads the environment of this process. The one place that does.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where the environment is read"
    )]
    pub fn of_this_process() -> Self {
        Self(std::env::vars_os().collect())
    }

    /// An environment made of these pairs.
    pub fn from_pairs<K: Into<OsString>, V: Into<OsString>>(
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        Self(
            pairs
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        )
    }

    /// A variable's value; one that is set to nothing counts as not set.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.0
            .get(OsStr::new(name))
            .map(OsString::as_os_str)
            .filter(|value| !value.is_empty())
    }

    /// Whether there is a display to open a window on.
    #[must_use]
    pub fn has_display(&self) -> bool {
        cfg!(any(windows, target_os = "macos"))
            || ["WAYLAND_DISPLAY", "DISPLAY"]
                .iter()
                .any(|name| self.get(name).is_some())
    }

    fn text(&self, name: &'static str) -> Result<Option<&str>, ConfigError> {
        self.get(name)
            .map(|value| value.to_str().ok_or(ConfigError::NotText { name }))
            .transpose()
    }

    /// What a server of the user's may inherit of it: see [`inherited_by_children`].
    #[must_use]
    pub fn for_children(&self) -> Vec<(OsString, OsString)> {
        self.0
            .iter()
            .filter(|(name, _)| name.to_str().is_some_and(inherited_by_children))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }
}

/// Whether a child process inherits the variable of this name.
///
/// A list of what is let through, not of what is kept back: a shell's environment is full of
/// other programs' tokens. What a server needs beyond this its own settings name (`--env`).
#[must_use]
pub fn inherited_by_children(name: &str) -> bool {
    const EXACT: &[&str] = &[
        // who and where
        "PATH",
        "HOME",
        "USER",
        "LOGNAME",
        "SHELL",
        "TERM",
        "TZ",
        "TMPDIR",
        "TMP",
        "TEMP",
        // language
        "LANG",
        "LANGUAGE",
        // where programs keep their files; never XDG_RUNTIME_DIR, where our own socket is
        "XDG_CONFIG_HOME",
        "XDG_DATA_HOME",
        "XDG_CACHE_HOME",
        "XDG_STATE_HOME",
        "XDG_DATA_DIRS",
        "XDG_CONFIG_DIRS",
        // the way to the network and whom to trust there
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "NO_PROXY",
        "ALL_PROXY",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "NODE_EXTRA_CA_CERTS",
        "REQUESTS_CA_BUNDLE",
        // where version managers put node, python and others
        "NVM_DIR",
        "FNM_DIR",
        "VOLTA_HOME",
        "PNPM_HOME",
        "PYENV_ROOT",
        "ASDF_DIR",
        "ASDF_DATA_DIR",
        "MISE_DATA_DIR",
        // without these no Windows program starts
        "SYSTEMROOT",
        "SYSTEMDRIVE",
        "WINDIR",
        "COMSPEC",
        "PATHEXT",
        "APPDATA",
        "LOCALAPPDATA",
        "PROGRAMDATA",
        "PROGRAMFILES",
        "PROGRAMFILES(X86)",
        "COMMONPROGRAMFILES",
        "USERPROFILE",
        "HOMEDRIVE",
        "HOMEPATH",
        "NUMBER_OF_PROCESSORS",
        "PROCESSOR_ARCHITECTURE",
    ];
    let name = name.to_ascii_uppercase();
    EXACT.contains(&name.as_str()) || name.starts_with("LC_")
}

/// How the public address reaches this computer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum TunnelKind {
    /// Not at all: clients on this computer only.
    Off,
    /// A cloudflared tunnel without an account; its address ends with the run.
    Quick,
    /// A cloudflared tunnel of the owner's account, at an address that lasts.
    Named,
    /// The owner's own HTTPS front, at `BASE_URL`.
    Own,
}

/// What stands in front of the tunnel's listener: who the client is, it says or does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Front {
    /// Cloudflare, or what sets `Cf-Connecting-Ip` itself and takes away a client's own.
    #[default]
    Cloudflare,
    /// Any other: nginx, Caddy and the like pass on what the client wrote, so it is not believed.
    Other,
}

impl Front {
    fn of(environment: &Environment) -> Result<Option<Self>, ConfigError> {
        environment
            .text("DRAWBRIDGE_FRONT")?
            .map(|text| {
                <Self as clap::ValueEnum>::from_str(text, true).map_err(|_| ConfigError::Front)
            })
            .transpose()
    }
}

/// How much of its own doing Drawbridge writes down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogLevel(pub tracing::level_filters::LevelFilter);

impl LogLevel {
    /// `DRAWBRIDGE_LOG`, if it is set.
    pub fn of(environment: &Environment) -> Result<Option<Self>, ConfigError> {
        use tracing::level_filters::LevelFilter;
        let Some(text) = environment.text("DRAWBRIDGE_LOG")? else {
            return Ok(None);
        };
        let level = match text.to_ascii_lowercase().as_str() {
            "error" => LevelFilter::ERROR,
            "warn" => LevelFilter::WARN,
            "info" => LevelFilter::INFO,
            "debug" => LevelFilter::DEBUG,
            "trace" => LevelFilter::TRACE,
            _ => return Err(ConfigError::LogLevel),
        };
        Ok(Some(Self(level)))
    }
}

/// The three values of the original guide, from the environment and `.env`.
#[derive(Default)]
pub struct GuideValues {
    /// `BASE_URL`.
    pub base_url: Option<PublicUrl>,
    /// `OAUTH_CLIENT_SECRET`.
    pub client_secret: Option<SecretString>,
    /// `TOKEN_ENCRYPTION_KEY`.
    pub encryption_key: Option<SecretString>,
}

impl GuideValues {
    /// Takes the environment's values, and the file's where the environment has none.
    pub fn gather(environment: &Environment, file: Option<&EnvFile>) -> Result<Self, ConfigError> {
        let value = |variable: Variable| -> Result<Option<SecretString>, ConfigError> {
            if let Some(text) = environment.text(variable.name())? {
                return Ok(Some(SecretString::from(text)));
            }
            Ok(file.and_then(|file| file.value(variable)))
        };
        Ok(Self {
            base_url: value(Variable::BaseUrl)?
                .map(|text| PublicUrl::parse(text.expose_secret()))
                .transpose()?,
            client_secret: value(Variable::OauthClientSecret)?
                .map(check_client_secret)
                .transpose()?,
            encryption_key: value(Variable::TokenEncryptionKey)?
                .map(check_encryption_key)
                .transpose()?,
        })
    }
}

fn check_client_secret(secret: SecretString) -> Result<SecretString, ConfigError> {
    match drawbridge_oauth::check_client_secret(secret.expose_secret()) {
        Ok(()) => Ok(secret),
        Err(problem) => Err(ConfigError::ClientSecret { problem }),
    }
}

fn check_encryption_key(secret: SecretString) -> Result<SecretString, ConfigError> {
    if is_placeholder(secret.expose_secret()) {
        return Err(ConfigError::EncryptionKey {
            problem: "is still the placeholder of the guide",
        });
    }
    Ok(secret)
}

/// The guide's own example values, which are public.
fn is_placeholder(text: &str) -> bool {
    text.starts_with("your_") && text.ends_with("_here")
}

/// What the command line of `serve` said.
#[derive(Debug, Clone, Copy, Default)]
pub struct ServeFlags {
    /// The ports that were named.
    pub ports: GivenPorts,
    /// The kind of tunnel, if one was named.
    pub tunnel: Option<TunnelKind>,
    /// What stands in front, if it was named.
    pub front: Option<Front>,
    /// Whether strangers' clients are turned away.
    pub known_clients_only: bool,
}

/// Everything the engine needs to know from outside.
pub struct Config {
    /// Where the files are.
    pub folders: Folders,
    /// Where to listen, as far as a flag or a variable says so. The owner's settings say the rest.
    pub ports: GivenPorts,
    /// The kind of tunnel a flag asks for.
    pub tunnel: Option<TunnelKind>,
    /// What stands in front of the tunnel's listener.
    pub front: Front,
    /// Whether a flag says that clients that nobody knows by name are turned away.
    pub known_clients_only: bool,
    /// The values of the original guide.
    pub guide: GuideValues,
    /// Whether there was a `.env` file to read.
    pub has_env_file: bool,
    /// The environment that servers inherit.
    pub children: Vec<(OsString, OsString)>,
    /// Whether a window will attend, where the owner confirms what commands ask. Until it does,
    /// commands that let more in are refused.
    pub window: bool,
}

impl Config {
    /// Puts the environment, a `.env` file that may be there, and the flags together.
    pub fn gather(
        environment: &Environment,
        flags: ServeFlags,
        env_file: Option<&Path>,
    ) -> Result<Self, ConfigError> {
        let file = match env_file {
            Some(path) => EnvFile::read_if_present(path)?,
            None => None,
        };
        Ok(Self {
            folders: Folders::resolve(environment)?,
            ports: flags
                .ports
                .or(GivenPorts::of_environment(environment)?)
                .check()?,
            tunnel: flags.tunnel,
            front: match flags.front {
                Some(front) => front,
                None => Front::of(environment)?.unwrap_or_default(),
            },
            known_clients_only: flags.known_clients_only,
            guide: GuideValues::gather(environment, file.as_ref())?,
            has_env_file: file.is_some(),
            children: environment.for_children(),
            window: false,
        })
    }
}

/// The only address Drawbridge ever listens on beside `[::1]`.
pub const LOOPBACK: Ipv4Addr = Ipv4Addr::LOCALHOST;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_says_what_stands_in_front_then_the_environment_then_cloudflare() {
        let gather = |variable: &str, front| {
            let environment = Environment::from_pairs([
                ("DRAWBRIDGE_HOME", "/h"),
                ("DRAWBRIDGE_FRONT", variable),
            ]);
            let flags = ServeFlags {
                front,
                ..ServeFlags::default()
            };
            Config::gather(&environment, flags, None).map(|config| config.front)
        };
        assert_eq!(gather("", None), Ok(Front::Cloudflare));
        assert_eq!(gather("other", None), Ok(Front::Other));
        assert_eq!(
            gather("other", Some(Front::Cloudflare)),
            Ok(Front::Cloudflare)
        );
        assert_eq!(gather("nginx", None), Err(ConfigError::Front));
    }

    const SECRET: &str = "0123456789abcdef0123456789abcdef0123456789a";

    fn values(pairs: &[(&str, &str)], file: Option<&str>) -> Result<GuideValues, ConfigError> {
        let file = file.map(|text| EnvFile::parse(text).unwrap());
        GuideValues::gather(
            &Environment::from_pairs(pairs.iter().copied()),
            file.as_ref(),
        )
    }

    #[test]
    fn the_guides_three_values_are_read() {
        let file = "# a comment\nBASE_URL=https://mcp.example.com\nOAUTH_CLIENT_SECRET=\"0123456789abcdef0123456789abcdef0123456789a\"\nNOTION_TOKEN=x\n";
        let found = values(&[], Some(file)).unwrap();
        assert_eq!(found.base_url.unwrap().origin(), "https://mcp.example.com");
        assert_eq!(found.client_secret.unwrap().expose_secret(), SECRET);
        assert!(found.encryption_key.is_none());
        assert_eq!(EnvFile::parse(file).unwrap().others(), ["NOTION_TOKEN"]);
    }

    #[test]
    fn the_environment_wins_and_an_empty_value_is_none() {
        let found = values(
            &[
                ("BASE_URL", "https://a.example"),
                ("OAUTH_CLIENT_SECRET", ""),
            ],
            Some("BASE_URL=https://b.example\nTOKEN_ENCRYPTION_KEY=\n"),
        )
        .unwrap();
        assert_eq!(found.base_url.unwrap().origin(), "https://a.example");
        assert!(found.client_secret.is_none());
        assert!(found.encryption_key.is_none());
    }

    #[test]
    fn errors_name_the_variable_and_never_the_value() {
        for (name, value) in [
            ("OAUTH_CLIENT_SECRET", "short-canary"),
            ("OAUTH_CLIENT_SECRET", "your_oauth_client_secret_here"),
            (
                "OAUTH_CLIENT_SECRET",
                "spaces are not good in a secret canary",
            ),
            ("TOKEN_ENCRYPTION_KEY", "your_token_encryption_key_here"),
            ("BASE_URL", "canary://canary"),
        ] {
            let error = values(&[(name, value)], None)
                .map(|_| ())
                .unwrap_err()
                .to_string();
            assert!(error.starts_with(name), "{error}");
            assert!(
                !error.contains(value) && !error.contains("canary"),
                "{error}"
            );
        }
    }

    #[test]
    fn children_inherit_what_programs_need_and_no_secret() {
        for name in [
            "PATH",
            "HOME",
            "LANG",
            "LC_ALL",
            "TMPDIR",
            "Path",
            "https_proxy",
        ] {
            assert!(inherited_by_children(name), "{name}");
        }
        for name in [
            "DRAWBRIDGE_HOME",
            "TOKEN_ENCRYPTION_KEY",
            "OAUTH_CLIENT_SECRET",
            "BASE_URL",
            "DBUS_SESSION_BUS_ADDRESS",
            "XDG_RUNTIME_DIR",
            "DISPLAY",
            "GITHUB_TOKEN",
            "LD_PRELOAD",
        ] {
            assert!(!inherited_by_children(name), "{name}");
        }
    }
}
