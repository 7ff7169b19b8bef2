//! Matchers to series: first a plan, then its terms as lists.
//!
//! ```text
//! label must be there (some matcher on it refuses the empty value):
//!     l="x"  l=~"x|y"  l!=""          intersect with the lists of the values that match
//!     l!="x"                          subtract the lists of the values that do not
//! label may be missing (every matcher on it takes the empty value):
//!     l=""  l!="x"  l=~"x|"           subtract the lists of the values that do not match
//! l=~".*"                             asks nothing            l!~".*"   selects nothing
//! ```
//!
//! Where nothing intersects, the list of all series is the base. A set of words is looked up word by word; only what is not a
//! set enumerates the values of its label, and then only those with the pattern's prefix. The order of matchers never
//! changes the result. [`plan`] is pure, so that a store can fetch what it names.

use super::{PostingsIter, PostingsSource, set};
use crate::error::Result;
use crate::id::SeriesRef;
use crate::matcher::{Matcher, MatcherKind};
use crate::postings::Postings;

/// Which values of a label are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want<'m> {
    /// This one.
    Value(&'m str),
    /// These.
    Values(&'m [String]),
    /// All there are.
    Any,
    /// Those of which the matcher says `expect`.
    Tested {
        /// Decides.
        matcher: &'m Matcher,
        /// Its wanted answer.
        expect: bool,
    },
}

impl<'m> Want<'m> {
    /// What the wanted values start with.
    #[must_use]
    pub fn prefix(self) -> &'m str {
        match self {
            Self::Tested { matcher, expect } if expect != matcher.kind().is_negative() => {
                matcher.prefix()
            }
            _ => "",
        }
    }

    /// Whether this value is one of them.
    #[must_use]
    pub fn takes(&self, value: &str) -> bool {
        match self {
            Self::Value(wanted) => *wanted == value,
            Self::Values(wanted) => wanted.iter().any(|wanted| wanted == value),
            Self::Any => true,
            Self::Tested { matcher, expect } => matcher.matches(value) == *expect,
        }
    }

    /// Cheap questions first: they may end the work.
    fn cost(&self) -> usize {
        match self {
            Self::Value(_) => 0,
            Self::Values(values) => 1 + values.len(),
            Self::Any | Self::Tested { .. } => usize::MAX,
        }
    }
}

/// The series that have one of the wanted values of a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Term<'m> {
    /// The label.
    pub name: &'m str,
    /// Its values.
    pub want: Want<'m>,
}

/// What all values of the label start with that `matcher` selects.
#[must_use]
pub(crate) fn selected_prefix(matcher: &Matcher) -> &str {
    let expect = true;
    Want::Tested { matcher, expect }.prefix()
}

/// What a selector asks of an index.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan<'m> {
    /// No series can match; the rest does not count.
    pub nothing: bool,
    /// Series must be in each of these; where there is none, all series are the base.
    pub intersect: Vec<Term<'m>>,
    /// Series must be in none of these.
    pub subtract: Vec<Term<'m>>,
}

/// Plans a selector.
#[must_use]
pub fn plan(matchers: &[Matcher]) -> Plan<'_> {
    let mut plan = Plan::default();
    for matcher in matchers {
        let name = matcher.name();
        let everything = matcher
            .regex()
            .is_some_and(crate::matcher::Regex::matches_everything);
        if everything {
            plan.nothing |= matcher.kind().is_negative();
            continue;
        }
        let must_be_there = matchers
            .iter()
            .any(|other| other.name() == name && !other.matches_empty());
        let subtracts = !must_be_there || matcher.kind().is_negative() && matcher.matches_empty();
        let want = wanted(matcher, !subtracts);
        let terms = if subtracts {
            &mut plan.subtract
        } else {
            &mut plan.intersect
        };
        terms.push(Term { name, want });
    }
    plan.intersect.sort_by_key(|term| term.want.cost());
    plan
}

/// The values, never empty, of which `matcher` says `expect`.
fn wanted(matcher: &Matcher, expect: bool) -> Want<'_> {
    let tested = Want::Tested { matcher, expect };
    let names_only_empty = match matcher.set_matches() {
        Some(set) => matches!(set, [word] if word.is_empty()),
        None => matcher.regex().is_none() && matcher.value().is_empty(),
    };
    if expect == matcher.kind().is_negative() {
        // Every value but the named ones.
        return if names_only_empty { Want::Any } else { tested };
    }
    match matcher.kind() {
        MatcherKind::Equal | MatcherKind::NotEqual => Want::Value(matcher.value()),
        MatcherKind::Regex | MatcherKind::NotRegex => {
            let all = matcher
                .regex()
                .is_some_and(crate::matcher::Regex::matches_all_but_empty);
            match matcher.set_matches() {
                Some(set) => Want::Values(set),
                None if all => Want::Any,
                None => tested,
            }
        }
    }
}

/// The series that all `matchers` select, ascending; all series where there is no matcher.
///
/// # Errors
/// Where the source is damaged.
pub fn select<S: PostingsSource>(source: &S, matchers: &[Matcher]) -> Result<Vec<SeriesRef>> {
    let plan = plan(matchers);
    if plan.nothing {
        return Ok(Vec::new());
    }
    let mut series = base(source, &plan.intersect)?;
    for term in &plan.subtract {
        if series.is_empty() {
            break;
        }
        for mut list in lists(source, term)? {
            set::subtract(&mut series, &mut list);
        }
    }
    Ok(series)
}

fn base<S: PostingsSource>(source: &S, terms: &[Term<'_>]) -> Result<Vec<SeriesRef>> {
    if terms.is_empty() {
        return Ok(set::union(vec![source.all()?]));
    }
    let mut sets = Vec::with_capacity(terms.len());
    for term in terms {
        let mut lists = lists(source, term)?;
        let one = match lists.len() {
            0 => return Ok(Vec::new()),
            1 => lists.pop().map(OneOf::Source),
            _ => Some(OneOf::United(PostingsIter::new(set::union(lists)))),
        };
        sets.extend(one);
    }
    Ok(set::intersect(sets))
}

/// The lists of a term's values.
fn lists<'s, S: PostingsSource>(source: &'s S, term: &Term<'_>) -> Result<Vec<S::List<'s>>> {
    let mut lists = Vec::new();
    match term.want {
        Want::Value(value) => lists.extend(source.postings(term.name, value)?),
        Want::Values(values) => {
            for value in values {
                lists.extend(source.postings(term.name, value)?);
            }
        }
        want @ (Want::Any | Want::Tested { .. }) => {
            source.values(term.name, want.prefix(), &mut |value, place| {
                if want.takes(value) {
                    lists.push(source.postings_at(place)?);
                }
                Ok(())
            })?;
        }
    }
    Ok(lists)
}

/// A list of the source, or several united.
enum OneOf<L> {
    Source(L),
    United(PostingsIter<Vec<SeriesRef>>),
}

impl<L: Postings> Postings for OneOf<L> {
    fn peek(&self) -> Option<SeriesRef> {
        match self {
            Self::Source(list) => list.peek(),
            Self::United(list) => list.peek(),
        }
    }

    fn next(&mut self) -> Option<SeriesRef> {
        match self {
            Self::Source(list) => list.next(),
            Self::United(list) => list.next(),
        }
    }

    fn seek(&mut self, target: SeriesRef) -> Option<SeriesRef> {
        match self {
            Self::Source(list) => list.seek(target),
            Self::United(list) => list.seek(target),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Source(list) => list.len(),
            Self::United(list) => list.len(),
        }
    }
}

#[cfg(test)]
mod tests;
