//! One line of bounded length.

use std::io;

use thiserror::Error;
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _};

/// Why no line came.
#[derive(Debug, Error)]
pub enum LineError {
    /// The other side ended before the line did.
    #[error("the other side ended the conversation")]
    Ended,
    /// The line is longer than it may be.
    #[error("the line is longer than {limit} bytes")]
    TooLong {
        /// The limit.
        limit: usize,
    },
    /// The connection broke.
    #[error("the connection broke")]
    Broken(#[from] io::Error),
}

/// Reads one line, without its end, of at most `limit` bytes.
pub async fn read_line(
    source: &mut (impl AsyncBufRead + Unpin),
    limit: usize,
) -> Result<Vec<u8>, LineError> {
    let mut line = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    source.take(most).read_until(b'\n', &mut line).await?;
    if line.last() == Some(&b'\n') {
        line.pop();
        return Ok(line);
    }
    if line.len() > limit {
        Err(LineError::TooLong { limit })
    } else {
        Err(LineError::Ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_line_is_whole_and_bounded() {
        assert_eq!(read_line(&mut &b"abc\nrest"[..], 3).await.unwrap(), b"abc");
        assert!(matches!(
            read_line(&mut &b"abcd\n"[..], 3).await,
            Err(LineError::TooLong { limit: 3 })
        ));
        assert!(matches!(
            read_line(&mut &b"ab"[..], 3).await,
            Err(LineError::Ended)
        ));
        assert!(matches!(
            read_line(&mut &b""[..], 3).await,
            Err(LineError::Ended)
        ));
    }
}
