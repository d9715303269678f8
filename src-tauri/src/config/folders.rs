//! Where Drawbridge keeps its files.

use std::path::{Path, PathBuf};

use super::{ConfigError, Environment};

/// Where Drawbridge keeps its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folders {
    /// The data folder: the database, and everything below where not said otherwise.
    pub data: PathBuf,
    /// The folder of the control socket, readable by its owner only.
    pub run: PathBuf,
    /// The folder of the log files.
    pub logs: PathBuf,
}

impl Folders {
    /// Where the webviews keep what they must.
    #[must_use]
    pub fn web(&self) -> PathBuf {
        self.data.join("web")
    }

    /// `$DRAWBRIDGE_HOME` with everything in it, else the platform's data folder, with the socket
    /// in `$XDG_RUNTIME_DIR/drawbridge` where there is one.
    pub fn resolve(environment: &Environment) -> Result<Self, ConfigError> {
        if let Some(home) = environment.get("DRAWBRIDGE_HOME") {
            let data = std::path::absolute(home).map_err(|_| ConfigError::Home {
                problem: "is not a folder name",
            })?;
            return Ok(Self {
                run: data.join("run"),
                logs: data.join("logs"),
                data,
            });
        }
        let data = directories::ProjectDirs::from("", "", "Drawbridge")
            .ok_or(ConfigError::NoHome)?
            .data_local_dir()
            .to_owned();
        let run = environment
            .get("XDG_RUNTIME_DIR")
            .map(Path::new)
            .filter(|path| cfg!(unix) && path.is_absolute())
            .map_or_else(|| data.join("run"), |runtime| runtime.join("drawbridge"));
        Ok(Self {
            run,
            logs: data.join("logs"),
            data,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_holds_everything_and_without_one_the_socket_goes_to_the_runtime_folder() {
        let with_home = Folders::resolve(&Environment::from_pairs([
            ("DRAWBRIDGE_HOME", "/data/d"),
            ("XDG_RUNTIME_DIR", "/run/u"),
        ]))
        .unwrap();
        assert_eq!(with_home.run, Path::new("/data/d/run"));
        assert_eq!(with_home.logs, Path::new("/data/d/logs"));
        #[cfg(unix)]
        {
            let without =
                Folders::resolve(&Environment::from_pairs([("XDG_RUNTIME_DIR", "/run/u")]))
                    .unwrap();
            assert_eq!(without.run, Path::new("/run/u/drawbridge"));
        }
    }
}
