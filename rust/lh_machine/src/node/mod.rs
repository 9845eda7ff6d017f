//! Node kinds: what happens on arrival, and when a node is finished. One file per kind, one arm each here.

mod exit;
pub mod external_event;
mod instant;
pub mod run_child_wf;
pub mod sleep;
mod start_multiple_threads;
mod start_thread;
pub mod task;
mod throw_event;
pub mod user_task;
mod wait_for_child_wf;
mod wait_for_condition;
mod wait_for_threads;

use crate::{pb, run::Run, state::Context};

/// What a step learns from the current node.
#[derive(Debug)]
pub enum Progress {
    /// Not finished.
    Waiting,
    /// Failed; the failure belongs to the NodeRun.
    Failed(pb::Failure),
    /// It failed before, and its handler COMPLETED: on to the next node (03/E-530).
    Handled,
    /// Finished.
    Finished {
        /// What other nodes can refer to; of an EXIT, the output of its thread.
        output: Option<pb::VariableValue>,
        /// When, in milliseconds since the epoch.
        end_ms: i64,
    },
}

impl Progress {
    /// Finished now, without output.
    fn done(context: &Context<'_>) -> Self {
        Self::Finished { output: None, end_ms: context.now_ms }
    }
}

/// The arrival action of the node that the new NodeRun at `place` stands for (03 section 5). On failure the NodeRun
/// keeps what was set so far and gets the failure.
pub fn arrive(run: &mut Run, place: (i32, i32), context: &mut Context<'_>) -> Result<(), pb::Failure> {
    use pb::{node::Node, node_run::NodeType};
    let spec = run.spec.clone();
    let Some(node_run) = run.nodes.get_mut(&place).and_then(|record| record.node_run.as_mut()) else {
        return Ok(());
    };
    let node = spec.node(&node_run.thread_spec_name, &node_run.node_name).and_then(|node| node.node.as_ref());
    match node {
        // NOP is reported as `entrypoint` (03 section 5).
        Some(Node::Entrypoint(_) | Node::Nop(_)) => {
            node_run.node_type = Some(NodeType::Entrypoint(pb::EntrypointRun {}));
            Ok(())
        }
        Some(Node::Exit(_)) => {
            node_run.node_type = Some(NodeType::Exit(pb::ExitRun {}));
            Ok(())
        }
        Some(Node::Task(task)) => {
            node_run.node_type = Some(NodeType::Task(pb::TaskNodeRun::default()));
            task::arrive(run, place, task, context)
        }
        Some(Node::Sleep(sleep)) => {
            node_run.node_type = Some(NodeType::Sleep(pb::SleepNodeRun::default()));
            sleep::arrive(run, place, sleep, context)
        }
        Some(Node::StartThread(start)) => {
            let thread_spec_name = start.thread_spec_name.clone();
            node_run.node_type =
                Some(NodeType::StartThread(pb::StartThreadRun { thread_spec_name, ..Default::default() }));
            start_thread::arrive(run, place, start, context)
        }
        Some(Node::StartMultipleThreads(start)) => {
            let thread_spec_name = start.thread_spec_name.clone();
            let started = pb::StartMultipleThreadsRun { thread_spec_name, ..Default::default() };
            node_run.node_type = Some(NodeType::StartMultipleThreads(started));
            start_multiple_threads::arrive(run, place, start, context)
        }
        Some(Node::WaitForThreads(wait)) => {
            node_run.node_type = Some(NodeType::WaitForThreads(pb::WaitForThreadsRun::default()));
            wait_for_threads::arrive(run, place, wait, context)
        }
        Some(Node::WaitForCondition(_)) => {
            node_run.node_type = Some(NodeType::WaitForCondition(pb::WaitForConditionRun {}));
            Ok(())
        }
        Some(Node::RunChildWf(child)) => {
            node_run.node_type = Some(NodeType::RunChildWf(pb::RunChildWfNodeRun::default()));
            run_child_wf::arrive(run, place, child, context)
        }
        Some(Node::WaitForChildWf(wait)) => {
            node_run.node_type = Some(NodeType::WaitForChildWf(pb::WaitForChildWfNodeRun::default()));
            wait_for_child_wf::arrive(run, place, wait, context)
        }
        Some(Node::ExternalEvent(event)) => {
            node_run.node_type = Some(NodeType::ExternalEvent(external_event::node_run(event)));
            external_event::arrive(run, place, event, context)
        }
        Some(Node::ThrowEvent(throw)) => {
            node_run.node_type = Some(NodeType::ThrowEvent(pb::ThrowEventNodeRun::default()));
            throw_event::arrive(run, place, throw, context)
        }
        Some(Node::UserTask(task)) => {
            node_run.node_type = Some(NodeType::UserTask(pb::UserTaskNodeRun::default()));
            user_task::arrive(run, place, task, context)
        }
        // RunWf refuses WfSpecs with other kinds, so this is a NodeRun whose node vanished from the definition.
        _ => Err(crate::run::failure::technical("INTERNAL_ERROR", "This kind of node is not built.")),
    }
}

/// Whether the current node of a thread is finished (03/E-302).
pub fn progress(run: &mut Run, place: (i32, i32), context: &mut Context<'_>) -> Progress {
    use pb::node_run::NodeType;
    let Some(node_run) = run.nodes.get(&place).and_then(|record| record.node_run.as_ref()) else {
        return Progress::Waiting;
    };
    if let Some(failure) = node_run.failures.last() {
        return if failure.was_properly_handled { Progress::Handled } else { Progress::Waiting };
    }
    match &node_run.node_type {
        Some(NodeType::Entrypoint(_) | NodeType::ThrowEvent(_)) => Progress::done(context),
        Some(NodeType::ExternalEvent(_)) => external_event::progress(run, place, context),
        Some(NodeType::StartThread(started)) => start_thread::progress(started, context),
        Some(NodeType::StartMultipleThreads(started)) => start_multiple_threads::progress(started, context),
        Some(NodeType::RunChildWf(started)) => run_child_wf::progress(started, context),
        Some(NodeType::WaitForChildWf(wait)) => wait_for_child_wf::progress(run, wait, context),
        Some(NodeType::WaitForThreads(_)) => wait_for_threads::progress(run, place, context),
        Some(NodeType::WaitForCondition(_)) => wait_for_condition::progress(run, place, context),
        Some(NodeType::Exit(_)) => exit::progress(run, place, context),
        Some(NodeType::Task(_)) => task::progress(run, place, context),
        Some(NodeType::Sleep(_)) => sleep::progress(run, place, context),
        Some(NodeType::UserTask(_)) => user_task::progress(run, place, context),
        _ => Progress::Waiting,
    }
}
