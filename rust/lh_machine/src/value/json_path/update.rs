//! Setting what a path matches (PTH-7).

use serde_json::{Map, Value as Json};

use super::{
    super::{Vse, bounds, text},
    Budget, JsonPath, Selector, Step, parse,
    select::{Walk, position, slice},
};

/// Computes the new node from the present one; `None` = missing or null.
type Change<'f> = dyn FnMut(Option<&Json>) -> Result<Json, Vse> + 'f;

/// Replaces every match of the path. A leaf that is missing in an existing object is created.
///
/// # Errors
/// A syntax error; `$` itself; a missing parent ("missing property"); an array index that does not exist; no match of
/// an indefinite path; or what `change` fails with.
pub fn update(root: &mut Json, path_text: &str, change: &mut Change<'_>) -> Result<(), Vse> {
    let path = parse::parse(path_text)?;
    if path.steps.is_empty() || path.function.is_some() {
        return Err(Vse::new(format!("json path '{}' cannot be set", text::excerpt(path_text))));
    }
    // Filters may look at the whole document, as it was before the first change.
    let before = root.clone();
    let budget = Budget::new();
    let mut setter = Setter { before: &before, budget: &budget, definite: is_definite(&path), written: 0, change };
    let matches = setter.steps(root, &path.steps)?;
    if matches == 0 {
        return Err(Vse::new(format!("missing property: json path '{}' matches nothing", text::excerpt(path_text))));
    }
    Ok(())
}

fn is_definite(path: &JsonPath) -> bool {
    path.steps.iter().all(|step| !step.descend && matches!(step.selector, Selector::Key(_) | Selector::Index(_)))
}

struct Setter<'s, 'f> {
    before: &'s Json,
    budget: &'s Budget,
    definite: bool,
    written: usize,
    change: &'s mut Change<'f>,
}

impl Setter<'_, '_> {
    /// Follows the steps; the number of matches that were set.
    fn steps(&mut self, node: &mut Json, steps: &[Step]) -> Result<usize, Vse> {
        let Some((step, rest)) = steps.split_first() else { return Ok(0) };
        self.budget.spend(1)?;
        let mut matches = 0;
        if step.descend {
            // Children first, so that what is set here is not visited again.
            for child in contained(node) {
                if child.is_array() || child.is_object() {
                    matches += self.steps(child, steps)?;
                }
            }
        }
        matches += match node {
            Json::Object(members) => self.members(members, step, rest)?,
            Json::Array(items) => self.items(items, step, rest)?,
            _ if self.definite => return Err(missing(&step.selector)),
            _ => 0,
        };
        Ok(matches)
    }

    fn members(&mut self, members: &mut Map<String, Json>, step: &Step, rest: &[Step]) -> Result<usize, Vse> {
        let keys = match &step.selector {
            Selector::Key(key) => vec![key.clone()],
            Selector::Keys(keys) => keys.clone(),
            Selector::Wildcard => members.keys().cloned().collect(),
            Selector::Filter(filter) => {
                // A filter takes the object itself: not something that can be set, only passed through.
                let object = Json::Object(members.clone());
                let holds = Walk { root: self.before, budget: self.budget }.satisfies(filter, &object)?;
                let Some((next, after)) = rest.split_first().filter(|_| holds) else { return Ok(0) };
                return self.members(members, next, after);
            }
            _ if self.definite => return Err(missing(&step.selector)),
            _ => return Ok(0),
        };
        let mut matches = 0;
        for key in keys {
            let present = members.get_mut(&key);
            if rest.is_empty() {
                if present.is_none() && step.descend {
                    continue;
                }
                let changed = self.changed(present.as_deref())?;
                members.insert(key, changed);
                matches += 1;
            } else if let Some(child) = present {
                matches += self.steps(child, rest)?;
            } else if self.definite {
                return Err(missing(&step.selector));
            }
        }
        Ok(matches)
    }

    fn items(&mut self, items: &mut [Json], step: &Step, rest: &[Step]) -> Result<usize, Vse> {
        let length = items.len();
        let leaf = rest.is_empty();
        let positions: Vec<usize> = match &step.selector {
            Selector::Index(index) if leaf && *index < 0 => {
                return Err(Vse::new(format!("cannot set the negative index {index}")));
            }
            Selector::Index(index) => match position(*index, length) {
                None if self.definite => {
                    return Err(Vse::new(format!("missing property: index {index} is out of range")));
                }
                found => found.into_iter().collect(),
            },
            Selector::Indices(indices) => indices.iter().filter_map(|index| position(*index, length)).collect(),
            Selector::Slice(start, end) => {
                let (start, end) = slice(*start, *end, length);
                (start..end).collect()
            }
            Selector::Wildcard => (0..length).collect(),
            Selector::Filter(filter) => {
                let walk = Walk { root: self.before, budget: self.budget };
                let mut positions = Vec::new();
                for (position, item) in items.iter().enumerate() {
                    if walk.satisfies(filter, item)? {
                        positions.push(position);
                    }
                }
                positions
            }
            Selector::Key(_) if self.definite => return Err(missing(&step.selector)),
            Selector::Key(_) | Selector::Keys(_) => Vec::new(),
        };
        let mut matches = 0;
        for position in positions {
            if leaf {
                items[position] = self.changed(Some(&items[position]))?;
                matches += 1;
            } else {
                matches += self.steps(&mut items[position], rest)?;
            }
        }
        Ok(matches)
    }

    /// The new node; everything that one call writes must together fit into one value.
    fn changed(&mut self, present: Option<&Json>) -> Result<Json, Vse> {
        self.budget.spend(1)?;
        let changed = (self.change)(present.filter(|json| !json.is_null()))?;
        self.written += text_bytes(&changed);
        bounds::check_bytes(self.written)?;
        Ok(changed)
    }
}

fn missing(selector: &Selector) -> Vse {
    match selector {
        Selector::Key(key) => Vse::new(format!("missing property '{}'", text::excerpt(key))),
        _ => Vse::new("missing property"),
    }
}

fn contained(node: &mut Json) -> Box<dyn Iterator<Item = &mut Json> + '_> {
    match node {
        Json::Array(items) => Box::new(items.iter_mut()),
        Json::Object(members) => Box::new(members.values_mut()),
        _ => Box::new(std::iter::empty()),
    }
}

/// At most the length of the node's JSON text.
fn text_bytes(json: &Json) -> usize {
    match json {
        Json::String(text) => text.len() + 2,
        Json::Array(items) => 2 + items.iter().map(text_bytes).sum::<usize>(),
        Json::Object(members) => {
            2 + members.iter().map(|(key, value)| key.len() + 3 + text_bytes(value)).sum::<usize>()
        }
        _ => 1,
    }
}
