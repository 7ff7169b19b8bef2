//! Parameters about what is read: which replicas are one, which resolution will do.
//!
//! They are Thanos', and mean the same in either dialect. `partial_response` is read and changes nothing here: a source
//! that fails fails the request, which is what `false` asks for and `true` allows.

use super::dialect::Blame;
use super::params::{Params, parse_nanos};
use super::problem::Problem;
use super::server::Settings;
use crate::syntax::quote;

/// What a request reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// Labels that tell replicas apart; none where replicas are to be seen.
    pub replica_labels: Vec<String>,
    /// Coarsest resolution that will do, milliseconds; 0 for raw samples only.
    pub max_resolution: i64,
}

impl Params<'_> {
    /// What a request reads whose steps are `step` milliseconds apart; 0 for an instant.
    ///
    /// # Errors
    /// Where a parameter makes no sense.
    pub fn reading(self, settings: &Settings, step: i64) -> Result<Reading, Problem> {
        self.flag("partial_response")?;
        let is_deduplicated = self.flag("dedup")?.unwrap_or(true);
        let mut replica_labels: Vec<String> = self
            .form
            .all("replicaLabels[]")
            .map(str::to_owned)
            .collect();
        if replica_labels.is_empty() {
            replica_labels.clone_from(&settings.replica_labels);
        }
        replica_labels.retain(|label| is_deduplicated && !label.is_empty());
        let max_resolution = self.max_resolution(settings, step)?;
        Ok(Reading {
            replica_labels,
            max_resolution,
        })
    }

    fn max_resolution(self, settings: &Settings, step: i64) -> Result<i64, Problem> {
        /// As many points of a downsampled series as a step should have.
        const POINTS_PER_STEP: i64 = 5;
        let automatic = match step {
            0 => settings.instant_max_resolution,
            step => step / POINTS_PER_STEP,
        };
        match self.form.get("max_source_resolution") {
            "" if settings.auto_downsampling => Ok(automatic),
            "" => Ok(0),
            "auto" => Ok(automatic),
            text => {
                let blame = Blame::Named("max_source_resolution");
                let nanos = parse_nanos(text).map_err(|cause| self.bad(blame, &cause))?;
                if nanos < 0 {
                    let cause = "negative query max source resolution is not accepted. Try a positive integer";
                    return Err(self.bad(blame, cause));
                }
                Ok(nanos / 1_000_000)
            }
        }
    }

    /// A yes or a no, if one is given.
    ///
    /// # Errors
    /// Where it is neither.
    pub fn flag(self, name: &'static str) -> Result<Option<bool>, Problem> {
        match self.form.get(name) {
            "" => Ok(None),
            "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(Some(true)),
            "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(Some(false)),
            text => {
                let given = quote::text(text);
                let cause = format!("strconv.ParseBool: parsing {given}: invalid syntax");
                Err(self.bad(Blame::Named(name), &cause))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::dialect::Dialect;
    use super::super::form::Form;
    use super::*;

    fn read(query: &str, step: i64) -> Result<Reading, Problem> {
        let form = Form::parse(b"", query);
        let settings = Settings {
            replica_labels: vec!["replica".to_owned()],
            ..Settings::default()
        };
        let params = Params {
            form: &form,
            dialect: Dialect::Thanos,
        };
        params.reading(&settings, step)
    }

    #[test]
    fn replicas_are_one_unless_a_request_says_otherwise() {
        fn check(query: &str, want: &[&str]) {
            assert_eq!(read(query, 0).unwrap().replica_labels, want, "{query}");
        }
        check("", &["replica"]);
        check("dedup=1", &["replica"]);
        check("dedup=false", &[]);
        check("replicaLabels[]=a&replicaLabels[]=b", &["a", "b"]);
        check("replicaLabels[]=a&dedup=F", &[]);
        check("replicaLabels[]=", &[]);
    }

    #[test]
    fn a_resolution_is_a_duration_or_follows_the_step() {
        fn check(query: &str, step: i64, want: i64) {
            assert_eq!(read(query, step).unwrap().max_resolution, want, "{query}");
        }
        check("", 60_000, 0);
        check("max_source_resolution=5m", 60_000, 300_000);
        check("max_source_resolution=300", 60_000, 300_000);
        check("max_source_resolution=auto", 60_000, 12_000);
        check("max_source_resolution=auto", 0, 0);
        let problem = read("max_source_resolution=x", 0).unwrap_err();
        let want = "'max_source_resolution' parameter: cannot parse \"x\" to a valid duration";
        assert_eq!(problem.message, want);
        let problem = read("dedup=maybe", 0).unwrap_err();
        let want = "'dedup' parameter: strconv.ParseBool: parsing \"maybe\": invalid syntax";
        assert_eq!(problem.message, want);
    }
}
