//! Definitions in memory and short ways to write requests.

use std::collections::BTreeMap;

use lh_machine::check::{self, Definitions};
use lh_machine::pb::node::Node as Kind;
use lh_machine::pb::variable_assignment::expression::Operation;
use lh_machine::pb::variable_assignment::{Expression, NodeOutputReference, Path, Source};
use lh_machine::pb::variable_value::Value;
use lh_machine::pb::{self, VariableType};
use lh_machine::rejected::Code;
use lh_machine::value::types;
use lh_machine::{Rejected, internal};

/// When everything is put.
pub const NOW_MS: i64 = 1_700_000_000_123;

/// Definitions of one tenant.
#[derive(Default)]
pub struct Store {
    pub task_defs: BTreeMap<String, pb::TaskDef>,
    pub external_event_defs: BTreeMap<String, pb::ExternalEventDef>,
    pub workflow_event_defs: BTreeMap<String, pb::WorkflowEventDef>,
    pub user_task_defs: BTreeMap<(String, i32), pb::UserTaskDef>,
    pub struct_defs: BTreeMap<(String, i32), pb::StructDef>,
    pub wf_specs: BTreeMap<(String, i32, i32), pb::WfSpec>,
}

impl Definitions for Store {
    fn task_def(&self, name: &str) -> Option<pb::TaskDef> {
        self.task_defs.get(name).cloned()
    }

    fn external_event_def(&self, name: &str) -> Option<pb::ExternalEventDef> {
        self.external_event_defs.get(name).cloned()
    }

    fn workflow_event_def(&self, name: &str) -> Option<pb::WorkflowEventDef> {
        self.workflow_event_defs.get(name).cloned()
    }

    fn user_task_def(&self, name: &str, version: Option<i32>) -> Option<pb::UserTaskDef> {
        let mut found = self
            .user_task_defs
            .iter()
            .filter(|((other, number), _)| other == name && version.is_none_or(|version| version == *number));
        found.next_back().map(|(_, found)| found.clone())
    }

    fn struct_def(&self, name: &str, version: Option<i32>) -> Option<pb::StructDef> {
        let mut found = self
            .struct_defs
            .iter()
            .filter(|((other, number), _)| other == name && version.is_none_or(|version| version == *number));
        found.next_back().map(|(_, found)| found.clone())
    }

    fn wf_spec(&self, name: &str, major: Option<i32>, revision: Option<i32>) -> Option<pb::WfSpec> {
        let mut found = self.wf_specs.iter().filter(|((other, other_major, other_revision), _)| {
            other == name
                && major.is_none_or(|major| major == *other_major)
                && revision.is_none_or(|revision| revision == *other_revision)
        });
        found.next_back().map(|(_, found)| found.clone())
    }
}

impl Store {
    /// The definitions that most tests refer to.
    pub fn new() -> Self {
        let mut store = Self::default();
        store.task("nothing", &[], None);
        store.task("takes-int", &[VariableType::Int], None);
        store.task("takes-str", &[VariableType::Str], None);
        store.task("gives-str", &[], Some(VariableType::Str));
        store.task("gives-int", &[], Some(VariableType::Int));
        store.task("gives-bool", &[], Some(VariableType::Bool));
        store.external_event("untyped-event", None);
        store.external_event("str-event", Some(VariableType::Str));
        store.workflow_event("str-thrown", Some(VariableType::Str));
        store.workflow_event("void-thrown", None);
        store.user_task("form");
        store.structure("car", [field("model", VariableType::Str), optional_field("year", VariableType::Int)]);
        store
    }

    pub fn task(&mut self, name: &str, inputs: &[VariableType], returns: Option<VariableType>) {
        let input_vars =
            inputs.iter().enumerate().map(|(i, input)| variable_def(&format!("in{i}"), types::primitive(*input)));
        let request = pb::PutTaskDefRequest {
            name: name.to_owned(),
            input_vars: input_vars.collect(),
            return_type: returns.map(|returns| return_type(types::primitive(returns))),
            description: None,
        };
        self.put_task_def(request).unwrap();
    }

