//! A WfSpec prepared for execution: what would otherwise be searched for on every step.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{
    feeds::{self, Feeds},
    pb,
};

/// Name of the variable that takes what a thread is started for: a failure's content, an event, an element.
pub const INPUT: &str = "INPUT";

/// A WfSpec version together with what is derived from it.
#[derive(Debug)]
pub struct Spec {
    /// Which definition this is; visible version numbers can be reused (02/D-2), this number cannot.
    pub uid: u64,
    /// The public form.
    pub wf_spec: pb::WfSpec,
    /// Its id.
    pub id: pb::WfSpecId,
    /// Derived facts by ThreadSpec name.
    pub threads: BTreeMap<String, ThreadFacts>,
    /// Declared type of each variable, by name (names are unique over a WfSpec except `INPUT`).
    pub variable_types: BTreeMap<String, pb::TypeDefinition>,
    /// Names of variables that have index entries, with their definitions.
    pub indexed_variables: BTreeMap<String, pb::ThreadVarDef>,
    /// Some ThreadSpec has its completed threads archived after some time.
    pub archives_threads: bool,
    /// Access level of each variable, by name.
    access_levels: BTreeMap<String, pb::WfRunVariableAccessLevel>,
    /// Some variable is one of a run above.
    pub inherits: bool,
    /// Some node gives the id of a child run.
    pub names_children: bool,
    /// True if any node is a USER_TASK.
    pub uses_user_tasks: bool,
    /// What this WfSpec uses that is not built yet; `None` = everything it uses runs.
    pub not_built: Option<String>,
}

/// What is derived from one ThreadSpec.
#[derive(Debug, Default)]
pub struct ThreadFacts {
    /// Name of the ENTRYPOINT node.
    pub entrypoint: String,
    /// Nodes whose output some assignment of the thread refers to: the only outputs worth keeping.
    pub referenced_outputs: BTreeSet<String>,
    /// Declared type of the variable `INPUT`, the one name that several ThreadSpecs can declare (02/SC-3).
    pub input_type: Option<pb::TypeDefinition>,
    /// For each node, the TaskDefs of the TASK nodes that can come next without waiting in between.
    pub feeds: Feeds,
}

impl Spec {
    /// Prepares a stored WfSpec.
    pub fn new(uid: u64, wf_spec: pb::WfSpec) -> Self {
        let id = wf_spec.id.clone().unwrap_or_default();
        let threads = wf_spec.thread_specs.iter().map(|(name, spec)| (name.clone(), thread_facts(spec))).collect();
        let mut variable_types = BTreeMap::new();
        let mut indexed_variables = BTreeMap::new();
        let mut access_levels = BTreeMap::new();
        for definition in wf_spec.thread_specs.values().flat_map(|spec| &spec.variable_defs) {
            if let Some(variable) = &definition.var_def {
                access_levels.insert(variable.name.clone(), definition.access_level());
                variable_types.insert(variable.name.clone(), crate::value::types::var_def_type(variable));
                if definition.searchable || !definition.json_indexes.is_empty() {
                    indexed_variables.insert(variable.name.clone(), definition.clone());
                }
            }
        }
        let not_built = not_built(&wf_spec);
        let archives_threads = wf_spec.thread_specs.values().any(|thread| thread.retention_policy.is_some());
        let nodes = wf_spec.thread_specs.values().flat_map(|thread| thread.nodes.values());
        let uses_user_tasks = nodes.into_iter().any(|node| matches!(node.node, Some(pb::node::Node::UserTask(_))));
        let names_children =
            wf_spec.thread_specs.values().flat_map(|thread| thread.nodes.values()).any(
                |node| matches!(&node.node, Some(pb::node::Node::RunChildWf(started)) if started.child_id.is_some()),
            );
        let inherits = access_levels.values().any(|level| *level == pb::WfRunVariableAccessLevel::InheritedVar);
        Self {
            uid,
            wf_spec,
            id,
            threads,
            variable_types,
            indexed_variables,
            archives_threads,
            access_levels,
            inherits,
            names_children,
            uses_user_tasks,
            not_built,
        }
    }

    /// What runs are bound to that do not exist: events were posted ahead to their ids.
    pub fn none() -> Arc<Self> {
        Arc::new(Self::new(0, pb::WfSpec::default()))
    }

    /// The ThreadSpec of this name.
    pub fn thread(&self, name: &str) -> Option<&pb::ThreadSpec> {
        self.wf_spec.thread_specs.get(name)
    }

