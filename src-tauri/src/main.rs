//! The process: runs what the command line says and tells the shell how it ended.

use std::process::ExitCode;

fn main() -> ExitCode {
    drawbridge::run(std::env::args_os()).into()
}
