//! Conditions inside `[?( … )]`.

use std::{borrow::Cow, cmp::Ordering};

use regex_lite::Regex;
use serde_json::Value as Json;

use super::{
    super::{Vse, compare, text},
    JsonPath,
    select::{Matches, Walk},
    weight,
};

/// A condition on one node.
#[derive(Debug)]
pub(super) enum Filter {
    Any(Vec<Filter>),
    All(Vec<Filter>),
    Not(Box<Filter>),
    Exists(Operand),
    Compare(Operand, Operator, Operand),
}

/// One side of a comparison.
#[derive(Debug)]
pub(super) enum Operand {
    Path {
        from_root: bool,
        path: JsonPath,
    },
    Literal(Json),
    /// A regular expression, and the steps that one byte of text costs.
    Regex(Regex, usize),
}

/// The operators of the dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Matches,
    In,
    NotIn,
    SubsetOf,
    AnyOf,
    NoneOf,
    AllOf,
    Contains,
    Size,
    Empty,
    Type,
}

impl Operator {
    /// Whether each item of one list is looked for in another list.
    fn looks_at_pairs(self) -> bool {
        matches!(self, Self::SubsetOf | Self::AnyOf | Self::NoneOf | Self::AllOf)
    }
}

impl Filter {
    /// Whether the node satisfies the condition.
    ///
    /// # Errors
    /// The budget is spent.
    pub(super) fn holds(&self, walk: &Walk<'_>, node: &Json) -> Result<bool, Vse> {
        walk.budget.spend(1)?;
        match self {
            Self::Any(filters) => {
                for filter in filters {
                    if filter.holds(walk, node)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Self::All(filters) => {
                for filter in filters {
                    if !filter.holds(walk, node)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Self::Not(filter) => Ok(!filter.holds(walk, node)?),
            Self::Exists(operand) => Ok(operand.value(walk, node)?.is_some()),
            Self::Compare(left, Operator::Matches, right) => matches(left, right, walk, node),
            Self::Compare(left, operator, right) => {
                let (left, right) = (left.value(walk, node)?, right.value(walk, node)?);
                let (left, right) = (left.as_deref(), right.as_deref());
                let (left_weight, right_weight) = (left.map_or(0, weight), right.map_or(0, weight));
                walk.budget.spend(left_weight + right_weight)?;
                if operator.looks_at_pairs() {
                    walk.budget.spend(left_weight.saturating_mul(right_weight))?;
                }
                Ok(compares(left, *operator, right))
            }
        }
    }
}

impl Operand {
    /// The operand's value; `None` = there is nothing.
    fn value<'a>(&'a self, walk: &Walk<'a>, node: &'a Json) -> Result<Option<Cow<'a, Json>>, Vse> {
        let (from_root, path) = match self {
            Self::Literal(json) => return Ok(Some(Cow::Borrowed(json))),
            Self::Regex(..) => return Ok(None),
            Self::Path { from_root, path } => (*from_root, path),
        };
        Ok(match walk.matches(path, if from_root { walk.root } else { node })? {
            Matches::One(found) => found.map(Cow::Borrowed),
            Matches::Computed(json) => Some(Cow::Owned(json)),
            Matches::Many(found) => {
                walk.budget.spend(found.iter().map(|json| weight(json)).sum())?;
                Some(Cow::Owned(Json::Array(found.into_iter().cloned().collect())))
            }
        })
    }
}

fn matches(left: &Operand, right: &Operand, walk: &Walk<'_>, node: &Json) -> Result<bool, Vse> {
    let (Operand::Regex(regex, steps_per_byte), other) = (match (left, right) {
        (Operand::Regex(..), other) => (left, other),
        (other, _) => (right, other),
    }) else {
        return Ok(false);
    };
    let value = other.value(walk, node)?;
    let Some(subject) = value.as_deref().and_then(|json| match json {
        Json::String(text) => Some(text.clone()),
        Json::Number(_) | Json::Bool(_) => Some(json.to_string()),
        _ => None,
    }) else {
        return Ok(false);
    };
    walk.budget.spend(subject.len().saturating_mul(*steps_per_byte))?;
    Ok(regex.is_match(&subject))
}

fn compares(left: Option<&Json>, operator: Operator, right: Option<&Json>) -> bool {
    match operator {
        Operator::Equal => equal(left, right),
        Operator::NotEqual => !equal(left, right),
        _ => match (left, right) {
            (Some(left), Some(right)) => relates(left, operator, right),
            _ => false,
        },
    }
}

fn relates(left: &Json, operator: Operator, right: &Json) -> bool {
    match operator {
        Operator::Less => order(left, right).is_some_and(Ordering::is_lt),
        Operator::LessOrEqual => order(left, right).is_some_and(Ordering::is_le),
        Operator::Greater => order(left, right).is_some_and(Ordering::is_gt),
        Operator::GreaterOrEqual => order(left, right).is_some_and(Ordering::is_ge),
        Operator::In => among(left, right),
        Operator::NotIn => !among(left, right),
        Operator::SubsetOf => left.is_array() && list(left).iter().all(|item| among(item, right)),
        Operator::AnyOf => list(left).iter().any(|item| among(item, right)),
        Operator::NoneOf => !list(left).iter().any(|item| among(item, right)),
        Operator::AllOf => left.is_array() && list(right).iter().all(|item| among(item, left)),
        Operator::Contains => match (left, right) {
            (Json::String(text), Json::String(part)) => text.contains(part.as_str()),
            _ => among(right, left),
        },
        Operator::Size => size(left).is_some_and(|size| right.as_u64() == Some(size as u64)),
        Operator::Empty => right.as_bool() == size(left).map(|size| size == 0),
        Operator::Type => right.as_str() == Some(type_name(left)),
        Operator::Equal | Operator::NotEqual | Operator::Matches => false,
    }
}

/// The items of a list; nothing for anything else.
fn list(json: &Json) -> &[Json] {
    json.as_array().map_or(&[], Vec::as_slice)
}

fn among(item: &Json, items: &Json) -> bool {
    list(items).iter().any(|other| equal(Some(item), Some(other)))
}

/// Numbers numerically, a text with a number if it reads as that number; everything else by content.
fn equal(left: Option<&Json>, right: Option<&Json>) -> bool {
    match (left, right) {
        (Some(Json::Number(left)), Some(Json::Number(right))) => compare::same_number(left, right),
        (Some(Json::Number(number)), Some(Json::String(text)))
        | (Some(Json::String(text)), Some(Json::Number(number))) => {
            text::parse_double(text).is_some_and(|parsed| Some(parsed) == number.as_f64())
        }
        (left, right) => left == right,
    }
}

/// Two numbers or two texts have an order.
fn order(left: &Json, right: &Json) -> Option<Ordering> {
    match (left, right) {
        (Json::Number(left), Json::Number(right)) => match (left.as_i64(), right.as_i64()) {
            (Some(left), Some(right)) => Some(left.cmp(&right)),
            _ => left.as_f64()?.partial_cmp(&right.as_f64()?),
        },
        (Json::String(left), Json::String(right)) => Some(compare::order_texts(left, right)),
        _ => None,
    }
}

fn size(json: &Json) -> Option<usize> {
    match json {
        Json::Array(items) => Some(items.len()),
        Json::Object(members) => Some(members.len()),
        Json::String(text) => Some(text.encode_utf16().count()),
        _ => None,
    }
}

fn type_name(json: &Json) -> &'static str {
    match json {
        Json::Null => "null",
        Json::Bool(_) => "boolean",
        Json::Number(_) => "number",
        Json::String(_) => "string",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    }
}
