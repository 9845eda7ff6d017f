//! Text of a filter `?( … )` to its conditions.

use regex_lite::RegexBuilder;
use serde_json::Value as Json;

use super::{
    super::{Vse, json},
    filter::{Filter, Operand, Operator},
    parse::{self, Cursor},
};

/// Largest compiled regular expression, in bytes.
const REGEX_BYTES_MAX: usize = 1 << 16;

/// Steps that one byte of text costs a regular expression with counted repetitions, which may be large.
const COUNTED_REGEX_STEPS: usize = 64;

/// `a || b`, up to the closing parenthesis, which is left.
pub(super) fn expression(cursor: &mut Cursor<'_>) -> Result<Filter, Vse> {
    cursor.nested(|cursor| {
        let mut alternatives = vec![conjunction(cursor)?];
        while cursor.eat("||") {
            alternatives.push(conjunction(cursor)?);
        }
        Ok(Filter::Any(alternatives))
    })
}

fn conjunction(cursor: &mut Cursor<'_>) -> Result<Filter, Vse> {
    let mut conditions = vec![condition(cursor)?];
    while cursor.eat("&&") {
        conditions.push(condition(cursor)?);
    }
    Ok(Filter::All(conditions))
}

/// A negation, a parenthesis, a comparison or a mere path (= it exists); the blanks behind it are eaten.
fn condition(cursor: &mut Cursor<'_>) -> Result<Filter, Vse> {
    cursor.skip_blanks();
    if cursor.eat("!") {
        let negated = cursor.nested(condition)?;
        return Ok(Filter::Not(Box::new(negated)));
    }
    if cursor.eat("(") {
        let inner = expression(cursor)?;
        cursor.expect(")")?;
        cursor.skip_blanks();
        return Ok(inner);
    }
    let left = operand(cursor)?;
    cursor.skip_blanks();
    let Some(operator) = operator(cursor) else {
        return match left {
            Operand::Path { .. } => Ok(Filter::Exists(left)),
            _ => Err(cursor.error("an operator expected")),
        };
    };
    cursor.skip_blanks();
    let right = operand(cursor)?;
    cursor.skip_blanks();
    Ok(Filter::Compare(left, operator, right))
}

fn operator(cursor: &mut Cursor<'_>) -> Option<Operator> {
    const SYMBOLS: [(&str, Operator); 9] = [
        ("===", Operator::Equal),
        ("!==", Operator::NotEqual),
        ("==", Operator::Equal),
        ("!=", Operator::NotEqual),
        ("<=", Operator::LessOrEqual),
        (">=", Operator::GreaterOrEqual),
        ("<", Operator::Less),
        (">", Operator::Greater),
        ("=~", Operator::Matches),
    ];
    const WORDS: [(&str, Operator); 10] = [
        ("in", Operator::In),
        ("nin", Operator::NotIn),
        ("subsetof", Operator::SubsetOf),
        ("anyof", Operator::AnyOf),
        ("noneof", Operator::NoneOf),
        ("all", Operator::AllOf),
        ("contains", Operator::Contains),
        ("size", Operator::Size),
        ("empty", Operator::Empty),
        ("type", Operator::Type),
    ];
    if let Some((_, operator)) = SYMBOLS.iter().find(|(symbol, _)| cursor.eat(symbol)) {
        return Some(*operator);
    }
    let rest = cursor.rest();
    let word = &rest[..rest.find(|character: char| !character.is_ascii_alphabetic()).unwrap_or(rest.len())];
    let (_, operator) = WORDS.iter().find(|(name, _)| name.eq_ignore_ascii_case(word))?;
    cursor.advance(word.len());
    Some(*operator)
}

fn operand(cursor: &mut Cursor<'_>) -> Result<Operand, Vse> {
    match cursor.peek() {
        Some(start @ ('@' | '$')) => {
            cursor.advance(1);
            let path = cursor.nested(|cursor| parse::steps(cursor, true))?;
            Ok(Operand::Path { from_root: start == '$', path })
        }
        Some('/') => regex(cursor),
        _ => literal(cursor).map(Operand::Literal),
    }
}

/// A number, a text in either quotes, `true`, `false`, `null`, or a JSON object or array.
pub(super) fn literal(cursor: &mut Cursor<'_>) -> Result<Json, Vse> {
    match cursor.peek() {
        Some('\'' | '"') => parse::quoted(cursor).map(Json::String),
        Some('[') => cursor.nested(list),
        Some('{') => object(cursor),
        _ => {
            let rest = cursor.rest();
            let end = rest.find(|character: char| !(character.is_ascii_alphanumeric() || "+-.".contains(character)));
            let word = &rest[..end.unwrap_or(rest.len())];
            let parsed = json::parse_any(word).map_err(|_| cursor.error("a value expected"))?;
            cursor.advance(word.len());
            Ok(parsed)
        }
    }
}

/// `['a', 1]`: quotes of either kind.
fn list(cursor: &mut Cursor<'_>) -> Result<Json, Vse> {
    cursor.expect("[")?;
    let mut items = Vec::new();
    cursor.skip_blanks();
    while !cursor.eat("]") {
        if !items.is_empty() {
            cursor.expect(",")?;
            cursor.skip_blanks();
        }
        items.push(literal(cursor)?);
        cursor.skip_blanks();
    }
    Ok(Json::Array(items))
}

/// A JSON object in plain JSON syntax: the shortest text from here that parses.
fn object(cursor: &mut Cursor<'_>) -> Result<Json, Vse> {
    let rest = cursor.rest();
    for (end, _) in rest.match_indices('}') {
        if let Ok(parsed) = json::parse_any(&rest[..=end]) {
            cursor.advance(end + 1);
            return Ok(parsed);
        }
    }
    Err(cursor.error("a malformed object"))
}

/// `/pattern/i`; the whole text must match.
fn regex(cursor: &mut Cursor<'_>) -> Result<Operand, Vse> {
    cursor.expect("/")?;
    let mut pattern = String::new();
    loop {
        let character = cursor.peek().ok_or_else(|| cursor.error("an unclosed regular expression"))?;
        cursor.advance(character.len_utf8());
        match character {
            '/' => break,
            '\\' if cursor.eat("/") => pattern.push('/'),
            '\\' => {
                pattern.push('\\');
                let next = cursor.peek().ok_or_else(|| cursor.error("an unclosed regular expression"))?;
                cursor.advance(next.len_utf8());
                pattern.push(next);
            }
            _ => pattern.push(character),
        }
    }
    let case_insensitive = cursor.eat("i");
    let steps_per_byte = if pattern.contains('{') { COUNTED_REGEX_STEPS } else { 1 + pattern.len() / 16 };
    RegexBuilder::new(&format!("^(?:{pattern})$"))
        .case_insensitive(case_insensitive)
        .size_limit(REGEX_BYTES_MAX)
        .build()
        .map(|regex| Operand::Regex(regex, steps_per_byte))
        .map_err(|error| cursor.error(&error.to_string()))
}
