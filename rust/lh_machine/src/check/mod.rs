//! Static checks of definitions (spec chapter 02): what is refused at registration and what is stored.
//!
//! ```text
//!   task_def · struct_def · event_def · user_task_def     one file per kind of definition
//!   wf_spec ──► shape ──► variables ──► references ──► settle ──► thread ──► nodes/ · edge ──► version
//!                                                                    │
//!                      static_type · assign · builder · condition · mutation (what an expression is, and whether it fits)
//! ```
//!
//! Every check is a pure function of the request and of what [`Definitions`] answers. Types are compared by
//! `value::types`, which evaluation uses too: there is one table of casts and operators.

mod assign;
mod builder;
mod condition;
mod edge;
mod event_def;
mod literal;
mod mutation;
pub mod name;
mod nodes;
mod settle;
mod shape;
mod static_type;
mod struct_def;
mod task_def;
mod thread;
mod types;
mod user_task_def;
mod variables;
mod version;
mod view;
mod walk;
mod wf_spec;

use crate::pb;

pub use event_def::{put_external_event_def, put_workflow_event_def};
pub use name::is_name;
pub use struct_def::{put_struct_def, validate_struct_def_evolution};
pub use task_def::put_task_def;
pub use types::MAX_DEPTH;
pub use user_task_def::put_user_task_def;
pub use wf_spec::put_wf_spec;

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

/// Why a part of a request is refused: the innermost sentence, to which the enclosing parts add where it is.
type Reason = String;

/// Server time as the contract carries it, with millisecond precision (G-8).
fn timestamp(now_ms: i64) -> prost_types::Timestamp {
    let nanos = i32::try_from(now_ms.rem_euclid(1_000)).unwrap_or_default() * 1_000_000;
    prost_types::Timestamp { seconds: now_ms.div_euclid(1_000), nanos }
}

/// Equality of messages by their encoding: maps are ordered, and a NaN equals itself, so that a re-put stays idempotent.
fn same<M: prost::Message>(left: &M, right: &M) -> bool {
    left.encode_to_vec() == right.encode_to_vec()
}
