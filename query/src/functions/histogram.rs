//! The `histogram_` functions: over native histograms, and over rows with an `le` label.
//!
//! ```text
//! rows ──by labels without le──► subject: bucket rows ascending by bound, a row of native histograms ──step by step──► value
//! ```
//!
//! Rows find each other once, not at each step. Where buckets stand beside a native histogram of the same labels at the
//! same step, neither counts. The name is told in messages only where it is still there at the end of the query. What is
//! asked of a histogram is answered by [`crate::histogram`].

use std::collections::BTreeMap;

use hashbrown::HashMap;
use tsdb::histogram::FloatHistogram;
use tsdb::label::{Labels, METRIC_NAME};

use super::label::set;
use super::{Args, Body, Entry, Input, own, rows};
use crate::annotation::{Annotation, Annotations, Monotonicity};
use crate::error::Result;
use crate::exec::batch::{Batch, Head, Row};
use crate::histogram::classic::{self, ClassicBucket};
use crate::histogram::{moments, native};
use crate::syntax::ast::Span;
use crate::syntax::number;

/// Label of the upper bound of a classic bucket.
const BOUND: &str = "le";

/// The functions of this family.
pub(super) fn lookup(name: &str) -> Option<Entry> {
    macro_rules! number_of {
        ($number:expr) => {
            rows(|batch, _, _| {
                batch.map_samples(|_, _| None, |_, h| Some($number(h)));
                Ok(())
            })
        };
    }
    match name {
        "histogram_count" => number_of!(|h: &FloatHistogram| h.count),
        "histogram_sum" => number_of!(|h: &FloatHistogram| h.sum),
        "histogram_avg" => number_of!(|h: &FloatHistogram| h.sum / h.count),
        "histogram_stdvar" => number_of!(moments::variance),
        "histogram_stddev" => number_of!(|h| moments::variance(h).sqrt()),
        "histogram_quantile" => own(Body::Vector(quantile)),
        "histogram_quantiles" => own(Body::Vector(quantiles)),
        "histogram_fraction" => own(Body::Vector(fraction)),
        _ => None,
    }
}

/// Rows of the same labels but for the bound.
struct Subject<'b> {
    labels: Labels,
    /// Ascending by bound.
    buckets: Vec<(f64, Row<'b>)>,
    native: Option<Row<'b>>,
}

/// What stands at one step.
#[derive(Clone, Copy)]
enum Asked<'b> {
    /// The buckets, in the scratch space.
    Classic,
    Native(&'b FloatHistogram),
    /// Both at once: no answer.
    Mixed,
}

impl<'b> Subject<'b> {
    fn at(&self, step: usize, buckets: &mut Vec<ClassicBucket>) -> Option<Asked<'b>> {
        buckets.clear();
        buckets.extend(self.buckets.iter().filter_map(|(upper, row)| {
            let (upper, count) = (*upper, row.float(step)?);
            Some(ClassicBucket { upper, count })
        }));
        let native = self.native.and_then(|row| row.histogram(step));
        match (native, buckets.is_empty()) {
            (Some(histogram), true) => Some(Asked::Native(histogram)),
            (Some(_), false) => Some(Asked::Mixed),
            (None, false) => Some(Asked::Classic),
            (None, true) => None,
        }
    }
}

/// A step at which something can be asked.
struct Point<'p> {
    labels: &'p Labels,
    step: usize,
    asked: Asked<'p>,
    buckets: &'p mut Vec<ClassicBucket>,
}

/// A question about the histograms of a vector.
struct Question<'q> {
    args: &'q Args<'q>,
    /// Where the vector was written.
    span: Span,
    notes: &'q mut Annotations,
}

