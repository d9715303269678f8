//! Lines from a child, with a length it cannot make us exceed.

use tokio::io::{AsyncBufRead, AsyncBufReadExt};

/// What came next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// A line without its end.
    Whole(Vec<u8>),
    /// The first bytes of a line longer than the limit. The rest was read and dropped if the
    /// reader was told to skip, else it still waits.
    Cut(Vec<u8>),
    /// The stream has ended.
    End,
}

/// What to do with the rest of a line that is too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rest {
    /// Read it and drop it, so that the next line comes next.
    Skip,
    /// Leave it: nothing more is read from this child.
    Leave,
}

/// Reads one line of at most `limit` bytes. Never holds more than that, plus one read buffer.
///
/// # Errors
/// When reading fails.
pub(crate) async fn read_line(
    reader: &mut (impl AsyncBufRead + Unpin),
    limit: usize,
    rest: Rest,
) -> std::io::Result<Line> {
    let mut line = Vec::new();
    let mut cut = false;
    loop {
        let available = reader.fill_buf().await?;
        if available.is_empty() {
            return Ok(match (cut, line.is_empty()) {
                (true, _) => Line::Cut(line),
                (false, true) => Line::End,
                (false, false) => Line::Whole(line),
            });
        }
        let end = available.iter().position(|byte| *byte == b'\n');
        let piece = available
            .get(..end.unwrap_or(available.len()))
            .unwrap_or_default();
        let room = limit - line.len();
        line.extend_from_slice(piece.get(..room.min(piece.len())).unwrap_or_default());
        let overflows = piece.len() > room;
        let consumed = end.map_or(available.len(), |end| end + 1);
        if overflows && rest == Rest::Leave {
            return Ok(Line::Cut(line));
        }
        cut |= overflows;
        reader.consume(consumed);
        if end.is_some() {
            if line.last() == Some(&b'\r') && !cut {
                line.pop();
            }
            return Ok(if cut {
                Line::Cut(line)
            } else {
                Line::Whole(line)
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::BufReader;

    use super::*;

    async fn all(input: &[u8], limit: usize, rest: Rest) -> Vec<Line> {
        // A tiny buffer, so that lines come in pieces.
        let mut reader = BufReader::with_capacity(3, input);
        let mut lines = Vec::new();
        loop {
            let line = read_line(&mut reader, limit, rest).await.unwrap();
            let stop = line == Line::End || (rest == Rest::Leave && matches!(line, Line::Cut(_)));
            lines.push(line);
            if stop {
                return lines;
            }
        }
    }

    #[tokio::test]
    async fn lines_come_one_by_one() {
        assert_eq!(
            all(b"one\r\n\ntwo\nlast", 10, Rest::Leave).await,
            [
                Line::Whole(b"one".to_vec()),
                Line::Whole(Vec::new()),
                Line::Whole(b"two".to_vec()),
                Line::Whole(b"last".to_vec()),
                Line::End
            ]
        );
    }

    #[tokio::test]
    async fn a_line_of_just_the_limit_is_whole() {
        assert_eq!(
            all(b"12345\n", 5, Rest::Leave).await,
            [Line::Whole(b"12345".to_vec()), Line::End]
        );
    }

    #[tokio::test]
    async fn a_longer_line_is_cut_and_the_next_one_is_found() {
        assert_eq!(
            all(b"123456789\nok\n", 5, Rest::Skip).await,
            [
                Line::Cut(b"12345".to_vec()),
                Line::Whole(b"ok".to_vec()),
                Line::End
            ]
        );
        assert_eq!(
            all(b"123456789\nok\n", 5, Rest::Leave).await,
            [Line::Cut(b"12345".to_vec())]
        );
    }

    #[tokio::test]
    async fn an_endless_line_is_not_kept() {
        let mut reader = BufReader::new(tokio::io::repeat(b'x'));
        let line = read_line(&mut reader, 1000, Rest::Leave).await.unwrap();
        assert_eq!(line, Line::Cut(vec![b'x'; 1000]));
    }
}
