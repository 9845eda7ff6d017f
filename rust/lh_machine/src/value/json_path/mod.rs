//! JSONPath in the Jayway dialect (PTH-1, PTH-2, PTH-7): a small evaluator with bounds.
//!
//! ```text
//!   text ── parse ──► steps ── select ──► matches ── function ──► value
//!                       │ └── filter (conditions inside `[?(…)]`)
//!                       └── update (sets the matches)
//! ```

mod filter;
mod filter_parse;
mod function;
mod parse;
mod select;
mod update;

use std::cell::Cell;

use serde_json::Value as Json;

use crate::pb::{VariableValue, variable_value::Value};

use super::{NULL, Vse, bounds, json, of};

use filter::Filter;
use function::Function;
use select::{Matches, Walk};

pub use update::update;

/// Longest path text in bytes.
pub const PATH_BYTES_MAX: usize = 1_024;

/// Deepest nesting of parentheses and filters inside a path.
const PATH_DEPTH_MAX: usize = 24;

/// Most nodes that one evaluation may visit, filters included.
const STEPS_MAX: usize = 1_000_000;

/// A parsed path.
#[derive(Debug)]
pub struct JsonPath {
    steps: Vec<Step>,
    function: Option<Function>,
}

/// One step of a path: to children, or to all descendants for `..`.
#[derive(Debug)]
struct Step {
    descend: bool,
    selector: Selector,
}

/// Which children a step selects.
#[derive(Debug)]
enum Selector {
    Key(String),
    Keys(Vec<String>),
    Index(i64),
    Indices(Vec<i64>),
    Slice(Option<i64>, Option<i64>),
    Wildcard,
    Filter(Filter),
}

impl JsonPath {
    /// Whether the path can only ever match one node (PTH-2).
    fn is_definite(&self) -> bool {
        self.steps.iter().enumerate().all(|(position, step)| {
            let leaf = position + 1 == self.steps.len();
            !step.descend
                && match step.selector {
                    Selector::Key(_) | Selector::Index(_) => true,
                    Selector::Keys(_) => leaf,
                    _ => false,
                }
        })
    }
}

/// How many nodes may still be visited.
struct Budget(Cell<usize>);

impl Budget {
    fn new() -> Self {
        Self(Cell::new(STEPS_MAX))
    }

    fn spend(&self, steps: usize) -> Result<(), Vse> {
        let left =
            self.0.get().checked_sub(steps).ok_or_else(|| {
                Vse::new(format!("RESOURCE_EXHAUSTED: a json path may visit at most {STEPS_MAX} nodes"))
            })?;
        self.0.set(left);
        Ok(())
    }
}

/// The cost of looking at a whole node: its nodes, and its text.
fn weight(json: &Json) -> usize {
    const TEXT_BYTES_PER_STEP: usize = 64;
    match json {
        Json::String(text) => 1 + text.len() / TEXT_BYTES_PER_STEP,
        Json::Array(items) => 1 + items.iter().map(weight).sum::<usize>(),
        Json::Object(members) => {
            members.iter().map(|(key, value)| 1 + key.len() / TEXT_BYTES_PER_STEP + weight(value)).sum::<usize>() + 1
        }
        _ => 1,
    }
}

/// The value at the path (PTH-2): NULL if nothing is there, a `JSON_ARR` for every indefinite path.
///
/// # Errors
/// A syntax error (PTH-1), or an evaluation that takes too many steps or gives too large a value.
pub fn read(root: &Json, path: &str) -> Result<VariableValue, Vse> {
    let path = parse::parse(path)?;
    let budget = Budget::new();
    let matches = Walk { root, budget: &budget }.matches(&path, root)?;
    match matches {
        Matches::One(None) => Ok(NULL),
        Matches::One(Some(found)) => json::to_value(found),
        Matches::Computed(found) => json::to_value(&found),
        Matches::Many(found) => Ok(of(Value::JsonArr(joined(&found)?))),
    }
}

/// An array text of the matches, which may share nodes: bounded while it grows.
fn joined(found: &[&Json]) -> Result<String, Vse> {
    let mut text = String::from("[");
    for (position, json) in found.iter().enumerate() {
        if position > 0 {
            text.push(',');
        }
        text.push_str(&json.to_string());
        bounds::check_bytes(text.len() + 1)?;
    }
    text.push(']');
    json::check_depth(&text)?;
    Ok(text)
}
