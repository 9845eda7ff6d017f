//! What a path matches.

use serde_json::{Map, Value as Json};

use super::{super::Vse, Budget, JsonPath, Selector, Step, filter::Filter, weight};

/// The matches of a path.
pub(super) enum Matches<'a> {
    /// A definite path: one node or nothing.
    One(Option<&'a Json>),
    /// An indefinite path: any number of nodes, in document order.
    Many(Vec<&'a Json>),
    /// A node that is not in the document: the result of a function, or members picked together.
    Computed(Json),
}

/// An evaluation in one document.
pub(super) struct Walk<'a> {
    pub(super) root: &'a Json,
    pub(super) budget: &'a Budget,
}

impl<'a> Walk<'a> {
    /// Everything that the path matches from `start`.
    ///
    /// # Errors
    /// The budget is spent, or a function cannot be applied.
    pub(super) fn matches(&self, path: &JsonPath, start: &'a Json) -> Result<Matches<'a>, Vse> {
        let found = self.nodes(path, start)?;
        match &path.function {
            Some(function) => {
                function.apply(self, &found).map(|computed| computed.map_or(Matches::One(None), Matches::Computed))
            }
            None => Ok(found),
        }
    }

    /// Whether a node satisfies a filter.
    ///
    /// # Errors
    /// The budget is spent.
    pub(super) fn satisfies(&self, filter: &Filter, node: &Json) -> Result<bool, Vse> {
        filter.holds(self, node)
    }

    fn nodes(&self, path: &JsonPath, start: &'a Json) -> Result<Matches<'a>, Vse> {
        let definite = path.is_definite();
        let (steps, picked) = match path.steps.split_last() {
            Some((Step { descend: false, selector: Selector::Keys(keys) }, steps)) => (steps, Some(keys)),
            _ => (path.steps.as_slice(), None),
        };
        let mut nodes = vec![start];
        for step in steps {
            let mut next = Vec::new();
            for node in nodes {
                self.step(step, node, &mut next)?;
            }
            nodes = next;
        }
        if let Some(keys) = picked {
            let objects = nodes.into_iter().filter_map(Json::as_object);
            let mut picked = objects.map(|object| self.pick(keys, object)).collect::<Result<Vec<_>, _>>()?;
            return Ok(match (definite, picked.pop()) {
                (true, object) => object.map_or(Matches::One(None), Matches::Computed),
                (false, last) => Matches::Computed(Json::Array(picked.into_iter().chain(last).collect())),
            });
        }
        Ok(if definite { Matches::One(nodes.pop()) } else { Matches::Many(nodes) })
    }

    fn pick(&self, keys: &[String], object: &Map<String, Json>) -> Result<Json, Vse> {
        let mut picked = Map::new();
        for key in keys {
            if let Some(value) = object.get(key) {
                self.budget.spend(weight(value))?;
                picked.insert(key.clone(), value.clone());
            }
        }
        Ok(Json::Object(picked))
    }

    fn step(&self, step: &Step, node: &'a Json, found: &mut Vec<&'a Json>) -> Result<(), Vse> {
        self.children(&step.selector, node, step.descend, found)?;
        if step.descend {
            for child in contained(node) {
                if child.is_array() || child.is_object() {
                    self.step(step, child, found)?;
                }
            }
        }
        Ok(())
    }

    /// The children of one node that the selector takes. A filter takes an object itself (not its members).
    fn children(
        &self,
        selector: &Selector,
        node: &'a Json,
        descending: bool,
        found: &mut Vec<&'a Json>,
    ) -> Result<(), Vse> {
        self.budget.spend(1)?;
        match (selector, node) {
            (Selector::Key(key), Json::Object(members)) => found.extend(members.get(key)),
            (Selector::Keys(keys), Json::Object(members)) => {
                found.extend(keys.iter().filter_map(|key| members.get(key)))
            }
            (Selector::Index(index), Json::Array(items)) => {
                found.extend(position(*index, items.len()).map(|position| &items[position]));
            }
            (Selector::Indices(indices), Json::Array(items)) => {
                let positions = indices.iter().filter_map(|index| position(*index, items.len()));
                found.extend(positions.map(|position| &items[position]));
            }
            (Selector::Slice(start, end), Json::Array(items)) => {
                let (start, end) = slice(*start, *end, items.len());
                self.budget.spend(end.saturating_sub(start))?;
                found.extend(items.get(start..end).into_iter().flatten());
            }
            (Selector::Wildcard, _) => {
                for child in contained(node) {
                    self.budget.spend(1)?;
                    found.push(child);
                }
            }
            (Selector::Filter(filter), Json::Object(_)) => {
                let holds = filter.holds(self, node)?;
                found.extend(holds.then_some(node));
            }
            (Selector::Filter(filter), Json::Array(items)) => {
                for item in items {
                    // While descending, objects are tested when they are visited themselves.
                    if !(descending && item.is_object()) && filter.holds(self, item)? {
                        found.push(item);
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// The items of an array or the values of an object.
fn contained(node: &Json) -> Box<dyn Iterator<Item = &Json> + '_> {
    match node {
        Json::Array(items) => Box::new(items.iter()),
        Json::Object(members) => Box::new(members.values()),
        _ => Box::new(std::iter::empty()),
    }
}

/// The position of an index that may count from the end; `None` if out of range.
pub(super) fn position(index: i64, length: usize) -> Option<usize> {
    let from_start = if index < 0 { index.checked_add(i64::try_from(length).ok()?)? } else { index };
    usize::try_from(from_start).ok().filter(|position| *position < length)
}

/// The half-open range of a slice whose bounds may count from the end.
pub(super) fn slice(start: Option<i64>, end: Option<i64>, length: usize) -> (usize, usize) {
    let bound = |index: i64| {
        let from_start = if index < 0 { index.saturating_add_unsigned(length as u64) } else { index };
        usize::try_from(from_start.max(0)).unwrap_or(usize::MAX).min(length)
    };
    (start.map_or(0, bound), end.map_or(length, bound))
}
