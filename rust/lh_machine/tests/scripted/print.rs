//! Effects and records as the lines that scripts expect.

use std::collections::BTreeMap;

use lh_machine::{
    Effects, Read, ReadOutcome, Reply, key,
    pb::{self, node_run::NodeType, task_attempt, variable_value::Value},
    read, run,
};
use prost::Message;

use super::world::{World, wf_run_id};

pub fn effects(effects: &Effects) -> String {
    let mut text = String::new();
    for arm in &effects.timers {
        text.push_str(&format!("timer {} {}\n", arm.due_ms, key::path(&arm.wf_run_id).join("_")));
    }
    for dispatch in &effects.tasks {
        let task = &dispatch.task;
        let inputs: Vec<String> =
            task.variables.iter().map(|input| format!("{}={}", input.var_name, value(input.value.as_ref()))).collect();
        let guid = task.task_run_id.as_ref().map(|id| short(&id.task_guid)).unwrap_or_default();
        text.push_str(&format!(
            "task poll={} {guid} attempt={} [{}]\n",
            dispatch.poll_id,
            task.attempt_number,
            inputs.join(" ")
        ));
    }
    for poll in &effects.returned_polls {
        text.push_str(&format!("returned poll={poll}\n"));
    }
    match &effects.reply {
        Some(Ok(Reply::WfRun(wf_run))) => text.push_str(&format!("reply {}\n", wf_run_line(wf_run))),
        Some(Ok(Reply::Empty)) => text.push_str("reply ok\n"),
        Some(Ok(Reply::MetaWritten { sequence })) => text.push_str(&format!("reply written {sequence}\n")),
        Some(Err(rejected)) => text.push_str(&format!("reply {rejected}\n")),
        None => {}
    }
    text
}

fn wf_run_line(wf_run: &pb::WfRun) -> String {
    let id = wf_run.id.as_ref().map(|id| key::path(id).join("_")).unwrap_or_default();
    let position = wf_run.thread_runs.first().map_or(-1, |thread| thread.current_node_position);
    format!("WfRun {id} {} position={position}", wf_run.status().as_str_name())
}

/// Names and kinds of what a flush writes; values are shown by `show`.
pub fn writes(writes: &[(Vec<u8>, Option<Vec<u8>>)]) -> String {
    let mut text = String::new();
    for (key, value) in writes {
        let action = if value.is_some() { "put" } else { "delete" };
        text.push_str(&format!("{action} {}\n", readable(key)));
    }
    text
}

fn readable(key: &[u8]) -> String {
    let mut text = String::new();
    let mut rest = key;
    text.push(char::from(rest[0]));
    rest = &rest[1..];
    while let Some((byte, more)) = rest.split_first() {
        match (byte, more.first()) {
            (0, Some(1)) => {
                text.push('|');
                rest = &more[1..];
            }
            (byte, _) => {
                if byte.is_ascii_graphic() {
                    text.push(char::from(*byte));
                } else {
                    text.push_str(&format!("{byte:02x}."));
                }
                rest = more;
            }
        }
    }
    text
}

/// Everything a client can read of a run.
pub fn run(world: &World, id: &str) -> String {
    let id = wf_run_id(id);
    let Ok(bytes) = fetch(world, &Read::WfRun(id.clone())) else { return "no such WfRun\n".to_owned() };
    let wf_run = pb::WfRun::decode(&*bytes).unwrap();
    let mut text = wf_run_line(&wf_run);
    text.push_str(&format!(" start={}", ms(wf_run.start_time.as_ref())));
    if wf_run.end_time.is_some() {
        text.push_str(&format!(" end={}", ms(wf_run.end_time.as_ref())));
    }
    for thread in &wf_run.thread_runs {
        if let Some(output) = &thread.output {
            text.push_str(&format!(" output={}", value(Some(output))));
        }
        if let Some(message) = &thread.error_message {
            text.push_str(&format!(" error='{message}'"));
        }
    }
    text.push('\n');
    let request = pb::ListVariablesRequest { wf_run_id: Some(id.clone()), ..Default::default() };
    let variables = pb::VariableList::decode(&*fetch(world, &Read::Variables(request)).unwrap()).unwrap();
    for variable in variables.results {
        let name = variable.id.map(|id| id.name).unwrap_or_default();
        text.push_str(&format!("  {name} = {}\n", value(variable.value.as_ref())));
    }
    let request = pb::ListNodeRunsRequest { wf_run_id: Some(id.clone()), limit: Some(1000), ..Default::default() };
    let nodes = pb::NodeRunList::decode(&*fetch(world, &Read::NodeRuns(request)).unwrap()).unwrap();
    for node_run in nodes.results {
        text.push_str(&node_line(world, &node_run));
    }
    text
}

