//! Functions at the end of a path: `length()`, `sum()`, `min()`, `max()`, `avg()` … (PTH-2).

use serde_json::{Number, Value as Json};

use super::{
    super::{Vse, bounds, text},
    JsonPath,
    select::{Matches, Walk, position},
    weight,
};

/// A function with its arguments.
#[derive(Debug)]
pub(super) struct Function {
    name: Name,
    arguments: Vec<Argument>,
}

/// An argument of a function.
#[derive(Debug)]
pub(super) enum Argument {
    Path(JsonPath),
    Literal(Json),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Name {
    Length,
    Sum,
    Min,
    Max,
    Avg,
    StdDev,
    Keys,
    First,
    Last,
    Index,
    Concat,
}

impl Function {
    /// The function of this name, if there is one.
    pub(super) fn named(name: &str, arguments: Vec<Argument>) -> Option<Self> {
        let name = match name {
            "length" | "size" => Name::Length,
            "sum" => Name::Sum,
            "min" => Name::Min,
            "max" => Name::Max,
            "avg" => Name::Avg,
            "stddev" => Name::StdDev,
            "keys" => Name::Keys,
            "first" => Name::First,
            "last" => Name::Last,
            "index" => Name::Index,
            "concat" => Name::Concat,
            _ => return None,
        };
        Some(Self { name, arguments })
    }

    /// Applies the function to what the path found; `None` = nothing to apply it to.
    ///
    /// # Errors
    /// No numbers to calculate with, or arguments of the wrong kind.
    pub(super) fn apply<'a>(&self, walk: &Walk<'a>, found: &Matches<'a>) -> Result<Option<Json>, Vse> {
        let mut arguments = Vec::new();
        for argument in &self.arguments {
            arguments.push(match argument {
                Argument::Literal(json) => Matches::Computed(json.clone()),
                Argument::Path(path) => walk.matches(path, walk.root)?,
            });
        }
        walk.budget.spend(items(found).len())?;
        match self.name {
            Name::Length => Ok(length(found)),
            Name::Keys => Ok(node(found)
                .and_then(Json::as_object)
                .map(|members| Json::Array(members.keys().map(|key| Json::String(key.clone())).collect()))),
            Name::First => picked(walk, found, 0),
            Name::Last => picked(walk, found, -1),
            Name::Index => {
                let index = arguments.first().and_then(node).and_then(Json::as_i64);
                picked(walk, found, index.ok_or_else(|| Vse::new("index() needs an integer"))?)
            }
            Name::Concat => concat(found, &arguments).map(Some),
            Name::Sum | Name::Min | Name::Max | Name::Avg | Name::StdDev => self.aggregate(found, &arguments),
        }
    }

    /// The numeric functions, over the items and the arguments; the result is a double (PTH-2).
    fn aggregate(&self, found: &Matches<'_>, arguments: &[Matches<'_>]) -> Result<Option<Json>, Vse> {
        if arguments.is_empty() && matches!(found, Matches::One(None)) {
            return Ok(None);
        }
        let given = arguments.iter().flat_map(|argument| match argument {
            Matches::One(Some(Json::Array(_))) | Matches::Many(_) => items(argument),
            other => node(other).into_iter().collect(),
        });
        let numbers: Vec<f64> = items(found).into_iter().chain(given).filter_map(Json::as_f64).collect();
        if numbers.is_empty() {
            return Err(Vse::new("a json path function found no numbers"));
        }
        let count = numbers.len() as f64;
        let sum: f64 = numbers.iter().sum();
        let result = match self.name {
            Name::Min => numbers.iter().copied().fold(f64::INFINITY, f64::min),
            Name::Max => numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            Name::Avg => sum / count,
            Name::StdDev => {
                let mean = sum / count;
                (numbers.iter().map(|number| (number - mean) * (number - mean)).sum::<f64>() / count).sqrt()
            }
            _ => sum,
        };
        let number = Number::from_f64(result).ok_or_else(|| Vse::new("the result is not finite"))?;
        Ok(Some(Json::Number(number)))
    }
}

/// The single node of a definite path.
fn node<'a>(found: &'a Matches<'_>) -> Option<&'a Json> {
    match found {
        Matches::One(node) => *node,
        Matches::Computed(json) => Some(json),
        Matches::Many(_) => None,
    }
}

/// The items of the found array, or the matches of an indefinite path.
fn items<'a>(found: &'a Matches<'_>) -> Vec<&'a Json> {
    match found {
        Matches::Many(nodes) => nodes.clone(),
        _ => node(found).and_then(Json::as_array).into_iter().flatten().collect(),
    }
}

fn length(found: &Matches<'_>) -> Option<Json> {
    let length = match (found, node(found)) {
        (Matches::Many(nodes), _) => nodes.len(),
        (_, Some(Json::Array(items))) => items.len(),
        (_, Some(Json::Object(members))) => members.len(),
        (_, Some(Json::String(text))) => text.encode_utf16().count(),
        _ => return None,
    };
    Some(Json::from(length))
}

fn picked(walk: &Walk<'_>, found: &Matches<'_>, index: i64) -> Result<Option<Json>, Vse> {
    let items = items(found);
    let Some(item) = position(index, items.len()).map(|position| items[position]) else { return Ok(None) };
    walk.budget.spend(weight(item))?;
    Ok(Some(item.clone()))
}

fn concat(found: &Matches<'_>, arguments: &[Matches<'_>]) -> Result<Json, Vse> {
    let mut joined = String::new();
    let given = arguments.iter().flat_map(|argument| match node(argument) {
        Some(single) if !single.is_array() => vec![single],
        _ => items(argument),
    });
    for item in items(found).into_iter().chain(given) {
        match item {
            Json::String(text) => joined.push_str(text),
            Json::Number(number) if number.is_f64() => {
                joined.push_str(&text::double_text(number.as_f64().unwrap_or(0.0)))
            }
            other => joined.push_str(&other.to_string()),
        }
        bounds::check_bytes(joined.len())?;
    }
    Ok(Json::String(joined))
}
