//! Samples as OpenMetrics text: see [`super`] for its form.
//!
//! Invariant: what is written is read back with the same bits and milliseconds by [`super::read`] and by Prometheus, but for
//! NaNs, which all become the one that the text `NaN` means. One append a mebibyte, not one a line.

use std::io::Write as _;

use super::parse::millis;
use crate::codec::Output;
use crate::error::Result;
use crate::generate::Generator;
use crate::generate::catalog::FamilyType;
use crate::generate::flat::{self, Flat};
use crate::label::{Labels, METRIC_NAME, is_legacy_name};

/// Text gathered before it is handed on.
const BUFFER_BYTES: usize = 1 << 20;

/// Writes families, series, samples, and in the end `# EOF`.
#[derive(Debug)]
pub struct Writer<O> {
    output: O,
    buffer: Vec<u8>,
    series: Vec<u8>,
}

impl<O: Output> Writer<O> {
    /// Starts a text.
    pub fn new(output: O) -> Self {
        Self {
            output,
            buffer: Vec::with_capacity(BUFFER_BYTES + (BUFFER_BYTES >> 4)),
            series: Vec::new(),
        }
    }

    /// Starts a family.
    ///
    /// # Errors
    /// Where the output refuses.
    pub fn family(&mut self, name: &str, family_type: FamilyType) -> Result<()> {
        let family_type = match family_type {
            FamilyType::Counter => "counter",
            FamilyType::Gauge => "gauge",
            FamilyType::Histogram => "histogram",
            FamilyType::Info => "info",
        };
        self.buffer.extend_from_slice(b"# TYPE ");
        put_name(&mut self.buffer, name, true);
        writeln!(self.buffer, " {family_type}").expect("a vector takes all");
        self.flush_some()
    }

    /// Names the series of the samples to come.
    pub fn series(&mut self, labels: &Labels) {
        self.series.clear();
        let name = labels.get(METRIC_NAME);
        let outside = is_legacy_name(&name.replace(':', "_"));
        let mut separator = b'{';
        if outside {
            self.series.extend_from_slice(name.as_bytes());
        } else {
            self.series.push(b'{');
            put_quoted(&mut self.series, name);
            separator = b',';
        }
        for (name, value) in labels.iter().filter(|(name, _)| *name != METRIC_NAME) {
            self.series.push(separator);
            put_name(&mut self.series, name, false);
            self.series.push(b'=');
            put_quoted(&mut self.series, value);
            separator = b',';
        }
        if separator == b',' {
            self.series.push(b'}');
        }
    }

    /// Writes a sample of the series named last.
    ///
    /// # Errors
    /// Where the output refuses.
    pub fn sample(&mut self, t: i64, v: f64) -> Result<()> {
        self.buffer.extend_from_slice(&self.series);
        self.buffer.push(b' ');
        put_float(&mut self.buffer, v);
        self.buffer.push(b' ');
        put_seconds(&mut self.buffer, t);
        self.buffer.push(b'\n');
        self.flush_some()
    }

    /// Ends the text and gives the output back.
    ///
    /// # Errors
    /// Where the output refuses.
    pub fn finish(mut self) -> Result<O> {
        self.buffer.extend_from_slice(b"# EOF\n");
        self.output.append(&self.buffer)?;
        Ok(self.output)
    }

    fn flush_some(&mut self) -> Result<()> {
        if self.buffer.len() >= BUFFER_BYTES {
            self.output.append(&self.buffer)?;
            self.buffer.clear();
        }
        Ok(())
    }
}

/// Writes all blocks of a generator: family by family, and in a family target by target.
///
/// # Errors
/// Where the output refuses.
pub fn generated<O: Output>(generator: &Generator, output: O) -> Result<O> {
    let mut writer = Writer::new(output);
    for family in generator.families() {
        writer.family(family.name, family.family_type)?;
        for target in 0..generator.config().targets {
            for metric in family.metrics {
                lives(generator, target, metric, &mut writer)?;
            }
        }
    }
    writer.finish()
}

/// Writes all blocks of one metric's data, series by series.
///
/// # Errors
/// Where the output refuses.
pub fn flat<O: Output>(flat: &Flat, output: O) -> Result<O> {
    let mut writer = Writer::new(output);
    writer.family(flat::METRIC, FamilyType::Gauge)?;
    let (mut ts, mut vs) = (Vec::new(), Vec::new());
    for series in 0..flat.series {
        writer.series(&flat.labels(series));
        ts.clear();
        vs.clear();
        for block in 0..flat.blocks {
            flat.fill(series, block, &mut ts, &mut vs);
        }
        for (t, v) in ts.iter().zip(&vs) {
            writer.sample(*t, *v)?;
        }
    }
    writer.finish()
}

