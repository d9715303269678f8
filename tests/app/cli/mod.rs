//! The commands, as scripts use them: JSON shapes and exit codes are a contract.

mod exit_codes;
mod serve;
mod shapes;
mod terminal;
