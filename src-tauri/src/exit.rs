//! What the process says when it ends: one closed list, shared by every command.

use std::process::ExitCode;

/// How a command ended. Scripts rest on these numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitStatus {
    /// It is done.
    Done,
    /// It was tried and failed; the reason stands on standard error.
    Failed,
    /// The command line was not understood; nothing was tried.
    Usage,
    /// The command speaks to a running Drawbridge, and none is running.
    NotRunning,
    /// The running Drawbridge refused: this caller may not ask that.
    Refused,
    /// A server's watcher ends as its server did.
    AsServer(u8),
}

impl ExitStatus {
    /// The number the shell sees.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::NotRunning => 3,
            Self::Refused => 4,
            Self::AsServer(code) => code,
        }
    }
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status.code())
    }
}

#[cfg(test)]
mod tests {
    use super::ExitStatus;

    #[test]
    fn the_numbers_are_the_contract() {
        let all = [
            ExitStatus::Done,
            ExitStatus::Failed,
            ExitStatus::Usage,
            ExitStatus::NotRunning,
            ExitStatus::Refused,
        ];
        assert_eq!(all.map(ExitStatus::code), [0, 1, 2, 3, 4]);
    }
}
