//! Run-time results of operations on values (section 9.3), in expressions and in mutations.

use crate::pb::{TypeDefinition, VariableMutationType, VariableType, VariableValue, variable_value::Value};

use super::{StructDefs, Vse, bounds, collection, convert, of, types};

/// The result of `left operation right`.
///
/// `declared` is the type of the mutated variable or sub-value; `None` in an expression. It matters where a mutation
/// differs: an `INT` variable keeps an integer result, a `DOUBLE` variable is widened first (MUT-5, MUT-12).
///
/// # Errors
/// Whatever section 9.3 does not list.
pub fn compute(
    operation: VariableMutationType,
    left: &VariableValue,
    right: &VariableValue,
    declared: Option<&TypeDefinition>,
    defs: &dyn StructDefs,
) -> Result<VariableValue, Vse> {
    match operation {
        VariableMutationType::Assign => match types::of_value(left) {
            Some(left) => convert::convert_for_assign(right.clone(), declared.unwrap_or(&left), defs),
            None => Ok(right.clone()),
        },
        VariableMutationType::And => logical(left, right, false),
        VariableMutationType::Or => logical(left, right, true),
        VariableMutationType::Add => add(left, right, declared),
        VariableMutationType::Subtract | VariableMutationType::Multiply | VariableMutationType::Divide => {
            arithmetic(operation, left, right, declared)
        }
        VariableMutationType::Pow => power(left, right),
        VariableMutationType::Extend => collection::extend(left, right, declared, defs),
        VariableMutationType::RemoveIfPresent => collection::remove_if_present(left, right, declared, defs),
        VariableMutationType::RemoveIndex => collection::remove_index(left, right),
        VariableMutationType::RemoveKey => collection::remove_key(left, right, declared, defs),
    }
}

/// The failure of an operation on operands that it does not take.
pub(super) fn unsupported(operation: VariableMutationType, left: &VariableValue, right: &VariableValue) -> Vse {
    Vse::new(format!(
        "Cannot apply {} to {} and {}",
        operation.as_str_name(),
        types::value_name(left),
        types::value_name(right)
    ))
}

/// AND and OR; the right operand is not looked at when the left one decides (MUT-16).
fn logical(left: &VariableValue, right: &VariableValue, deciding: bool) -> Result<VariableValue, Vse> {
    let result = if boolean(left)? == deciding { deciding } else { boolean(right)? };
    Ok(of(Value::Bool(result)))
}

fn boolean(value: &VariableValue) -> Result<bool, Vse> {
    match &value.value {
        Some(Value::Bool(value)) => Ok(*value),
        Some(Value::Str(text)) => convert::bool_of(text),
        _ => Err(Vse::new(format!("Cannot use {} as BOOL", types::value_name(value)))),
    }
}

/// ADD by the left operand: a text grows by text, a `JSON_ARR` by one element, a number is added (MUT-15).
fn add(left: &VariableValue, right: &VariableValue, declared: Option<&TypeDefinition>) -> Result<VariableValue, Vse> {
    match &left.value {
        Some(Value::Str(text)) => concatenate(text, right),
        Some(Value::JsonArr(_)) => collection::append(left, right),
        _ => arithmetic(VariableMutationType::Add, left, right, declared),
    }
}

/// A text followed by the text of a value (MUT-15).
pub(super) fn concatenate(text: &str, right: &VariableValue) -> Result<VariableValue, Vse> {
    let added = convert::to_text(right)?;
    bounds::check_bytes(text.len() + added.len())?;
    Ok(of(Value::Str(format!("{text}{added}"))))
}

#[derive(Clone, Copy)]
enum Number {
    Int(i64),
    Double(f64),
}

impl Number {
    fn double(self) -> f64 {
        match self {
            Self::Int(number) => number as f64,
            Self::Double(number) => number,
        }
    }
}

fn number(value: &VariableValue) -> Option<Number> {
    match &value.value {
        Some(Value::Int(number)) => Some(Number::Int(*number)),
        Some(Value::Double(number)) => Some(Number::Double(*number)),
        _ => None,
    }
}

