//! Selector paths into structs, arrays, maps and JSON: reading (PTH-3 … PTH-5, NEW-2) and changing (NEW-3).

use serde_json::Value as Json;

use crate::pb::{
    self, TypeDefinition, VariableValue,
    lh_path::{Selector, selector::SelectorType},
    variable_value::Value,
};

use super::{
    NULL, Scope, Vse, bounds, compare, convert, ingress, json, of, resolve,
    text::excerpt,
    types::{self, Kind},
};

/// Computes the new sub-value from the present one (`None` = missing or NULL) and its declared type, if that is known.
type Change<'f> = dyn FnMut(Option<&VariableValue>, Option<&TypeDefinition>) -> Result<VariableValue, Vse> + 'f;

/// A selector with its dynamic part resolved.
enum Chosen<'a> {
    Key(&'a str),
    Index(i64),
    /// What a dynamic selector resolved to (NEW-2).
    Dynamic(VariableValue),
}

fn chosen<'a>(selector: &'a Selector, scope: &dyn Scope) -> Result<Chosen<'a>, Vse> {
    match &selector.selector_type {
        Some(SelectorType::Key(key)) => Ok(Chosen::Key(key)),
        Some(SelectorType::Index(index)) => Ok(Chosen::Index(i64::from(*index))),
        Some(SelectorType::Dynamic(assignment)) => {
            let value = resolve::resolve(assignment, scope)?;
            if value.value.is_none() {
                return Err(Vse::new("a dynamic selector is NULL"));
            }
            Ok(Chosen::Dynamic(value))
        }
        None => Err(Vse::new("a path selector is empty")),
    }
}

impl Chosen<'_> {
    /// The name of a field or member.
    fn key(&self) -> Result<&str, Vse> {
        match self {
            Self::Key(key) => Ok(key),
            Self::Dynamic(VariableValue { value: Some(Value::Str(key)) }) => Ok(key),
            other => Err(Vse::new(format!("a key is needed, not {}", other.name()))),
        }
    }

    /// The index of an item.
    fn index(&self) -> Result<i64, Vse> {
        match self {
            Self::Index(index) => Ok(*index),
            Self::Dynamic(VariableValue { value: Some(Value::Int(index)) }) => Ok(*index),
            other => Err(Vse::new(format!("an index is needed, not {}", other.name()))),
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Key(key) => format!("key '{}'", excerpt(key)),
            Self::Index(index) => format!("index {index}"),
            Self::Dynamic(value) => types::value_name(value),
        }
    }

    /// The position in an Array: neither negative nor out of range (PTH-3).
    fn position(&self, length: usize) -> Result<usize, Vse> {
        let index = self.index()?;
        let position = usize::try_from(index).ok().filter(|position| *position < length);
        position.ok_or_else(|| Vse::new(format!("index {index} is out of range: the Array has {length} items")))
    }

    /// The key of a Map entry, converted to the key type (PTH-5, NEW-2).
    fn map_key(&self, key_type: Option<&TypeDefinition>) -> Result<VariableValue, Vse> {
        let key = match self {
            Self::Key(key) => of(Value::Str((*key).to_owned())),
            Self::Dynamic(value) => value.clone(),
            Self::Index(_) => return Err(Vse::new(format!("a key is needed, not {}", self.name()))),
        };
        match key_type.and_then(types::primitive_of) {
            Some(key_type) => convert::convert(&key, key_type),
            None => Ok(key),
        }
    }
}

/// The value at the path (PTH-3); an empty path gives the value itself.
///
/// # Errors
/// A selector of the wrong kind, an index out of range, or a value that has no parts (NULL included).
pub fn read(value: &VariableValue, path: &[Selector], scope: &dyn Scope) -> Result<VariableValue, Vse> {
    let mut current = value;
    for (position, selector) in path.iter().enumerate() {
        current = match &current.value {
            Some(Value::JsonObj(_) | Value::JsonArr(_)) => return read_json(current, &path[position..], scope),
            Some(Value::Struct(structure)) => field(structure, chosen(selector, scope)?.key()?, scope),
            Some(Value::Array(array)) => &array.items[chosen(selector, scope)?.position(array.items.len())?],
            Some(Value::Map(map)) => match entry(map, &chosen(selector, scope)?)? {
                Some(position) => map.entries[position].value.as_ref().unwrap_or(&NULL),
                None => return Ok(NULL),
            },
            _ => return Err(no_parts(current)),
        };
    }
    Ok(current.clone())
}

fn no_parts(value: &VariableValue) -> Vse {
    Vse::new(format!("Cannot apply a path to {}", types::value_name(value)))
}

