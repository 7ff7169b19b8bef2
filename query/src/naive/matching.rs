//! Two vectors: how their elements find each other, and the labels of what comes out.
//!
//! ```text
//! signature   the labels of `on`, or all but those of `ignoring` and the name
//! one side    at most one element per signature        many side   any number, under group_left / group_right
//! result      labels of the many side (one to one: only those of the signature), with those that `group_*` takes over
//! ```
//!
//! A missing partner may be filled in: a number with the labels of the signature. Set operators only ask whether the other
//! side has the signature.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tsdb::label::Labels;

use super::Query;
use super::binary::{changes_metric, combine, truth};
use super::vector::{Element, Vector, check_unique, grouped, set, without_metadata};
use crate::annotation::Annotation;
use crate::error::{Error, Result};
use crate::syntax::BinaryOp;
use crate::syntax::ast::{Binary, Cardinality, Matching, NodeId, Span};
use crate::value::SampleValue;

fn signature(labels: &Labels, matching: &Matching) -> Labels {
    grouped(labels, &matching.labels, !matching.on)
}

/// One operator between two vectors, and what it has matched at this step.
struct Pairing<'p> {
    binary: &'p Binary,
    matching: &'p Matching,
    span: Span,
    /// Whether the right side is the many.
    is_swapped: bool,
    /// Signatures that were matched, each with the results they gave.
    matched: HashMap<Labels, HashSet<Labels>>,
    result: Vector,
    /// Of pairs that cannot be computed only the last is told.
    last_refusal: Option<Annotation>,
}

impl Query<'_> {
    pub(super) fn vector_binary(
        &mut self,
        id: NodeId,
        binary: &Binary,
        times: &[i64],
    ) -> Result<Vec<Vector>> {
        let lhs = self.vectors(binary.lhs, times)?;
        let rhs = self.vectors(binary.rhs, times)?;
        let matching = binary.matching.clone().unwrap_or_default();
        let span = self.tree.span(id);
        let mut results = Vec::with_capacity(times.len());
        for (lhs, rhs) in lhs.into_iter().zip(rhs) {
            results.push(if binary.op.is_set() {
                set_operation(binary.op, &matching, lhs, rhs)
            } else {
                let mut pairing = Pairing {
                    binary,
                    matching: &matching,
                    span,
                    is_swapped: matching.cardinality == Cardinality::OneToMany,
                    matched: HashMap::new(),
                    result: Vector::new(),
                    last_refusal: None,
                };
                self.pair_all(&mut pairing, lhs, rhs)?;
                if let Some(refusal) = pairing.last_refusal {
                    self.note(refusal, span);
                }
                pairing.result
            });
        }
        check_unique(&results)?;
        Ok(results)
    }

    fn pair_all(&mut self, pairing: &mut Pairing<'_>, lhs: Vector, rhs: Vector) -> Result<()> {
        let matching = pairing.matching;
        let fills = matching.fill_left.is_some() || matching.fill_right.is_some();
        if (lhs.is_empty() || rhs.is_empty()) && !fills {
            return Ok(());
        }
        // Under `group_right` the sides change places, but the fills do not: so Prometheus has it.
        let (fill_many, fill_one) = (matching.fill_left, matching.fill_right);
        let (many, one) = if pairing.is_swapped {
            (rhs, lhs)
        } else {
            (lhs, rhs)
        };
        let mut partners: HashMap<Labels, Element> = HashMap::new();
        let mut order = Vec::new();
        for element in one {
            let signature = signature(&element.labels, matching);
            order.push(signature.clone());
            if let Some(other) = partners.insert(signature.clone(), element.clone()) {
                let side = if pairing.is_swapped { "left" } else { "right" };
                return Err(ambiguous(side, &signature, &other, &element));
            }
        }
        for element in many {
            let signature = signature(&element.labels, matching);
            let partner = match (partners.get(&signature), fill_one) {
                (Some(partner), _) => partner.clone(),
                (None, Some(fill)) => Element::float(signature.clone(), fill),
                (None, None) => continue,
            };
            self.pair(pairing, signature, element, &partner)?;
        }
        let Some(fill) = fill_many else {
            return Ok(());
        };
        for signature in order {
            if !pairing.matched.contains_key(&signature) {
                let element = Element::float(signature.clone(), fill);
                let partner = partners[&signature].clone();
                self.pair(pairing, signature, element, &partner)?;
            }
        }
        Ok(())
    }

    /// Combines an element of the many side with its partner.
    fn pair(
        &mut self,
        pairing: &mut Pairing<'_>,
        signature: Labels,
        many: Element,
        one: &Element,
    ) -> Result<()> {
        let binary = pairing.binary;
        let (lhs, rhs) = if pairing.is_swapped {
            (one, &many)
        } else {
            (&many, one)
        };
        let combined = combine(binary.op, &lhs.value, &rhs.value);
        let labels = pairing.labels(&many.labels, &one.labels);
        let Some((value, holds)) = combined.value else {
            pairing.last_refusal = combined.notes.into_iter().next();
            return Ok(());
        };
        for note in combined.notes {
            self.note(note, pairing.span);
        }
        pairing.claim(signature, &labels)?;
        let mut element = Element {
            labels: Arc::new(labels),
            value,
            // A name that was to go stays where it is still there.
            drop_name: false,
        };
        if binary.return_bool {
            element.value = SampleValue::Float(truth(holds));
            self.drop_name(&mut element);
        } else if !holds {
            return Ok(());
        }
        pairing.result.push(element);
        Ok(())
    }
}