    /// The node of this name in a thread.
    pub fn node(&self, thread: &str, node: &str) -> Option<&pb::Node> {
        self.thread(thread)?.nodes.get(node)
    }

    /// Declared type of a variable that a thread of ThreadSpec `thread` owns.
    pub fn declared(&self, thread: &str, variable: &str) -> Option<&pb::TypeDefinition> {
        if variable == INPUT {
            return self.threads.get(thread)?.input_type.as_ref();
        }
        self.variable_types.get(variable)
    }

    /// Who sees the variable of this name in other WfRuns; `None` = the WfSpec does not declare it.
    pub fn access_level(&self, variable: &str) -> Option<pb::WfRunVariableAccessLevel> {
        self.access_levels.get(variable).copied()
    }

    /// TaskDefs that could become ready once `node` of `thread` is finished.
    pub fn feeds(&self, thread: &str, node: &str) -> &[String] {
        let Some(facts) = self.threads.get(thread) else { return &[] };
        facts.feeds.behind(node, || feeds::next_task_defs(&self.wf_spec, &self.threads, thread, node))
    }
}

fn thread_facts(spec: &pb::ThreadSpec) -> ThreadFacts {
    let mut facts = ThreadFacts { feeds: Feeds::of(spec.nodes.keys()), ..ThreadFacts::default() };
    let mut variables = spec.variable_defs.iter().filter_map(|definition| definition.var_def.as_ref());
    facts.input_type = variables.find(|variable| variable.name == INPUT).map(crate::value::types::var_def_type);
    for (name, node) in &spec.nodes {
        if matches!(node.node, Some(pb::node::Node::Entrypoint(_))) {
            facts.entrypoint.clone_from(name);
        }
        collect_node_references(node, &mut facts.referenced_outputs);
    }
    facts
}

fn collect_node_references(node: &pb::Node, found: &mut BTreeSet<String>) {
    use pb::{node::Node, wait_for_condition_node::NodeCondition, wait_for_threads_node::ThreadsToWaitForOneOf};
    for edge in &node.outgoing_edges {
        match &edge.edge_condition {
            Some(pb::edge::EdgeCondition::Condition(condition)) => collect(condition, found),
            Some(pb::edge::EdgeCondition::LegacyCondition(legacy)) => {
                legacy.left.iter().chain(&legacy.right).for_each(|assignment| collect(assignment, found));
            }
            None => {}
        }
        for mutation in &edge.variable_mutations {
            if let Some(pb::variable_mutation::RhsValue::RhsAssignment(assignment)) = &mutation.rhs_value {
                collect(assignment, found);
            }
            collect_path(mutation.lhs_lh_path.as_ref(), found);
        }
    }
    let assignments: Vec<&pb::VariableAssignment> = match &node.node {
        Some(Node::Task(task)) => {
            let dynamic = match &task.task_to_execute {
                Some(pb::task_node::TaskToExecute::DynamicTask(assignment)) => Some(assignment),
                _ => None,
            };
            task.variables.iter().chain(dynamic).collect()
        }
        Some(Node::Sleep(sleep)) => match &sleep.sleep_length {
            Some(pb::sleep_node::SleepLength::RawSeconds(assignment))
            | Some(pb::sleep_node::SleepLength::Timestamp(assignment))
            | Some(pb::sleep_node::SleepLength::IsoDate(assignment)) => vec![assignment],
            None => vec![],
        },
        Some(Node::Exit(exit)) => match &exit.result {
            Some(pb::exit_node::Result::ReturnContent(assignment)) => vec![assignment],
            Some(pb::exit_node::Result::FailureDef(failure)) => failure.content.iter().collect(),
            None => vec![],
        },
        Some(Node::StartThread(start)) => start.variables.values().collect(),
        Some(Node::StartMultipleThreads(start)) => start.variables.values().chain(&start.iterable).collect(),
        Some(Node::WaitForThreads(wait)) => match &wait.threads_to_wait_for {
            Some(ThreadsToWaitForOneOf::Threads(threads)) => {
                threads.threads.iter().filter_map(|thread| thread.thread_run_number.as_ref()).collect()
            }
            Some(ThreadsToWaitForOneOf::ThreadList(list)) => vec![list],
            None => vec![],
        },
        Some(Node::WaitForCondition(wait)) => match &wait.node_condition {
            Some(NodeCondition::Condition(condition)) => vec![condition],
            Some(NodeCondition::LegacyCondition(legacy)) => legacy.left.iter().chain(&legacy.right).collect(),
            None => vec![],
        },
        Some(Node::RunChildWf(run)) => {
            let dynamic = match &run.wf_spec {
                Some(pb::run_child_wf_node::WfSpec::WfSpecVar(assignment)) => Some(assignment),
                _ => None,
            };
            run.inputs.values().chain(dynamic).chain(&run.child_id).collect()
        }
        Some(Node::WaitForChildWf(wait)) => wait.child_wf_run_id.iter().collect(),
        Some(Node::ExternalEvent(event)) => event.timeout_seconds.iter().chain(&event.correlation_key).collect(),
        Some(Node::ThrowEvent(throw)) => throw.content.iter().collect(),
        Some(Node::UserTask(task)) => user_task_assignments(task),
        _ => vec![],
    };
    assignments.into_iter().for_each(|assignment| collect(assignment, found));
}

