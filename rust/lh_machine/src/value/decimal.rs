//! Numbers as US-English text, by patterns like `#,##0.###` (ASG-5); rounding is half-even on the exact value.

use super::{Vse, text};

/// Longest pattern, and most digits that it may ask for.
const PATTERN_BYTES_MAX: usize = 400;

/// A number to format.
#[derive(Clone, Copy, Debug)]
pub enum Number {
    /// `INT`.
    Int(i64),
    /// `DOUBLE`.
    Double(f64),
}

/// A decimal pattern: `prefix #,##0.## suffix`, optionally `;` and the affixes of negative numbers.
#[derive(Debug)]
pub struct Pattern {
    prefix: String,
    suffix: String,
    negative: Option<(String, String)>,
    grouping: usize,
    minimum_whole: usize,
    minimum_fraction: usize,
    maximum_fraction: usize,
    multiplier: i32,
}

impl Pattern {
    /// The default rendering: grouping commas, at most 3 fraction digits.
    pub fn plain() -> Self {
        Self {
            prefix: String::new(),
            suffix: String::new(),
            negative: None,
            grouping: 3,
            minimum_whole: 1,
            minimum_fraction: 0,
            maximum_fraction: 3,
            multiplier: 1,
        }
    }

    /// Whole numbers with grouping commas.
    pub fn integer() -> Self {
        Self { maximum_fraction: 0, ..Self::plain() }
    }

    /// Whole percentages.
    pub fn percent() -> Self {
        Self { suffix: "%".to_owned(), multiplier: 100, ..Self::integer() }
    }

    /// US dollars.
    pub fn currency() -> Self {
        Self { prefix: "$".to_owned(), minimum_fraction: 2, maximum_fraction: 2, ..Self::plain() }
    }

    /// Parses a pattern.
    ///
    /// # Errors
    /// A malformed pattern, or one in scientific notation, which is not supported.
    pub fn parse(pattern: &str) -> Result<Self, Vse> {
        if pattern.len() > PATTERN_BYTES_MAX {
            return Err(Vse::new(format!("a number pattern has at most {PATTERN_BYTES_MAX} bytes")));
        }
        let malformed = || Vse::new(format!("malformed number pattern '{}'", text::excerpt(pattern)));
        let mut parts = split_affixes(pattern).ok_or_else(malformed)?.into_iter();
        let positive = parts.next().ok_or_else(malformed)?;
        let negative = parts.next().map(|part| (part.prefix, part.suffix));
        let mut parsed = digits(&positive.digits).ok_or_else(malformed)?;
        parsed.multiplier = positive.multiplier;
        parsed.prefix = positive.prefix;
        parsed.suffix = positive.suffix;
        parsed.negative = negative;
        Ok(parsed)
    }

    /// The text of a number.
    pub fn format(&self, number: Number) -> String {
        let (negative, whole, fraction) = match number {
            Number::Double(number) if number.is_nan() => return "NaN".to_owned(),
            Number::Double(number) if number.is_infinite() => return self.affixed(number < 0.0, "∞"),
            Number::Double(number) => {
                let (whole, fraction) = exact_digits((number * f64::from(self.multiplier)).abs());
                (number.is_sign_negative(), whole, fraction)
            }
            Number::Int(number) => {
                let product = i128::from(number) * i128::from(self.multiplier);
                (number < 0, product.unsigned_abs().to_string(), String::new())
            }
        };
        let (whole, fraction) = self.rounded(whole, fraction);
        self.affixed(negative, &self.grouped(&whole, &fraction))
    }

    /// Rounds half-even to the most fraction digits and drops the zeros that need not be shown.
    fn rounded(&self, whole: String, mut fraction: String) -> (String, String) {
        let mut whole = whole.trim_start_matches('0').to_owned();
        if fraction.len() > self.maximum_fraction {
            let dropped = fraction.split_off(self.maximum_fraction);
            let last = fraction.bytes().last().or_else(|| whole.bytes().last()).unwrap_or(b'0');
            let half = dropped.starts_with('5') && dropped[1..].bytes().all(|digit| digit == b'0');
            let up = if half { (last - b'0') % 2 == 1 } else { dropped.as_bytes()[0] >= b'5' };
            if up {
                let count = fraction.len();
                let mut digits = format!("{whole}{fraction}").into_bytes();
                increment(&mut digits);
                let kept = digits.split_off(digits.len() - count);
                fraction = kept.into_iter().map(char::from).collect();
                whole = digits.into_iter().map(char::from).collect();
            }
        }
        while fraction.len() > self.minimum_fraction && fraction.ends_with('0') {
            fraction.pop();
        }
        while fraction.len() < self.minimum_fraction {
            fraction.push('0');
        }
        (whole, fraction)
    }