    pub fn put_task_def(&mut self, request: pb::PutTaskDefRequest) -> Result<pb::TaskDef, Rejected> {
        let stored = check::put_task_def(request, self, NOW_MS)?;
        self.task_defs.insert(stored.id.clone().unwrap().name, stored.clone());
        Ok(stored)
    }

    pub fn external_event(&mut self, name: &str, content: Option<VariableType>) {
        let request = pb::PutExternalEventDefRequest {
            name: name.to_owned(),
            content_type: content.map(|content| return_type(types::primitive(content))),
            ..Default::default()
        };
        let stored = check::put_external_event_def(request, self, NOW_MS).unwrap();
        self.external_event_defs.insert(name.to_owned(), stored);
    }

    pub fn workflow_event(&mut self, name: &str, content: Option<VariableType>) {
        let content_type = content.map(|content| return_type(types::primitive(content)));
        let request = pb::PutWorkflowEventDefRequest { name: name.to_owned(), content_type };
        let stored = check::put_workflow_event_def(request, self, NOW_MS).unwrap();
        self.workflow_event_defs.insert(name.to_owned(), stored);
    }

    /// Puts another version of a UserTaskDef: each has one field more.
    pub fn user_task(&mut self, name: &str) {
        let count = self.user_task_defs.keys().filter(|(other, _)| other == name).count();
        let fields = (0..=count).map(|i| pb::UserTaskField {
            name: format!("f{i}"),
            r#type: VariableType::Str as i32,
            ..Default::default()
        });
        let request = pb::PutUserTaskDefRequest { name: name.to_owned(), fields: fields.collect(), description: None };
        let stored = check::put_user_task_def(request, self, NOW_MS).unwrap();
        self.user_task_defs.insert((name.to_owned(), stored.version), stored);
    }

    pub fn structure<const N: usize>(
        &mut self,
        name: &str,
        fields: [(String, pb::StructFieldDef); N],
    ) -> pb::StructDef {
        let request = pb::PutStructDefRequest {
            name: name.to_owned(),
            struct_def: Some(pb::InlineStructDef { fields: fields.into_iter().collect() }),
            allowed_updates: pb::StructDefCompatibilityType::FullyCompatibleSchemaUpdates as i32,
            description: None,
        };
        self.put_struct_def(request).unwrap()
    }

    pub fn put_struct_def(&mut self, request: pb::PutStructDefRequest) -> Result<pb::StructDef, Rejected> {
        let stored = check::put_struct_def(request, self, NOW_MS)?;
        let id = stored.id.clone().unwrap();
        self.struct_defs.insert((id.name, id.version), stored.clone());
        Ok(stored)
    }

    /// Checks and stores.
    pub fn put(&mut self, request: pb::PutWfSpecRequest) -> Result<internal::CheckedWfSpec, Rejected> {
        let checked = check::put_wf_spec(request, self, NOW_MS)?;
        let spec = checked.wf_spec.clone().unwrap();
        let id = spec.id.clone().unwrap();
        self.wf_specs.insert((id.name, id.major_version, id.revision), spec);
        Ok(checked)
    }

    /// Checks, stores, answers major version and revision.
    pub fn version_of(&mut self, request: pb::PutWfSpecRequest) -> (i32, i32) {
        let id = self.put(request).unwrap().wf_spec.unwrap().id.unwrap();
        (id.major_version, id.revision)
    }

    /// Requires that the request is accepted.
    #[track_caller]
    pub fn accepts(&self, request: &pb::PutWfSpecRequest) -> pb::WfSpec {
        match check::put_wf_spec(request.clone(), self, NOW_MS) {
            Ok(checked) => checked.wf_spec.unwrap(),
            Err(rejected) => panic!("refused: {rejected}"),
        }
    }

