//! Once the faults are over, everything that exists comes to its end: no timer, queue entry or report is lost (I8, I10).

use super::{Index, Violation};
use crate::history::{Event, is_final, is_final_attempt};

pub(super) fn check(index: &Index<'_>, violations: &mut Vec<Violation>) {
    if !index.lines.iter().any(|line| line.event == Event::Over) {
        return;
    }
    for (run, view) in index.last_views() {
        if !is_final(&view.status) {
            let open = view.nodes.iter().find(|node| !is_final(&node.status));
            let task = open.and_then(|node| view.tasks.iter().find(|task| node.task.as_ref() == Some(&task.task)));
            let text = format!("WfRun {run} is {} for ever at {open:?} with {task:?}", view.status);
            violations.push(Violation { rule: "I10", text });
        } else if view.status == "COMPLETED"
            && let Some(task) =
                view.tasks.iter().find(|task| task.attempts.iter().any(|attempt| !is_final_attempt(&attempt.status)))
        {
            violations
                .push(Violation { rule: "I8", text: format!("WfRun {run} is COMPLETED with an open task {task:?}") });
        }
    }
}
