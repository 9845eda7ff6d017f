//! Arbitrary values, types and assignments; most of them well-formed, so that evaluation gets far.

use lh_machine::pb::{
    self, LhPath, TypeDefinition, VariableAssignment, VariableValue,
    lh_path::{Selector, selector::SelectorType},
    type_definition::DefinedType,
    variable_assignment::{Expression, FormatString, NodeOutputReference, Path, SizeOf, Source as From},
    variable_value::Value,
};
use prost_types::Timestamp;

use crate::source::Source;

/// Names of variables in generated specs and scopes, one per type of [`PRIMITIVES`] and one that nobody declares.
pub const VARIABLES: [&str; 8] = ["obj", "arr", "double", "bool", "str", "int", "bytes", "absent"];

/// Primitive types in the order of [`VARIABLES`].
pub const PRIMITIVES: [pb::VariableType; 9] = [
    pb::VariableType::JsonObj,
    pb::VariableType::JsonArr,
    pb::VariableType::Double,
    pb::VariableType::Bool,
    pb::VariableType::Str,
    pb::VariableType::Int,
    pb::VariableType::Bytes,
    pb::VariableType::WfRunId,
    pb::VariableType::Timestamp,
];

const INTEGERS: [i64; 12] = [0, 1, 2, -1, 63, 1 << 31, -(1 << 31), 1 << 53, i64::MAX, i64::MIN, 253_402_300_800, 10];
const DOUBLES: [f64; 11] =
    [0.0, -0.0, 1.5, -2.25, 1e308, -1e308, 5e-324, 1e17, f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
const TEXTS: [&str; 20] = [
    "",
    "a",
    "0",
    "-1",
    "1.5e300",
    "true",
    "NaN",
    "{0}",
    "{0,number,#,##0.00;(#)}",
    "{0,number,percent} '{1}",
    "{1}{2}{",
    "$",
    "$.a[0].b",
    "$..a",
    "$[?(@.a > 1)]",
    "a_b_c",
    "2020-01-01T00:00:00Z",
    "\u{0}",
    "\u{3}x",
    "ä€😀",
];
const JSON_OBJECTS: [&str; 7] =
    ["{}", "{\"a\":1}", "{\"a\":[{\"b\":1.5},null,true]}", "{\"a\":{\"a\":{\"a\":{}}}}", "{\"a\":1e400}", "{", "[]"];
const JSON_ARRAYS: [&str; 6] = ["[]", "[1,2.5,\"a\",null,true,{}]", "[[[[]]]]", "[1,1,1]", "[", "{}"];

/// A text that means something somewhere, or any.
pub fn text(source: &mut Source<'_>) -> String {
    match source.one_in(4) {
        true => source.text(),
        false => source.pick(&TEXTS).to_owned(),
    }
}

/// Any value, containers at most `depth` deep.
pub fn value(source: &mut Source<'_>, depth: usize) -> VariableValue {
    let cases = if depth == 0 { 10 } else { 13 };
    let value = match source.below(cases) {
        0 => return lh_machine::value::NULL,
        1 if source.one_in(4) => Value::Int(source.number() as i64),
        1 => Value::Int(source.pick(&INTEGERS)),
        2 => Value::Str(text(source)),
        3 => Value::Bool(source.one_in(2)),
        4 if source.one_in(4) => Value::Double(f64::from_bits(source.number())),
        4 => Value::Double(source.pick(&DOUBLES)),
        5 if source.one_in(4) => Value::JsonObj(text(source)),
        5 => Value::JsonObj(source.pick(&JSON_OBJECTS).to_owned()),
        6 => Value::JsonArr(source.pick(&JSON_ARRAYS).to_owned()),
        7 => Value::Bytes(source.text().into_bytes()),
        8 => Value::UtcTimestamp(Timestamp { seconds: source.pick(&INTEGERS), nanos: source.pick(&INTEGERS) as i32 }),
        9 => Value::WfRunId(wf_run_id(source)),
        10 => {
            let items = (0..source.below(4)).map(|_| self::value(source, depth - 1)).collect();
            Value::Array(pb::Array { items, element_type: maybe_type(source, depth) })
        }
        11 => {
            let entries = (0..source.below(4)).map(|_| entry(source, depth - 1)).collect();
            let map_type = source.one_in(2).then(|| map_type(source, depth));
            Value::Map(pb::Map { entries, map_type })
        }
        _ => {
            let fields = (0..source.below(4)).map(|_| {
                let field = pb::StructField { value: Some(self::value(source, depth - 1)), masked: source.one_in(4) };
                (source.pick(&VARIABLES).to_owned(), field)
            });
            let inline = pb::InlineStruct { fields: fields.collect() };
            Value::Struct(pb::Struct { struct_def_id: struct_def_id(source), r#struct: Some(inline) })
        }
    };
    lh_machine::value::of(value)
}

fn entry(source: &mut Source<'_>, depth: usize) -> pb::map::Entry {
    pb::map::Entry { key: Some(value(source, depth)), value: Some(value(source, depth)) }
}

fn map_type(source: &mut Source<'_>, depth: usize) -> pb::InlineMapDef {
    let mut side = || maybe_type(source, depth).map(Box::new);
    pb::InlineMapDef { key_type: side(), value_type: side() }
}

fn struct_def_id(source: &mut Source<'_>) -> Option<pb::StructDefId> {
    let name = source.pick(&["person", "car"]).to_owned();
    (!source.one_in(3)).then(|| pb::StructDefId { name, version: source.below(3) as i32 })
}

/// A run id of one to three parts; ids that nobody could have made are among them.
pub fn wf_run_id(source: &mut Source<'_>) -> pb::WfRunId {
    let mut id: Option<Box<pb::WfRunId>> = None;
    for _ in 0..=source.below(12) / 10 {
        let text = if source.one_in(8) { text(source) } else { source.pick(&["r1", "r2", "r3"]).to_owned() };
        id = Some(Box::new(pb::WfRunId { id: text, parent_wf_run_id: id }));
    }
    id.map(|id| *id).unwrap_or_default()
}

fn maybe_type(source: &mut Source<'_>, depth: usize) -> Option<TypeDefinition> {
    (!source.one_in(3)).then(|| type_definition(source, depth.saturating_sub(1)))
}

/// Any type, containers at most `depth` deep.
pub fn type_definition(source: &mut Source<'_>, depth: usize) -> TypeDefinition {
    let cases = if depth == 0 { 3 } else { 7 };
    let defined = match source.below(cases) {
        0 | 1 => Some(DefinedType::PrimitiveType(source.pick(&PRIMITIVES) as i32)),
        2 if source.one_in(4) => None,
        2 => struct_def_id(source).map(DefinedType::StructDefId),
        3 => {
            let array_type = maybe_type(source, depth).map(Box::new);
            Some(DefinedType::InlineArrayDef(Box::new(pb::InlineArrayDef { array_type })))
        }
        4 | 5 => Some(DefinedType::InlineMapDef(Box::new(map_type(source, depth)))),
        _ => Some(DefinedType::PrimitiveType(source.below(12) as i32 - 1)),
    };
    TypeDefinition { masked: source.one_in(8), defined_type: defined }
}

/// Any assignment, operators and builders at most `depth` deep; `nodes` are names of nodes it may refer to.
pub fn assignment(source: &mut Source<'_>, depth: usize, nodes: &[String]) -> VariableAssignment {
    let cases = if depth == 0 { 4 } else { 10 };
    let from = match source.below(cases) {
        0 => From::LiteralValue(value(source, 1)),
        1 | 2 => From::VariableName(source.pick(&VARIABLES).to_owned()),
        3 => {
            let node_name = nodes.get(source.below(nodes.len())).cloned().unwrap_or_else(|| text(source));
            From::NodeOutput(NodeOutputReference { node_name })
        }
        4 => From::FormatString(Box::new(FormatString {
            format: Some(Box::new(assignment(source, depth - 1, nodes))),
            args: (0..source.below(4)).map(|_| assignment(source, depth - 1, nodes)).collect(),
        })),
        5 | 6 => From::Expression(Box::new(expression(source, depth, nodes))),
        7 => From::SizeOf(Box::new(SizeOf { operand: Some(Box::new(assignment(source, depth - 1, nodes))) })),
        8 => From::MapBuilder(pb::MapBuilder {
            entries: (0..source.below(3))
                .map(|_| pb::map_builder::Entry {
                    key: Some(assignment(source, depth - 1, nodes)),
                    value: Some(assignment(source, depth - 1, nodes)),
                })
                .collect(),
            map_type: source.one_in(2).then(|| map_type(source, 2)),
        }),
        _ => From::StructBuilder(pb::StructBuilder {
            struct_def_id: struct_def_id(source),
            value: Some(struct_fields(source, depth, nodes)),
        }),
    };
    let path = match source.below(8) {
        1 => Some(Path::JsonPath(text(source))),
        2 => Some(Path::LhPath(lh_path(source, depth, nodes))),
        _ => None,
    };
    let target_type = source.one_in(6).then(|| type_definition(source, 1));
    VariableAssignment { source: Some(from), path, target_type }
}

fn expression(source: &mut Source<'_>, depth: usize, nodes: &[String]) -> Expression {
    use pb::variable_assignment::expression::Operation;
    let operation = match source.one_in(2) {
        true => Operation::Comparator(source.below(9) as i32),
        false => Operation::MutationType(source.below(13) as i32),
    };
    let mut side = || (!source.one_in(16)).then(|| Box::new(assignment(source, depth - 1, nodes)));
    Expression { lhs: side(), rhs: side(), operation: Some(operation) }
}

fn struct_fields(source: &mut Source<'_>, depth: usize, nodes: &[String]) -> pb::InlineStructBuilder {
    use pb::inline_struct_field_value::StructValue;
    let fields = (0..source.below(4)).map(|_| {
        let field = match depth > 1 && source.one_in(3) {
            true => StructValue::SubStructure(struct_fields(source, depth - 1, nodes)),
            false => StructValue::SimpleValue(assignment(source, depth - 1, nodes)),
        };
        (source.pick(&VARIABLES).to_owned(), pb::InlineStructFieldValue { struct_value: Some(field) })
    });
    pb::InlineStructBuilder { fields: fields.collect() }
}

/// Any path of up to three selectors.
pub fn lh_path(source: &mut Source<'_>, depth: usize, nodes: &[String]) -> LhPath {
    let selector = |source: &mut Source<'_>| match source.below(4) {
        0 | 1 => SelectorType::Key(source.pick(&["a", "b", "str", "int", ""]).to_owned()),
        2 => SelectorType::Index(source.pick(&INTEGERS) as i32),
        _ => SelectorType::Dynamic(assignment(source, depth.saturating_sub(1), nodes)),
    };
    let path = (0..source.below(4)).map(|_| Selector { selector_type: Some(selector(source)) });
    LhPath { path: path.collect() }
}

/// Any mutation of a variable.
pub fn mutation(source: &mut Source<'_>, nodes: &[String]) -> pb::VariableMutation {
    use pb::variable_mutation::{NodeOutputSource, RhsValue};
    let right = match source.below(6) {
        0..=2 => RhsValue::RhsAssignment(assignment(source, 2, nodes)),
        3 | 4 => RhsValue::LiteralValue(value(source, 2)),
        _ => RhsValue::NodeOutput(NodeOutputSource { path: None }),
    };
    pb::VariableMutation {
        lhs_name: source.pick(&VARIABLES).to_owned(),
        lhs_json_path: source.one_in(6).then(|| text(source)),
        lhs_lh_path: source.one_in(6).then(|| lh_path(source, 1, nodes)),
        operation: source.below(13) as i32,
        rhs_value: Some(right),
    }
}
