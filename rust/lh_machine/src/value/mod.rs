//! Values: types, casts, paths, expressions, formats, comparators, mutations, structs (spec chapter 01).
//!
//! Everything here is a pure function of protobuf messages and a [`Scope`].
//!
//! ```text
//!   client's value ──► ingress (pin, validate, canonical JSON) ──► stored value
//!   assignment ──► resolve (source ──► path ──► cast) ──► value
//!                     ├─ builder, format, compute, compare            json · json_path · lh_path
//!   edge ──► condition ──► mutation (resolve ──► compute ──► convert) ──► new value of a variable
//!   stored value ──► mask ──► client's response
//!   definitions ──► types, operators (the one table of casts and operations, shared with `check/`)
//! ```

mod bounds;
mod builder;
mod collection;
pub mod compare;
mod compute;
pub mod condition;
pub mod convert;
mod decimal;
mod format;
pub mod ingress;
pub mod json;
mod json_path;
mod lh_path;
pub mod mask;
pub mod mutation;
pub mod operators;
pub mod resolve;
mod text;
pub mod types;

pub use bounds::{VALUE_BYTES_MAX, VALUE_MESSAGES_MAX};

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

    /// The same failure, seen from further outside: `<place>: <message>`.
    pub fn at(self, place: impl std::fmt::Display) -> Self {
        Self { message: format!("{place}: {}", self.message) }
    }
}

impl std::fmt::Display for Vse {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.message)
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

/// The unset oneof: NULL (VAL-1).
pub const NULL: pb::VariableValue = pb::VariableValue { value: None };

/// A value of this case.
pub fn of(value: pb::variable_value::Value) -> pb::VariableValue {
    pb::VariableValue { value: Some(value) }
}