/// Writes the series of one metric and all who had this number, over all blocks.
fn lives<O: Output>(
    generator: &Generator,
    target: u32,
    metric: &'static crate::generate::catalog::Metric,
    writer: &mut Writer<O>,
) -> Result<()> {
    let (mut ts, mut vs) = (Vec::new(), Vec::new());
    for (target, range) in generator.lives(target) {
        for variant in 0..metric.variants() {
            let series = generator.series(&target, metric, variant);
            writer.series(&series.labels());
            ts.clear();
            vs.clear();
            series.fill(range, &mut ts, &mut vs);
            for (t, v) in ts.iter().zip(&vs) {
                writer.sample(*t, *v)?;
            }
        }
    }
    Ok(())
}

fn put_name(out: &mut Vec<u8>, name: &str, colons: bool) {
    let plain = is_legacy_name(name) || (colons && is_legacy_name(&name.replace(':', "_")));
    if plain {
        out.extend_from_slice(name.as_bytes());
    } else {
        put_quoted(out, name);
    }
}

fn put_quoted(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            byte => out.push(byte),
        }
    }
    out.push(b'"');
}

/// The shortest digits that give the same bits, with an exponent where there would be many zeros.
fn put_float(out: &mut Vec<u8>, v: f64) {
    let magnitude = v.abs();
    let written = if v.is_nan() {
        out.write_all(b"NaN")
    } else if v.is_infinite() {
        out.write_all(if v > 0.0 { b"+Inf" } else { b"-Inf" })
    } else if magnitude.to_bits() == 0 || (1e-5..1e17).contains(&magnitude) {
        write!(out, "{v}")
    } else {
        write!(out, "{v:e}")
    };
    written.expect("a vector takes all");
}

/// Seconds that [`millis`] reads as `t`.
fn put_seconds(out: &mut Vec<u8>, t: i64) {
    let start = out.len();
    let sign = if t < 0 { "-" } else { "" };
    let (whole, rest) = (t.unsigned_abs() / 1000, t.unsigned_abs() % 1000);
    if rest == 0 {
        write!(out, "{sign}{whole}")
    } else {
        write!(out, "{sign}{whole}.{rest:03}")
    }
    .expect("a vector takes all");
    let text = std::str::from_utf8(&out[start..]).expect("digits");
    // Truncation would lose a millisecond: half a millisecond more, away from zero, is truncated back to it.
    if rest != 0 && millis(text) != Ok(t) {
        out.push(b'5');
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::generate::Config;
    use crate::openmetrics::Reader;
    use crate::openmetrics::parse::NORMAL_NAN_BITS;
    use crate::testing::strategy::{float, labels, odd_labels};
    use crate::time::Millis;

    fn check(labels: &Labels, t: i64, v: f64) {
        let mut writer = Writer::new(Vec::new());
        writer.family("any", FamilyType::Gauge).unwrap();
        writer.series(labels);
        writer.sample(t, v).unwrap();
        let text = writer.finish().unwrap();
        let shown = String::from_utf8_lossy(&text);
        let mut reader = Reader::new(&text[..]);
        let row = reader.next_row().unwrap().unwrap();
        let want = if v.is_nan() {
            NORMAL_NAN_BITS
        } else {
            v.to_bits()
        };
        assert_eq!((row.t, row.v.to_bits()), (t, want), "{shown}");
        assert_eq!(row.labels().as_ref(), Ok(labels), "{shown}");
        assert!(reader.next_row().unwrap().is_none());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(labels in labels(), t in -4_000_000_000_000_i64..4_000_000_000_000, v in float()) {
            check(&labels, t, v);
        }

        #[test]
        fn odd_names_and_values_survive(mut labels in odd_labels(), name in "\\PC{1,5}") {
            labels.set(METRIC_NAME, &name);
            check(&labels, 1, 1.0);
        }
    }

    #[test]
    fn generated_text_holds_the_samples_of_the_blocks() {
        let generator = Generator::new(Config {
            targets: 2,
            blocks: 2,
            churn_ppm: 500_000,
            interval: Millis(300_000),
            ..Config::default()
        })
        .unwrap();
        let mut want = std::collections::BTreeMap::new();
        for index in 0..2 {
            let block = generator.block(index);
            for series in block.series() {
                let (mut ts, mut vs) = (Vec::new(), Vec::new());
                series.fill(block.range, &mut ts, &mut vs);
                let samples = ts.into_iter().zip(vs.iter().map(|v| v.to_bits()));
                let name = series.labels().to_string();
                want.entry(name).or_insert_with(Vec::new).extend(samples);
            }
        }
        let text = generated(&generator, Vec::new()).unwrap();
        let mut reader = Reader::new(&text[..]);
        let mut got = std::collections::BTreeMap::new();
        while let Some(row) = reader.next_row().unwrap() {
            let name = row.labels().unwrap().to_string();
            let samples = got.entry(name).or_insert_with(Vec::new);
            samples.push((row.t, row.v.to_bits()));
        }
        assert_eq!(got, want);
    }
}
