//! WAIT_FOR_THREADS: waits for threads by one of three strategies; failures of the threads can have handlers of their
//! own (03/E-450..456).

use super::Progress;
use crate::{
    pb::{
        self, LhStatus, WaitForThreadsStrategy, node_run::NodeType, thread_halt_reason::Reason, variable_value::Value,
        wait_for_threads_node::ThreadsToWaitForOneOf, wait_for_threads_run::WaitForThread,
        wait_for_threads_run::WaitingThreadStatus,
    },
    run::{Run, failure, halt, handler, scope::RunScope, start},
    spec::INPUT,
    state::Context,
    value::{self, Vse},
};

/// Fixes the list of threads (03/E-450).
pub(super) fn arrive(
    run: &mut Run,
    place: (i32, i32),
    node: &pb::WaitForThreadsNode,
    context: &mut Context<'_>,
) -> Result<(), pb::Failure> {
    let numbers = numbers(run, place, node, context)
        .and_then(|numbers| numbers.into_iter().map(|number| waitable(run, place.0, number)).collect())
        .map_err(|error: Vse| failure::value_failure("VAR_SUB_ERROR", error))?;
    let threads: Vec<WaitForThread> = numbers;
    store(run, place, threads);
    Ok(())
}

fn store(run: &mut Run, place: (i32, i32), threads: Vec<WaitForThread>) {
    if let Some(NodeType::WaitForThreads(waiting)) = run.node_run_mut(place).and_then(|it| it.node_type.as_mut()) {
        waiting.threads = threads;
    }
}

fn numbers(
    run: &Run,
    place: (i32, i32),
    node: &pb::WaitForThreadsNode,
    context: &Context<'_>,
) -> Result<Vec<i64>, Vse> {
    let scope = RunScope::of(run, place.0, context);
    match &node.threads_to_wait_for {
        Some(ThreadsToWaitForOneOf::Threads(threads)) => {
            let assignments = threads.threads.iter().filter_map(|thread| thread.thread_run_number.as_ref());
            assignments
                .map(|assignment| {
                    let number = value::resolve::resolve(assignment, &scope)?;
                    number_of(&value::convert::cast(number, pb::VariableType::Int)?)
                })
                .collect()
        }
        Some(ThreadsToWaitForOneOf::ThreadList(list)) => {
            let list = value::resolve::resolve(list, &scope)?;
            match &list.value {
                Some(Value::Array(array)) => array.items.iter().map(number_of).collect(),
                Some(Value::JsonArr(_)) => match value::json::of_json_value(&list)? {
                    Some(serde_json::Value::Array(items)) => {
                        items.iter().map(|item| number_of(&value::json::to_value(item)?)).collect()
                    }
                    _ => Err(Vse::new("The list of threads is NULL.")),
                },
                _ => Err(Vse::new("The list of threads is no JSON_ARR.")),
            }
        }
        None => Err(Vse::new("The node names no threads.")),
    }
}

fn number_of(number: &pb::VariableValue) -> Result<i64, Vse> {
    match number.value {
        Some(Value::Int(number)) => Ok(number),
        _ => Err(Vse::new("The number of a thread is not INT.")),
    }
}

/// A thread can wait for any other thread that exists but its ancestors.
fn waitable(run: &Run, waiting: i32, number: i64) -> Result<WaitForThread, Vse> {
    let found = i32::try_from(number).ok().and_then(|number| run.thread(number));
    let thread = found.ok_or_else(|| Vse::new(format!("Thread {number} does not exist.")))?;
    let mut ancestor = Some(waiting);
    while let Some(above) = ancestor {
        if above == thread.number {
            return Err(Vse::new(format!("Thread {waiting} cannot wait for itself or for an ancestor: {number}.")));
        }
        ancestor = run.thread(above).and_then(|above| above.parent_thread_id);
    }
    Ok(WaitForThread { thread_run_number: thread.number, thread_status: thread.status, ..Default::default() })
}

