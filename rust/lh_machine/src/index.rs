//! Index entries of a run, derived from its records by one function: what searches scan (spec 07, S-5..S-10).

use std::collections::BTreeMap;

use prost::Message;

use crate::{
    internal,
    key::{self, IndexKind},
    pb::{self, variable_value::Value},
    run::{Run, events::names, milliseconds, record, task_at},
    state::Corrupt,
    value as values,
};

/// A NodeRun that was found without an index: when it arrived, its id as text, its id serialized.
pub type NodeFound = (i64, String, Vec<u8>);

/// The NodeRuns in this status within one stored record of a tree: no index has all of them, they would cost a write each.
///
/// # Errors
/// [`Corrupt`] if the record cannot be read.
pub fn node_runs_in(key: &[u8], value: &[u8], status: i32) -> Result<Vec<NodeFound>, Corrupt> {
    let records = if key::is_run(key) {
        record::decode(value)?.nodes
    } else if key::is_node(key) {
        vec![record::decode_node(value)?]
    } else {
        Vec::new()
    };
    let node_runs = records.into_iter().filter_map(|record| record.node_run).filter(|it| it.status == status);
    let found = node_runs.filter_map(|node_run| {
        let id = node_run.id?;
        let run = key::path(id.wf_run_id.as_ref()?).join("_");
        let shown = format!("{run}/{}/{}", id.thread_run_number, id.position);
        Some((node_run.arrival_time.as_ref().map(milliseconds).unwrap_or_default(), shown, id.encode_to_vec()))
    });
    Ok(found.collect())
}

/// The value, not masked, that a Variable of this ThreadRun has in a stored run record; `None` = it has no such Variable.
///
/// # Errors
/// [`Corrupt`] if the record cannot be read.
pub fn variable_in(run_record: &[u8], thread: i32, name: &str) -> Result<Option<pb::VariableValue>, Corrupt> {
    let record = internal::RunVariables::decode(record::payload(run_record)?)
        .map_err(|error| Corrupt(format!("variables of a run record: {error}")))?;
    let is_wanted = |id: &pb::VariableId| id.thread_run_number == thread && id.name == name;
    let found = record.variables.into_iter().find(|variable| variable.id.as_ref().is_some_and(is_wanted));
    Ok(found.map(|variable| variable.value.unwrap_or_default()))
}

/// All index entries of the run and of the NodeRuns that it keeps.
pub fn of_run(run: &Run) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut entries = BTreeMap::new();
    let id = run.id();
    let shown = key::path(&id).join("_");
    of_events(run, &shown, &mut entries);
    if let Some(event) = run.correlation.as_ref().and_then(|known| known.event.as_ref()) {
        entries.extend(of_correlated(run, event));
    }
    if run.is_unborn() {
        return entries;
    }
    let start_ms = run.wf_run.start_time.as_ref().map(milliseconds).unwrap_or_default();
    let spec_id = run.wf_run.wf_spec_id.clone().unwrap_or_default();
    let value = entry(&id, start_ms, Some(&spec_id));
    let status = (run.wf_run.status).to_string();
    let components = [spec_id.name.as_str(), status.as_str()];
    entries.insert(key::index(&run.tenant, IndexKind::WfRun, &components, start_ms, &shown), value.clone());
    if let Some(parent) = &id.parent_wf_run_id {
        let parent = key::path(parent).join("_");
        entries.insert(key::index(&run.tenant, IndexKind::Child, &[&parent], start_ms, &shown), value);
    }
    for record in run.nodes.values() {
        entries.extend(of_node(run, record));
    }
    for variable in run.variables.values() {
        of_variable(run, variable, &mut entries);
    }
    entries
}

/// Index entries of one NodeRun with its TaskRuns.
pub fn of_node(run: &Run, record: &internal::NodeRecord) -> Vec<(Vec<u8>, Vec<u8>)> {
    if let Some(node_run) = &record.node_run
        && let Some(pb::node_run::NodeType::ExternalEvent(waiting)) = &node_run.node_type
    {
        return of_event_node(run, node_run, waiting).into_iter().collect();
    }
    let tasks = task_at::all(record).filter_map(|task_run| of_task(run, task_run));
    tasks.chain(record.user_task_run.iter().flat_map(|task| of_user_task(run, task))).collect()
}

