//! Sleeps, timeouts and backoffs take effect once, and never before their time (I11; that none is lost shows in `endings`).

use std::collections::BTreeSet;

use super::{Index, Sight, Violation};
use crate::history::{Event, NodeView, RunView, TaskView};

pub(super) fn check(index: &Index<'_>, violations: &mut Vec<Violation>) {
    twice(index, violations);
    for (run, sights) in &index.sights {
        for sight in sights {
            let Some(view) = sight.view else { continue };
            view.nodes.iter().for_each(|node| sleep(run, node, sight, violations));
            view.tasks.iter().for_each(|task| attempts(task, sight, violations));
        }
    }
}

/// Whatever makes a thread go on, a timer too, does so once: a thread without loops reaches no node twice.
fn twice(index: &Index<'_>, violations: &mut Vec<Violation>) {
    let once: BTreeSet<&str> = index.lines.iter().filter_map(|line| once(&line.event)).collect();
    for (run, view) in index.last_views() {
        if index.specs.get(run).is_some_and(|spec| once.contains(spec))
            && let Some(node) = visited_twice(view)
        {
            wrong(violations, format!("thread {} of {run} went on twice: {node:?}", node.thread));
        }
    }
}

fn once(event: &Event) -> Option<&str> {
    match event {
        Event::Define { spec, once: true, .. } => Some(spec),
        _ => None,
    }
}

fn visited_twice(view: &RunView) -> Option<&NodeView> {
    let (mut nodes, mut places) = (BTreeSet::new(), BTreeSet::new());
    view.nodes.iter().find(|node| {
        let is_new = nodes.insert((node.thread, node.node.as_str()));
        !places.insert((node.thread, node.position)) || !is_new
    })
}

fn sleep(run: &str, node: &NodeView, sight: &Sight<'_>, violations: &mut Vec<Violation>) {
    let Some(matures_ms) = node.matures_ms.filter(|_| node.status == "COMPLETED") else { return };
    if node.end_ms.is_none_or(|end_ms| end_ms < matures_ms) || matures_ms > sight.wall_ms {
        wrong(violations, format!("a sleep of {run} ended early, at {} or before: {node:?}", sight.wall_ms));
    }
}

fn attempts(task: &TaskView, sight: &Sight<'_>, violations: &mut Vec<Violation>) {
    let mut ended_ms = None;
    for attempt in &task.attempts {
        if let (Some(ended_ms), Some(schedule_ms)) = (ended_ms, attempt.schedule_ms)
            && schedule_ms < ended_ms + task.backoff_ms
        {
            wrong(violations, format!("{} was retried before {} ms: {:?}", task.task, task.backoff_ms, task.attempts));
        }
        if attempt.status == "TASK_TIMEOUT" {
            let due_ms = attempt.start_ms.map(|start_ms| start_ms + task.timeout_ms);
            if due_ms.is_none_or(|due_ms| attempt.end_ms.is_none_or(|end_ms| end_ms < due_ms) || due_ms > sight.wall_ms)
            {
                wrong(violations, format!("an attempt of {} timed out early: {attempt:?}", task.task));
            }
        }
        ended_ms = attempt.end_ms;
    }
}

fn wrong(violations: &mut Vec<Violation>, text: String) {
    violations.push(Violation { rule: "I11", text });
}