    fn grouped(&self, whole: &str, fraction: &str) -> String {
        let minimum = if fraction.is_empty() { self.minimum_whole.max(1) } else { self.minimum_whole };
        let whole = format!("{}{whole}", "0".repeat(minimum.saturating_sub(whole.len())));
        let mut text = String::new();
        for (position, digit) in whole.char_indices() {
            let remaining = whole.len() - position;
            if self.grouping > 0 && position > 0 && remaining.is_multiple_of(self.grouping) {
                text.push(',');
            }
            text.push(digit);
        }
        if !fraction.is_empty() {
            text.push('.');
            text.push_str(fraction);
        }
        text
    }

    fn affixed(&self, negative: bool, magnitude: &str) -> String {
        match (&self.negative, negative) {
            (Some((prefix, suffix)), true) => format!("{prefix}{magnitude}{suffix}"),
            (_, true) => format!("-{}{magnitude}{}", self.prefix, self.suffix),
            (_, false) => format!("{}{magnitude}{}", self.prefix, self.suffix),
        }
    }
}

/// Adds one to a decimal number in ASCII digits.
fn increment(digits: &mut Vec<u8>) {
    for digit in digits.iter_mut().rev() {
        if *digit == b'9' {
            *digit = b'0';
        } else {
            *digit += 1;
            return;
        }
    }
    digits.insert(0, b'1');
}

/// All digits of a finite double, before and behind the point: a double has finitely many, so nothing is rounded here.
fn exact_digits(magnitude: f64) -> (String, String) {
    if magnitude == 0.0 {
        return ("0".to_owned(), String::new());
    }
    let bits = magnitude.to_bits();
    let exponent = i64::try_from(bits >> 52).unwrap_or(0);
    let mantissa = (bits & ((1 << 52) - 1)) | if exponent == 0 { 0 } else { 1 << 52 };
    // magnitude = mantissa · 2^power; each factor ½ that is left in the mantissa costs one decimal digit.
    let power = exponent.max(1) - 1_075 + i64::from(mantissa.trailing_zeros());
    let fraction_digits = usize::try_from(-power).unwrap_or(0);
    let text = format!("{magnitude:.fraction_digits$}");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    (whole.to_owned(), fraction.to_owned())
}

/// One half of a pattern: what stands around its digits.
#[derive(Default)]
struct Part {
    prefix: String,
    digits: String,
    suffix: String,
    multiplier: i32,
}

/// Splits `prefix digits suffix ; prefix digits suffix`; text in single quotes is literal.
fn split_affixes(pattern: &str) -> Option<Vec<Part>> {
    let new_part = || Part { multiplier: 1, ..Part::default() };
    let mut parts = vec![new_part()];
    let mut quoted = false;
    let mut characters = pattern.chars().peekable();
    while let Some(character) = characters.next() {
        let count = parts.len();
        let part = parts.last_mut()?;
        let (no_digits, no_suffix) = (part.digits.is_empty(), part.suffix.is_empty());
        let affix = if no_digits { &mut part.prefix } else { &mut part.suffix };
        match character {
            '\'' if characters.peek() == Some(&'\'') => {
                characters.next();
                affix.push('\'');
            }
            '\'' => quoted = !quoted,
            _ if quoted => affix.push(character),
            '#' | '0' | ',' | '.' if no_suffix => part.digits.push(character),
            '#' | '0' | ',' | '.' => return None,
            'E' if !no_digits && no_suffix => return None,
            ';' if count == 1 => parts.push(new_part()),
            ';' => return None,
            '%' | '‰' => {
                part.multiplier = if character == '%' { 100 } else { 1_000 };
                affix.push(character);
            }
            '¤' => affix.push('$'),
            _ => affix.push(character),
        }
    }
    Some(parts)
}

/// Reads the digits of a pattern, like `#,##0.##`: `#` may not stand between zeros.
fn digits(pattern: &str) -> Option<Pattern> {
    let (whole, fraction) = match pattern.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (pattern, None),
    };
    let fraction_digits = fraction.unwrap_or("");
    let whole_digits: String = whole.chars().filter(|character| *character != ',').collect();
    if fraction_digits.contains(['.', ',']) || whole_digits.contains("0#") || fraction_digits.contains("#0") {
        return None;
    }
    let zeros = |text: &str| text.matches('0').count();
    let mut minimum_whole = zeros(&whole_digits);
    // `#.##` shows at least one whole digit, `#.00` does not.
    if fraction.is_some() && minimum_whole + zeros(fraction_digits) == 0 && !whole_digits.is_empty() {
        minimum_whole = 1;
    }
    let grouping = whole.rfind(',').map_or(0, |comma| whole.len() - comma - 1);
    if whole.ends_with(',') {
        return None;
    }
    Some(Pattern {
        grouping,
        minimum_whole,
        minimum_fraction: zeros(fraction_digits),
        maximum_fraction: fraction_digits.len(),
        ..Pattern::plain()
    })
}
