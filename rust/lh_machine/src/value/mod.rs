//! Values: types, casts, paths, expressions, formats, comparators, mutations, structs (spec chapter 01).
//!
//! Everything here is a pure function of protobuf messages and a [`Scope`].

use crate::pb;

/// A run-time value failure; becomes a `Failure` on the NodeRun (01 section 11).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vse {
    /// What went wrong, for people.
    pub message: String,
}

impl Vse {
    /// A value failure with this message.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}

/// Looks up StructDefs by exact version.
pub trait StructDefs {
    /// The StructDef with this name and exact version.
    fn struct_def(&self, id: &pb::StructDefId) -> Option<&pb::StructDef>;
}

/// What an assignment can see while a run evaluates it.
pub trait Scope: StructDefs {
    /// The variable in scope (ASG-1), or a VSE if the name is out of scope. An unset oneof is NULL.
    fn variable(&self, name: &str) -> Result<&pb::VariableValue, Vse>;
    /// Latest output of the node in the same ThreadRun (ASG-3), or a VSE.
    fn node_output(&self, node_name: &str) -> Result<&pb::VariableValue, Vse>;
}
