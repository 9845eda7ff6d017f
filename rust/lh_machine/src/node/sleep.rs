//! SLEEP: waits for a moment given in seconds, as a timestamp or as an ISO-8601 instant (03/E-460..462).

use super::{Progress, instant};
use crate::{
    internal::deadline,
    pb::{self, node_run::NodeType, sleep_node::SleepLength, variable_value::Value},
    run::{self, Run, failure, scope::RunScope},
    state::Context,
    value::{self, Vse},
};

pub(super) fn arrive(
    run: &mut Run,
    place: (i32, i32),
    node: &pb::SleepNode,
    context: &mut Context<'_>,
) -> Result<(), pb::Failure> {
    let until = wake_time(run, place, node, context).map_err(|error| failure::value_failure("VAR_SUB_ERROR", error))?;
    set_maturation(run, place, until);
    Ok(())
}

pub(super) fn progress(run: &mut Run, place: (i32, i32), context: &mut Context<'_>) -> Progress {
    let Some(sleep) = sleep_run(run, place) else { return Progress::Waiting };
    let until = sleep.maturation_time.as_ref().map(run::milliseconds).unwrap_or_default();
    if sleep.matured {
        let end_ms = until.max(arrival_ms(run, place)).min(context.now_ms);
        return Progress::Finished { output: None, end_ms };
    }
    // `timestamp` and `iso_date` follow their variable while the node waits (03/E-461).
    let spec = run.spec.clone();
    let Some(node_run) = run.nodes.get(&place).and_then(|record| record.node_run.as_ref()) else {
        return Progress::Waiting;
    };
    let node = spec.node(&node_run.thread_spec_name, &node_run.node_name).and_then(|node| node.node.as_ref());
    let Some(pb::node::Node::Sleep(node)) = node else { return Progress::Waiting };
    if matches!(node.sleep_length, Some(SleepLength::RawSeconds(_))) {
        return Progress::Waiting;
    }
    match wake_time(run, place, node, context) {
        Ok(again) if again != until => set_maturation(run, place, again),
        Ok(_) => {}
        Err(error) => return Progress::Failed(failure::value_failure("VAR_SUB_ERROR", error)),
    }
    Progress::Waiting
}

/// The sleep is over: noted here, looked at by the next step. Early wake-ups are ignored.
pub fn mature(run: &mut Run, place: (i32, i32), now_ms: i64) {
    let Some(NodeType::Sleep(sleep)) = run
        .nodes
        .get_mut(&place)
        .and_then(|record| record.node_run.as_mut())
        .and_then(|node_run| node_run.node_type.as_mut())
    else {
        return;
    };
    if sleep.maturation_time.as_ref().is_some_and(|until| run::milliseconds(until) <= now_ms) {
        sleep.matured = true;
    }
}

fn sleep_run(run: &Run, place: (i32, i32)) -> Option<&pb::SleepNodeRun> {
    match run.nodes.get(&place)?.node_run.as_ref()?.node_type.as_ref()? {
        NodeType::Sleep(sleep) => Some(sleep),
        _ => None,
    }
}

fn arrival_ms(run: &Run, place: (i32, i32)) -> i64 {
    let node_run = run.nodes.get(&place).and_then(|record| record.node_run.as_ref());
    node_run.and_then(|node_run| node_run.arrival_time.as_ref()).map(run::milliseconds).unwrap_or_default()
}

fn set_maturation(run: &mut Run, place: (i32, i32), until_ms: i64) {
    if let Some(NodeType::Sleep(sleep)) = run
        .nodes
        .get_mut(&place)
        .and_then(|record| record.node_run.as_mut())
        .and_then(|node_run| node_run.node_type.as_mut())
    {
        sleep.maturation_time = Some(run::timestamp(until_ms));
    }
    run::deadline::forget(run, place);
    run::deadline::add(run, place, until_ms, deadline::Kind::Sleep(deadline::Sleep {}));
}

/// When the node must wake, in milliseconds since the epoch.
fn wake_time(run: &Run, place: (i32, i32), node: &pb::SleepNode, context: &Context<'_>) -> Result<i64, Vse> {
    let scope = RunScope::of(run, place.0, context);
    match &node.sleep_length {
        Some(SleepLength::RawSeconds(seconds)) => {
            let value = value::resolve::resolve(seconds, &scope)?;
            match value::convert::cast(value, pb::VariableType::Int)?.value {
                Some(Value::Int(seconds)) => Ok(context.now_ms.saturating_add(seconds.saturating_mul(1000))),
                _ => Err(Vse::new("The length of the sleep is NULL.")),
            }
        }
        Some(SleepLength::Timestamp(instant)) => match value::resolve::resolve(instant, &scope)?.value {
            Some(Value::Int(ms)) => Ok(ms),
            Some(Value::UtcTimestamp(instant)) => Ok(run::milliseconds(&instant)),
            _ => Err(Vse::new("The instant to sleep until is neither INT (epoch milliseconds) nor TIMESTAMP.")),
        },
        Some(SleepLength::IsoDate(text)) => match value::resolve::resolve(text, &scope)?.value {
            Some(Value::Str(text)) => instant::parse_ms(&text)
                .ok_or_else(|| Vse::new(format!("'{text}' is not an ISO-8601 instant like 2026-12-31T00:00:00Z."))),
            _ => Err(Vse::new("The date to sleep until is not STR.")),
        },
        None => Err(Vse::new("The SLEEP node has no length.")),
    }
}