impl Question<'_> {
    fn note(&mut self, annotation: Annotation) {
        self.notes.add(annotation, self.span);
    }

    /// The name of the metric where messages show it.
    fn told_name(&self, labels: &Labels) -> String {
        if self.args.features.delayed_name_removal {
            labels.get(METRIC_NAME).to_owned()
        } else {
            String::new()
        }
    }

    fn head(&self, labels: Labels) -> Head {
        let mut head = Head {
            labels,
            drop_name: false,
        };
        head.forget_name(self.args.features);
        head
    }

    /// The rows that belong together, by labels.
    fn subjects<'b>(&mut self, batches: &'b [Batch]) -> Vec<Subject<'b>> {
        let mut subjects: HashMap<Labels, Subject<'b>> = HashMap::new();
        let mut subject = |labels: Labels, enter: &mut dyn FnMut(&mut Subject<'b>)| {
            let new = |labels: &Labels| Subject {
                labels: labels.clone(),
                buckets: Vec::new(),
                native: None,
            };
            enter(subjects.entry_ref(&labels).or_insert_with(|| new(&labels)));
        };
        for (head, row) in batches.iter().flat_map(Batch::iter) {
            if !row.histograms.is_empty() {
                let labels = head.labels.clone();
                subject(labels, &mut |subject| subject.native = Some(row));
            }
            if row.present.iter().all(|word| *word == 0) {
                continue;
            }
            let le = head.labels.get(BOUND);
            let Some(upper) = classic::bound(le) else {
                let (value, metric) = (le.to_owned(), self.told_name(&head.labels));
                self.note(Annotation::BadBucketLabel { value, metric });
                continue;
            };
            let mut labels = head.labels.clone();
            set(&mut labels, BOUND, "");
            subject(labels, &mut |subject| subject.buckets.push((upper, row)));
        }
        let mut subjects: Vec<Subject<'b>> = subjects.into_values().collect();
        subjects.sort_unstable_by(|a, b| a.labels.cmp(&b.labels));
        for subject in &mut subjects {
            subject.buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        }
        subjects
    }

    /// Visits each step of a subject at which something can be asked.
    fn each_step(&mut self, subject: &Subject<'_>, mut answer: impl FnMut(&mut Self, Point<'_>)) {
        let labels = &subject.labels;
        let mut buckets = Vec::with_capacity(subject.buckets.len());
        for step in 0..self.args.grid.steps {
            match subject.at(step, &mut buckets) {
                None => {}
                Some(Asked::Mixed) => {
                    let metric = self.told_name(labels);
                    self.note(Annotation::MixedClassicNative(metric));
                }
                Some(asked) => {
                    let buckets = &mut buckets;
                    let point = Point {
                        labels,
                        step,
                        asked,
                        buckets,
                    };
                    answer(self, point);
                }
            }
        }
    }

    /// One row per subject.
    fn answered(
        &mut self,
        batches: &[Batch],
        answer: impl Fn(&mut Self, &mut Point<'_>) -> f64,
    ) -> Result<Vec<Batch>> {
        let mut out = Batch::new(self.args.grid.steps);
        for subject in self.subjects(batches) {
            let head = self.head(subject.labels.clone());
            out.push_with(head, |into| {
                self.each_step(&subject, |question, mut point| {
                    into.set(point.step, answer(question, &mut point));
                });
                Ok::<_, crate::error::Error>(())
            })?;
        }
        Ok(vec![out])
    }

    fn quantile(&mut self, q: f64, point: &mut Point<'_>) -> f64 {
        if let Asked::Native(histogram) = point.asked {
            let (value, effect) = native::quantile(q, histogram);
            if let Some(effect) = effect {
                let metric = self.told_name(point.labels);
                self.note(match effect {
                    native::NanEffect::ResultIsNan => Annotation::NanQuantile(metric),
                    native::NanEffect::SkewedHigher => Annotation::SkewedQuantile(metric),
                });
            }
            return value;
        }
        let (value, repair) = classic::quantile(q, point.buckets);
        if let Some(repair) = repair {
            let grid = self.args.grid;
            let end = grid.time(grid.steps - 1);
            let at = (grid.time(point.step), grid.step, end);
            let fixed = Monotonicity::new(self.told_name(point.labels), repair, at);
            self.note(Annotation::ForcedMonotonicity(fixed));
        }
        value
    }

    fn check_quantiles(&mut self, quantiles: &[f64], span: Span) {
        for q in quantiles.iter().filter(|q| !(0.0..=1.0).contains(*q)) {
            self.notes.add(Annotation::InvalidQuantile(*q), span);
        }
    }
}

/// `(φ, v)`.
fn quantile(input: Input<'_>, notes: &mut Annotations) -> Result<Vec<Batch>> {
    let (asked, spans) = (input.args.scalars[0], input.args.arg_spans);
    let mut question = Question {
        args: &input.args,
        span: spans[1],
        notes,
    };
    question.check_quantiles(asked, spans[0]);
    question.answered(&input.vectors[0], |question, point| {
        question.quantile(asked[point.step], point)
    })
}

/// `(lower, upper, v)`.
fn fraction(input: Input<'_>, notes: &mut Annotations) -> Result<Vec<Batch>> {
    let (lower, upper) = (input.args.scalars[0], input.args.scalars[1]);
    let mut question = Question {
        args: &input.args,
        span: input.args.arg_spans[2],
        notes,
    };
    question.answered(&input.vectors[0], |question, point| {
        let (lower, upper) = (lower[point.step], upper[point.step]);
        let Asked::Native(histogram) = point.asked else {
            return classic::fraction(lower, upper, point.buckets);
        };
        let (value, has_nan) = native::fraction(lower, upper, histogram);
        if has_nan {
            let metric = question.told_name(point.labels);
            question.note(Annotation::NanFraction(metric));
        }
        value
    })
}

/// `(v, label, φ, …)`: a row per quantile, which the label tells.
fn quantiles(input: Input<'_>, notes: &mut Annotations) -> Result<Vec<Batch>> {
    let args = &input.args;
    let mut question = Question {
        args,
        span: args.arg_spans[0],
        notes,
    };
    for (asked, span) in args.scalars.iter().zip(&args.arg_spans[2..]) {
        question.check_quantiles(asked, *span);
    }
    let mut out = Batch::new(args.grid.steps);
    for subject in question.subjects(&input.vectors[0]) {
        // A quantile that changes over time has another label then.
        let mut found: Vec<BTreeMap<String, Vec<(usize, f64)>>> =
            vec![BTreeMap::new(); args.scalars.len()];
        question.each_step(&subject, |question, mut point| {
            for (rows, quantiles) in found.iter_mut().zip(&args.scalars) {
                let (step, q) = (point.step, quantiles[point.step]);
                let value = question.quantile(q, &mut point);
                rows.entry(open_metrics(q)).or_default().push((step, value));
            }
        });
        for (text, cells) in found.into_iter().flatten() {
            let mut labels = subject.labels.clone();
            set(&mut labels, args.texts[0], &text);
            out.push_with(question.head(labels), |into| {
                cells
                    .iter()
                    .for_each(|(step, value)| into.set(*step, *value));
                Ok::<_, crate::error::Error>(())
            })?;
        }
    }
    Ok(vec![out])
}

/// A float that shows that it is one.
fn open_metrics(value: f64) -> String {
    let text = number::print_general(value);
    let is_whole = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'-'));
    if is_whole { text + ".0" } else { text }
}
