//! What an assignment sees while a run evaluates it: variables in scope, node outputs, StructDefs.

use std::collections::BTreeMap;

use super::Run;
use crate::{
    pb,
    state::{Context, Definitions},
    value::{Scope, StructDefs, Vse},
};

/// The view of one ThreadRun. `written` holds the results of earlier mutations of the same edge (01/MUT-1).
pub struct RunScope<'a> {
    /// The run.
    pub run: &'a Run,
    /// Number of the ThreadRun that evaluates.
    pub thread: i32,
    /// Definitions of the tenant.
    pub definitions: &'a Definitions,
    /// Values written but not yet stored, by (owning thread, name).
    pub written: Option<&'a BTreeMap<(i32, String), pb::VariableValue>>,
}

static NULL: pb::VariableValue = pb::VariableValue { value: None };

impl<'a> RunScope<'a> {
    /// What the ThreadRun of this number sees now.
    pub fn of(run: &'a Run, thread: i32, context: &'a Context<'_>) -> Self {
        Self { run, thread, definitions: context.definitions, written: None }
    }

    /// The thread that owns the variable of this name: the own one, then its ancestors (03/E-802).
    pub fn owner(&self, name: &str) -> Option<i32> {
        let mut number = self.thread;
        loop {
            if self.run.variables.contains_key(&(number, name.to_owned())) {
                return Some(number);
            }
            number = self.run.thread(number)?.parent_thread_id?;
        }
    }
}

impl StructDefs for RunScope<'_> {
    fn struct_def(&self, id: &pb::StructDefId) -> Option<&pb::StructDef> {
        self.definitions.struct_def(&self.run.tenant, &id.name, id.version)
    }
}

impl Scope for RunScope<'_> {
    fn variable(&self, name: &str) -> Result<&pb::VariableValue, Vse> {
        let owner = self.owner(name).ok_or_else(|| Vse::new(format!("Variable {name} is not in scope.")))?;
        let place = (owner, name.to_owned());
        if let Some(value) = self.written.and_then(|written| written.get(&place)) {
            return Ok(value);
        }
        Ok(self.run.variables.get(&place).and_then(|variable| variable.value.as_ref()).unwrap_or(&NULL))
    }

    fn node_output(&self, node_name: &str) -> Result<&pb::VariableValue, Vse> {
        self.run
            .threads
            .get(&self.thread)
            .and_then(|thread| thread.outputs.get(node_name))
            .ok_or_else(|| Vse::new(format!("Specified node {node_name} has no output.")))
    }
}
