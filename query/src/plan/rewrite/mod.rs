//! Plans made cheaper without changing what they give.
//!
//! ```text
//! fold       1 + 2, scalar(vector(3))            numbers are computed once, before anything runs
//! propagate  a{x="1"} * b  ─►  b{x="1"}          what cannot find a partner is not read
//! ```
//!
//! Each is a function from plan to plan. What does not depend on the time is already built for one step only, by
//! [`super::build`].

mod fold;
mod propagate;

use super::Plan;
use crate::request::Features;

/// The plan with everything that helps.
#[must_use]
pub fn rewrite(plan: Plan, features: Features) -> Plan {
    propagate::propagate(fold::fold(plan), features)
}

#[cfg(test)]
mod tests {
    use crate::plan::build::build;
    use crate::plan::explain::explain;
    use crate::request::{Features, Request, When};
    use crate::syntax::{parse, prepare};

    /// The lines of a rewritten plan, children after parents.
    pub(super) fn lines(text: &str) -> Vec<String> {
        let when = When::Range {
            start: 0,
            end: 60_000,
            step: 10_000,
        };
        let mut request = Request::new(text, when);
        request.features = Features {
            experimental_functions: true,
            fill_modifiers: true,
            ..Features::default()
        };
        let tree = parse(text, request.features.syntax()).unwrap();
        let plan = build(&prepare(tree, when).unwrap(), &request).unwrap();
        let mut lines = Vec::new();
        let mut open = vec![explain(&super::rewrite(plan, request.features))];
        while let Some(node) = open.pop() {
            lines.push(node.name);
            open.extend(node.children.into_iter().rev());
        }
        lines
    }

    #[test]
    fn what_does_not_depend_on_the_time_is_built_for_one_step() {
        let got = lines("sum(x @ 5) + time()");
        assert!(got.iter().any(|line| line == "[broadcast]"), "{got:?}");
        let got = lines("sum(x) + time()");
        assert!(!got.iter().any(|line| line == "[broadcast]"), "{got:?}");
    }
}