fn node_line(world: &World, node_run: &pb::NodeRun) -> String {
    let position = node_run.id.as_ref().map_or(-1, |id| id.position);
    let mut text = format!(
        "  {position} {} {} arrival={}",
        node_run.node_name,
        node_run.status().as_str_name(),
        ms(node_run.arrival_time.as_ref())
    );
    if node_run.end_time.is_some() {
        text.push_str(&format!(" end={}", ms(node_run.end_time.as_ref())));
    }
    if let Some(NodeType::Sleep(sleep)) = &node_run.node_type {
        text.push_str(&format!(" until={} matured={}", ms(sleep.maturation_time.as_ref()), sleep.matured));
    }
    text.push('\n');
    for failure in &node_run.failures {
        text.push_str(&format!("    failure {} '{}'", failure.failure_name, failure.message));
        if let Some(content) = &failure.content {
            text.push_str(&format!(" content={}", value(Some(content))));
        }
        text.push('\n');
    }
    if let Some(NodeType::Task(task)) = &node_run.node_type
        && let Some(id) = &task.task_run_id
    {
        let bytes = fetch(world, &Read::TaskRun(id.clone())).unwrap();
        let task_run = pb::TaskRun::decode(&*bytes).unwrap();
        text.push_str(&format!("    TaskRun {} {}\n", short(&id.task_guid), task_run.status().as_str_name()));
        task_run.attempts.iter().for_each(|attempt| text.push_str(&attempt_line(attempt)));
    }
    text
}

fn attempt_line(attempt: &pb::TaskAttempt) -> String {
    let mut text = format!("      {}", attempt.status().as_str_name());
    let times = [("scheduled", &attempt.schedule_time), ("start", &attempt.start_time), ("end", &attempt.end_time)];
    for (name, time) in times {
        if time.is_some() {
            text.push_str(&format!(" {name}={}", ms(time.as_ref())));
        }
    }
    if !attempt.task_worker_id.is_empty() {
        text.push_str(&format!(" by={}", attempt.task_worker_id));
    }
    match &attempt.result {
        Some(task_attempt::Result::Output(output)) => text.push_str(&format!(" output={}", value(Some(output)))),
        Some(task_attempt::Result::Error(error)) => text.push_str(&format!(" error='{}'", error.message)),
        Some(task_attempt::Result::Exception(exception)) => text.push_str(&format!(" exception={}", exception.name)),
        None => {}
    }
    text.push('\n');
    text
}

fn fetch(world: &World, what: &Read) -> Result<Vec<u8>, lh_machine::Rejected> {
    let mut fetched = BTreeMap::new();
    loop {
        match read(world.state(), "default", what, &fetched, 0) {
            ReadOutcome::Done(result) => return result,
            ReadOutcome::Need(keys) => {
                for key in keys {
                    let value = world.stored(&key).cloned();
                    fetched.insert(key, value);
                }
            }
        }
    }
}

fn ms(time: Option<&prost_types::Timestamp>) -> i64 {
    time.map_or(-1, run::milliseconds)
}

fn short(guid: &str) -> String {
    guid.splitn(3, '-').take(2).collect::<Vec<_>>().join("-")
}

fn value(value: Option<&pb::VariableValue>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        None => "null".to_owned(),
        Some(Value::Str(text)) if text.len() > 40 => format!("str of {} bytes", text.len()),
        Some(Value::Str(text)) => format!("str:{text}"),
        Some(Value::Int(number)) => format!("int:{number}"),
        Some(Value::Double(number)) => format!("double:{number}"),
        Some(Value::Bool(flag)) => format!("bool:{flag}"),
        Some(Value::JsonObj(text) | Value::JsonArr(text)) => format!("json:{text}"),
        Some(other) => format!("{other:?}"),
    }
}
