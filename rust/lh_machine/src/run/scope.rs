//! What an assignment sees while a run evaluates it: variables in scope, node outputs, StructDefs.

use std::collections::BTreeMap;

use super::{Run, family::Family};
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
    /// The runs above.
    pub family: &'a Family,
    /// Values written but not yet stored.
    pub written: Option<&'a BTreeMap<Place, pb::VariableValue>>,
}

/// Where a variable lives: in which run, this one (0) or the n-th above; in which thread; under which name.
pub type Place = (u32, i32, String);

use pb::WfRunVariableAccessLevel as Level;

static NULL: pb::VariableValue = pb::VariableValue { value: None };

impl<'a> RunScope<'a> {
    /// What the ThreadRun of this number sees now.
    pub fn of(run: &'a Run, thread: i32, context: &'a Context<'_>) -> Self {
        Self { run, thread, definitions: context.definitions, family: &context.family, written: None }
    }

    /// Who owns the variable of this name: the own thread, then its ancestors; then, for inherited ones, thread 0 of the
    /// runs above (03/E-802).
    pub fn owner(&self, name: &str) -> Option<Place> {
        let mut place = (self.thread, name.to_owned());
        loop {
            if self.run.variables.contains_key(&place) {
                return Some((0, place.0, place.1));
            }
            match self.run.thread(place.0).and_then(|thread| thread.parent_thread_id) {
                Some(parent) => place.0 = parent,
                None => break,
            }
        }
        let mut run = self.run;
        let mut depth = 0;
        while run.spec.access_level(name) == Some(Level::InheritedVar) {
            run = self.family.parent(&run.tenant, run.wf_run.id.as_ref()?)?;
            depth += 1;
            let owns = run.variables.contains_key(&(0, name.to_owned()));
            if owns && run.spec.access_level(name) != Some(Level::PrivateVar) {
                return Some((depth, 0, name.to_owned()));
            }
        }
        None
    }

    /// The run that is `depth` runs above this one.
    pub fn run_above(&self, depth: u32) -> Option<&'a Run> {
        let mut run = self.run;
        for _ in 0..depth {
            run = self.family.parent(&run.tenant, run.wf_run.id.as_ref()?)?;
        }
        Some(run)
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
        if let Some(value) = self.written.and_then(|written| written.get(&owner)) {
            return Ok(value);
        }
        let (depth, thread, name) = owner;
        let run = self.run_above(depth).unwrap_or(self.run);
        Ok(run.variables.get(&(thread, name)).and_then(|variable| variable.value.as_ref()).unwrap_or(&NULL))
    }

    fn node_output(&self, node_name: &str) -> Result<&pb::VariableValue, Vse> {
        self.run
            .threads
            .get(&self.thread)
            .and_then(|thread| thread.outputs.get(node_name))
            .ok_or_else(|| Vse::new(format!("Specified node {node_name} has no output.")))
    }
}
