//! The type that an expression is known to have before anything runs (T-7, STA-1); `None` = unknown, checked at run time.

use pb::lh_path::selector::SelectorType;
use pb::type_definition::DefinedType;
use pb::variable_assignment::expression::Operation;
use pb::variable_assignment::{Expression, Path, Source};

use super::assign;
use super::view::ThreadView;
use super::{Reason, builder, nodes};
use crate::{pb, value};

/// A type, or unknown.
pub(super) type Static = Option<pb::TypeDefinition>;

/// The type of an expression, its cast included.
///
/// # Errors
/// It can be nothing: an impossible cast, operation or path.
pub(super) fn of(view: &ThreadView<'_>, assignment: &pb::VariableAssignment) -> Result<Static, Reason> {
    let before = before_cast(view, assignment)?;
    let Some(target) = &assignment.target_type else { return Ok(before) };
    assign::require_castable(before.as_ref(), target)?;
    Ok(Some(target.clone()))
}

/// The type of an expression before its cast: of the source, narrowed by the path.
pub(super) fn before_cast(view: &ThreadView<'_>, assignment: &pb::VariableAssignment) -> Result<Static, Reason> {
    match &assignment.path {
        // Whatever a JSONPath yields is known only at run time (PTH-6).
        Some(Path::JsonPath(_)) => Ok(None),
        Some(Path::LhPath(path)) => narrow(view, of_source(view, assignment)?, path),
        None => of_source(view, assignment),
    }
}

/// Whether the expression is the literal NULL, which fits everywhere.
pub(super) fn is_null_literal(assignment: &pb::VariableAssignment) -> bool {
    matches!(&assignment.source, Some(Source::LiteralValue(value)) if value.value.is_none())
}

fn of_source(view: &ThreadView<'_>, assignment: &pb::VariableAssignment) -> Result<Static, Reason> {
    match &assignment.source {
        None => Err("assignment is missing source".to_owned()),
        Some(Source::VariableName(name)) => Ok(view.variable_type(name)?.cloned()),
        Some(Source::LiteralValue(literal)) => Ok(value::types::of_value(literal)),
        Some(Source::FormatString(_)) => Ok(Some(value::types::primitive(pb::VariableType::Str))),
        Some(Source::NodeOutput(output)) => nodes::output_type(view, view.node(&output.node_name)?),
        Some(Source::Expression(expression)) => of_expression(view, expression),
        Some(Source::StructBuilder(built)) => {
            builder::require_buildable(view, built)?;
            Ok(built.struct_def_id.clone().map(value::types::structure))
        }
        Some(Source::MapBuilder(built)) => builder::map_type(view, built).map(Some),
        Some(Source::SizeOf(size_of)) => of_size(view, size_of.operand.as_deref()),
    }
}

fn of_expression(view: &ThreadView<'_>, expression: &Expression) -> Result<Static, Reason> {
    let operation = match expression.operation {
        None => return Err("expression is missing its operation".to_owned()),
        // Operands of a comparator are checked only where it is a condition (CMP-3).
        Some(Operation::Comparator(_)) => return Ok(Some(value::types::primitive(pb::VariableType::Bool))),
        Some(Operation::MutationType(number)) => {
            pb::VariableMutationType::try_from(number).map_err(|_| format!("unknown operation {number}"))?
        }
    };
    let left = of_operand(view, expression.lhs.as_deref())?;
    let right = of_operand(view, expression.rhs.as_deref())?;
    value::operators::result_type(operation, left.as_ref(), right.as_ref())
}

/// The type of an operand, which must be there.
pub(super) fn of_operand(view: &ThreadView<'_>, operand: Option<&pb::VariableAssignment>) -> Result<Static, Reason> {
    of(view, operand.ok_or("expression is missing source")?)
}