/// Brings all entries up to date, then looks at the strategy (03/E-453).
pub(super) fn progress(run: &mut Run, place: (i32, i32), context: &mut Context<'_>) -> Progress {
    let spec = run.spec.clone();
    let Some(node_run) = run.node_run(place) else { return Progress::Waiting };
    let node = spec.node(&node_run.thread_spec_name, &node_run.node_name).and_then(|node| node.node.as_ref());
    let (Some(pb::node::Node::WaitForThreads(node)), Some(NodeType::WaitForThreads(waiting))) =
        (node, &node_run.node_type)
    else {
        return Progress::Waiting;
    };
    let mut threads = waiting.threads.clone();
    let mut refused = None;
    for entry in &mut threads {
        if let Err(failure) = refresh(run, place.0, node, entry, context) {
            refused.get_or_insert(failure);
        }
    }
    store(run, place, threads.clone());
    if let Some(failure) = refused {
        return Progress::Failed(failure);
    }
    match decide(run, node.strategy(), &threads) {
        Outcome::Waits => Progress::Waiting,
        Outcome::Done => Progress::done(context),
        Outcome::DoneWithOthers => {
            let finished = halt_others(run, place, &threads);
            handler::join_handled(run, place.0, finished);
            Progress::done(context)
        }
        Outcome::Fails(failure) => Progress::Failed(failure),
        Outcome::FailsWithOthers(failure) => {
            halt_others(run, place, &threads);
            Progress::Failed(failure)
        }
    }
}

/// Mirrors the thread; a failure that has a handler gets it (03/E-451, E-452). An error = the handler cannot be started.
fn refresh(
    run: &mut Run,
    waiting: i32,
    node: &pb::WaitForThreadsNode,
    entry: &mut WaitForThread,
    context: &mut Context<'_>,
) -> Result<(), pb::Failure> {
    let Some(thread) = run.thread(entry.thread_run_number) else { return Ok(()) };
    let status = thread.status();
    entry.set_thread_status(status);
    entry.thread_end_time = thread.end_time;
    match (entry.waiting_status(), status) {
        (WaitingThreadStatus::ThreadHandlingFailure, _) => {
            let number = entry.failure_handler_thread_run_id.unwrap_or_default();
            match run.thread(number).map(pb::ThreadRun::status) {
                Some(LhStatus::Completed) => {
                    entry.set_waiting_status(WaitingThreadStatus::ThreadCompletedOrFailureHandled);
                    handler::join_handled(run, waiting, [entry.thread_run_number]);
                }
                Some(LhStatus::Error | LhStatus::Exception) => {
                    entry.set_waiting_status(WaitingThreadStatus::ThreadUnsuccessful);
                }
                _ => {}
            }
        }
        (WaitingThreadStatus::ThreadCompletedOrFailureHandled, _) => {}
        (WaitingThreadStatus::ThreadUnsuccessful, LhStatus::Error | LhStatus::Exception) => {}
        (_, LhStatus::Completed) => entry.set_waiting_status(WaitingThreadStatus::ThreadCompletedOrFailureHandled),
        (_, LhStatus::Error | LhStatus::Exception) => {
            entry.set_waiting_status(WaitingThreadStatus::ThreadUnsuccessful);
            start_handler(run, node, entry, context)?;
        }
        // Rescued since it failed: waited for again.
        (_, _) => entry.set_waiting_status(WaitingThreadStatus::ThreadInProgress),
    }
    Ok(())
}

/// The handler's parent is the failed thread, so that it sees that thread's variables (03/E-452).
fn start_handler(
    run: &mut Run,
    node: &pb::WaitForThreadsNode,
    entry: &mut WaitForThread,
    context: &mut Context<'_>,
) -> Result<(), pb::Failure> {
    let failed = entry.thread_run_number;
    let failure = own_failure(run, failed);
    let mut handlers = node.per_thread_failure_handlers.iter();
    let Some(found) = handlers.find(|handler| handler::catches(handler, &failure.failure_name)) else { return Ok(()) };
    let name = &found.handler_spec_name;
    let mut values = handler::values_with_input(&run.spec, name, None);
    if let Some(input) = values.get_mut(INPUT)
        && let Some(content) = failure.content
    {
        let declared = run.spec.declared(name, INPUT).cloned().unwrap_or_default();
        let definitions = context.definitions.of(&run.tenant);
        *input = value::ingress::accept(&declared, content, &definitions).map_err(|error| {
            let message = format!("Failure handler of child thread {failed}: variable INPUT: {}", error.message);
            failure::technical("CHILD_FAILURE", message)
        })?;
    }
    let kind = pb::ThreadType::FailureHandler;
    let number = start::start_thread(run, name, kind, Some(failed), values, context);
    entry.failure_handler_thread_run_id = Some(number);
    entry.set_waiting_status(WaitingThreadStatus::ThreadHandlingFailure);
    Ok(())
}

