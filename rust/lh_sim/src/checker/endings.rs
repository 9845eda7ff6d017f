//! Once the faults are over, everything that exists comes to its end: no timer, queue entry or report is lost (I8, I10).

use super::{Index, Violation};
use crate::history::{is_final, is_final_attempt};

pub(super) fn check(index: &Index<'_>, violations: &mut Vec<Violation>) {
    if index.over_ms.is_none() {
        return;
    }
    for (run, view) in index.last_views() {
        if !is_final(&view.status) {
            let open: Vec<_> = view.nodes.iter().filter(|node| !is_final(&node.status)).collect();
            let task = view.tasks.iter().find(|task| open.iter().any(|node| node.task.as_ref() == Some(&task.task)));
            let halted: Vec<_> = view.threads.iter().filter(|thread| !is_final(&thread.status)).collect();
            let text = format!("WfRun {run} is {} for ever at {open:?} with {task:?}, {halted:?}", view.status);
            violations.push(Violation { rule: "I10", text });
        }
        // Also the tasks of halted threads and the reminders of user tasks run to their end.
        let is_open = |status: &str| !is_final_attempt(status);
        let open = view.tasks.iter().find(|task| task.attempts.iter().any(|attempt| is_open(&attempt.status)));
        if let Some(task) = open.filter(|_| is_final(&view.status)) {
            let text = format!("WfRun {run} is {} with an open task {task:?}", view.status);
            violations.push(Violation { rule: "I8", text });
        }
    }
}