/// ADD, SUBTRACT, MULTIPLY and DIVIDE on numbers (MUT-5, MUT-12, MUT-13).
fn arithmetic(
    operation: VariableMutationType,
    left: &VariableValue,
    right: &VariableValue,
    declared: Option<&TypeDefinition>,
) -> Result<VariableValue, Vse> {
    let refused = || unsupported(operation, left, right);
    let declared = declared.and_then(types::primitive_of);
    let left_number = match number(left).ok_or_else(refused)? {
        Number::Int(number) if declared == Some(VariableType::Double) => Number::Double(number as f64),
        number => number,
    };
    // A text is read as a number of the left operand's kind.
    let right_number = match (&right.value, left_number) {
        (Some(Value::Str(text)), Number::Int(_)) => Number::Int(convert::int_of(text)?),
        (Some(Value::Str(text)), Number::Double(_)) => Number::Double(convert::double_of(text)?),
        _ => number(right).ok_or_else(refused)?,
    };
    if operation == VariableMutationType::Divide && right_number.double() == 0.0 {
        return Err(Vse::new("Cannot divide by zero"));
    }
    Ok(of(match (left_number, right_number) {
        (Number::Int(left), Number::Int(right)) => Value::Int(integers(operation, left, right)),
        (Number::Int(left), Number::Double(right)) if declared == Some(VariableType::Int) => {
            Value::Int(if operation == VariableMutationType::Add {
                left.wrapping_add(convert::truncate(right))
            } else {
                convert::truncate(doubles(operation, left as f64, right))
            })
        }
        (left, right) => Value::Double(doubles(operation, left.double(), right.double())),
    }))
}

/// Two's complement throughout; division truncates toward zero. The divisor is not zero.
fn integers(operation: VariableMutationType, left: i64, right: i64) -> i64 {
    match operation {
        VariableMutationType::Subtract => left.wrapping_sub(right),
        VariableMutationType::Multiply => left.wrapping_mul(right),
        VariableMutationType::Divide => left.wrapping_div(right),
        _ => left.wrapping_add(right),
    }
}

fn doubles(operation: VariableMutationType, left: f64, right: f64) -> f64 {
    match operation {
        VariableMutationType::Subtract => left - right,
        VariableMutationType::Multiply => left * right,
        VariableMutationType::Divide => left / right,
        _ => left + right,
    }
}

/// POW: exact for two integers, else in double with `libm`, which is the same on every machine (MUT-14).
fn power(left: &VariableValue, right: &VariableValue) -> Result<VariableValue, Vse> {
    let refused = || unsupported(VariableMutationType::Pow, left, right);
    let (base, exponent) = (number(left).ok_or_else(refused)?, number(right).ok_or_else(refused)?);
    let not_finite = || Vse::new("the result of POW is not finite");
    let (base, exponent) = match (base, exponent) {
        (Number::Int(base), Number::Int(exponent)) => return integer_power(base, exponent),
        (base, exponent) => (base.double(), exponent.double()),
    };
    if exponent.is_nan() || (base.abs() == 1.0 && exponent.is_infinite()) {
        return Err(not_finite());
    }
    let result = libm::pow(base, exponent);
    if result.is_finite() { Ok(of(Value::Double(result))) } else { Err(not_finite()) }
}

fn integer_power(base: i64, exponent: i64) -> Result<VariableValue, Vse> {
    let out_of_range = || Vse::new(format!("{base} POW {exponent} is outside the range of INT"));
    let odd = exponent % 2 != 0;
    let result = match (base, exponent) {
        (_, 0) | (1, _) => 1,
        (-1, _) => {
            if odd {
                -1
            } else {
                1
            }
        }
        (0, 1..) => 0,
        (0, _) => return Err(Vse::new("the result of POW is not finite")),
        (_, ..0) => 0,
        _ => {
            let exponent = u32::try_from(exponent).map_err(|_| out_of_range())?;
            base.checked_pow(exponent).ok_or_else(out_of_range)?
        }
    };
    Ok(of(Value::Int(result)))
}

/// `size_of`: UTF-16 length of a text, number of elements of a `JSON_ARR` or Array (MUT-17).
///
/// # Errors
/// "Cannot resolve size()" for everything else.
pub fn size_of(value: &VariableValue) -> Result<VariableValue, Vse> {
    let size = match &value.value {
        Some(Value::Str(text)) => Some(text.encode_utf16().count()),
        Some(Value::Array(array)) => Some(array.items.len()),
        Some(Value::JsonArr(_)) => {
            super::json::of_json_value(value)?.as_ref().and_then(serde_json::Value::as_array).map(Vec::len)
        }
        _ => None,
    };
    match size.map(i64::try_from) {
        Some(Ok(size)) => Ok(of(Value::Int(size))),
        _ => Err(Vse::new(format!("Cannot resolve size() of {}", types::value_name(value)))),
    }
}