/// What ended a thread that failed.
fn own_failure(run: &Run, number: i32) -> pb::Failure {
    run.threads.get(&number).and_then(|state| state.failure.clone()).unwrap_or_default()
}

enum Outcome {
    Waits,
    Done,
    Fails(pb::Failure),
    DoneWithOthers,
    FailsWithOthers(pb::Failure),
}

fn decide(run: &Run, strategy: WaitForThreadsStrategy, threads: &[WaitForThread]) -> Outcome {
    use WaitingThreadStatus::{ThreadCompletedOrFailureHandled as Good, ThreadUnsuccessful as Bad};
    let all = |status| threads.iter().all(|entry| entry.waiting_status() == status);
    let first_bad = || threads.iter().find(|entry| entry.waiting_status() == Bad);
    // An empty list completes at once under every strategy.
    if threads.is_empty() || (strategy == WaitForThreadsStrategy::WaitForAll && all(Good)) {
        return Outcome::Done;
    }
    match strategy {
        WaitForThreadsStrategy::WaitForAll => match first_bad() {
            Some(entry) => Outcome::Fails(failure_of(run, entry)),
            None => Outcome::Waits,
        },
        WaitForThreadsStrategy::WaitForFirst => {
            let ended = threads.iter().find(|entry| matches!(entry.waiting_status(), Good | Bad));
            match ended {
                Some(entry) if entry.waiting_status() == Good => Outcome::DoneWithOthers,
                Some(entry) => Outcome::FailsWithOthers(failure_of(run, entry)),
                None => Outcome::Waits,
            }
        }
        WaitForThreadsStrategy::WaitForAny => {
            if threads.iter().any(|entry| entry.waiting_status() == Good) {
                Outcome::DoneWithOthers
            } else if all(Bad) {
                Outcome::Fails(failure::technical("CHILD_FAILURE", "All child threads failed"))
            } else {
                Outcome::Waits
            }
        }
    }
}

/// The failure of the waiting thread: an EXCEPTION goes on under its own name, an ERROR becomes `CHILD_FAILURE`. If a
/// handler ran, its failure counts (03/E-454).
fn failure_of(run: &Run, entry: &WaitForThread) -> pb::Failure {
    let number = entry.thread_run_number;
    let failure = own_failure(run, entry.failure_handler_thread_run_id.unwrap_or(number));
    let name = &failure.failure_name;
    if failure::status_of(name) == LhStatus::Exception {
        return pb::Failure { was_properly_handled: false, failure_handler_threadrun_id: None, ..failure };
    }
    let message = format!("Child thread {number} failed with {name}: {}", failure.message);
    failure::technical("CHILD_FAILURE", message)
}

/// Halts for ever what is still in progress; returns what is not: finished threads, failed ones included (03/E-455).
fn halt_others(run: &mut Run, place: (i32, i32), threads: &[WaitForThread]) -> Vec<i32> {
    let mut finished = Vec::new();
    for entry in threads {
        if entry.waiting_status() != WaitingThreadStatus::ThreadInProgress {
            finished.push(entry.thread_run_number);
            continue;
        }
        let reason =
            pb::HaltedByParentNodeHaltReason { parent_thread_run_number: place.0, waiting_node_run_position: place.1 };
        halt::halt(run, entry.thread_run_number, Reason::HaltedByParent(reason));
    }
    finished
}