/// A field of a Struct; one that is absent has its declared default, or is NULL (PTH-4).
fn field<'a>(structure: &'a pb::Struct, name: &str, scope: &'a dyn Scope) -> &'a VariableValue {
    let present = structure.r#struct.as_ref().and_then(|inline| inline.fields.get(name));
    if let Some(field) = present {
        return field.value.as_ref().unwrap_or(&NULL);
    }
    let schema = structure.struct_def_id.as_ref().and_then(|id| scope.struct_def(id)?.struct_def.as_ref());
    let declared = schema.and_then(|schema| schema.fields.get(name));
    declared.and_then(|field| field.default_value.as_ref()).unwrap_or(&NULL)
}

/// The position of the entry with this key. A key text that does not read as the key type matches nothing.
fn entry(map: &pb::Map, selector: &Chosen<'_>) -> Result<Option<usize>, Vse> {
    let key = match (selector, selector.map_key(types::of_entries(map).0.as_ref())) {
        (Chosen::Key(_), Err(_)) => return Ok(None),
        (_, key) => key?,
    };
    Ok(find(map, &key))
}

fn find(map: &pb::Map, key: &VariableValue) -> Option<usize> {
    map.entries.iter().position(|entry| compare::exactly_equal(entry.key.as_ref().unwrap_or(&NULL), key))
}

/// The remaining selectors in JSON: what is not there is NULL, a negative index counts from the end (PTH-2).
fn read_json(value: &VariableValue, path: &[Selector], scope: &dyn Scope) -> Result<VariableValue, Vse> {
    let Some(root) = json::of_json_value(value)? else { return Ok(NULL) };
    let mut node = Some(&root);
    for selector in path {
        let selector = chosen(selector, scope)?;
        node = match (node, &selector) {
            (Some(Json::Array(_)), Chosen::Dynamic(_)) | (_, Chosen::Index(_)) => {
                let index = selector.index()?;
                let items = node.and_then(Json::as_array);
                items.and_then(|items| {
                    let position = if index < 0 { index.checked_add(i64::try_from(items.len()).ok()?)? } else { index };
                    items.get(usize::try_from(position).ok()?)
                })
            }
            (node, _) => {
                let key = selector.key()?;
                node.and_then(Json::as_object).and_then(|members| members.get(key))
            }
        };
    }
    node.map_or(Ok(NULL), json::to_value)
}

/// Changes the sub-value at the path and gives the whole value back (NEW-3).
///
/// # Errors
/// An intermediate container that is NULL or missing, an array index that does not exist, an undeclared struct field,
/// a struct field whose new value is not valid, or what `change` fails with.
pub fn update(
    value: VariableValue,
    declared: Option<&TypeDefinition>,
    path: &[Selector],
    scope: &dyn Scope,
    change: &mut Change<'_>,
) -> Result<VariableValue, Vse> {
    let updated = descend(value, declared, path, scope, change)?;
    bounds::check_value(&updated)?;
    Ok(updated)
}

fn descend(
    value: VariableValue,
    declared: Option<&TypeDefinition>,
    path: &[Selector],
    scope: &dyn Scope,
    change: &mut Change<'_>,
) -> Result<VariableValue, Vse> {
    let Some((selector, rest)) = path.split_first() else {
        return change(Some(&value).filter(|value| value.value.is_some()), declared);
    };
    if let Some(Value::JsonObj(_) | Value::JsonArr(_)) = &value.value {
        return descend_json(&value, path, scope, change);
    }
    let selector = chosen(selector, scope)?;
    let mut next = Step { rest, scope, change };
    match value.value {
        Some(Value::Array(array)) => next.in_array(array, declared, &selector),
        Some(Value::Map(map)) => next.in_map(map, declared, &selector),
        Some(Value::Struct(structure)) => next.in_struct(structure, declared, selector.key()?),
        other => Err(no_parts(&VariableValue { value: other })),
    }
}

/// What lies behind the selector at hand.
struct Step<'a, 'f> {
    rest: &'a [Selector],
    scope: &'a dyn Scope,
    change: &'a mut Change<'f>,
}

impl Step<'_, '_> {
    fn go_on(&mut self, value: VariableValue, declared: Option<&TypeDefinition>) -> Result<VariableValue, Vse> {
        descend(value, declared, self.rest, self.scope, self.change)
    }