    /// Requires that the request is refused as INVALID with all these texts in the message.
    #[track_caller]
    pub fn refuses(&self, request: &pb::PutWfSpecRequest, texts: &[&str]) {
        match check::put_wf_spec(request.clone(), self, NOW_MS) {
            Ok(_) => panic!("accepted, but {texts:?} was expected: {:?}", request.thread_specs),
            Err(rejected) => assert_refusal(&rejected, Code::InvalidArgument, texts),
        }
    }
}

/// Requires status and texts; case of the texts does not matter.
#[track_caller]
pub fn assert_refusal(rejected: &Rejected, code: Code, texts: &[&str]) {
    assert_eq!(rejected.code, code, "{rejected}");
    for text in texts {
        let found = rejected.message.to_lowercase().contains(&text.to_lowercase());
        assert!(found, "no '{text}' in '{}'", rejected.message);
    }
}

pub fn return_type(definition: pb::TypeDefinition) -> pb::ReturnType {
    pb::ReturnType { return_type: Some(definition) }
}

pub fn variable_def(name: &str, definition: pb::TypeDefinition) -> pb::VariableDef {
    pb::VariableDef { name: name.to_owned(), type_def: Some(definition), ..Default::default() }
}

pub fn struct_type(name: &str, version: i32) -> pb::TypeDefinition {
    types::structure(pb::StructDefId { name: name.to_owned(), version })
}

pub fn array_of(element: pb::TypeDefinition) -> pb::TypeDefinition {
    types::array(Some(element))
}

pub fn map_of(key: VariableType, value: VariableType) -> pb::TypeDefinition {
    types::map(Some(types::primitive(key)), Some(types::primitive(value)))
}

/// A required struct field.
pub fn field(name: &str, field_type: VariableType) -> (String, pb::StructFieldDef) {
    let definition = pb::StructFieldDef { field_type: Some(types::primitive(field_type)), ..Default::default() };
    (name.to_owned(), definition)
}

/// A nullable struct field.
pub fn optional_field(name: &str, field_type: VariableType) -> (String, pb::StructFieldDef) {
    let (name, definition) = field(name, field_type);
    (name, pb::StructFieldDef { is_nullable: true, ..definition })
}

/// A private variable of a primitive type.
pub fn var(name: &str, primitive: VariableType) -> pb::ThreadVarDef {
    var_of(name, types::primitive(primitive))
}

/// A private variable.
pub fn var_of(name: &str, definition: pb::TypeDefinition) -> pb::ThreadVarDef {
    pb::ThreadVarDef {
        var_def: Some(variable_def(name, definition)),
        access_level: pb::WfRunVariableAccessLevel::PrivateVar as i32,
        ..Default::default()
    }
}

pub fn required(declaration: pb::ThreadVarDef) -> pb::ThreadVarDef {
    pb::ThreadVarDef { required: true, ..declaration }
}

pub fn public(declaration: pb::ThreadVarDef) -> pb::ThreadVarDef {
    with_access(declaration, pb::WfRunVariableAccessLevel::PublicVar)
}

pub fn inherited(declaration: pb::ThreadVarDef) -> pb::ThreadVarDef {
    with_access(declaration, pb::WfRunVariableAccessLevel::InheritedVar)
}

fn with_access(declaration: pb::ThreadVarDef, level: pb::WfRunVariableAccessLevel) -> pb::ThreadVarDef {
    pb::ThreadVarDef { access_level: level as i32, ..declaration }
}

pub fn with_default(mut declaration: pb::ThreadVarDef, default: Value) -> pb::ThreadVarDef {
    declaration.var_def.as_mut().unwrap().default_value = Some(pb::VariableValue { value: Some(default) });
    declaration
}

/// One variable of each primitive type, named like it in lower case.
pub fn all_variables() -> Vec<pb::ThreadVarDef> {
    let primitives = (0..=8).map(|number| VariableType::try_from(number).unwrap());
    primitives.map(|primitive| var(&primitive.as_str_name().to_lowercase(), primitive)).collect()
}

fn assignment(source: Source) -> pb::VariableAssignment {
    pb::VariableAssignment { source: Some(source), ..Default::default() }
}