fn of_size(view: &ThreadView<'_>, operand: Option<&pb::VariableAssignment>) -> Result<Static, Reason> {
    let known = of_operand(view, operand)?;
    let is_sized = known.as_ref().is_none_or(|known| {
        matches!(known.defined_type, Some(DefinedType::InlineArrayDef(_)))
            || matches!(value::types::primitive_of(known), Some(pb::VariableType::Str | pb::VariableType::JsonArr))
    });
    if !is_sized {
        return Err("size() only supports STR, ARRAY or JSON_ARR operands".to_owned());
    }
    Ok(Some(value::types::primitive(pb::VariableType::Int)))
}

/// The type at the end of a path (PTH-6, NEW-2).
pub(super) fn narrow(view: &ThreadView<'_>, from: Static, path: &pb::LhPath) -> Result<Static, Reason> {
    let mut current = from;
    for selector in &path.path {
        let Some(known) = current else { return Ok(None) };
        let selector = selector.selector_type.as_ref().ok_or("path selector has neither key nor index")?;
        current = step(view, &known, selector)?;
    }
    Ok(current)
}

fn step(view: &ThreadView<'_>, from: &pb::TypeDefinition, selector: &SelectorType) -> Result<Static, Reason> {
    let wrong = |wanted: &str| Err(format!("cannot select from {}: {wanted}", value::types::name(from)));
    match (&from.defined_type, selector) {
        (None, _) => Ok(None),
        (Some(DefinedType::PrimitiveType(_)), _) => match value::types::primitive_of(from) {
            Some(pb::VariableType::JsonObj | pb::VariableType::JsonArr) => Ok(None),
            _ => wrong("it has no parts"),
        },
        (Some(DefinedType::StructDefId(_) | DefinedType::InlineStructDef(_)), SelectorType::Index(_)) => {
            wrong("the selector must be a key")
        }
        (Some(DefinedType::StructDefId(_) | DefinedType::InlineStructDef(_)), SelectorType::Dynamic(dynamic)) => {
            require_selector(view, dynamic, pb::VariableType::Str)?;
            Ok(None)
        }
        (Some(DefinedType::StructDefId(id)), SelectorType::Key(key)) => {
            match view.definitions().struct_def(&id.name, Some(id.version)).and_then(|found| found.struct_def) {
                Some(schema) => field_type(&schema, key),
                None => Ok(None),
            }
        }
        (Some(DefinedType::InlineStructDef(schema)), SelectorType::Key(key)) => field_type(schema, key),
        (Some(DefinedType::InlineArrayDef(_)), SelectorType::Key(_)) => wrong("the selector must be an index"),
        (Some(DefinedType::InlineArrayDef(array)), SelectorType::Index(_)) => Ok(array.array_type.as_deref().cloned()),
        (Some(DefinedType::InlineArrayDef(array)), SelectorType::Dynamic(dynamic)) => {
            require_selector(view, dynamic, pb::VariableType::Int)?;
            Ok(array.array_type.as_deref().cloned())
        }
        (Some(DefinedType::InlineMapDef(_)), SelectorType::Index(_)) => wrong("the selector must be a key"),
        (Some(DefinedType::InlineMapDef(map)), SelectorType::Key(_)) => Ok(map.value_type.as_deref().cloned()),
        (Some(DefinedType::InlineMapDef(map)), SelectorType::Dynamic(dynamic)) => {
            of(view, dynamic)?;
            Ok(map.value_type.as_deref().cloned())
        }
    }
}

fn field_type(schema: &pb::InlineStructDef, key: &str) -> Result<Static, Reason> {
    let field = schema.fields.get(key).ok_or_else(|| format!("could not find field '{key}'"))?;
    Ok(field.field_type.clone())
}

fn require_selector(
    view: &ThreadView<'_>,
    dynamic: &pb::VariableAssignment,
    wanted: pb::VariableType,
) -> Result<(), Reason> {
    let known = of(view, dynamic)?;
    if known.as_ref().is_none_or(|known| value::types::primitive_of(known) == Some(wanted)) {
        return Ok(());
    }
    Err(format!("path selector must resolve to {}", wanted.as_str_name()))
}
