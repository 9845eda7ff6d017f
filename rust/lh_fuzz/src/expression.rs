//! Evaluation: any assignment or mutation over any variables gives a value or a failure, always the same one.

use std::collections::BTreeMap;

use lh_machine::{
    pb::{self, VariableValue},
    value::{Scope, StructDefs, Vse, condition, ingress, json, mutation, resolve, types},
};
use prost::Message;

use crate::{
    source::Source,
    specs::Defined,
    values::{self, PRIMITIVES, VARIABLES},
};

struct Seen {
    variables: BTreeMap<&'static str, VariableValue>,
    output: VariableValue,
    defs: Vec<pb::StructDef>,
}

impl StructDefs for Seen {
    fn struct_def(&self, id: &pb::StructDefId) -> Option<&pb::StructDef> {
        self.defs.iter().find(|def| def.id.as_ref() == Some(id))
    }
}

impl Scope for Seen {
    fn variable(&self, name: &str) -> Result<&VariableValue, Vse> {
        self.variables.get(name).ok_or_else(|| Vse::new("not in scope"))
    }

    fn node_output(&self, node_name: &str) -> Result<&VariableValue, Vse> {
        if node_name == "node" { Ok(&self.output) } else { Err(Vse::new("no output")) }
    }
}

/// Evaluates an assignment, a condition and a mutation, or whatever protobuf the bytes are.
pub fn expression(bytes: &[u8]) {
    let mut source = Source::new(bytes);
    let nodes = ["node".to_owned()];
    let defs = Defined::structs();
    let variables = VARIABLES[..7].iter().map(|name| (*name, values::value(&mut source, 2))).collect();
    let mut seen = Seen { variables, output: values::value(&mut source, 2), defs };
    accepted(&mut source, &mut seen);
    if source.one_in(8) {
        if let Ok(assignment) = pb::VariableAssignment::decode(source.rest()) {
            evaluate(&assignment, &seen);
        }
        return;
    }
    evaluate(&values::assignment(&mut source, 4, &nodes), &seen);
    let change = values::mutation(&mut source, &nodes);
    let declared = values::type_definition(&mut source, 2);
    let current = values::value(&mut source, 2);
    let mutate = || mutation::mutate(&change, Some(&seen.output), &declared, &current, &seen);
    same(mutate(), mutate());
}

/// Values that a client sends become stored ones: accepting those once more changes nothing.
fn accepted(source: &mut Source<'_>, seen: &mut Seen) {
    let declared = match source.one_in(2) {
        true => values::type_definition(source, 2),
        false => types::primitive(source.pick(&PRIMITIVES)),
    };
    let Ok(stored) = ingress::accept(&declared, values::value(source, 3), seen) else { return };
    let again = ingress::accept(&declared, stored.clone(), seen);
    same(again, Ok(stored.clone()));
    seen.variables.insert("str", stored);
}

fn evaluate(assignment: &pb::VariableAssignment, seen: &Seen) {
    let first = resolve::resolve(assignment, seen);
    same(first.clone(), resolve::resolve(assignment, seen));
    drop(condition::condition_holds(assignment, seen));
    if let Ok(value) = &first {
        drop(types::of_value(value));
        if let Ok(json) = json::from_value(value)
            && let Ok(text) = json::write(&json)
        {
            assert!(json::parse_any(&text).is_ok(), "written JSON can be read: {text}");
        }
    }
}

/// Compares by bytes, so that NaN equals itself.
fn same(left: Result<VariableValue, Vse>, right: Result<VariableValue, Vse>) {
    let bytes = |result: Result<VariableValue, Vse>| result.map(|value| value.encode_to_vec());
    assert_eq!(bytes(left), bytes(right));
}
