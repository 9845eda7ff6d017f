//! Versions of StructDefs are pinned wherever a definition names one.

use lh_machine::pb::inline_struct_field_value::StructValue;
use lh_machine::pb::node::Node as Kind;
use lh_machine::pb::type_definition::DefinedType;
use lh_machine::pb::variable_assignment::Source;
use lh_machine::pb::{self, VariableType};
use lh_machine::{Rejected, check};

use super::fixtures::*;

/// A definition that names this version of a StructDef at one place: the version that is stored there.
type Put = fn(&mut Store, &str, i32) -> Result<i32, Rejected>;

fn version_in(declared: &pb::TypeDefinition) -> i32 {
    match declared.defined_type.as_ref().unwrap() {
        DefinedType::StructDefId(id) => id.version,
        DefinedType::InlineArrayDef(array) => version_in(array.array_type.as_ref().unwrap()),
        other => panic!("{other:?}"),
    }
}

fn content(name: &str, version: i32) -> Option<pb::ReturnType> {
    Some(return_type(array_of(struct_type(name, version))))
}

fn wf_spec_variable(store: &mut Store, name: &str, version: i32) -> Result<i32, Rejected> {
    let stored = store.put(declaring(vec![var_of("x", array_of(struct_type(name, version)))]))?.wf_spec.unwrap();
    let variable = stored.thread_specs["main"].variable_defs[0].var_def.clone().unwrap();
    Ok(version_in(&variable.type_def.unwrap()))
}

fn task_input(store: &mut Store, name: &str, version: i32) -> Result<i32, Rejected> {
    let input_vars = vec![variable_def("x", array_of(struct_type(name, version)))];
    let request = pb::PutTaskDefRequest { name: "t".to_owned(), input_vars, ..Default::default() };
    let stored = check::put_task_def(request, store, NOW_MS)?;
    Ok(version_in(stored.input_vars[0].type_def.as_ref().unwrap()))
}

fn task_output(store: &mut Store, name: &str, version: i32) -> Result<i32, Rejected> {
    let request =
        pb::PutTaskDefRequest { name: "t".to_owned(), return_type: content(name, version), ..Default::default() };
    let stored = check::put_task_def(request, store, NOW_MS)?;
    Ok(version_in(&stored.return_type.unwrap().return_type.unwrap()))
}

fn external_event(store: &mut Store, name: &str, version: i32) -> Result<i32, Rejected> {
    let content_type = content(name, version);
    let request = pb::PutExternalEventDefRequest { name: "e".to_owned(), content_type, ..Default::default() };
    let stored = check::put_external_event_def(request, store, NOW_MS)?;
    Ok(version_in(&stored.type_information.unwrap().return_type.unwrap()))
}

fn workflow_event(store: &mut Store, name: &str, version: i32) -> Result<i32, Rejected> {
    let request = pb::PutWorkflowEventDefRequest { name: "w".to_owned(), content_type: content(name, version) };
    let stored = check::put_workflow_event_def(request, store, NOW_MS)?;
    Ok(version_in(&stored.content_type.unwrap().return_type.unwrap()))
}

fn struct_field(store: &mut Store, name: &str, version: i32) -> Result<i32, Rejected> {
    let field_type = Some(array_of(struct_type(name, version)));
    let fields = [("f".to_owned(), pb::StructFieldDef { field_type, ..Default::default() })].into();
    let struct_def = Some(pb::InlineStructDef { fields });
    let request = pb::PutStructDefRequest { name: "garage".to_owned(), struct_def, ..Default::default() };
    let stored = check::put_struct_def(request, store, NOW_MS)?;
    Ok(version_in(stored.struct_def.unwrap().fields["f"].field_type.as_ref().unwrap()))
}

/// A builder of one field, which both versions of `car` have.
fn builder(name: &str, version: i32) -> pb::VariableAssignment {
    let model = pb::InlineStructFieldValue { struct_value: Some(StructValue::SimpleValue(text("T"))) };
    let source = Source::StructBuilder(pb::StructBuilder {
        struct_def_id: Some(pb::StructDefId { name: name.to_owned(), version }),
        value: Some(pb::InlineStructBuilder { fields: [("model".to_owned(), model)].into() }),
    });
    pb::VariableAssignment { source: Some(source), ..Default::default() }
}

fn version_built(assignment: &pb::VariableAssignment) -> i32 {
    match assignment.source.as_ref().unwrap() {
        Source::StructBuilder(builder) => builder.struct_def_id.as_ref().unwrap().version,
        other => panic!("{other:?}"),
    }
}

fn built_input(store: &mut Store, name: &str, version: i32) -> Result<i32, Rejected> {
    let input_vars = vec![variable_def("x", struct_type("car", 0))];
    let takes_car = pb::PutTaskDefRequest { name: "takes-car".to_owned(), input_vars, ..Default::default() };
    store.put_task_def(takes_car).unwrap();
    let stored = store.put(around(Kind::Task(task("takes-car", vec![builder(name, version)]))))?.wf_spec.unwrap();
    match stored.thread_specs["main"].nodes["1-node"].node.as_ref().unwrap() {
        Kind::Task(task) => Ok(version_built(&task.variables[0])),
        other => panic!("{other:?}"),
    }
}

fn built_in_mutation(store: &mut Store, name: &str, version: i32) -> Result<i32, Rejected> {
    let edge = mutating("x", pb::VariableMutationType::Assign, builder(name, version));
    let stored = store.put(with_edge(vec![var_of("x", struct_type("car", 0))], edge))?.wf_spec.unwrap();
    let mutation = &stored.thread_specs["main"].nodes["1-node"].outgoing_edges[0].variable_mutations[0];
    match mutation.rhs_value.as_ref().unwrap() {
        pb::variable_mutation::RhsValue::RhsAssignment(assignment) => Ok(version_built(assignment)),
        other => panic!("{other:?}"),
    }
}

/// 01/TYP-7, 02/T-2: in variables of WfSpecs, inputs and outputs of TaskDefs, contents of events of both kinds, fields of
/// StructDefs and struct builders, -1 becomes the latest version, 0 is 0, and what does not exist is refused.
#[test]
fn every_kind_is_pinned() {
    let kinds: [(&str, Put); 8] = [
        ("variable of a WfSpec", wf_spec_variable),
        ("input of a TaskDef", task_input),
        ("output of a TaskDef", task_output),
        ("content of an ExternalEvent", external_event),
        ("content of a WorkflowEvent", workflow_event),
        ("field of a StructDef", struct_field),
        ("builder in a task's input", built_input),
        ("builder in a mutation", built_in_mutation),
    ];
    for (kind, put) in kinds {
        let fresh = || {
            let mut store = Store::new();
            store.structure("car", [field("model", VariableType::Str)]);
            store
        };
        assert_eq!(put(&mut fresh(), "car", -1), Ok(1), "{kind}");
        assert_eq!(put(&mut fresh(), "car", 0), Ok(0), "{kind}");
        for (name, version) in [("car", 2), ("boat", -1), ("boat", 0)] {
            let refused = put(&mut fresh(), name, version).expect_err(kind);
            let text = format!("Refers to non-existent StructDef {name}");
            assert_refusal(&refused, lh_machine::rejected::Code::InvalidArgument, &[&text]);
        }
    }
}