/// One entry for each thing that a search can ask for, each with the status: what is asked for beside it is looked up
/// (06/U-47).
fn of_user_task(run: &Run, task: &pb::UserTaskRun) -> Vec<(Vec<u8>, Vec<u8>)> {
    let (Some(id), Some(definition)) = (&task.id, &task.user_task_def_id) else { return Vec::new() };
    let scheduled_ms = task.scheduled_time.as_ref().map(milliseconds).unwrap_or_default();
    let status = task.status.to_string();
    let shown = format!("{}/{}", key::path(&run.id()).join("_"), id.user_task_guid);
    let value = entry(id, scheduled_ms, None);
    let user = task.user_id.as_ref().map(|user| ("user", user.as_str()));
    let group = task.user_group.as_ref().map(|group| ("group", group.as_str()));
    [Some(("all", "")), Some(("def", definition.name.as_str())), user, group]
        .into_iter()
        .flatten()
        .map(|(word, name)| {
            let components = [word, name, status.as_str()];
            let key = key::index(&run.tenant, IndexKind::UserTaskRun, &components, scheduled_ms, &shown);
            (key, value.clone())
        })
        .collect()
}

fn of_task(run: &Run, task_run: &pb::TaskRun) -> Option<(Vec<u8>, Vec<u8>)> {
    let (id, task_def) = (task_run.id.as_ref()?, task_run.task_def_id.as_ref()?);
    let scheduled_ms = task_run.scheduled_at.as_ref().map(milliseconds).unwrap_or_default();
    let status = task_run.status.to_string();
    let shown = format!("{}/{}", key::path(&run.id()).join("_"), id.task_guid);
    let components = [task_def.name.as_str(), status.as_str()];
    let key = key::index(&run.tenant, IndexKind::TaskRun, &components, scheduled_ms, &shown);
    Some((key, entry(id, scheduled_ms, None)))
}

/// The entry of a NodeRun that waits for an event or has claimed one (07/O-2).
fn of_event_node(run: &Run, node_run: &pb::NodeRun, waiting: &pb::ExternalEventNodeRun) -> Option<(Vec<u8>, Vec<u8>)> {
    let (id, definition) = (node_run.id.as_ref()?, waiting.external_event_def_id.as_ref()?);
    let arrival_ms = node_run.arrival_time.as_ref().map(milliseconds).unwrap_or_default();
    let shown = format!("{}/{}/{}", key::path(&run.id()).join("_"), id.thread_run_number, id.position);
    let status = node_run.status.to_string();
    let components = [definition.name.as_str(), status.as_str()];
    let key = key::index(&run.tenant, IndexKind::ExternalEventNode, &components, arrival_ms, &shown);
    Some((key, entry(id, arrival_ms, None)))
}

/// The entry of a CorrelatedEvent (07/O-5).
fn of_correlated(run: &Run, event: &pb::CorrelatedEvent) -> Option<(Vec<u8>, Vec<u8>)> {
    let id = event.id.as_ref()?;
    let definition = id.external_event_def_id.as_ref()?;
    let created_ms = event.created_at.as_ref().map(milliseconds).unwrap_or_default();
    let components = [definition.name.as_str(), if event.external_events.is_empty() { "false" } else { "true" }];
    let key = key::index(&run.tenant, IndexKind::CorrelatedEvent, &components, created_ms, &id.key);
    Some((key, entry(id, created_ms, None)))
}

/// Entries of ExternalEvents and WorkflowEvents (07/O-4, O-6).
fn of_events(run: &Run, shown: &str, entries: &mut BTreeMap<Vec<u8>, Vec<u8>>) {
    for event in run.events.posted().filter_map(|posted| posted.event.as_ref()) {
        let Some(id) = &event.id else { continue };
        let (definition, guid) = names(id);
        let created_ms = event.created_at.as_ref().map(milliseconds).unwrap_or_default();
        let components = [definition.as_str(), if event.claimed { "true" } else { "false" }];
        let text = format!("{shown}/{guid}");
        let key = key::index(&run.tenant, IndexKind::ExternalEvent, &components, created_ms, &text);
        entries.insert(key, entry(id, created_ms, None));
    }
    entries.extend(run.events.thrown().filter_map(|event| of_thrown(run, event)));
}

