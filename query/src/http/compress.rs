//! Which compression an answer gets, and the work itself, piece by piece.
//!
//! Of gzip and deflate the first that the client names wins, whatever the size, as with Prometheus. zstd packs tighter and
//! faster; it is taken where the client knows it and there is enough to pack, since a frame has a fixed cost. Level 1
//! everywhere: the processor is the scarcer thing.

use std::io::{self, Write as _};

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};

/// From here on zstd pays.
const ZSTD_BYTES_MIN: usize = 2048;
const ZSTD_LEVEL: i32 = 1;

/// A content coding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// As it is.
    Identity,
    /// `gzip`.
    Gzip,
    /// `deflate`: zlib's container.
    Deflate,
    /// `zstd`.
    Zstd,
}

impl Coding {
    /// The coding for a client that sent `accept`, and an answer of which `bytes` are known to come.
    #[must_use]
    pub fn choose(accept: &str, bytes: usize) -> Self {
        let mut accepted = accept.split(',').filter_map(accepted);
        if bytes >= ZSTD_BYTES_MIN && accepted.clone().any(|name| name == "zstd") {
            return Self::Zstd;
        }
        accepted
            .find_map(|name| match name {
                "gzip" => Some(Self::Gzip),
                "deflate" => Some(Self::Deflate),
                _ => None,
            })
            .unwrap_or(Self::Identity)
    }

    /// The value of `Content-Encoding`, if it needs one.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
            Self::Deflate => Some("deflate"),
            Self::Zstd => Some("zstd"),
        }
    }
}

/// The name of a coding, unless its weight is zero.
fn accepted(item: &str) -> Option<&str> {
    let (name, weight) = item.split_once(';').unwrap_or((item, ""));
    let weight = weight.trim().strip_prefix("q=");
    let is_refused = weight.is_some_and(|weight| weight.trim().parse() == Ok(0.0));
    (!is_refused).then(|| name.trim())
}

/// Packs a stream of pieces.
pub enum Encoder {
    /// Passes them on.
    Identity,
    /// gzip.
    Gzip(GzEncoder<Vec<u8>>),
    /// zlib.
    Deflate(ZlibEncoder<Vec<u8>>),
    /// zstd.
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
}

impl Encoder {
    /// A new stream.
    ///
    /// # Errors
    /// Where there is no memory for its tables.
    pub fn new(coding: Coding) -> io::Result<Self> {
        Ok(match coding {
            Coding::Identity => Self::Identity,
            Coding::Gzip => Self::Gzip(GzEncoder::new(Vec::new(), Compression::fast())),
            Coding::Deflate => Self::Deflate(ZlibEncoder::new(Vec::new(), Compression::fast())),
            Coding::Zstd => Self::Zstd(zstd::stream::write::Encoder::new(Vec::new(), ZSTD_LEVEL)?),
        })
    }

    /// Takes a piece; gives what is ready of the packed stream, which may be nothing yet.
    ///
    /// # Errors
    /// Where the library fails, which it does not on memory.
    pub fn write(&mut self, piece: Vec<u8>) -> io::Result<Vec<u8>> {
        let ready = match self {
            Self::Identity => return Ok(piece),
            Self::Gzip(encoder) => {
                encoder.write_all(&piece)?;
                encoder.get_mut()
            }
            Self::Deflate(encoder) => {
                encoder.write_all(&piece)?;
                encoder.get_mut()
            }
            Self::Zstd(encoder) => {
                encoder.write_all(&piece)?;
                encoder.get_mut()
            }
        };
        Ok(std::mem::take(ready))
    }

    /// The end of the packed stream.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Identity => Ok(Vec::new()),
            Self::Gzip(encoder) => encoder.finish(),
            Self::Deflate(encoder) => encoder.finish(),
            Self::Zstd(encoder) => encoder.finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_known_coding_wins_and_zstd_where_it_pays() {
        fn check(accept: &str, bytes: usize, want: Coding) {
            assert_eq!(Coding::choose(accept, bytes), want, "{accept} {bytes}");
        }
        check("gzip", 1, Coding::Gzip);
        check("deflate, gzip", 1, Coding::Deflate);
        check("gzip;q=0", 1, Coding::Identity);
        check("gzip;q=0.5", 1, Coding::Gzip);
        check("GZIP", 1, Coding::Identity);
        check("*", 1, Coding::Identity);
        check("br", 1, Coding::Identity);
        check("gzip, deflate, br, zstd", ZSTD_BYTES_MIN - 1, Coding::Gzip);
        check("gzip, deflate, br, zstd", ZSTD_BYTES_MIN, Coding::Zstd);
        check("zstd;q=0, gzip", ZSTD_BYTES_MIN, Coding::Gzip);
    }
}