fn user_task_assignments(node: &pb::UserTaskNode) -> Vec<&pb::VariableAssignment> {
    use pb::{task_node::TaskToExecute, ut_action_trigger::Action};
    let own = [&node.user_id, &node.user_group, &node.notes, &node.on_cancellation_exception_name];
    let mut assignments: Vec<_> = own.into_iter().flatten().collect();
    for trigger in &node.actions {
        assignments.extend(&trigger.delay_seconds);
        match &trigger.action {
            Some(Action::Task(reminder)) => {
                if let Some(task) = &reminder.task {
                    assignments.extend(&task.variables);
                    if let Some(TaskToExecute::DynamicTask(name)) = &task.task_to_execute {
                        assignments.push(name);
                    }
                }
            }
            Some(Action::Reassign(reassign)) => assignments.extend(reassign.user_id.iter().chain(&reassign.user_group)),
            Some(Action::Cancel(_)) | None => {}
        }
    }
    assignments
}

fn collect_path(path: Option<&pb::LhPath>, found: &mut BTreeSet<String>) {
    for selector in path.iter().flat_map(|path| &path.path) {
        if let Some(pb::lh_path::selector::SelectorType::Dynamic(assignment)) = &selector.selector_type {
            collect(assignment, found);
        }
    }
}

/// Notes every node whose output the assignment refers to, at any depth. Depth is bounded by the checks at registration.
fn collect(assignment: &pb::VariableAssignment, found: &mut BTreeSet<String>) {
    use pb::variable_assignment::{Path, Source};
    if let Some(Path::LhPath(path)) = &assignment.path {
        collect_path(Some(path), found);
    }
    match &assignment.source {
        Some(Source::NodeOutput(reference)) => {
            found.insert(reference.node_name.clone());
        }
        Some(Source::FormatString(format)) => {
            format.format.iter().map(|format| &**format).chain(&format.args).for_each(|part| collect(part, found));
        }
        Some(Source::Expression(expression)) => {
            expression.lhs.iter().chain(&expression.rhs).for_each(|side| collect(side, found));
        }
        Some(Source::SizeOf(size_of)) => size_of.operand.iter().for_each(|operand| collect(operand, found)),
        Some(Source::StructBuilder(builder)) => {
            builder.value.iter().for_each(|inline| collect_builder(inline, found));
        }
        Some(Source::MapBuilder(builder)) => {
            for entry in &builder.entries {
                entry.key.iter().chain(&entry.value).for_each(|part| collect(part, found));
            }
        }
        Some(Source::VariableName(_) | Source::LiteralValue(_)) | None => {}
    }
}

fn collect_builder(builder: &pb::InlineStructBuilder, found: &mut BTreeSet<String>) {
    use pb::inline_struct_field_value::StructValue;
    for field in builder.fields.values() {
        match &field.struct_value {
            Some(StructValue::SimpleValue(assignment)) => collect(assignment, found),
            Some(StructValue::SubStructure(sub)) => collect_builder(sub, found),
            None => {}
        }
    }
}

/// Names the first thing in the WfSpec that this server cannot run yet.
fn not_built(wf_spec: &pb::WfSpec) -> Option<String> {
    for thread in wf_spec.thread_specs.values() {
        for (node_name, node) in &thread.nodes {
            let not_built = node.node.is_none();
            if not_built {
                return Some(format!("the kind of Node {node_name}"));
            }
        }
    }
    None
}
