//! Static checks of definitions (spec chapter 02): what is refused at registration and what is stored.

use crate::pb;

/// Looks up definitions in one tenant, as of one moment.
pub trait Definitions {
    /// The TaskDef.
    fn task_def(&self, name: &str) -> Option<pb::TaskDef>;
    /// The ExternalEventDef.
    fn external_event_def(&self, name: &str) -> Option<pb::ExternalEventDef>;
    /// The WorkflowEventDef.
    fn workflow_event_def(&self, name: &str) -> Option<pb::WorkflowEventDef>;
    /// The UserTaskDef: exact version, or the latest.
    fn user_task_def(&self, name: &str, version: Option<i32>) -> Option<pb::UserTaskDef>;
    /// The StructDef: exact version, or the latest for `None`.
    fn struct_def(&self, name: &str, version: Option<i32>) -> Option<pb::StructDef>;
    /// The WfSpec: latest, latest revision of a major version, or exact.
    fn wf_spec(&self, name: &str, major: Option<i32>, revision: Option<i32>) -> Option<pb::WfSpec>;
}
