//! Short names for values, types and assignments, and a scope to evaluate them in.
#![allow(dead_code, unused_imports, clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::collections::BTreeMap;

use lh_machine::{
    pb::{
        self, Comparator, LhPath, StructDefId, StructFieldDef, TypeDefinition, VariableAssignment,
        VariableMutationType, VariableType, VariableValue,
        lh_path::{Selector, selector::SelectorType},
        variable_assignment::{Expression, Path, Source, expression::Operation},
        variable_value::Value,
    },
    value::{Scope, StructDefs, Vse, of, resolve, types},
};

pub use lh_machine::value::NULL;
pub use pb::{Comparator::*, VariableMutationType::*, VariableType as P};

pub fn int(number: i64) -> VariableValue {
    of(Value::Int(number))
}

pub fn double(number: f64) -> VariableValue {
    of(Value::Double(number))
}

pub fn boolean(value: bool) -> VariableValue {
    of(Value::Bool(value))
}

pub fn text(text: &str) -> VariableValue {
    of(Value::Str(text.to_owned()))
}

pub fn bytes(bytes: &[u8]) -> VariableValue {
    of(Value::Bytes(bytes.to_vec()))
}

pub fn obj(json: &str) -> VariableValue {
    of(Value::JsonObj(json.to_owned()))
}

pub fn arr(json: &str) -> VariableValue {
    of(Value::JsonArr(json.to_owned()))
}

pub fn time(seconds: i64, nanos: i32) -> VariableValue {
    of(Value::UtcTimestamp(prost_types::Timestamp { seconds, nanos }))
}

/// A run id from root to leaf.
pub fn run(ids: &[&str]) -> VariableValue {
    let mut chain = None;
    for id in ids {
        chain = Some(pb::WfRunId { id: (*id).to_owned(), parent_wf_run_id: chain.map(Box::new) });
    }
    of(Value::WfRunId(chain.unwrap()))
}

/// An array as a client sends it: no element type.
pub fn items(items: impl IntoIterator<Item = VariableValue>) -> VariableValue {
    of(Value::Array(pb::Array { items: items.into_iter().collect(), element_type: None }))
}

/// An array as it is stored.
pub fn typed_items(element: TypeDefinition, items: impl IntoIterator<Item = VariableValue>) -> VariableValue {
    of(Value::Array(pb::Array { items: items.into_iter().collect(), element_type: Some(element) }))
}

/// A map as a client sends it.
pub fn entries(entries: impl IntoIterator<Item = (VariableValue, VariableValue)>) -> VariableValue {
    let entry = |(key, value)| pb::map::Entry { key: Some(key), value: Some(value) };
    of(Value::Map(pb::Map { entries: entries.into_iter().map(entry).collect(), map_type: None }))
}

/// A map as it is stored.
pub fn typed_entries(
    key: TypeDefinition,
    value: TypeDefinition,
    list: impl IntoIterator<Item = (VariableValue, VariableValue)>,
) -> VariableValue {
    let mut map = entries(list);
    if let Some(Value::Map(map)) = &mut map.value {
        map.map_type = Some(pb::InlineMapDef { key_type: Some(Box::new(key)), value_type: Some(Box::new(value)) });
    }
    map
}

pub fn id(name: &str, version: i32) -> StructDefId {
    StructDefId { name: name.to_owned(), version }
}

/// A struct value; `None` = inline.
pub fn structure(id: Option<StructDefId>, fields: &[(&str, VariableValue)]) -> VariableValue {
    flagged(id, &fields.iter().map(|(name, value)| (*name, value.clone(), false)).collect::<Vec<_>>())
}

