//! The edges that statuses move along (03 section 3.2, 04 section 5). Readers see some moments only, so what
//! they see may be several edges apart.

/// A status with those that may follow it at once.
pub type Edges = &'static [(&'static str, &'static [&'static str])];

/// WfRuns: never STARTING or HALTING (E-222). A rescue out of ERROR is known to who asks.
pub const WF_RUN: Edges = &[
    ("RUNNING", &["HALTED", "COMPLETED", "ERROR", "EXCEPTION"]),
    ("HALTED", &["RUNNING", "ERROR", "EXCEPTION"]),
    ("COMPLETED", &[]),
    ("ERROR", &[]),
    ("EXCEPTION", &[]),
];

/// ThreadRuns.
pub const THREAD_RUN: Edges = &[
    ("STARTING", &["RUNNING", "HALTED"]),
    ("RUNNING", &["HALTING", "HALTED", "COMPLETED", "ERROR", "EXCEPTION"]),
    ("HALTING", &["HALTED", "ERROR", "EXCEPTION"]),
    ("HALTED", &["RUNNING", "ERROR", "EXCEPTION"]),
    ("COMPLETED", &[]),
    ("ERROR", &[]),
    ("EXCEPTION", &[]),
];

/// NodeRuns: STARTING is over within the command that made them, and so is COMPLETED when an edge fails.
pub const NODE_RUN: Edges = &[
    ("RUNNING", &["HALTING", "HALTED", "COMPLETED", "ERROR", "EXCEPTION"]),
    ("HALTING", &["HALTED", "ERROR", "EXCEPTION"]),
    ("HALTED", &["RUNNING", "ERROR", "EXCEPTION"]),
    ("COMPLETED", &[]),
    ("ERROR", &[]),
    ("EXCEPTION", &[]),
];

/// TaskRuns: they have the status of their last attempt, and a claim whose task could not be sent is undone.
pub const TASK_RUN: Edges = &[
    ("TASK_PENDING", &["TASK_SCHEDULED"]),
    ("TASK_SCHEDULED", &["TASK_RUNNING"]),
    (
        "TASK_RUNNING",
        &[
            "TASK_PENDING",
            "TASK_SCHEDULED",
            "TASK_SUCCESS",
            "TASK_FAILED",
            "TASK_EXCEPTION",
            "TASK_TIMEOUT",
            "TASK_OUTPUT_SERDE_ERROR",
            "TASK_INPUT_VAR_SUB_ERROR",
        ],
    ),
    ("TASK_SUCCESS", &[]),
    ("TASK_FAILED", &[]),
    ("TASK_EXCEPTION", &[]),
    ("TASK_TIMEOUT", &[]),
    ("TASK_OUTPUT_SERDE_ERROR", &[]),
    ("TASK_INPUT_VAR_SUB_ERROR", &[]),
];

/// Whether there is such a status.
pub fn is_status(edges: Edges, status: &str) -> bool {
    edges.iter().any(|(from, _)| *from == status)
}

/// Whether `now` can be seen after `before`: over some edges, or none.
pub fn may_follow(edges: Edges, before: &str, now: &str) -> bool {
    if before == now {
        return true;
    }
    let mut reached = vec![before];
    let mut looked = 0;
    while let Some(status) = reached.get(looked) {
        let Some((_, next)) = edges.iter().find(|(from, _)| from == status) else { return false };
        next.iter().for_each(|next| {
            if !reached.contains(next) {
                reached.push(next);
            }
        });
        looked += 1;
    }
    reached.contains(&now)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 03 section 3.2, 04 section 5.
    #[test]
    fn over_edges_only() {
        assert!(may_follow(WF_RUN, "HALTED", "COMPLETED"), "by RUNNING");
        assert!(may_follow(THREAD_RUN, "HALTING", "RUNNING"), "by HALTED");
        assert!(!may_follow(WF_RUN, "COMPLETED", "RUNNING"), "what is final stays");
        assert!(!may_follow(WF_RUN, "RUNNING", "HALTING"), "E-222");
        assert!(!may_follow(THREAD_RUN, "RUNNING", "STARTING"));
        assert!(!is_status(NODE_RUN, "LOST") && !is_status(WF_RUN, "HALTING") && is_status(WF_RUN, "HALTED"));
        assert!(may_follow(TASK_RUN, "TASK_RUNNING", "TASK_SCHEDULED"), "a claim is undone, or tried again");
        assert!(!may_follow(TASK_RUN, "TASK_FAILED", "TASK_SCHEDULED"));
    }
}
