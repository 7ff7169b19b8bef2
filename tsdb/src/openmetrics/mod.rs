//! OpenMetrics text with timestamps, as far as filling blocks needs it: what `promtool tsdb create-blocks-from openmetrics` reads.
//!
//! ```text
//! # TYPE name counter
//! name_total{label="value",other="\\ \" \n"} 12.5 1700000000.015 # {trace_id="x"} 1.0
//! {"name.with.dots",label="value"} 1 1700000015
//! # EOF
//! ```
//!
//! One space between the parts, none inside the braces; seconds with a fraction; the last line is `# EOF`. Samples are floats;
//! types, help, units and exemplars are checked for their form and dropped. Label values are kept as they stand: Prometheus 3
//! rewrites `le="1"` to `le="1.0"`, Prometheus 2 does not, and we do not.
//!
//! A time is read as Prometheus reads it, `trunc(float(seconds) x 1000)`, which can lose a millisecond; [`mod@write`] writes a
//! further digit where that would happen. [`parse`] understands one line, [`read`] cuts a stream into lines.

pub mod parse;
pub mod read;
pub mod write;

pub use read::Reader;
pub use write::Writer;