/// A struct value with its `masked` flags.
pub fn flagged(id: Option<StructDefId>, fields: &[(&str, VariableValue, bool)]) -> VariableValue {
    let fields = fields.iter().map(|(name, value, masked)| {
        ((*name).to_owned(), pb::StructField { value: Some(value.clone()), masked: *masked })
    });
    let inline = pb::InlineStruct { fields: fields.collect() };
    of(Value::Struct(pb::Struct { struct_def_id: id, r#struct: Some(inline) }))
}

pub fn prim(primitive: VariableType) -> TypeDefinition {
    types::primitive(primitive)
}

pub fn masked(def: TypeDefinition) -> TypeDefinition {
    TypeDefinition { masked: true, ..def }
}

pub fn array_of(element: TypeDefinition) -> TypeDefinition {
    types::array(Some(element))
}

pub fn map_of(key: TypeDefinition, value: TypeDefinition) -> TypeDefinition {
    types::map(Some(key), Some(value))
}

pub fn struct_type(name: &str, version: i32) -> TypeDefinition {
    types::structure(id(name, version))
}

pub fn field(field_type: TypeDefinition) -> StructFieldDef {
    StructFieldDef { field_type: Some(field_type), ..StructFieldDef::default() }
}

pub fn nullable(field_type: TypeDefinition) -> StructFieldDef {
    StructFieldDef { is_nullable: true, ..field(field_type) }
}

pub fn defaulted(field_type: TypeDefinition, default: VariableValue) -> StructFieldDef {
    StructFieldDef { default_value: Some(default), ..field(field_type) }
}

pub fn schema(fields: &[(&str, StructFieldDef)]) -> pb::InlineStructDef {
    pb::InlineStructDef { fields: fields.iter().map(|(name, field)| ((*name).to_owned(), field.clone())).collect() }
}

pub fn inline_type(fields: &[(&str, StructFieldDef)]) -> TypeDefinition {
    let schema = schema(fields);
    TypeDefinition { masked: false, defined_type: Some(pb::type_definition::DefinedType::InlineStructDef(schema)) }
}

/// Variables, node outputs and StructDefs.
#[derive(Default)]
pub struct World {
    variables: BTreeMap<String, VariableValue>,
    outputs: BTreeMap<String, VariableValue>,
    defs: Vec<pb::StructDef>,
}

impl World {
    pub fn new() -> Self {
        Self::default()
    }

    /// With this variable.
    pub fn with(mut self, name: &str, value: VariableValue) -> Self {
        self.variables.insert(name.to_owned(), value);
        self
    }

    /// With this output of a node.
    pub fn output(mut self, node: &str, value: VariableValue) -> Self {
        self.outputs.insert(node.to_owned(), value);
        self
    }

    /// With this StructDef.
    pub fn def(mut self, name: &str, version: i32, fields: &[(&str, StructFieldDef)]) -> Self {
        self.defs.push(pb::StructDef {
            id: Some(id(name, version)),
            struct_def: Some(schema(fields)),
            ..pb::StructDef::default()
        });
        self
    }

    pub fn resolve(&self, assignment: &VariableAssignment) -> Result<VariableValue, Vse> {
        resolve::resolve(assignment, self)
    }

    /// The value, which must be there.
    pub fn value(&self, assignment: &VariableAssignment) -> VariableValue {
        self.resolve(assignment).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The message of the failure, which must happen.
    pub fn failure(&self, assignment: &VariableAssignment) -> String {
        match self.resolve(assignment) {
            Err(failure) => failure.message,
            Ok(value) => panic!("resolved to {value:?}"),
        }
    }
}

impl StructDefs for World {
    fn struct_def(&self, id: &StructDefId) -> Option<&pb::StructDef> {
        self.defs.iter().find(|def| def.id.as_ref() == Some(id))
    }
}

impl Scope for World {
    fn variable(&self, name: &str) -> Result<&VariableValue, Vse> {
        self.variables.get(name).ok_or_else(|| Vse::new(format!("Variable {name} is not in scope")))
    }

    fn node_output(&self, node_name: &str) -> Result<&VariableValue, Vse> {
        self.outputs.get(node_name).ok_or_else(|| Vse::new(format!("Specified node {node_name} has no output.")))
    }
}

fn from(source: Source) -> VariableAssignment {
    VariableAssignment { source: Some(source), ..VariableAssignment::default() }
}

pub fn var(name: &str) -> VariableAssignment {
    from(Source::VariableName(name.to_owned()))
}

pub fn lit(value: VariableValue) -> VariableAssignment {
    from(Source::LiteralValue(value))
}

pub fn node(name: &str) -> VariableAssignment {
    from(Source::NodeOutput(pb::variable_assignment::NodeOutputReference { node_name: name.to_owned() }))
}

pub fn size_of(operand: VariableAssignment) -> VariableAssignment {
    from(Source::SizeOf(Box::new(pb::variable_assignment::SizeOf { operand: Some(Box::new(operand)) })))
}

pub fn format(format: VariableAssignment, args: impl IntoIterator<Item = VariableAssignment>) -> VariableAssignment {
    let args = args.into_iter().collect();
    let format = pb::variable_assignment::FormatString { format: Some(Box::new(format)), args };
    from(Source::FormatString(Box::new(format)))
}

fn expression(left: VariableAssignment, operation: Option<Operation>, right: VariableAssignment) -> VariableAssignment {
    from(Source::Expression(Box::new(Expression { lhs: Some(Box::new(left)), rhs: Some(Box::new(right)), operation })))
}

/// `left operation right`.
pub fn calc(
    left: VariableAssignment,
    operation: VariableMutationType,
    right: VariableAssignment,
) -> VariableAssignment {
    expression(left, Some(Operation::MutationType(operation as i32)), right)
}

/// `left comparator right`.
pub fn comparison(left: VariableAssignment, comparator: Comparator, right: VariableAssignment) -> VariableAssignment {
    expression(left, Some(Operation::Comparator(comparator as i32)), right)
}

/// An expression without an operation.
pub fn unset_operation(left: VariableAssignment, right: VariableAssignment) -> VariableAssignment {
    expression(left, None, right)
}

pub fn struct_builder(id: StructDefId, value: pb::InlineStructBuilder) -> VariableAssignment {
    from(Source::StructBuilder(pb::StructBuilder { struct_def_id: Some(id), value: Some(value) }))
}

pub fn map_builder(builder: pb::MapBuilder) -> VariableAssignment {
    from(Source::MapBuilder(builder))
}

pub fn json_path(assignment: VariableAssignment, path: &str) -> VariableAssignment {
    VariableAssignment { path: Some(Path::JsonPath(path.to_owned())), ..assignment }
}

pub fn lh_path(assignment: VariableAssignment, selectors: Vec<Selector>) -> VariableAssignment {
    VariableAssignment { path: Some(Path::LhPath(LhPath { path: selectors })), ..assignment }
}

pub fn cast(assignment: VariableAssignment, target: TypeDefinition) -> VariableAssignment {
    VariableAssignment { target_type: Some(target), ..assignment }
}

pub fn key(key: &str) -> Selector {
    Selector { selector_type: Some(SelectorType::Key(key.to_owned())) }
}

pub fn index(index: i32) -> Selector {
    Selector { selector_type: Some(SelectorType::Index(index)) }
}

pub fn dynamic(assignment: VariableAssignment) -> Selector {
    Selector { selector_type: Some(SelectorType::Dynamic(assignment)) }
}
