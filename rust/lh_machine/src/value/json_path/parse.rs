//! Text of a JSONPath to its steps (PTH-1).

use super::{
    super::{Vse, text},
    JsonPath, PATH_BYTES_MAX, PATH_DEPTH_MAX, Selector, Step, filter_parse,
    function::{Argument, Function},
};

/// Parses a path; without a leading `$` it is read as `$.<path>`.
///
/// # Errors
/// A syntax error, or a path that is too long or nested too deep.
pub(super) fn parse(path: &str) -> Result<JsonPath, Vse> {
    if path.len() > PATH_BYTES_MAX {
        return Err(Vse::new(format!("a json path has at most {PATH_BYTES_MAX} bytes")));
    }
    let trimmed = path.trim();
    if trimmed.is_empty() {
        return Err(Vse::new("a json path cannot be empty"));
    }
    let absolute = if trimmed.starts_with('$') { trimmed.to_owned() } else { format!("$.{trimmed}") };
    let mut cursor = Cursor { text: &absolute, position: 1, depth: 0 };
    let parsed = steps(&mut cursor, false)?;
    if cursor.rest().is_empty() {
        return Ok(parsed);
    }
    Err(cursor.error("unexpected text"))
}

/// A place in the text of a path.
pub(super) struct Cursor<'a> {
    text: &'a str,
    position: usize,
    depth: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn rest(&self) -> &'a str {
        &self.text[self.position..]
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn advance(&mut self, bytes: usize) {
        self.position += bytes;
    }

    pub(super) fn eat(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.position += token.len();
        }
        found
    }

    pub(super) fn expect(&mut self, token: &str) -> Result<(), Vse> {
        if self.eat(token) { Ok(()) } else { Err(self.error(&format!("'{token}' expected"))) }
    }

    pub(super) fn skip_blanks(&mut self) {
        self.position = self.text.len() - self.rest().trim_start().len();
    }

    pub(super) fn error(&self, problem: &str) -> Vse {
        let path = text::excerpt(self.text);
        Vse::new(format!("json path '{path}' is invalid at position {}: {problem}", self.position))
    }

    /// Runs a parser one level deeper.
    pub(super) fn nested<T>(&mut self, parser: impl FnOnce(&mut Self) -> Result<T, Vse>) -> Result<T, Vse> {
        self.depth += 1;
        if self.depth > PATH_DEPTH_MAX {
            return Err(self.error("nested too deep"));
        }
        let parsed = parser(self);
        self.depth -= 1;
        parsed
    }

    fn take_while(&mut self, accepted: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let length = rest.find(|character| !accepted(character)).unwrap_or(rest.len());
        self.position += length;
        &rest[..length]
    }
}

/// The steps after `$` or `@`; inside a filter they end where an operator or a blank begins.
pub(super) fn steps(cursor: &mut Cursor<'_>, in_filter: bool) -> Result<JsonPath, Vse> {
    let mut path = JsonPath { steps: Vec::new(), function: None };
    while path.function.is_none() {
        let descend = cursor.eat("..");
        let dotted = descend || cursor.eat(".");
        match cursor.peek() {
            Some('[') => path.steps.push(Step { descend, selector: cursor.nested(bracket)? }),
            _ if dotted => {
                if cursor.eat("*") {
                    path.steps.push(Step { descend, selector: Selector::Wildcard });
                    continue;
                }
                let name = property(cursor, in_filter)?;
                if cursor.peek() == Some('(') {
                    path.function = Some(cursor.nested(|cursor| function(cursor, &name))?);
                } else {
                    path.steps.push(Step { descend, selector: Selector::Key(name) });
                }
            }
            _ => break,
        }
    }
    Ok(path)
}

fn property(cursor: &mut Cursor<'_>, in_filter: bool) -> Result<String, Vse> {
    let name = cursor.take_while(|character| match character {
        '.' | '[' | ']' | '(' | ')' => false,
        '=' | '!' | '<' | '>' | '&' | '|' | ',' => !in_filter,
        _ => !character.is_whitespace(),
    });
    if name.is_empty() {
        return Err(cursor.error("a property is missing"));
    }
    if !in_filter && cursor.peek().is_some_and(char::is_whitespace) {
        return Err(cursor.error("use brackets ['my property'] if a property contains blanks"));
    }
    Ok(name.to_owned())
}

