//! The entry that Linux desktops start at login: a file in `autostart` of the configuration folder.
//! See <https://specifications.freedesktop.org/autostart-spec/latest/>.
//!
//! Written here and not by the plugin, which does not look at `XDG_CONFIG_HOME`, breaks on a
//! program in a folder with a space, and takes an entry that the desktop's own settings switched
//! off for one that is on.

use std::io;
use std::path::{Path, PathBuf};

use crate::cli::BACKGROUND;

/// Where the entry is.
pub(super) fn file(configuration: &Path) -> PathBuf {
    configuration.join("autostart").join("drawbridge.desktop")
}

/// Whether desktops start what this entry names; without an entry they start nothing.
///
/// # Errors
/// When the entry is there and cannot be read.
pub(super) fn is_on(file: &Path) -> io::Result<bool> {
    match std::fs::read_to_string(file) {
        Ok(entry) => Ok(!is_switched_off(&entry)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// As the settings of desktops switch an entry off without removing it.
fn is_switched_off(entry: &str) -> bool {
    entry.lines().any(|line| {
        let line = line.replace(' ', "");
        line.eq_ignore_ascii_case("Hidden=true")
            || line.eq_ignore_ascii_case("X-GNOME-Autostart-enabled=false")
    })
}

/// Writes the entry, whole or not at all.
///
/// # Errors
/// When the folder or the file cannot be written, or the program's path is none that an entry can
/// name.
pub(super) fn write(file: &Path, program: &Path) -> io::Result<()> {
    let entry = entry(program).ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            "the path of this program holds characters that an entry cannot",
        )
    })?;
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let new = file.with_extension("new");
    std::fs::write(&new, entry)?;
    std::fs::rename(&new, file)
}

/// Takes the entry away.
///
/// # Errors
/// When it is there and cannot be removed.
pub(super) fn remove(file: &Path) -> io::Result<()> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn entry(program: &Path) -> Option<String> {
    let program = quoted(program.to_str()?)?;
    Some(format!(
        "[Desktop Entry]\nType=Application\nName=Drawbridge\n\
         Comment=Lets remote MCP clients in, and asks first\nExec={program} {BACKGROUND}\n\
         Icon=drawbridge\nTerminal=false\nStartupNotify=false\n"
    ))
}

/// A program's path as `Exec` wants it: in quotation marks, with what is special in them marked,
/// and each mark marked once more, because the whole is a string of the file.
fn quoted(program: &str) -> Option<String> {
    let mut quoted = String::from("\"");
    for character in program.chars() {
        match character {
            '\\' => quoted.push_str(r"\\\\"),
            '"' | '`' | '$' => {
                quoted.push_str(r"\\");
                quoted.push(character);
            }
            '%' => quoted.push_str("%%"),
            character if character.is_control() => return None,
            character => quoted.push(character),
        }
    }
    quoted.push('"');
    Some(quoted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_switched_on_and_off() {
        let home = tempfile::tempdir().unwrap();
        let file = file(&home.path().join("not there yet"));
        assert!(!is_on(&file).unwrap());
        remove(&file).unwrap();
        write(&file, Path::new("/opt/drawbridge")).unwrap();
        assert!(is_on(&file).unwrap());
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(
            text.contains("\nExec=\"/opt/drawbridge\" --background\n"),
            "{text}"
        );
        remove(&file).unwrap();
        assert!(!is_on(&file).unwrap());
    }

    #[test]
    fn what_the_desktops_settings_switched_off_is_off() {
        let home = tempfile::tempdir().unwrap();
        let file = file(home.path());
        for line in ["Hidden=true", "X-GNOME-Autostart-enabled = false"] {
            write(&file, Path::new("/opt/drawbridge")).unwrap();
            let text = std::fs::read_to_string(&file).unwrap();
            std::fs::write(&file, format!("{text}{line}\n")).unwrap();
            assert!(!is_on(&file).unwrap(), "{line}");
        }
        write(&file, Path::new("/opt/drawbridge")).unwrap();
        assert!(is_on(&file).unwrap(), "switched on anew");
    }

    #[test]
    fn any_path_can_be_named() {
        assert_eq!(quoted("/opt/My Apps/d").unwrap(), r#""/opt/My Apps/d""#);
        assert_eq!(quoted("/a$b`c\"d").unwrap(), r#""/a\\$b\\`c\\"d""#);
        assert_eq!(quoted(r"/a\b").unwrap(), r#""/a\\\\b""#);
        assert_eq!(quoted("/100%/d").unwrap(), r#""/100%%/d""#);
        assert_eq!(quoted("/a\nExec=evil"), None);
    }

    #[test]
    fn a_folder_that_is_none_is_said() {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("autostart"), "a file").unwrap();
        let file = file(home.path());
        assert!(write(&file, Path::new("/opt/drawbridge")).is_err());
        assert!(is_on(&file).is_err());
    }
}
