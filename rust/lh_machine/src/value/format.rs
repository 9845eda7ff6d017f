//! Format strings in the syntax of Java's `MessageFormat` (ASG-4, ASG-5).

use std::borrow::Cow;

use prost::Message;

use crate::pb::{VariableValue, variable_assignment::FormatString, variable_value::Value};

use super::{
    Scope, Vse, bounds, convert,
    decimal::{Number, Pattern},
    json, of, resolve, text, types,
};

/// The `STR` of a format string: all arguments are resolved, in order, also those that the format does not use.
///
/// # Errors
/// A format that is not a non-null `STR` or is malformed; an argument that fails or does not fit its sub-format.
pub fn render(format: &FormatString, scope: &dyn Scope) -> Result<VariableValue, Vse> {
    let pattern = match &format.format {
        Some(assignment) => resolve::shared(assignment, None, scope)?,
        None => return Err(Vse::new("the format string has no format")),
    };
    let Some(Value::Str(pattern)) = &pattern.value else {
        return Err(Vse::new(format!("the format must be a STR, not {}", types::value_name(&pattern))));
    };
    let mut arguments = Vec::with_capacity(format.args.len());
    let mut computed_bytes = 0;
    for argument in &format.args {
        let argument = resolve::shared(argument, None, scope)?;
        if let Cow::Owned(computed) = &argument {
            // Variables are only looked at; what is computed for the format is held until it is filled.
            computed_bytes += computed.encoded_len();
            bounds::check_bytes(computed_bytes)?;
        }
        arguments.push(argument);
    }
    filled(pattern, &arguments).map(|text| of(Value::Str(text)))
}

/// Fills the placeholders of a pattern.
///
/// # Errors
/// A malformed pattern, an argument that does not fit, or a text that is too long.
fn filled(pattern: &str, arguments: &[Cow<'_, VariableValue>]) -> Result<String, Vse> {
    let mut filled = String::new();
    let mut quoted = false;
    let mut characters = pattern.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\'' if characters.peek() == Some(&'\'') => {
                characters.next();
                filled.push('\'');
            }
            '\'' => quoted = !quoted,
            '{' if !quoted => {
                let placeholder = placeholder(&mut characters)
                    .ok_or_else(|| Vse::new(format!("unmatched braces in the format '{}'", text::excerpt(pattern))))?;
                filled.push_str(&placeholder.text(arguments)?);
                bounds::check_bytes(filled.len())?;
            }
            _ => filled.push(character),
        }
    }
    bounds::check_bytes(filled.len())?;
    Ok(filled)
}

/// `{index}`, `{index,kind}` or `{index,kind,style}`.
#[derive(Default)]
struct Placeholder {
    index: String,
    kind: Option<String>,
    style: Option<String>,
}

/// Reads up to the closing brace; braces nest, and braces and commas in quotes do not count. `None` = it never closes.
fn placeholder(characters: &mut impl Iterator<Item = char>) -> Option<Placeholder> {
    let mut placeholder = Placeholder::default();
    let (mut quoted, mut open_braces) = (false, 0_usize);
    loop {
        let character = characters.next()?;
        match character {
            '\'' => quoted = !quoted,
            _ if quoted => {}
            ',' if placeholder.kind.is_none() => {
                placeholder.kind = Some(String::new());
                continue;
            }
            ',' if placeholder.style.is_none() => {
                placeholder.style = Some(String::new());
                continue;
            }
            '{' => open_braces += 1,
            '}' if open_braces == 0 => return Some(placeholder),
            '}' => open_braces -= 1,
            _ => {}
        }
        let part = placeholder.style.as_mut().or(placeholder.kind.as_mut()).unwrap_or(&mut placeholder.index);
        part.push(character);
    }
}

impl Placeholder {
    fn text(&self, arguments: &[Cow<'_, VariableValue>]) -> Result<String, Vse> {
        let index = self.index.parse::<i32>().ok().and_then(|index| usize::try_from(index).ok());
        let index = index
            .ok_or_else(|| Vse::new(format!("'{}' is not the number of an argument", text::excerpt(&self.index))))?;
        let pattern = self.pattern()?;
        let Some(argument) = arguments.get(index) else { return Ok(format!("{{{index}}}")) };
        match (&argument.value, pattern) {
            (None, _) => Ok("null".to_owned()),
            (Some(Value::Int(number)), pattern) => {
                Ok(pattern.unwrap_or_else(Pattern::plain).format(Number::Int(*number)))
            }
            (Some(Value::Double(number)), pattern) => {
                Ok(pattern.unwrap_or_else(Pattern::plain).format(Number::Double(*number)))
            }
            (Some(_), Some(_)) => {
                Err(Vse::new(format!("Cannot format {} as a number", types::value_name(argument.as_ref()))))
            }
            (Some(Value::Struct(_) | Value::Array(_) | Value::Map(_)), None) => {
                json::from_value(argument).and_then(|json| json::write(&json))
            }
            (Some(_), None) => convert::to_text(argument),
        }
    }

    /// The number pattern of the sub-format; `None` = there is no sub-format.
    fn pattern(&self) -> Result<Option<Pattern>, Vse> {
        let kind = self.kind.as_deref().map_or("", str::trim);
        let style = self.style.as_deref();
        match (kind.to_ascii_lowercase().as_str(), style.map(str::trim)) {
            ("", None) if self.kind.is_none() || kind.is_empty() => Ok(None),
            ("number", None | Some("")) => Ok(Some(Pattern::plain())),
            ("number", Some("integer")) => Ok(Some(Pattern::integer())),
            ("number", Some("percent")) => Ok(Some(Pattern::percent())),
            ("number", Some("currency")) => Ok(Some(Pattern::currency())),
            ("number", Some(_)) => Pattern::parse(style.unwrap_or("")).map(Some),
            // Dates, times and choices depend on a locale or a time zone, which evaluation must not (section 0).
            _ => Err(Vse::new(format!("unknown format type '{}'", text::excerpt(kind)))),
        }
    }
}
