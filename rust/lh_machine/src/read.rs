//! Reads of run data: what a client sees, with masks applied. The only serializer of run data for clients.

use std::collections::BTreeMap;

use crate::{Rejected, State, pb};

/// A read of run data in one tenant.
#[derive(Clone, Debug, PartialEq)]
pub enum Read {
    /// GetWfRun.
    WfRun(pb::WfRunId),
    /// GetNodeRun.
    NodeRun(pb::NodeRunId),
    /// GetTaskRun.
    TaskRun(pb::TaskRunId),
    /// GetVariable.
    Variable(pb::VariableId),
    /// ListNodeRuns.
    NodeRuns(pb::ListNodeRunsRequest),
    /// ListTaskRuns.
    TaskRuns(pb::ListTaskRunsRequest),
    /// ListVariables.
    Variables(pb::ListVariablesRequest),
    /// CountTaskRun.
    CountTaskRun(pb::CountTaskRunRequest),
    /// GetTaskWorkerGroup.
    TaskWorkerGroup(pb::TaskDefId),
}

impl Read {
    /// The root WfRun id that decides the shard; `None` = ask every shard (counts) or the TaskDef's home shard.
    pub fn root_id(&self) -> Option<&str> {
        todo!()
    }
}

/// What came of a read.
#[derive(Clone, Debug, PartialEq)]
pub enum ReadOutcome {
    /// The serialized response message, or the refusal.
    Done(Result<Vec<u8>, Rejected>),
    /// Fetch the values of these keys and call again with them added to `fetched`.
    Need(Vec<Vec<u8>>),
}

/// Answers a read from memory and from `fetched` (key -> stored value, `None` = the store has none).
/// `now_ms` is only used to leave out expired members of worker groups.
pub fn read(
    _state: &State,
    _tenant: &str,
    _read: &Read,
    _fetched: &BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    _now_ms: i64,
) -> ReadOutcome {
    todo!()
}