impl Pairing<'_> {
    /// The labels of a result.
    fn labels(&self, many: &Labels, one: &Labels) -> Labels {
        let matching = self.matching;
        let mut labels = if changes_metric(self.binary.op) {
            without_metadata(many)
        } else {
            many.clone()
        };
        if matching.cardinality == Cardinality::OneToOne {
            labels
                .retain(|name, _| matching.labels.iter().any(|label| label == name) == matching.on);
        }
        for name in &matching.include {
            set(&mut labels, name, one.get(name));
        }
        labels
    }

    /// Refuses a second match of a signature, or under `group_*` a second result of the same labels.
    fn claim(&mut self, signature: Labels, labels: &Labels) -> Result<()> {
        let is_one_to_one = self.matching.cardinality == Cardinality::OneToOne;
        let is_new = !self.matched.contains_key(&signature);
        let results = self.matched.entry(signature).or_default();
        let why = if is_one_to_one && !is_new {
            "many-to-one matching must be explicit (group_left/group_right)"
        } else if !results.insert(labels.clone()) {
            "grouping labels must ensure unique matches"
        } else {
            return Ok(());
        };
        Err(Error::Execution(format!(
            "multiple matches for labels: {why}"
        )))
    }
}

fn ambiguous(side: &str, signature: &Labels, a: &Element, b: &Element) -> Error {
    let (first, second) = if a.labels <= b.labels { (a, b) } else { (b, a) };
    Error::Execution(format!(
        "found duplicate series for the match group {signature} on the {side} hand-side of the operation: [{}, {}];many-to-many matching not allowed: matching labels must be unique on one side",
        first.labels, second.labels
    ))
}

fn set_operation(op: BinaryOp, matching: &Matching, mut lhs: Vector, rhs: Vector) -> Vector {
    let signatures = |vector: &Vector| -> HashSet<Labels> {
        let of = |element: &Element| signature(&element.labels, matching);
        vector.iter().map(of).collect()
    };
    if op == BinaryOp::Or {
        let left = signatures(&lhs);
        let only_right = |element: &Element| !left.contains(&signature(&element.labels, matching));
        lhs.extend(rhs.into_iter().filter(only_right));
        return lhs;
    }
    let right = signatures(&rhs);
    let keeps = op == BinaryOp::And;
    lhs.retain(|element| right.contains(&signature(&element.labels, matching)) == keeps);
    lhs
}
