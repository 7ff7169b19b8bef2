//! Every switch `--x` gets its hidden twin `--no-x`, and every `--no-x` its `--x`; the last one given wins.
//!
//! A switch that is on unless told otherwise is declared as `--no-x`, so that "not given" always means `false` here.

use clap::{Arg, ArgAction, Command};

/// The same tree with the twins added.
pub(crate) fn with_twins(command: Command) -> Command {
    let twins: Vec<Arg> = command.get_arguments().filter_map(twin).collect();
    command.args(twins).mut_subcommands(with_twins)
}

fn twin(switch: &Arg) -> Option<Arg> {
    if !matches!(switch.get_action(), ArgAction::SetTrue) {
        return None;
    }
    let long = switch.get_long()?;
    let name = long
        .strip_prefix("no-")
        .map_or_else(|| format!("no-{long}"), str::to_owned);
    let twin = Arg::new(format!("twin of {long}"))
        .long(name)
        .action(ArgAction::SetTrue)
        .overrides_with(switch.get_id())
        .hide(true);
    Some(twin)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> Command {
        let flag = |long: &'static str| Arg::new(long).long(long).action(ArgAction::SetTrue);
        with_twins(Command::new("x").args([flag("wait"), flag("no-halt")]))
    }

    #[test]
    fn the_last_of_two_twins_wins() {
        fn check(arguments: &[&str], want: bool) {
            let line = ["x"].iter().chain(arguments);
            let matches = tree().try_get_matches_from(line).unwrap();
            assert_eq!(matches.get_flag("wait"), want, "{arguments:?}");
        }
        check(&[], false);
        check(&["--wait"], true);
        check(&["--wait", "--no-wait"], false);
        check(&["--no-wait", "--wait"], true);
    }

    #[test]
    fn a_negative_switch_has_a_positive_twin() {
        let matches = tree().try_get_matches_from(["x", "--no-halt", "--halt"]);
        assert!(!matches.unwrap().get_flag("no-halt"));
    }

    #[test]
    fn a_switch_takes_no_value() {
        assert!(tree().try_get_matches_from(["x", "--wait=false"]).is_err());
    }
}
