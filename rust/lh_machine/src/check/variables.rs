//! Variable declarations of a WfSpec and the names that refer to them (X-1..X-6, section 12.1).

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use super::shape::ReferencesByNode;
use super::{Definitions, Reason, types};
use crate::pb;

/// The one variable name that several threads may declare: content handed to a handler or child.
pub(super) const INPUT: &str = "INPUT";

/// Brings all declarations into the form that is stored and checks them (X-1..X-5, TYP-10).
pub(super) fn settle(
    threads: &mut BTreeMap<String, pb::ThreadSpec>,
    parent: Option<&pb::wf_spec::ParentWfSpecReference>,
    definitions: &dyn Definitions,
) -> Result<(), Reason> {
    let mut seen = BTreeSet::new();
    let from_above = FromAbove { parent, definitions, levels: OnceCell::new() };
    for (thread_name, thread) in threads {
        let mut own = BTreeSet::new();
        for declaration in &mut thread.variable_defs {
            let Some(variable) = &mut declaration.var_def else {
                return Err(format!("ThreadSpec {thread_name} invalid: a variable is missing its var_def"));
            };
            let name = variable.name.clone();
            let inside =
                |reason: Reason| format!("ThreadSpec {thread_name} invalid: Variable {name} invalid: {reason}");
            let is_new = own.insert(name.clone()) && (seen.insert(name.clone()) || name == INPUT);
            if !is_new {
                return Err(inside(format!("variable {name} is declared twice, duplicates not allowed")));
            }
            settle_one(variable, definitions).map_err(inside)?;
            require_inherited(declaration.access_level, &name, &from_above).map_err(inside)?;
        }
    }
    Ok(())
}

/// Refuses a node that uses a variable that no thread declares (X-6, STA-2); scope is a matter of run time (SC-5).
pub(super) fn require_declared(
    threads: &BTreeMap<String, pb::ThreadSpec>,
    references: &ReferencesByNode,
) -> Result<(), Reason> {
    let definitions = threads.values().flat_map(|thread| &thread.variable_defs);
    let declared: BTreeSet<&str> = definitions
        .filter_map(|declaration| declaration.var_def.as_ref())
        .map(|variable| variable.name.as_str())
        .collect();
    for ((thread_name, node_name), used) in references {
        if let Some(missing) = used.variables.iter().find(|name| !declared.contains(name.as_str())) {
            return Err(format!(
                "ThreadSpec {thread_name} invalid: Node {node_name} invalid: refers to missing var {missing}: unknown \
                 or out-of-scope variable"
            ));
        }
    }
    Ok(())
}

/// Why a parent WfSpec that cannot be found is refused (P-1).
pub(super) fn nonexistent_parent(parent: &pb::wf_spec::ParentWfSpecReference) -> Reason {
    format!("nonexistent parent wfSpec {} version {}", parent.wf_spec_name, parent.wf_spec_major_version)
}

/// The latest revision of the parent's major version (P-1).
pub(super) fn find_parent(
    parent: &pb::wf_spec::ParentWfSpecReference,
    definitions: &dyn Definitions,
) -> Result<pb::WfSpec, Reason> {
    definitions
        .wf_spec(&parent.wf_spec_name, Some(parent.wf_spec_major_version), None)
        .ok_or_else(|| nonexistent_parent(parent))
}

fn settle_one(variable: &mut pb::VariableDef, definitions: &dyn Definitions) -> Result<(), Reason> {
    let declared = types::settle_variable(variable, definitions)?;
    if let Some(default) = variable.default_value.take() {
        let accepted = types::accept_default(&declared, default, definitions)
            .map_err(|reason| format!("default value does not fit: {reason}"))?;
        variable.default_value = Some(accepted);
    }
    Ok(())
}

/// The variables of the parent WfSpec, which is read once and only if a variable is inherited.
struct FromAbove<'a> {
    parent: Option<&'a pb::wf_spec::ParentWfSpecReference>,
    definitions: &'a dyn Definitions,
    levels: OnceCell<Result<Levels, Reason>>,
}

/// Whether a variable is private wherever it is declared, by name.
type Levels = BTreeMap<String, bool>;

impl FromAbove<'_> {
    fn levels(&self, parent: &pb::wf_spec::ParentWfSpecReference) -> Result<&Levels, Reason> {
        let levels = self.levels.get_or_init(|| {
            let spec = find_parent(parent, self.definitions)?;
            let mut levels = Levels::new();
            for declaration in spec.thread_specs.values().flat_map(|thread| &thread.variable_defs) {
                let Some(variable) = &declaration.var_def else { continue };
                *levels.entry(variable.name.clone()).or_insert(true) &=
                    declaration.access_level() == pb::WfRunVariableAccessLevel::PrivateVar;
            }
            Ok(levels)
        });
        levels.as_ref().map_err(Reason::clone)
    }
}

fn require_inherited(access_level: i32, name: &str, from_above: &FromAbove<'_>) -> Result<(), Reason> {
    let level = pb::WfRunVariableAccessLevel::try_from(access_level)
        .map_err(|_| format!("unknown access level {access_level}"))?;
    if level != pb::WfRunVariableAccessLevel::InheritedVar {
        return Ok(());
    }
    let Some(parent) = from_above.parent else {
        return Err("Only child workflows are allowed to access INHERITED variables".to_owned());
    };
    match from_above.levels(parent)?.get(name) {
        None => Err(format!("{name} does not exist in parent WfSpec")),
        Some(true) => Err(format!("{name} is defined as PRIVATE in parent WfSpec")),
        Some(false) => Ok(()),
    }
}
