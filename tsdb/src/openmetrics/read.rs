//! A stream of OpenMetrics text as samples, line by line and in bounded memory.
//!
//! Invariants: a line is at most [`LINE_BYTES_MAX`] long; nothing follows `# EOF`, and nothing but it may end the stream.
//! Errors carry the number of their line.

use std::io::{BufRead, Read as _};

use super::parse::{Line, Row, line_after};
use crate::error::{Error, Result};

/// Longest line: far above any sensible series, far below what hurts.
pub const LINE_BYTES_MAX: usize = 1 << 20;

/// Yields samples in the order of the text.
#[derive(Debug)]
pub struct Reader<R> {
    input: R,
    buffer: Vec<u8>,
    /// Text of the last series: neighbours mostly name the same.
    series: String,
    line: u64,
    ended: bool,
}

impl<R: BufRead> Reader<R> {
    /// Starts at the first line.
    pub fn new(input: R) -> Self {
        Self {
            input,
            buffer: Vec::new(),
            series: String::new(),
            line: 0,
            ended: false,
        }
    }

    /// The next sample; none after `# EOF`.
    ///
    /// # Errors
    /// Where a line is wrong, the text goes on after `# EOF` or ends without it, or reading fails.
    pub fn next_row(&mut self) -> Result<Option<Row<'_>>> {
        while !self.ended {
            if !self.read_line()? {
                return Err(self.refuse("the text does not end with '# EOF'"));
            }
            match line_after(&self.buffer, &self.series).map_err(|why| self.refuse(&why))? {
                Line::Meta => {}
                Line::Eof => self.end()?,
                Line::Row(row) => {
                    let (t, v) = (row.t, row.v);
                    if row.series != self.series {
                        row.series.clone_into(&mut self.series);
                    }
                    let series = &self.series;
                    return Ok(Some(Row { series, t, v }));
                }
            }
        }
        Ok(None)
    }

    /// Number of the line that was read last, from 1.
    #[must_use]
    pub fn line(&self) -> u64 {
        self.line
    }

    /// An error at the line that was read last.
    #[must_use]
    pub fn refuse(&self, why: &str) -> Error {
        Error::Invalid(format!("line {}: {why}", self.line))
    }

    fn end(&mut self) -> Result<()> {
        self.ended = true;
        if self.read_line()? {
            return Err(self.refuse("unexpected text after '# EOF'"));
        }
        Ok(())
    }

    /// Reads a line without its line feed; false at the end.
    fn read_line(&mut self) -> Result<bool> {
        self.buffer.clear();
        let mut rest = self.input.by_ref().take(LINE_BYTES_MAX as u64 + 1);
        let read = rest.read_until(b'\n', &mut self.buffer);
        let read = read.map_err(|source| Error::Io {
            action: "read",
            source,
        })?;
        self.line += u64::from(read > 0);
        if self.buffer.last() == Some(&b'\n') {
            self.buffer.pop();
        } else if read > LINE_BYTES_MAX {
            return Err(self.refuse("longer than 1 MiB"));
        }
        Ok(read > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Result<Vec<(String, i64, f64)>> {
        let mut reader = Reader::new(text.as_bytes());
        let mut rows = Vec::new();
        while let Some(row) = reader.next_row()? {
            rows.push((row.series.to_owned(), row.t, row.v));
        }
        Ok(rows)
    }

    #[test]
    fn samples_come_in_order_and_meta_does_not() {
        let text = "# TYPE up gauge\nup 1 1\nup 0 2\n# EOF";
        let want = [("up".to_owned(), 1000, 1.0), ("up".to_owned(), 2000, 0.0)];
        assert_eq!(rows(text).unwrap(), want);
        assert_eq!(rows(&format!("{text}\n")).unwrap(), want);
    }

    #[test]
    fn a_series_is_known_again_only_where_all_of_it_is_there() {
        let text = "a{b=\"1\"} 1 1\na{b=\"1\"} 2 2\na 3 3\na 4 4\nab 5 5\na{b=\"1\"} 6 6\n# EOF";
        let names: Vec<String> = rows(text).unwrap().into_iter().map(|row| row.0).collect();
        let long = "a{b=\"1\"}";
        assert_eq!(names, [long, long, "a", "a", "ab", long]);
        assert!(rows("a 1 1\na{} x 2\n# EOF").is_err());
    }

    #[test]
    fn errors_name_their_line() {
        fn check(text: &str, want: &str) {
            assert_eq!(rows(text).unwrap_err().to_string(), want, "{text:?}");
        }
        check("", "line 0: the text does not end with '# EOF'");
        check("up 1 1\n", "line 1: the text does not end with '# EOF'");
        check("# EOF\n\n", "line 2: unexpected text after '# EOF'");
        check("# EOF\nup 1 1\n", "line 2: unexpected text after '# EOF'");
        check("up 1 1\n\n# EOF", "line 2: expected a metric name at \"\"");
        let long = format!("up 1 1\n# HELP up {}\n# EOF\n", "x".repeat(LINE_BYTES_MAX));
        check(&long, "line 2: longer than 1 MiB");
    }
}
