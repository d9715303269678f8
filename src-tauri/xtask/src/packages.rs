//! The system packages that a build needs, installed by the system's own package manager.
//!
//! Debian and its kin, Fedora and Arch are known. Elsewhere it is said exactly what to install.

use std::io::{IsTerminal, Write};

use anyhow::{Context, Result, bail};

use crate::process::{command, output, run, succeeds, variable};

/// What the machine is asked to be able to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Build the server.
    Server,
    /// Build the desktop app.
    Desktop,
    /// Run every test.
    Tests,
}

/// A package manager and how to speak to it.
struct Manager {
    name: &'static str,
    /// Exits 0 when the package is installed.
    installed: &'static [&'static str],
    refresh: &'static [&'static str],
    install: &'static [&'static str],
    server: &'static [&'static str],
    desktop: &'static [&'static str],
    tests: &'static [&'static str],
}

const APT: Manager = Manager {
    name: "apt-get",
    installed: &["dpkg-query", "--show", "--showformat=${db:Status-Abbrev}"],
    refresh: &["apt-get", "update"],
    install: &["apt-get", "install", "--yes", "--no-install-recommends"],
    server: &["build-essential", "pkg-config"],
    desktop: &[
        "libwebkit2gtk-4.1-dev",
        "libgtk-3-dev",
        "libayatana-appindicator3-dev",
        "librsvg2-dev",
    ],
    tests: &[
        "chromium",
        "dbus",
        "fonts-dejavu-core",
        "gnome-keyring",
        "procps",
        "python3",
        "python3-venv",
        "webkit2gtk-driver",
        "xvfb",
    ],
};

const DNF: Manager = Manager {
    name: "dnf",
    installed: &["rpm", "--query"],
    refresh: &[],
    install: &["dnf", "install", "--assumeyes"],
    server: &["gcc", "gcc-c++", "make", "pkgconf-pkg-config"],
    desktop: &[
        "webkit2gtk4.1-devel",
        "gtk3-devel",
        "libappindicator-gtk3-devel",
        "librsvg2-devel",
    ],
    tests: &[
        "chromium",
        "dbus-daemon",
        "dejavu-sans-fonts",
        "gnome-keyring",
        "procps-ng",
        "python3",
        "xorg-x11-server-Xvfb",
    ],
};

const PACMAN: Manager = Manager {
    name: "pacman",
    installed: &["pacman", "--query", "--quiet"],
    refresh: &[],
    install: &["pacman", "--sync", "--refresh", "--needed", "--noconfirm"],
    server: &["gcc", "make", "pkgconf"],
    desktop: &[
        "webkit2gtk-4.1",
        "gtk3",
        "libayatana-appindicator",
        "librsvg",
    ],
    tests: &[
        "chromium",
        "dbus",
        "gnome-keyring",
        "procps-ng",
        "python",
        "ttf-dejavu",
        "xorg-server-xvfb",
    ],
};

impl Manager {
    fn wanted(&self, need: Need) -> Vec<&'static str> {
        let mut wanted = self.server.to_vec();
        if matches!(need, Need::Desktop | Need::Tests) {
            wanted.extend(self.desktop);
        }
        if need == Need::Tests {
            wanted.extend(self.tests);
        }
        wanted
    }

    fn has(&self, package: &str) -> bool {
        let [program, arguments @ ..] = self.installed else {
            return false;
        };
        let mut query = command(program);
        query.args(arguments).arg(package);
        // dpkg-query also knows packages that were removed again.
        if *program == "dpkg-query" {
            return output(&mut query).is_ok_and(|state| state.starts_with("ii"));
        }
        succeeds(&mut query)
    }
}

/// Installs what is missing, asking first when a terminal is there.
///
/// # Errors
/// When something is missing and cannot be installed; the text says what to install by hand.
pub(crate) fn ensure(need: Need) -> Result<()> {
    if cfg!(target_os = "linux") {
        return ensure_linux(need);
    }
    // Rust's own linker came with Xcode's tools or Visual Studio's: xtask could not run without.
    if cfg!(target_os = "macos") && !succeeds(command("xcode-select").arg("--print-path")) {
        bail!("Apple's command line tools are missing. Run `xcode-select --install`, then again.");
    }
    Ok(())
}

fn ensure_linux(need: Need) -> Result<()> {
    let found = [&APT, &DNF, &PACMAN]
        .into_iter()
        .find(|manager| succeeds(command(manager.name).arg("--version")));
    let Some(manager) = found else {
        println!(
            "This system has none of apt-get, dnf and pacman. Drawbridge needs, by Debian's names: {}. \
             Going on as if they were there.",
            APT.wanted(need).join(" ")
        );
        return Ok(());
    };
    let missing: Vec<&str> = manager
        .wanted(need)
        .into_iter()
        .filter(|package| !manager.has(package))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let by_hand = format!("{} {}", manager.install.join(" "), missing.join(" "));
    println!("Missing system packages: {}", missing.join(" "));
    if !agreed()? {
        bail!("the system packages above are needed. Install them with: sudo {by_hand}");
    }
    if !manager.refresh.is_empty() {
        run(privileged()?.args(manager.refresh))?;
    }
    run(privileged()?.args(manager.install).args(&missing))
        .with_context(|| format!("install them yourself with: sudo {by_hand}"))
}

/// Asks where somebody can answer. Without a terminal the command itself was the question.
fn agreed() -> Result<bool> {
    if !std::io::stdin().is_terminal() || variable("CI").is_some() {
        return Ok(true);
    }
    print!("Install them now? [Y/n] ");
    std::io::stdout().flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(
        answer.trim().to_ascii_lowercase().as_str(),
        "" | "y" | "yes"
    ))
}

/// A command line that may install packages: as root itself, else through sudo.
fn privileged() -> Result<std::process::Command> {
    let mut prefix = command("env");
    prefix.env("DEBIAN_FRONTEND", "noninteractive");
    if output(command("id").arg("-u"))?.trim() == "0" {
        return Ok(prefix);
    }
    let mut sudo = command("sudo");
    if !std::io::stdin().is_terminal() {
        sudo.arg("--non-interactive");
    }
    sudo.args(["env", "DEBIAN_FRONTEND=noninteractive"]);
    Ok(sudo)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_needs_nothing_of_the_desktop() {
        for manager in [APT, DNF, PACMAN] {
            let server = manager.wanted(Need::Server);
            assert!(server.iter().all(|package| !package.contains("gtk")));
            let desktop = manager.wanted(Need::Desktop);
            assert!(desktop.iter().any(|package| package.contains("webkit")));
            assert!(manager.wanted(Need::Tests).starts_with(&desktop));
        }
    }
}
