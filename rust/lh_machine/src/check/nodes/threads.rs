//! START_THREAD, START_MULTIPLE_THREADS and WAIT_FOR_THREADS nodes (X-26..X-28).

use std::collections::BTreeMap;
use std::rc::Rc;

use pb::type_definition::DefinedType;
use pb::wait_for_threads_node::ThreadsToWaitForOneOf;

use super::super::variables::INPUT;
use super::super::view::{Inputs, Started, ThreadView};
use super::super::{Reason, assign, static_type, thread};
use crate::{pb, value};

/// Checks that the thread exists and takes these inputs.
pub(super) fn require_start(view: &ThreadView<'_>, node: &pb::StartThreadNode) -> Result<(), Reason> {
    if node.thread_spec_name == view.name {
        return Err(format!("Tried to start same thread {}", node.thread_spec_name));
    }
    let inputs = inputs_of(view, &node.thread_spec_name)?;
    require_inputs(view, &node.variables, &inputs, false)
}

/// Checks the thread, its inputs and that there is something to iterate over. A thread may start itself: with
/// shorter and shorter lists that ends.
pub(super) fn require_start_multiple(view: &ThreadView<'_>, node: &pb::StartMultipleThreadsNode) -> Result<(), Reason> {
    let inputs = inputs_of(view, &node.thread_spec_name)?;
    let iterable = node.iterable.as_ref().ok_or("missing iterable")?;
    let known = static_type::of(view, iterable)?;
    let is_list = known.is_none_or(|known| {
        value::types::primitive_of(&known) == Some(pb::VariableType::JsonArr)
            || matches!(known.defined_type, Some(DefinedType::InlineArrayDef(_)))
    });
    if !is_list {
        return Err("iterable must resolve to JSON_ARR or ARRAY".to_owned());
    }
    require_inputs(view, &node.variables, &inputs, true)
}

/// Checks that the numbers can be numbers and the list can be a list.
pub(super) fn require_wait(view: &ThreadView<'_>, node: &pb::WaitForThreadsNode) -> Result<(), Reason> {
    node.per_thread_failure_handlers.iter().try_for_each(|handler| thread::require_handler_thread(view, handler))?;
    match &node.threads_to_wait_for {
        None => Err("missing threads to wait for".to_owned()),
        Some(ThreadsToWaitForOneOf::Threads(threads)) => {
            let numbers = threads.threads.iter().filter_map(|thread| thread.thread_run_number.as_ref());
            for number in numbers {
                assign::require(view, number, &value::types::primitive(pb::VariableType::Int))
                    .map_err(|reason| format!("Invalid value: thread_run_number can't resolve to INT: {reason}"))?;
            }
            Ok(())
        }
        Some(ThreadsToWaitForOneOf::ThreadList(list)) => {
            let known = static_type::of(view, list)?;
            if known.is_none_or(|known| value::types::primitive_of(&known) == Some(pb::VariableType::JsonArr)) {
                return Ok(());
            }
            Err("thread_list must resolve to JSON_ARR".to_owned())
        }
    }
}

/// Checks inputs against the variables that a thread declares; types are seen from the caller.
pub(super) fn require_inputs(
    view: &ThreadView<'_>,
    given: &BTreeMap<String, pb::VariableAssignment>,
    inputs: &Inputs,
    input_is_supplied: bool,
) -> Result<(), Reason> {
    for (name, assignment) in given {
        let Some(declared) = inputs.types.get(name) else {
            return Err(format!("Variable {name} was provided but not needed"));
        };
        assign::require(view, assignment, declared).map_err(|reason| format!("Variable {name} invalid: {reason}"))?;
    }
    let is_missing = |name: &&String| !(given.contains_key(*name) || input_is_supplied && *name == INPUT);
    match inputs.required.iter().find(is_missing) {
        Some(name) => Err(format!("Missing required variable {name}")),
        None => Ok(()),
    }
}

fn inputs_of(view: &ThreadView<'_>, name: &str) -> Result<Rc<Inputs>, Reason> {
    view.spec.inputs(Started::Thread(name.to_owned()), || {
        let thread = view.spec.threads.get(name);
        thread.map(Inputs::of).ok_or_else(|| format!("Tried to start nonexistent thread {name}"))
    })
}
