//! Reads finished runs back: what was measured must also have happened.
use lh_proto::littlehorse::{LhStatus, WfRun, WfRunId};

use super::connection::Connection;

/// How many of the runs were read, and what is wrong with the others.
#[derive(Debug, Default)]
pub struct Verified {
    /// Runs read back.
    pub read: usize,
    /// Runs that are not COMPLETED after all their nodes, one sentence each.
    pub wrong: Vec<String>,
}

/// Reads these runs with GetWfRun. Each must be COMPLETED, its thread at the EXIT node behind `length` tasks.
pub async fn verify(connection: &Connection, runs: Vec<String>, length: u32) -> Verified {
    let mut verified = Verified::default();
    for id in runs {
        verified.read += 1;
        let request = WfRunId { id: id.clone(), parent_wf_run_id: None };
        match connection.ask::<_, WfRun>("/littlehorse.LittleHorse/GetWfRun", request).await {
            Ok(run) => {
                let position = run.thread_runs.first().map_or(-1, |thread| i64::from(thread.current_node_position));
                if run.status() != LhStatus::Completed || position != i64::from(length) + 1 {
                    verified.wrong.push(format!("{id}: {} at position {position}", run.status().as_str_name()));
                }
            }
            Err(message) => verified.wrong.push(format!("{id}: {message}")),
        }
    }
    verified
}
