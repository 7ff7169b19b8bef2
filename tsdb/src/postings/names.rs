//! Which label names and values occur, of all series or of those that matchers select.
//!
//! Values are walked from the longest prefix that the matchers on their own name ask for, and filtered by them first; only where others are left are lists looked at, and then a
//! value counts as soon as one of its series is selected.

use super::select::{select, selected_prefix};
use super::{PostingsIter, PostingsSource, set};
use crate::error::Result;
use crate::matcher::Matcher;

/// The label names of the selected series, ascending; all names where there is no matcher.
///
/// # Errors
/// Where the source is damaged.
pub fn label_names<S: PostingsSource>(source: &S, matchers: &[Matcher]) -> Result<Vec<String>> {
    if matchers.is_empty() {
        return source.names();
    }
    source.names_of(&select(source, matchers)?)
}

/// The values that label `name` has among the selected series, ascending.
///
/// # Errors
/// Where the source is damaged.
pub fn label_values<S: PostingsSource>(
    source: &S,
    name: &str,
    matchers: &[Matcher],
) -> Result<Vec<String>> {
    let (own, others): (Vec<_>, Vec<_>) =
        matchers.iter().partition(|matcher| matcher.name() == name);
    let selected = if others.is_empty() {
        None
    } else {
        Some(select(source, matchers)?)
    };
    let prefixes = own.iter().map(|matcher| selected_prefix(matcher));
    let prefix = prefixes.max_by_key(|prefix| prefix.len()).unwrap_or("");
    let mut values = Vec::new();
    source.values(name, prefix, &mut |value, place| {
        if !own.iter().all(|matcher| matcher.matches(value)) {
            return Ok(());
        }
        let occurs = match &selected {
            None => true,
            Some(series) => {
                let mut list = source.postings_at(place)?;
                set::intersects(&mut list, &mut PostingsIter::new(&series[..]))
            }
        };
        if occurs {
            values.push(value.to_owned());
        }
        Ok(())
    })?;
    Ok(values)
}
