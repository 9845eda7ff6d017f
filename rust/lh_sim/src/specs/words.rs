//! Parts of definitions: values, variables, mutations, handlers, events.

use lh_machine::pb::{self, variable_assignment::Source, variable_value::Value};

use super::{FORM, INPUT, ONCE, PAID, RESULT, SHARED, STOP, TOLD, TRAIL};

pub fn primitive(kind: pb::VariableType) -> pb::TypeDefinition {
    pb::TypeDefinition {
        defined_type: Some(pb::type_definition::DefinedType::PrimitiveType(kind as i32)),
        ..Default::default()
    }
}

pub fn variable(name: &str, kind: pb::VariableType, default: Value) -> pb::ThreadVarDef {
    let definition = pb::VariableDef {
        name: name.to_owned(),
        type_def: Some(primitive(kind)),
        default_value: Some(pb::VariableValue { value: Some(default) }),
        ..Default::default()
    };
    pb::ThreadVarDef {
        var_def: Some(definition),
        searchable: name == INPUT,
        access_level: pb::WfRunVariableAccessLevel::PrivateVar as i32,
        ..Default::default()
    }
}

pub fn assignment(source: Source) -> pb::VariableAssignment {
    pb::VariableAssignment { source: Some(source), ..Default::default() }
}

pub fn literal(number: i64) -> pb::VariableAssignment {
    assignment(Source::LiteralValue(pb::VariableValue { value: Some(Value::Int(number)) }))
}

pub fn text(text: impl Into<String>) -> pb::VariableAssignment {
    assignment(Source::LiteralValue(pb::VariableValue { value: Some(Value::Str(text.into())) }))
}

pub fn variable_value(name: &str) -> pb::VariableAssignment {
    assignment(Source::VariableName(name.to_owned()))
}

pub fn output_of(node: &str) -> pb::VariableAssignment {
    assignment(Source::NodeOutput(pb::variable_assignment::NodeOutputReference { node_name: node.to_owned() }))
}

pub fn mutation(
    name: &str,
    operation: pb::VariableMutationType,
    right: pb::VariableAssignment,
) -> pb::VariableMutation {
    pb::VariableMutation {
        lhs_name: name.to_owned(),
        operation: operation as i32,
        rhs_value: Some(pb::variable_mutation::RhsValue::RhsAssignment(right)),
        ..Default::default()
    }
}

/// An edge that appends something to the trail.
pub fn appending(right: pb::VariableAssignment) -> pb::Edge {
    let mutations = vec![mutation(TRAIL, pb::VariableMutationType::Extend, right)];
    pb::Edge { variable_mutations: mutations, ..Default::default() }
}

pub fn less_than(name: &str, limit: i64) -> pb::edge::EdgeCondition {
    use pb::variable_assignment::{Expression, expression::Operation};
    let expression = Expression {
        lhs: Some(Box::new(variable_value(name))),
        rhs: Some(Box::new(literal(limit))),
        operation: Some(Operation::Comparator(pb::Comparator::LessThan as i32)),
    };
    pb::edge::EdgeCondition::Condition(assignment(Source::Expression(Box::new(expression))))
}

/// A failure handler for a name; `error`, `exception` and `any` are those kinds.
pub fn handler(failure: &str, thread: &str) -> pb::FailureHandlerDef {
    use pb::failure_handler_def::{FailureToCatch, LhFailureType};
    let of_kind = |kind: LhFailureType| Some(FailureToCatch::AnyFailureOfType(kind as i32));
    let failure_to_catch = match failure {
        "any" => None,
        "error" => of_kind(LhFailureType::FailureTypeError),
        "exception" => of_kind(LhFailureType::FailureTypeException),
        name => Some(FailureToCatch::SpecificFailure(name.to_owned())),
    };
    pb::FailureHandlerDef { handler_spec_name: thread.to_owned(), failure_to_catch }
}

pub fn interrupt(event: &str, thread: &str) -> pb::InterruptDef {
    pb::InterruptDef { external_event_def_id: Some(event_def(event)), handler_spec_name: thread.to_owned() }
}

pub fn event_def(name: &str) -> pb::ExternalEventDefId {
    pb::ExternalEventDefId { name: name.to_owned() }
}

pub fn told() -> pb::WorkflowEventDefId {
    pb::WorkflowEventDefId { name: TOLD.to_owned() }
}

/// All definitions of events from outside; their contents are texts.
pub fn event_defs() -> impl Iterator<Item = pb::ExternalEventDef> {
    let config = |once| pb::CorrelatedEventConfig { delete_after_first_correlation: once, ..Default::default() };
    [(PAID, None), (STOP, None), (SHARED, Some(config(false))), (ONCE, Some(config(true)))].into_iter().map(
        |(name, config)| pb::ExternalEventDef {
            id: Some(event_def(name)),
            type_information: Some(pb::ReturnType { return_type: Some(primitive(pb::VariableType::Str)) }),
            correlated_event_config: config,
            ..Default::default()
        },
    )
}

/// The form of all user tasks.
pub fn form() -> pb::UserTaskDef {
    let field = pb::UserTaskField {
        name: RESULT.to_owned(),
        r#type: pb::VariableType::Str as i32,
        required: true,
        ..Default::default()
    };
    pb::UserTaskDef { name: FORM.to_owned(), fields: vec![field], ..Default::default() }
}

pub fn retention(seconds: i64) -> pb::WorkflowRetentionPolicy {
    use pb::workflow_retention_policy::WfGcPolicy;
    pb::WorkflowRetentionPolicy { wf_gc_policy: Some(WfGcPolicy::SecondsAfterWfTermination(seconds)) }
}
