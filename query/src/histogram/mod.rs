//! What queries ask of histograms: quantiles, fractions, moments, trimming.
//!
//! ```text
//! native   FloatHistogram --ascending, descending--> Bucket (bounds, count, interpolation) --> answers
//! classic  buckets by `le` --merged, made monotonic--> answers
//! ```
//!
//! [`bucket`] knows where inside a bucket observations are taken to lie; [`native`], [`moments`] and [`trim`] ask it.
//! [`classic`] is about series with an `le` label. All is pure; what is worth an annotation is returned. Sums and
//! differences are in `tsdb::histogram`.

mod bucket;
pub mod classic;
pub mod moments;
pub mod native;
pub mod trim;

/// Below 0 or above 1 a quantile is infinite, of NaN it is NaN; inside it must be looked for.
fn outside(quantile: f64) -> Option<f64> {
    if quantile.is_nan() {
        Some(f64::NAN)
    } else if quantile < 0.0 {
        Some(f64::NEG_INFINITY)
    } else if quantile > 1.0 {
        Some(f64::INFINITY)
    } else {
        None
    }
}

#[cfg(test)]
#[expect(
    clippy::float_cmp,
    reason = "where the arithmetic is exact, so is the comparison"
)]
mod tests;
