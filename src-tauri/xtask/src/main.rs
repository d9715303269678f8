//! Drawbridge's own build commands: `cargo xtask run` starts the app on a machine that has only
//! Rust and Node, `cargo xtask test` runs everything that must hold. Both install what is missing.
//!
//! One file per command. [`packages`] and [`tools`] know what a machine needs, [`process`] starts
//! programs, [`report`] adds up stages. Nothing here is part of the app.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for the terminal: what it does is said there"
)]

mod bench;
mod bindings;
mod conformance;
mod dist;
mod icons;
mod node;
mod packages;
mod process;
mod python;
mod report;
mod run;
mod test;
mod tidy;
mod tools;

use std::process::ExitCode;

use anyhow::bail;

const USAGE: &str = "\
cargo xtask COMMAND

  run [ARGS…]          install what is missing, build in release mode, start Drawbridge
                       (with a display the app, without one `drawbridge serve ARGS…`)
  test [STAGE…]        install what is missing, run every check and test; --list names the stages
  bench WHAT [ARGS…]   measure: `oauth` or `desktop`
  conformance          run the official MCP conformance suite against the whole app
  dist [ARGS…]         build this platform's installers (ARGS go to `tauri build`)
  bindings             write ui/src/bindings.ts, the pages' types, from the app's
  tidy                 check the rules of the house: arrows, rooms, file lengths, machine paths
  icons                render icons/*.svg to every size that the platforms want";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next().unwrap_or_default();
    let rest: Vec<String> = arguments.collect();
    match dispatch(&command, &rest) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("cargo xtask {command}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(command: &str, arguments: &[String]) -> anyhow::Result<ExitCode> {
    match command {
        "run" => run::run(arguments),
        "test" => test::run(arguments),
        "bench" => bench::run(arguments),
        "conformance" => conformance::run().map(|()| ExitCode::SUCCESS),
        "dist" => dist::run(arguments).map(|()| ExitCode::SUCCESS),
        "bindings" => bindings::run().map(|()| ExitCode::SUCCESS),
        "tidy" => tidy::run().map(|()| ExitCode::SUCCESS),
        "icons" => icons::run().map(|()| ExitCode::SUCCESS),
        "help" | "--help" | "-h" => {
            println!("{USAGE}");
            Ok(ExitCode::SUCCESS)
        }
        "" => bail!("say what to do.\n\n{USAGE}"),
        other => bail!("there is no command {other:?}.\n\n{USAGE}"),
    }
}
