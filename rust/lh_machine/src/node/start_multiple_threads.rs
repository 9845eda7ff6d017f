//! START_MULTIPLE_THREADS: one child per element of a list (03/E-441).

use std::collections::BTreeMap;

use super::Progress;
use crate::{
    pb::{self, node_run::NodeType, variable_value::Value},
    run::{Run, failure, scope::RunScope, start},
    spec::INPUT,
    state::Context,
    value::{self, Vse},
};

/// Checks what every child gets before the first one starts, so that a bad element leaves no children behind.
pub(super) fn arrive(
    run: &mut Run,
    place: (i32, i32),
    node: &pb::StartMultipleThreadsNode,
    context: &mut Context<'_>,
) -> Result<(), pb::Failure> {
    let children =
        children(run, place, node, context).map_err(|error| failure::value_failure("VAR_SUB_ERROR", error))?;
    let kind = pb::ThreadType::Child;
    let mut numbers = Vec::with_capacity(children.len());
    for values in children {
        numbers.push(start::start_thread(run, &node.thread_spec_name, kind, Some(place.0), values, context));
    }
    if let Some(NodeType::StartMultipleThreads(started)) = run.node_run_mut(place).and_then(|it| it.node_type.as_mut())
    {
        started.child_thread_ids = numbers;
    }
    Ok(())
}

type Values = BTreeMap<String, pb::VariableValue>;

fn children(
    run: &Run,
    place: (i32, i32),
    node: &pb::StartMultipleThreadsNode,
    context: &Context<'_>,
) -> Result<Vec<Values>, Vse> {
    let scope = RunScope::of(run, place.0, context);
    let iterable = node.iterable.as_ref().ok_or_else(|| Vse::new("The node has nothing to iterate over."))?;
    let elements = elements(value::resolve::resolve(iterable, &scope)?)?;
    let inputs = start::evaluate_inputs(run, place.0, &node.thread_spec_name, &node.variables, context)?;
    let name = &node.thread_spec_name;
    let takes_input = run.spec.thread(name).is_some_and(|thread| {
        thread.variable_defs.iter().filter_map(|it| it.var_def.as_ref()).any(|variable| variable.name == INPUT)
    });
    let definitions = context.definitions.of(&run.tenant);
    let of_element = |element: pb::VariableValue| {
        let mut inputs = inputs.clone();
        if takes_input {
            inputs.insert(INPUT.to_owned(), element);
        }
        start::initial_values(&run.spec, name, inputs, &definitions).map_err(|rejected| Vse::new(rejected.message))
    };
    elements.into_iter().map(of_element).collect()
}

/// The elements of a JSON_ARR by their JSON type, those of an Array as they are.
fn elements(iterable: pb::VariableValue) -> Result<Vec<pb::VariableValue>, Vse> {
    match iterable.value {
        Some(Value::Array(array)) => Ok(array.items),
        Some(Value::JsonArr(_)) => match value::json::of_json_value(&iterable)? {
            Some(serde_json::Value::Array(items)) => items.iter().map(value::json::to_value).collect(),
            _ => Err(Vse::new("The value to iterate over is NULL.")),
        },
        _ => Err(Vse::new("The value to iterate over is neither JSON_ARR nor an Array.")),
    }
}

/// Finished with the list of the children's numbers.
pub(super) fn progress(started: &pb::StartMultipleThreadsRun, context: &Context<'_>) -> Progress {
    let numbers: Vec<String> = started.child_thread_ids.iter().map(ToString::to_string).collect();
    let output = value::of(Value::JsonArr(format!("[{}]", numbers.join(","))));
    Progress::Finished { output: Some(output), end_ms: context.now_ms }
}
