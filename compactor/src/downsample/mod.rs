//! Downsampling: windows of five minutes and of one hour in place of samples.
//!
//! ```text
//! raw samples --[series: runs, batches]--> [aggregate: windows]--> [float | histogram: chunks] = 5m --> the same = 1h
//! ```
//!
//! What survives: count, sum, min and max of each window, and a counter whose resets are taken out. The result is a
//! function of the chunks of one series, byte for byte that of Thanos; the one-hour chunks depend on nothing but the
//! five-minute chunks, so both levels can be made in one pass. Entry: [`Downsampler`]. Where Thanos loses windows of
//! histograms, because a sample cannot follow another in one chunk, we begin a new chunk instead. [`block`] does whole
//! blocks, [`run`] all that are due.

mod aggregate;
pub mod ahead;
pub mod block;
mod column;
mod counter;
mod float;
mod histogram;
mod histogram_window;
mod in_bucket;
pub(crate) mod levels;
mod parts;
pub(crate) mod ready;
pub mod run;
mod series;
mod window;

pub use series::{Downsampler, SeriesChunk};

#[cfg(test)]
mod tests;
