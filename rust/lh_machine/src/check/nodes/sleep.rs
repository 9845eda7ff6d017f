//! SLEEP nodes (X-29, 03/E-460).

use pb::VariableType::{Double, Int, Str, Timestamp};
use pb::sleep_node::SleepLength;
use pb::variable_assignment::Source;

use super::super::view::ThreadView;
use super::super::{Reason, static_type};
use crate::{pb, value};

/// Checks that the length can be what its kind needs.
pub(super) fn require(view: &ThreadView<'_>, node: &pb::SleepNode) -> Result<(), Reason> {
    match &node.sleep_length {
        None => Err("missing sleep length".to_owned()),
        Some(SleepLength::RawSeconds(length)) => {
            // The engine truncates what a computation gave, so only what was declared must be an INT (03/E-460).
            let accepted: &[_] = if is_computed(length) { &[Int, Double] } else { &[Int] };
            require_one_of(view, length, accepted, "INT")
        }
        Some(SleepLength::Timestamp(instant)) => require_one_of(view, instant, &[Timestamp, Int], "TIMESTAMP or INT"),
        Some(SleepLength::IsoDate(text)) => {
            let known = static_type::of(view, text)?;
            let text_type = value::types::primitive(Str);
            refuse_unless(known.is_none_or(|known| value::types::assignable(&text_type, &known)), "STR")
        }
    }
}

fn require_one_of(
    view: &ThreadView<'_>,
    length: &pb::VariableAssignment,
    accepted: &[pb::VariableType],
    wanted: &str,
) -> Result<(), Reason> {
    let known = static_type::of(view, length)?;
    let fits =
        known.is_none_or(|known| value::types::primitive_of(&known).is_some_and(|known| accepted.contains(&known)));
    refuse_unless(fits, wanted)
}

fn refuse_unless(fits: bool, wanted: &str) -> Result<(), Reason> {
    if fits { Ok(()) } else { Err(format!("Invalid value: variable can't resolve to {wanted}")) }
}

fn is_computed(length: &pb::VariableAssignment) -> bool {
    matches!(&length.source, Some(Source::Expression(_) | Source::NodeOutput(_))) && length.target_type.is_none()
}
