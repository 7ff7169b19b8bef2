//! Plans as the API shows them: what would be done (`/query_explain`), and what was (`analyze=true`).
//!
//! ```text
//! {"name":"[aggregate] sum by (job)","children":[{"name":…}]}
//! {"name":…,"executionTime":"1.5ms","peakSamples":9,"totalSamples":36,"selfTime":"1ms","series":3,"samples":9,"bytes":408,"children":[…]}
//! ```
//!
//! The first four fields are Thanos' and are about an operator and all below it; the others are about itself. Times are
//! those of all threads together, written as Go writes durations.

use super::problem::Problem;
use super::query::order;
use super::reply::Reply;
use super::{Call, json, number};
use crate::exec::cost::Analyzed;
use crate::plan::explain::Explained;
use crate::request::When;

/// The plan of an instant query.
pub(super) async fn instant(call: Call) -> Result<Reply, Problem> {
    let time = call.params().time("time")?;
    let time = time.unwrap_or_else(|| call.server.now());
    explain(&call, When::Instant(time))
}

/// The plan of a range query.
pub(super) async fn range(call: Call) -> Result<Reply, Problem> {
    let (start, end, step) = call
        .params()
        .range(call.server.settings.default_range_step)?;
    explain(&call, When::Range { start, end, step })
}

fn explain(call: &Call, when: When) -> Result<Reply, Problem> {
    let request = order(call, when)?.request;
    let explained = call.server.evaluator.explain(&request);
    let explained = explained.map_err(|error| call.blamed(error))?;
    Ok(Reply::data(|out| write_plan(out, &explained), &[]))
}

fn write_plan(out: &mut Vec<u8>, plan: &Explained) {
    out.push(b'{');
    json::text_field(out, "name", &plan.name);
    if !plan.children.is_empty() {
        json::key(out, "children");
        json::list(out, &plan.children, write_plan);
    }
    out.push(b'}');
}

/// Appends an operator with those below it.
pub(super) fn write(out: &mut Vec<u8>, node: &Analyzed) {
    out.push(b'{');
    json::text_field(out, "name", &node.name);
    let nanos = sum(node, |node| node.nanos);
    json::text_field(out, "executionTime", &go_duration(nanos));
    count(out, "peakSamples", peak(node));
    count(out, "totalSamples", sum(node, |node| node.window_samples));
    json::text_field(out, "selfTime", &go_duration(node.nanos));
    count(out, "series", node.series);
    count(out, "samples", node.samples);
    count(out, "bytes", node.bytes);
    if !node.children.is_empty() {
        json::key(out, "children");
        json::list(out, &node.children, write);
    }
    out.push(b'}');
}

fn count(out: &mut Vec<u8>, name: &str, value: u64) {
    json::key(out, name);
    number::unsigned(out, value);
}

fn sum(node: &Analyzed, of: fn(&Analyzed) -> u64) -> u64 {
    let below = node.children.iter().map(|child| sum(child, of));
    of(node) + below.sum::<u64>()
}

fn peak(node: &Analyzed) -> u64 {
    let below = node.children.iter().map(peak);
    below.fold(node.samples, u64::max)
}

/// A duration as Go prints it: `0s`, `850ns`, `12.5µs`, `1.5ms`, `2s`, `1m2.5s`, `1h0m0s`.
fn go_duration(nanos: u64) -> String {
    const SECOND: u64 = 1_000_000_000;
    let (unit, size) = match nanos {
        0 => return "0s".to_owned(),
        1..1_000 => ("ns", 1),
        1_000..1_000_000 => ("µs", 1_000),
        1_000_000..SECOND => ("ms", 1_000_000),
        _ => ("s", SECOND),
    };
    let (hours, minutes) = (nanos / SECOND / 3600, nanos / SECOND / 60 % 60);
    let rest = nanos - (hours * 60 + minutes) * 60 * SECOND;
    let digits = size.ilog10() as usize;
    let decimals = format!("{:0digits$}", rest % size);
    let decimals = decimals.trim_end_matches('0');
    let point = if size == 1 || decimals.is_empty() {
        String::new()
    } else {
        format!(".{decimals}")
    };
    let seconds = format!("{}{point}{unit}", rest / size);
    match (hours, minutes) {
        (0, 0) => seconds,
        (0, minutes) => format!("{minutes}m{seconds}"),
        (hours, minutes) => format!("{hours}h{minutes}m{seconds}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_go_writes_them() {
        fn check(nanos: u64, want: &str) {
            assert_eq!(go_duration(nanos), want);
        }
        check(0, "0s");
        check(850, "850ns");
        check(12_500, "12.5µs");
        check(1_000_000, "1ms");
        check(1_000_001, "1.000001ms");
        check(2_000_000_000, "2s");
        check(62_500_000_000, "1m2.5s");
        check(3_600_000_000_000, "1h0m0s");
    }

    #[test]
    fn an_operator_counts_what_is_below_it() {
        let node = Analyzed {
            name: "[aggregate] sum by ()".to_owned(),
            nanos: 500,
            samples: 1,
            children: vec![Analyzed {
                name: "[selector] {a=\"b\"}".to_owned(),
                nanos: 1_000,
                samples: 9,
                window_samples: 36,
                ..Analyzed::default()
            }],
            ..Analyzed::default()
        };
        let mut out = Vec::new();
        write(&mut out, &node);
        let text = String::from_utf8(out).unwrap();
        let head = "{\"name\":\"[aggregate] sum by ()\",\"executionTime\":\"1.5µs\",\"peakSamples\":9,\"totalSamples\":36,\"selfTime\":\"500ns\"";
        assert!(text.starts_with(head), "{text}");
    }
}