pub fn read(variable: &str) -> pb::VariableAssignment {
    assignment(Source::VariableName(variable.to_owned()))
}

pub fn literal(value: Value) -> pb::VariableAssignment {
    assignment(Source::LiteralValue(pb::VariableValue { value: Some(value) }))
}

pub fn int(number: i64) -> pb::VariableAssignment {
    literal(Value::Int(number))
}

pub fn text(text: &str) -> pb::VariableAssignment {
    literal(Value::Str(text.to_owned()))
}

pub fn null() -> pb::VariableAssignment {
    assignment(Source::LiteralValue(pb::VariableValue::default()))
}

pub fn output_of(node_name: &str) -> pb::VariableAssignment {
    assignment(Source::NodeOutput(NodeOutputReference { node_name: node_name.to_owned() }))
}

pub fn json_path(inner: pb::VariableAssignment, path: &str) -> pb::VariableAssignment {
    pb::VariableAssignment { path: Some(Path::JsonPath(path.to_owned())), ..inner }
}

pub fn key_path(inner: pb::VariableAssignment, key: &str) -> pb::VariableAssignment {
    let selector_type = Some(pb::lh_path::selector::SelectorType::Key(key.to_owned()));
    let path = pb::LhPath { path: vec![pb::lh_path::Selector { selector_type }] };
    pb::VariableAssignment { path: Some(Path::LhPath(path)), ..inner }
}

pub fn cast(inner: pb::VariableAssignment, target: VariableType) -> pb::VariableAssignment {
    pb::VariableAssignment { target_type: Some(types::primitive(target)), ..inner }
}

pub fn compare(
    left: pb::VariableAssignment,
    comparator: pb::Comparator,
    right: pb::VariableAssignment,
) -> pb::VariableAssignment {
    expression(left, Operation::Comparator(comparator as i32), right)
}

pub fn calculate(
    left: pb::VariableAssignment,
    operation: pb::VariableMutationType,
    right: pb::VariableAssignment,
) -> pb::VariableAssignment {
    expression(left, Operation::MutationType(operation as i32), right)
}

fn expression(
    left: pb::VariableAssignment,
    operation: Operation,
    right: pb::VariableAssignment,
) -> pb::VariableAssignment {
    let expression = Expression { lhs: Some(Box::new(left)), rhs: Some(Box::new(right)), operation: Some(operation) };
    assignment(Source::Expression(Box::new(expression)))
}

pub fn size_of(operand: pb::VariableAssignment) -> pb::VariableAssignment {
    let size_of = pb::variable_assignment::SizeOf { operand: Some(Box::new(operand)) };
    assignment(Source::SizeOf(Box::new(size_of)))
}

pub fn format(template: &str, args: Vec<pb::VariableAssignment>) -> pb::VariableAssignment {
    let format = pb::variable_assignment::FormatString { format: Some(Box::new(text(template))), args };
    assignment(Source::FormatString(Box::new(format)))
}

/// A struct builder of the latest version.
pub fn build<const N: usize>(struct_name: &str, fields: [(&str, pb::VariableAssignment); N]) -> pb::VariableAssignment {
    use pb::inline_struct_field_value::StructValue;
    let fields = fields.into_iter().map(|(name, value)| {
        (name.to_owned(), pb::InlineStructFieldValue { struct_value: Some(StructValue::SimpleValue(value)) })
    });
    assignment(Source::StructBuilder(pb::StructBuilder {
        struct_def_id: Some(pb::StructDefId { name: struct_name.to_owned(), version: -1 }),
        value: Some(pb::InlineStructBuilder { fields: fields.collect() }),
    }))
}

pub fn edge(sink: &str) -> pb::Edge {
    pb::Edge { sink_node_name: sink.to_owned(), ..Default::default() }
}

pub fn node(kind: Kind, sinks: &[&str]) -> pb::Node {
    pb::Node {
        outgoing_edges: sinks.iter().map(|sink| edge(sink)).collect(),
        failure_handlers: Vec::new(),
        node: Some(kind),
    }
}

