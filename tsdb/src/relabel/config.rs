//! One relabelling rule as operators write it, in the YAML of Prometheus.
//!
//! ```text
//! source_labels: [a, b]   separator: ";"   regex: (.*)   modulus: 8
//! target_label: c         replacement: $1  action: replace
//! ```
//!
//! Keys that are absent or empty have Prometheus' defaults, which differ by nothing from writing them out; unknown keys
//! are errors. Which keys an action needs and which it forbids is checked when rules are compiled, as upstream does when
//! it loads them. Label names may be any non-empty UTF-8.

use serde::{Deserialize, Deserializer, Serialize};

use super::{Effect, Replacement, Rule};
use crate::error::{Error, Result};
use crate::matcher::Regex;
use crate::matcher::regex::capture::CaptureRegex;

const DEFAULT_SEPARATOR: &str = ";";
const DEFAULT_REGEX: &str = "(.*)";
const DEFAULT_REPLACEMENT: &str = "$1";

/// What a rule does; read in any case of letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Sets the target to the replacement where the regex matches.
    #[default]
    Replace,
    /// Drops what does not match.
    Keep,
    /// Drops what matches.
    Drop,
    /// Drops what differs from the target.
    KeepEqual,
    /// Drops what equals the target.
    DropEqual,
    /// Sets the target to a hash modulo `modulus`.
    HashMod,
    /// Copies labels whose name matches to the replacement.
    LabelMap,
    /// Removes labels whose name matches.
    LabelDrop,
    /// Removes labels whose name does not match.
    LabelKeep,
    /// Sets the target to the value in lower case.
    Lowercase,
    /// Sets the target to the value in upper case.
    Uppercase,
}

impl Action {
    const ALL: [(Self, &'static str); 11] = [
        (Self::Replace, "replace"),
        (Self::Keep, "keep"),
        (Self::Drop, "drop"),
        (Self::KeepEqual, "keepequal"),
        (Self::DropEqual, "dropequal"),
        (Self::HashMod, "hashmod"),
        (Self::LabelMap, "labelmap"),
        (Self::LabelDrop, "labeldrop"),
        (Self::LabelKeep, "labelkeep"),
        (Self::Lowercase, "lowercase"),
        (Self::Uppercase, "uppercase"),
    ];

    /// The name in configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        let mut all = Self::ALL.into_iter();
        all.find_map(|(action, name)| (action == self).then_some(name))
            .expect("the table lists every action")
    }
}

impl<'de> Deserialize<'de> for Action {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?.to_lowercase();
        let mut all = Self::ALL.into_iter();
        all.find_map(|(action, name)| (name == text).then_some(action))
            .ok_or_else(|| serde::de::Error::custom(format!("unknown relabel action {text:?}")))
    }
}

/// Which actions a use of relabelling allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actions {
    /// All of them.
    All,
    /// `keep`, `drop`, `hashmod`: those that choose blocks by their labels.
    Selector,
}

impl Actions {
    fn allow(self, action: Action) -> bool {
        self == Self::All || matches!(action, Action::Keep | Action::Drop | Action::HashMod)
    }
}

/// One rule, as written.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RelabelConfig {
    /// Labels whose values are joined.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_labels: Option<Vec<String>>,
    /// Stands between them; `;`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub separator: Option<String>,
    /// What the value, or a label's name, is compared with; `(.*)`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub regex: Option<String>,
    /// Of `hashmod`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modulus: Option<u64>,
    /// The label that is set or compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_label: Option<String>,
    /// Template of the new value; `$1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replacement: Option<String>,
    /// What to do; `replace`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
}

impl RelabelConfig {
    fn action(&self) -> Action {
        self.action.unwrap_or_default()
    }

    fn regex(&self) -> &str {
        self.regex.as_deref().unwrap_or(DEFAULT_REGEX)
    }

    fn separator(&self) -> &str {
        self.separator.as_deref().unwrap_or(DEFAULT_SEPARATOR)
    }

    fn replacement(&self) -> &str {
        self.replacement.as_deref().unwrap_or(DEFAULT_REPLACEMENT)
    }

    fn target(&self) -> String {
        self.target_label.clone().unwrap_or_default()
    }

    /// Checks and compiles the rule at position `at`.
    pub(super) fn compile(&self, at: usize, allowed: Actions) -> Result<Rule> {
        let action = self.action();
        let refuse = |why: String| {
            let name = action.name();
            Error::Invalid(format!("relabel rule {at} ({name}): {why}"))
        };
        if !allowed.allow(action) {
            let why = "a selector takes only keep, drop and hashmod";
            return Err(refuse(why.into()));
        }
        if let Some(why) = self.complaint() {
            return Err(refuse(why.into()));
        }
        let effect = self.effect().map_err(|error| refuse(error.to_string()))?;
        Ok(Rule {
            source_labels: self.source_labels.clone().unwrap_or_default(),
            separator: self.separator().to_owned(),
            effect,
        })
    }

    /// What is missing, or does not belong.
    fn complaint(&self) -> Option<&'static str> {
        use Action::{DropEqual, HashMod, KeepEqual, LabelDrop, LabelKeep, Lowercase, Replace};
        let action = self.action();
        let has_target = !self.target().is_empty();
        let own_replacement = self.replacement() != DEFAULT_REPLACEMENT;
        let own_value = own_replacement
            || self.modulus.unwrap_or(0) != 0
            || self.separator() != DEFAULT_SEPARATOR;
        let own_regex = self.regex() != DEFAULT_REGEX;
        let has_sources = self
            .source_labels
            .as_ref()
            .is_some_and(|all| !all.is_empty());
        match action {
            HashMod if self.modulus.unwrap_or(0) == 0 => Some("needs a modulus above zero"),
            Replace | HashMod | Lowercase | Action::Uppercase | KeepEqual | DropEqual
                if !has_target =>
            {
                Some("needs a target_label")
            }
            KeepEqual | DropEqual if own_value || own_regex => {
                Some("takes source_labels and target_label only")
            }
            Lowercase | Action::Uppercase if own_replacement => Some("takes no replacement"),
            LabelDrop | LabelKeep if own_value || has_target || has_sources => {
                Some("takes a regex only")
            }
            Action::LabelMap if self.replacement().is_empty() => Some("needs a replacement"),
            _ => None,
        }
    }

    fn effect(&self) -> Result<Effect> {
        let target = self.target();
        let regex = || Regex::new(self.regex());
        Ok(match self.action() {
            Action::Replace => Effect::Replace(self.compiled_replacement()?),
            Action::LabelMap => Effect::LabelMap(self.compiled_replacement()?),
            Action::Keep => Effect::Keep(regex()?),
            Action::Drop => Effect::Drop(regex()?),
            Action::LabelDrop => Effect::LabelDrop(regex()?),
            Action::LabelKeep => Effect::LabelKeep(regex()?),
            Action::KeepEqual => Effect::KeepEqual { target },
            Action::DropEqual => Effect::DropEqual { target },
            Action::HashMod => Effect::HashMod {
                target,
                modulus: self.modulus.unwrap_or(1).max(1),
            },
            Action::Lowercase => Effect::Lowercase { target },
            Action::Uppercase => Effect::Uppercase { target },
        })
    }

    fn compiled_replacement(&self) -> Result<Replacement> {
        Ok(Replacement {
            regex: CaptureRegex::new(self.regex())?,
            filter: Regex::new(self.regex())?,
            target: self.target(),
            template: self.replacement().to_owned(),
        })
    }
}