fn bracket(cursor: &mut Cursor<'_>) -> Result<Selector, Vse> {
    cursor.expect("[")?;
    cursor.skip_blanks();
    let selector = match cursor.peek() {
        Some('*') => {
            cursor.advance(1);
            Selector::Wildcard
        }
        Some('?') => {
            cursor.advance(1);
            cursor.skip_blanks();
            cursor.expect("(")?;
            let filter = filter_parse::expression(cursor)?;
            cursor.expect(")")?;
            Selector::Filter(filter)
        }
        Some('\'' | '"') => keys(cursor)?,
        _ => indices(cursor)?,
    };
    cursor.skip_blanks();
    cursor.expect("]")?;
    Ok(selector)
}

fn keys(cursor: &mut Cursor<'_>) -> Result<Selector, Vse> {
    let first = quoted(cursor)?;
    let mut more = Vec::new();
    loop {
        cursor.skip_blanks();
        if !cursor.eat(",") {
            break;
        }
        cursor.skip_blanks();
        more.push(quoted(cursor)?);
    }
    if more.is_empty() {
        return Ok(Selector::Key(first));
    }
    more.insert(0, first);
    Ok(Selector::Keys(more))
}

/// A text in single or double quotes; a backslash takes the next character as it is, or as in JSON.
pub(super) fn quoted(cursor: &mut Cursor<'_>) -> Result<String, Vse> {
    let quote = match cursor.peek() {
        Some(quote @ ('\'' | '"')) => quote,
        _ => return Err(cursor.error("a quoted text expected")),
    };
    cursor.advance(1);
    let mut content = String::new();
    loop {
        let character = cursor.peek().ok_or_else(|| cursor.error("an unclosed quote"))?;
        cursor.advance(character.len_utf8());
        match character {
            _ if character == quote => return Ok(content),
            '\\' => content.push(escaped(cursor)?),
            _ => content.push(character),
        }
    }
}

fn escaped(cursor: &mut Cursor<'_>) -> Result<char, Vse> {
    let character = cursor.peek().ok_or_else(|| cursor.error("an unclosed quote"))?;
    cursor.advance(character.len_utf8());
    Ok(match character {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'u' => {
            let code = cursor.rest().get(..4).and_then(|digits| u32::from_str_radix(digits, 16).ok());
            let decoded = code.and_then(char::from_u32).ok_or_else(|| cursor.error("a malformed \\u escape"))?;
            cursor.advance(4);
            decoded
        }
        other => other,
    })
}

/// `1`, `-1`, `0,2`, `1:3`, `:2`, `-2:`.
fn indices(cursor: &mut Cursor<'_>) -> Result<Selector, Vse> {
    let first = optional_integer(cursor)?;
    cursor.skip_blanks();
    if cursor.eat(":") {
        cursor.skip_blanks();
        return Ok(Selector::Slice(first, optional_integer(cursor)?));
    }
    let first = first.ok_or_else(|| cursor.error("an index, a quoted property, '*' or '?' expected"))?;
    let mut indices = vec![first];
    while cursor.eat(",") {
        cursor.skip_blanks();
        indices.push(optional_integer(cursor)?.ok_or_else(|| cursor.error("an index expected"))?);
        cursor.skip_blanks();
    }
    Ok(if indices.len() == 1 { Selector::Index(first) } else { Selector::Indices(indices) })
}

fn optional_integer(cursor: &mut Cursor<'_>) -> Result<Option<i64>, Vse> {
    let digits = cursor.take_while(|character| character.is_ascii_digit() || character == '-');
    if digits.is_empty() {
        return Ok(None);
    }
    digits.parse().map(Some).map_err(|_| cursor.error("a malformed index"))
}

/// The arguments of a function, from its opening parenthesis on.
fn function(cursor: &mut Cursor<'_>, name: &str) -> Result<Function, Vse> {
    cursor.expect("(")?;
    let mut arguments = Vec::new();
    cursor.skip_blanks();
    while !cursor.eat(")") {
        if !arguments.is_empty() {
            cursor.expect(",")?;
            cursor.skip_blanks();
        }
        arguments.push(match cursor.peek() {
            Some('$') => {
                cursor.advance(1);
                Argument::Path(steps(cursor, true)?)
            }
            _ => Argument::Literal(filter_parse::literal(cursor)?),
        });
        cursor.skip_blanks();
    }
    Function::named(name, arguments).ok_or_else(|| cursor.error(&format!("unknown function '{name}'")))
}