    fn in_array(
        &mut self,
        mut array: pb::Array,
        declared: Option<&TypeDefinition>,
        selector: &Chosen<'_>,
    ) -> Result<VariableValue, Vse> {
        let position = selector.position(array.items.len())?;
        let element = match declared.map(types::kind) {
            Some(Kind::Array(element)) => element.cloned(),
            _ => array.element_type.clone(),
        };
        let item = std::mem::take(&mut array.items[position]);
        array.items[position] = self.go_on(item, element.as_ref())?;
        Ok(of(Value::Array(array)))
    }

    /// A leaf replaces its entry in place or appends one; the key takes the key type.
    fn in_map(
        &mut self,
        mut map: pb::Map,
        declared: Option<&TypeDefinition>,
        selector: &Chosen<'_>,
    ) -> Result<VariableValue, Vse> {
        let (key_type, value_type) = match declared.map(types::kind) {
            Some(Kind::Map(key, value)) => (key.cloned(), value.cloned()),
            _ => types::of_entries(&map),
        };
        let key = selector.map_key(key_type.as_ref())?;
        match find(&map, &key) {
            Some(position) => {
                let present = map.entries[position].value.take().unwrap_or(NULL);
                map.entries[position].value = Some(self.go_on(present, value_type.as_ref())?);
            }
            None if self.rest.is_empty() => {
                let value = Some(self.go_on(NULL, value_type.as_ref())?);
                map.entries.push(pb::map::Entry { key: Some(key), value });
            }
            None => return Err(Vse::new(format!("missing property: the Map has no {}", selector.name()))),
        }
        Ok(of(Value::Map(map)))
    }

    /// A leaf must be declared; type and nullability are checked again.
    fn in_struct(
        &mut self,
        mut structure: pb::Struct,
        declared: Option<&TypeDefinition>,
        name: &str,
    ) -> Result<VariableValue, Vse> {
        let own = structure.struct_def_id.clone().map(types::structure);
        let schema = own.as_ref().or(declared).and_then(|def| ingress::schema_of(def, self.scope));
        let field = schema.and_then(|schema| schema.fields.get(name));
        let field = field.ok_or_else(|| Vse::new(format!("the Struct does not contain field '{}'", excerpt(name))))?;
        let mut inline = structure.r#struct.take().unwrap_or_default();
        let present = inline.fields.remove(name).and_then(|field| field.value).unwrap_or(NULL);
        let changed = self.go_on(present, field.field_type.as_ref())?;
        let checked = ingress::typed_field(field, changed, self.scope)
            .map_err(|error| error.at(format!("field {}", excerpt(name))))?;
        inline.fields.insert(name.to_owned(), checked);
        structure.r#struct = Some(inline);
        Ok(of(Value::Struct(structure)))
    }
}

/// Setting inside JSON (PTH-7): the container must exist, an object may get a new member, an array no new item.
fn descend_json(
    value: &VariableValue,
    path: &[Selector],
    scope: &dyn Scope,
    change: &mut Change<'_>,
) -> Result<VariableValue, Vse> {
    let mut root = json::of_json_value(value)?.ok_or_else(|| no_parts(&NULL))?;
    let Some((leaf, parents)) = path.split_last() else { return Err(no_parts(value)) };
    let mut node = &mut root;
    for selector in parents {
        node = json_child(node, &chosen(selector, scope)?)?;
    }
    let leaf = chosen(leaf, scope)?;
    if let Json::Object(members) = node {
        let key = leaf.key()?;
        let present = members.get(key).map(json::to_value).transpose()?;
        members.insert(key.to_owned(), changed_json(present, change)?);
    } else {
        let item = json_child(node, &leaf)?;
        *item = changed_json(Some(json::to_value(item)?), change)?;
    }
    let text = json::write(&root)?;
    Ok(of(if root.is_array() { Value::JsonArr(text) } else { Value::JsonObj(text) }))
}

fn changed_json(present: Option<VariableValue>, change: &mut Change<'_>) -> Result<Json, Vse> {
    let present = present.filter(|value| value.value.is_some());
    // The present type is what the new value is converted to, as for a json path (MUT-6).
    let declared = present.as_ref().and_then(types::of_value);
    json::from_value(&change(present.as_ref(), declared.as_ref())?)
}

fn json_child<'j>(node: &'j mut Json, selector: &Chosen<'_>) -> Result<&'j mut Json, Vse> {
    let missing = || Vse::new(format!("missing property: the JSON has no {}", selector.name()));
    match node {
        Json::Object(members) => members.get_mut(selector.key()?).ok_or_else(missing),
        Json::Array(items) => {
            let position = selector.position(items.len())?;
            items.get_mut(position).ok_or_else(missing)
        }
        _ => Err(missing()),
    }
}
