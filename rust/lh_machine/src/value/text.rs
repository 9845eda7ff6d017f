//! Numbers, times and run ids as text, and back (CST-4). Nothing here depends on a locale.

use prost_types::Timestamp;

use crate::pb::WfRunId;

use super::{Vse, bounds::RUN_ID_PARTS_MAX};

/// A double in its shortest form with at least one fraction digit; scientific below 1e-3 and from 1e7 (CST-4).
pub fn double_text(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    let sign = if number.is_sign_negative() { "-" } else { "" };
    let magnitude = number.abs();
    if magnitude.is_infinite() {
        return format!("{sign}Infinity");
    }
    if magnitude == 0.0 {
        return format!("{sign}0.0");
    }
    let (digits, exponent) = shortest_digits(magnitude);
    if (1e-3..1e7).contains(&magnitude) {
        return format!("{sign}{}", positional(&digits, exponent));
    }
    let (first, rest) = digits.split_at(1);
    let rest = if rest.is_empty() { "0" } else { rest };
    format!("{sign}{first}.{rest}E{exponent}")
}

/// The fewest decimal digits (but two, if those are nearer) that read back as this number, and the exponent of the
/// first of them. `magnitude` is finite and positive.
fn shortest_digits(magnitude: f64) -> (String, i32) {
    let mut scientific = format!("{magnitude:e}");
    if !scientific.contains('.') {
        let two_digits = format!("{magnitude:.1e}");
        if two_digits.parse::<f64>() == Ok(magnitude) {
            scientific = two_digits;
        }
    }
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let mut digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    if digits.len() > 1 && digits.ends_with('0') {
        digits.pop();
    }
    (digits, exponent.parse().unwrap_or(0))
}

/// Digits with the decimal point after digit `exponent + 1`, at least one digit on both sides of it.
fn positional(digits: &str, exponent: i32) -> String {
    let Ok(whole) = usize::try_from(exponent + 1) else {
        let zeros = "0".repeat(exponent.unsigned_abs() as usize - 1);
        return format!("0.{zeros}{digits}");
    };
    match whole {
        0 => format!("0.{digits}"),
        _ if whole >= digits.len() => format!("{digits}{}.0", "0".repeat(whole - digits.len())),
        _ => format!("{}.{}", &digits[..whole], &digits[whole..]),
    }
}

/// An optional sign and ASCII digits within int64; no blanks, no decimals (CST-4).
pub fn parse_int(text: &str) -> Option<i64> {
    text.parse().ok()
}

/// A double in Java's syntax: blanks around it, exponents, `NaN`, `Infinity`, an optional `d` or `f` (CST-4).
pub fn parse_double(text: &str) -> Option<f64> {
    let text = text.trim_matches(|character| character <= ' ');
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let magnitude = match unsigned {
        "NaN" => f64::NAN,
        "Infinity" => f64::INFINITY,
        _ => {
            let digits = unsigned.strip_suffix(['d', 'D', 'f', 'F']).unwrap_or(unsigned);
            let plain = digits.starts_with(|first: char| first.is_ascii_digit() || first == '.')
                && digits.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte));
            if !plain {
                return None;
            }
            digits.parse().ok()?
        }
    };
    Some(if negative { -magnitude } else { magnitude })
}

/// `true` or `false` in any case, with blanks around it (CST-4).
pub fn parse_bool(text: &str) -> Option<bool> {
    let text = text.trim_matches(|character| character <= ' ');
    if text.eq_ignore_ascii_case("true") {
        return Some(true);
    }
    text.eq_ignore_ascii_case("false").then_some(false)
}

/// The ids of a run from root to leaf, joined with `_` (section 1).
pub fn run_id_text(id: &WfRunId) -> String {
    let mut ids = vec![id.id.as_str()];
    let mut parent = &id.parent_wf_run_id;
    while let Some(id) = parent {
        ids.push(&id.id);
        parent = &id.parent_wf_run_id;
    }
    ids.reverse();
    ids.join("_")
}

/// Splits at `_`: the last part is the id, the rest the chain of parents; `""` is an empty id (CST-4).
///
/// # Errors
/// No id part, or more than [`RUN_ID_PARTS_MAX`] parts.
pub fn parse_run_id(text: &str) -> Result<WfRunId, Vse> {
    let parts_text = text.trim_end_matches('_');
    if parts_text.is_empty() && !text.is_empty() {
        return Err(Vse::new(format!("Cannot parse '{}' as WF_RUN_ID", excerpt(text))));
    }
    if parts_text.split('_').count() > RUN_ID_PARTS_MAX {
        return Err(Vse::new(format!("a WF_RUN_ID has at most {RUN_ID_PARTS_MAX} parts")));
    }
    let mut id: Option<WfRunId> = None;
    for part in parts_text.split('_') {
        id = Some(WfRunId { id: part.to_owned(), parent_wf_run_id: id.map(Box::new) });
    }
    Ok(id.unwrap_or_default())
}

/// ISO-8601 in UTC with as many of 0, 3, 6 or 9 fraction digits as needed.
pub fn timestamp_text(time: &Timestamp) -> String {
    const NANOS: i64 = 1_000_000_000;
    let nanos = i64::from(time.nanos);
    let seconds = time.seconds.saturating_add(nanos.div_euclid(NANOS));
    let nanos = nanos.rem_euclid(NANOS);
    let (year, month, day) = civil_date(seconds.div_euclid(86_400));
    let second_of_day = seconds.rem_euclid(86_400);
    let (hour, minute, second) = (second_of_day / 3_600, second_of_day / 60 % 60, second_of_day % 60);
    let year = match year {
        0..=9_999 => format!("{year:04}"),
        _ => format!("{year:+05}"),
    };
    let fraction = match nanos {
        0 => String::new(),
        _ if nanos % 1_000_000 == 0 => format!(".{:03}", nanos / 1_000_000),
        _ if nanos % 1_000 == 0 => format!(".{:06}", nanos / 1_000),
        _ => format!(".{nanos:09}"),
    };
    format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z")
}

/// The proleptic Gregorian date of a day counted from 1970-01-01 (H. Hinnant's `civil_from_days`).
fn civil_date(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// The beginning of a text, short enough for a message.
pub fn excerpt(text: &str) -> String {
    const SHOWN: usize = 100;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