/// The entry of a WorkflowEvent.
pub fn of_thrown(run: &Run, event: &pb::WorkflowEvent) -> Option<(Vec<u8>, Vec<u8>)> {
    let id = event.id.as_ref()?;
    let definition = id.workflow_event_def_id.as_ref()?;
    let created_ms = event.created_at.as_ref().map(milliseconds).unwrap_or_default();
    let text = format!("{}/{:010}", key::path(&run.id()).join("_"), id.number);
    let key = key::index(&run.tenant, IndexKind::WorkflowEvent, &[&definition.name], created_ms, &text);
    Some((key, entry(id, created_ms, None)))
}

fn entry(id: &impl Message, time_ms: i64, spec: Option<&pb::WfSpecId>) -> Vec<u8> {
    record::with_format(&internal::IndexEntry {
        id: id.encode_to_vec(),
        time_ms,
        major_version: spec.map_or(0, |spec| spec.major_version),
        revision: spec.map_or(0, |spec| spec.revision),
    })
}

/// Entries of a searchable variable or of its declared JSON paths (07/V-5).
fn of_variable(run: &Run, variable: &pb::Variable, entries: &mut BTreeMap<Vec<u8>, Vec<u8>>) {
    let Some(id) = &variable.id else { return };
    let Some(definition) = run.spec.indexed_variables.get(&id.name) else { return };
    let Some(value) = variable.value.as_ref().and_then(|value| value.value.as_ref()) else { return };
    let spec_id = variable.wf_spec_id.clone().unwrap_or_default();
    let created_ms = variable.created_at.as_ref().map(milliseconds).unwrap_or_default();
    let shown = format!("{}/{}/{}", key::path(&run.id()).join("_"), id.thread_run_number, id.name);
    let stored = entry(id, created_ms, Some(&spec_id));
    let mut add = |name: &str, text: String| {
        let components = [spec_id.name.as_str(), name, text.as_str()];
        entries.insert(key::index(&run.tenant, IndexKind::Variable, &components, created_ms, &shown), stored.clone());
    };
    match value {
        Value::JsonObj(text) | Value::JsonArr(text) => {
            let Ok(json) = serde_json::from_str::<serde_json::Value>(text) else { return };
            if let serde_json::Value::Array(items) = &json
                && definition.searchable
            {
                items.iter().filter_map(json_text).for_each(|text| add(&id.name, text));
            }
            for index in &definition.json_indexes {
                let path = index.field_path.strip_prefix('$').unwrap_or(&index.field_path);
                let keys: Vec<&str> = path.split('.').filter(|key| !key.is_empty()).collect();
                let name = format!("{}_{}", id.name, index.field_path);
                leaves(&json, &keys, &mut |leaf| {
                    if let Some(text) = json_text(leaf) {
                        add(&name, text);
                    }
                });
            }
        }
        _ if definition.searchable => {
            if let Some(text) = scalar_text(value) {
                add(&id.name, text);
            }
        }
        _ => {}
    }
}

/// Text form under which a scalar is found: the name of its case and its text (07/V-7); `None` = not indexed.
pub fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::Str(text) => Some(format!("str:{text}")),
        Value::Bool(flag) => Some(format!("bool:{flag}")),
        Value::Int(number) => Some(format!("int:{number}")),
        Value::Double(_) => {
            let text = values::convert::to_text(&pb::VariableValue { value: Some(value.clone()) }).ok()?;
            Some(format!("double:{text}"))
        }
        _ => None,
    }
}

fn json_text(json: &serde_json::Value) -> Option<String> {
    match json {
        serde_json::Value::String(text) => scalar_text(&Value::Str(text.clone())),
        serde_json::Value::Bool(flag) => scalar_text(&Value::Bool(*flag)),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(integer) => scalar_text(&Value::Int(integer)),
            None => number.as_f64().and_then(|double| scalar_text(&Value::Double(double))),
        },
        _ => None,
    }
}

/// Visits what lies under a path of keys; list levels add nothing to the path and every element contributes.
fn leaves(json: &serde_json::Value, keys: &[&str], visit: &mut impl FnMut(&serde_json::Value)) {
    match (json, keys.split_first()) {
        (serde_json::Value::Array(items), _) => items.iter().for_each(|item| leaves(item, keys, visit)),
        (serde_json::Value::Object(members), Some((key, rest))) => {
            if let Some(member) = members.get(*key) {
                leaves(member, rest, visit);
            }
        }
        (leaf, None) => visit(leaf),
        _ => {}
    }
}