pub fn task(name: &str, variables: Vec<pb::VariableAssignment>) -> pb::TaskNode {
    let id = pb::TaskDefId { name: name.to_owned() };
    pb::TaskNode { task_to_execute: Some(pb::task_node::TaskToExecute::TaskDefId(id)), variables, ..Default::default() }
}

pub fn exit_with(content: pb::VariableAssignment) -> Kind {
    Kind::Exit(pb::ExitNode { result: Some(pb::exit_node::Result::ReturnContent(content)) })
}

pub fn exit_failing(failure_name: &str) -> Kind {
    let failure = pb::FailureDef { failure_name: failure_name.to_owned(), ..Default::default() };
    Kind::Exit(pb::ExitNode { result: Some(pb::exit_node::Result::FailureDef(failure)) })
}

/// A thread `0-entrypoint` → `1-node` → `2-exit` around one node.
pub fn thread_around(variables: Vec<pb::ThreadVarDef>, kind: Kind) -> pb::ThreadSpec {
    let nodes = [
        ("0-entrypoint", node(Kind::Entrypoint(pb::EntrypointNode {}), &["1-node"])),
        ("1-node", node(kind, &["2-exit"])),
        ("2-exit", node(Kind::Exit(pb::ExitNode::default()), &[])),
    ];
    thread(variables, nodes)
}

pub fn thread<const N: usize>(variables: Vec<pb::ThreadVarDef>, nodes: [(&str, pb::Node); N]) -> pb::ThreadSpec {
    pb::ThreadSpec {
        nodes: nodes.into_iter().map(|(name, node)| (name.to_owned(), node)).collect(),
        variable_defs: variables,
        ..Default::default()
    }
}

/// A thread that does nothing.
pub fn idle_thread(variables: Vec<pb::ThreadVarDef>) -> pb::ThreadSpec {
    thread_around(variables, Kind::Nop(pb::NopNode {}))
}

/// A WfSpec `flow` with these threads, the first of which is the entrypoint.
pub fn flow<const N: usize>(threads: [(&str, pb::ThreadSpec); N]) -> pb::PutWfSpecRequest {
    pb::PutWfSpecRequest {
        name: "flow".to_owned(),
        entrypoint_thread_name: threads[0].0.to_owned(),
        thread_specs: threads.into_iter().map(|(name, thread)| (name.to_owned(), thread)).collect(),
        ..Default::default()
    }
}

/// A WfSpec with one thread around one node, with one variable of each primitive type.
pub fn around(kind: Kind) -> pb::PutWfSpecRequest {
    flow([("main", thread_around(all_variables(), kind))])
}

/// A WfSpec whose one thread does nothing with these variables.
pub fn declaring(variables: Vec<pb::ThreadVarDef>) -> pb::PutWfSpecRequest {
    flow([("main", idle_thread(variables))])
}

/// A WfSpec whose edge `1-node` → `2-exit` is this one.
pub fn with_edge(variables: Vec<pb::ThreadVarDef>, changed: pb::Edge) -> pb::PutWfSpecRequest {
    let mut thread = idle_thread(variables);
    thread.nodes.get_mut("1-node").unwrap().outgoing_edges = vec![changed];
    flow([("main", thread)])
}

/// An edge to `2-exit` with this condition.
pub fn when(condition: pb::VariableAssignment) -> pb::Edge {
    pb::Edge { edge_condition: Some(pb::edge::EdgeCondition::Condition(condition)), ..edge("2-exit") }
}

/// An edge to `2-exit` with this mutation.
pub fn mutating(variable: &str, operation: pb::VariableMutationType, right: pb::VariableAssignment) -> pb::Edge {
    let mutation = pb::VariableMutation {
        lhs_name: variable.to_owned(),
        operation: operation as i32,
        rhs_value: Some(pb::variable_mutation::RhsValue::RhsAssignment(right)),
        ..Default::default()
    };
    pb::Edge { variable_mutations: vec![mutation], ..edge("2-exit") }
}
