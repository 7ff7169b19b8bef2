//! Histograms as text, as Prometheus shows them.
//!
//! ```text
//! histogram   {count:N, sum:S, negative buckets from the far end, zero bucket, positive buckets}, empty buckets left out
//! bucket      [lower,upper]:count, with round brackets where a bound does not belong to it
//! ```

use std::fmt::{self, Display, Formatter};

use super::bounds::{lower, upper};
use super::{FloatHistogram, Histogram, HistogramOf};
use crate::float::Shortest;

impl Display for FloatHistogram {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let negative: Vec<_> = self.negative().collect();
        let shown = |(index, count): (i32, f64)| (count != 0.0).then_some((index, Shortest(count)));
        let zero = (self.zero_count != 0.0).then_some(Shortest(self.zero_count));
        write(
            f,
            self,
            (Shortest(self.count), zero),
            negative.into_iter().rev().filter_map(shown),
            self.positive().filter_map(shown),
        )
    }
}

impl Display for Histogram {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let negative: Vec<_> = self.negative().collect();
        let shown = |(index, count): (i32, i64)| (count != 0).then_some((index, count));
        let zero = (self.zero_count != 0).then_some(self.zero_count);
        write(
            f,
            self,
            (self.count, zero),
            negative.into_iter().rev().filter_map(shown),
            self.positive().filter_map(shown),
        )
    }
}

fn write<C, B, N: Display, M: Display>(
    f: &mut Formatter<'_>,
    histogram: &HistogramOf<C, B>,
    (count, zero): (N, Option<N>),
    negative: impl Iterator<Item = (i32, M)>,
    positive: impl Iterator<Item = (i32, M)>,
) -> fmt::Result {
    let bounds = |index| {
        let (schema, custom) = (histogram.schema, &histogram.custom_bounds);
        (lower(schema, index, custom), upper(schema, index, custom))
    };
    write!(f, "{{count:{count}, sum:{}", Shortest(histogram.sum))?;
    for (index, count) in negative {
        let (near, far) = bounds(index);
        write!(f, ", [{},{}):{count}", Shortest(-far), Shortest(-near))?;
    }
    if let Some(count) = zero {
        let bound = histogram.zero_threshold;
        write!(f, ", [{},{}]:{count}", Shortest(-bound), Shortest(bound))?;
    }
    for (index, count) in positive {
        let (lower, upper) = bounds(index);
        let open = if lower < 0.0 { '[' } else { '(' };
        write!(
            f,
            ", {open}{},{}]:{count}",
            Shortest(lower),
            Shortest(upper)
        )?;
    }
    f.write_str("}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histogram::{CUSTOM_BUCKETS_SCHEMA, Span};

    #[test]
    fn buckets_are_listed_from_the_lowest_with_their_bounds() {
        let span = |offset, length| Span { offset, length };
        let integer = Histogram {
            zero_threshold: 0.001,
            zero_count: 1,
            count: 12,
            sum: 1e6,
            negative_spans: vec![span(1, 2)],
            negative_buckets: vec![2, -1],
            positive_spans: vec![span(0, 3)],
            positive_buckets: vec![3, -3, 5],
            ..Histogram::default()
        };
        let want =
            "{count:12, sum:1e+06, [-4,-2):1, [-2,-1):2, [-0.001,0.001]:1, (0.5,1]:3, (2,4]:5}";
        assert_eq!(integer.to_string(), want);
        assert_eq!(integer.to_float().to_string(), want);
        let custom = FloatHistogram {
            schema: CUSTOM_BUCKETS_SCHEMA,
            custom_bounds: vec![-1.0, 2.0],
            positive_spans: vec![span(0, 3)],
            positive_buckets: vec![0.5, 1.0, 2.0],
            ..FloatHistogram::default()
        };
        assert_eq!(
            custom.to_string(),
            "{count:0, sum:0, [-Inf,-1]:0.5, [-1,2]:1, (2,+Inf]:2}"
        );
    }
}
