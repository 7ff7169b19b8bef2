//! `/federate`: the newest sample of each series, as a page that another Prometheus scrapes.
//!
//! Series come by metric name. Labels of their own come first, then those that all series share and this one lacks, and
//! `instance` in any case, so that whoever scrapes adds none. Native histograms exist in the protobuf form only.

use std::collections::BTreeMap;

use axum::http::header::{self, HeaderValue};
use tsdb::budget::Reservation;
use tsdb::label::{Labels, METRIC_NAME};
use tsdb::matcher::Matcher;
use tsdb::sample::Sample;
use tsdb::source::Select;
use tsdb::time::{Interval, Millis};

use super::Call;
use super::dialect::Blame;
use super::problem::Problem;
use super::reply::Reply;
use crate::storage::gather::Gather;
use crate::storage::samples;

mod negotiate;
mod protobuf;
mod text;

/// Series by name.
type Newest = BTreeMap<(String, Labels), Sample>;

/// Memory that a sample and its line take besides the labels, about.
const SAMPLE_BYTES: u64 = 256;

pub(super) async fn answer(call: Call) -> Result<Reply, Problem> {
    let selectors = match call.params().selectors(Blame::Bare) {
        Ok(selectors) => selectors,
        Err(problem) => {
            return Ok(for_scrapers(Reply::refusal(
                400,
                &format!("{}\n", problem.message),
            )));
        }
    };
    let budget = call.budget();
    let mut held = budget.reserve(0)?;
    let mut newest = Newest::new();
    for matchers in selectors {
        add(&call, matchers, (&mut newest, &mut held)).await?;
    }
    let form = negotiate::choose(call.header(header::ACCEPT));
    let page = Page {
        shared: shared(&call.server.settings.external_labels),
        escaping: form.escaping,
    };
    let body = if form.is_protobuf {
        protobuf::write(&page, &newest)
    } else {
        text::write(&page, &newest)
    };
    let mut reply = Reply::new(200, "", body);
    reply.content_type =
        HeaderValue::from_str(&form.content_type()).expect("content types are plain text");
    Ok(for_scrapers(reply))
}

/// A page is for scrapers: its form depends on no origin.
fn for_scrapers(mut reply: Reply) -> Reply {
    let vary = HeaderValue::from_static("Accept-Encoding");
    reply.headers.push((header::VARY, vary));
    reply
}

/// What is the same for all series of a page.
struct Page {
    shared: Labels,
    escaping: super::escape::Escaping,
}

impl Page {
    /// The labels of a series without its name, escaped: its own, then those of all.
    fn labels<'s>(&'s self, series: &'s Labels) -> impl Iterator<Item = (String, &'s str)> {
        let own = series.iter().filter(|(name, _)| *name != METRIC_NAME);
        let missing = self
            .shared
            .iter()
            .filter(|(name, _)| series.get(name).is_empty());
        own.chain(missing)
            .map(|(name, value)| (self.escaping.apply(name), value))
    }
}

fn shared(external: &Labels) -> Labels {
    let mut shared = external.clone();
    if shared.get("instance").is_empty() {
        shared.set("instance", "");
    }
    shared
}

async fn add(
    call: &Call,
    matchers: Vec<Matcher>,
    (newest, held): (&mut Newest, &mut Reservation),
) -> Result<(), Problem> {
    let settings = &call.server.settings;
    let now = call.server.now();
    let times = Interval {
        min: Millis(now.saturating_sub(settings.lookback)),
        max: Millis(now),
    };
    let mut select = Select::new(matchers, times);
    select.without_labels.clone_from(&settings.replica_labels);
    let sources = call.server.sources.current();
    let mut gather = Gather::start(&sources, &select, &call.budget()).await?;
    while let Some(series) = gather.next().await? {
        let samples = samples::within(&series.chunks, times)?;
        // A series whose newest sample says that it is gone, is.
        if let Some(last) = samples
            .into_iter()
            .next_back()
            .filter(|last| !last.is_stale())
        {
            // Once as labels, once as a line.
            held.grow(2 * super::size_bytes(&series.labels) + SAMPLE_BYTES)?;
            let name = series.labels.get(METRIC_NAME).to_owned();
            newest.insert((name, series.labels), last);
        }
    }
    Ok(())
}
