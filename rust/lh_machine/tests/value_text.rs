//! Conversions and format strings (01 section 6, ASG-4, ASG-5).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::approx_constant, missing_docs)]

mod value_world;

use lh_machine::{
    pb::VariableValue,
    value::convert::{cast as cast_value, to_text},
};
use value_world::*;

/// Proves 01/CST-4: the text of numbers, as Java writes them, and of everything else that has one.
#[test]
fn texts() {
    let cases = [
        (double(3.14), "3.14"),
        (double(100.0), "100.0"),
        (double(1e7), "1.0E7"),
        (double(9_999_999.0), "9999999.0"),
        (double(12_345_678.9), "1.23456789E7"),
        (double(1e-3), "0.001"),
        (double(1e-4), "1.0E-4"),
        (double(0.00123), "0.00123"),
        (double(0.5), "0.5"),
        (double(-0.0), "-0.0"),
        (double(0.0), "0.0"),
        (double(-2.5e-7), "-2.5E-7"),
        (double(f64::NAN), "NaN"),
        (double(f64::INFINITY), "Infinity"),
        (double(f64::NEG_INFINITY), "-Infinity"),
        (double(f64::MAX), "1.7976931348623157E308"),
        (double(5e-324), "4.9E-324"),
        (double(2e23), "2.0E23"),
        (int(i64::MIN), "-9223372036854775808"),
        (boolean(true), "true"),
        (run(&["root", "mid", "leaf"]), "root_mid_leaf"),
        (bytes(b"hi!?"), "aGkhPw=="),
        (time(0, 0), "1970-01-01T00:00:00Z"),
        (time(1_709_210_096, 120_000_000), "2024-02-29T12:34:56.120Z"),
        (time(-1, 999_999_999), "1969-12-31T23:59:59.999999999Z"),
        (arr("[1, {\"a\": 2.0}]"), "[1,{\"a\":2.0}]"),
        (obj("{ \"a\" : null }"), "{\"a\":null}"),
    ];
    for (value, expected) in cases {
        assert_eq!(to_text(&value).unwrap(), expected);
    }
    for value in [NULL, items([]), entries([]), structure(None, &[])] {
        assert!(to_text(&value).is_err());
    }
    assert!(to_text(&time(i64::MAX, i32::MAX)).is_ok());
}

/// Proves 01/CST-4, checklist 14: texts to values.
#[test]
fn casts_of_texts() {
    let casts = |source: &str, target, expected: Option<VariableValue>| {
        assert_eq!(cast_value(text(source), target).ok(), expected, "'{source}' to {target:?}");
    };
    casts("12", P::Int, Some(int(12)));
    casts("+12", P::Int, Some(int(12)));
    casts("-9223372036854775808", P::Int, Some(int(i64::MIN)));
    for refused in ["", " 1", "1 ", "1.0", "9223372036854775808", "x", "1e3", "-"] {
        casts(refused, P::Int, None);
    }
    casts(" 1e3 ", P::Double, Some(double(1000.0)));
    casts(".5", P::Double, Some(double(0.5)));
    casts("5.", P::Double, Some(double(5.0)));
    casts("1.5d", P::Double, Some(double(1.5)));
    casts("-Infinity", P::Double, Some(double(f64::NEG_INFINITY)));
    for refused in ["", "inf", "nan", "infinity", "1,5", "1e", "--1", "+-1", "e5", "0x1", "1 2"] {
        casts(refused, P::Double, None);
    }
    assert_eq!(to_text(&cast_value(text("NaN"), P::Double).unwrap()).unwrap(), "NaN");
    casts(" TRUE ", P::Bool, Some(boolean(true)));
    casts("false", P::Bool, Some(boolean(false)));
    casts("yes", P::Bool, None);
    casts("héé", P::Bytes, Some(bytes("héé".as_bytes())));
    casts("a_b_c", P::WfRunId, Some(run(&["a", "b", "c"])));
    casts("", P::WfRunId, Some(run(&[""])));
    casts("_", P::WfRunId, None);
    let message = cast_value(text("x"), P::Int).unwrap_err().message;
    assert_eq!(message, "Cannot parse 'x' as INT");
    assert_eq!(cast_value(text("no"), P::Bool).unwrap_err().message, "Cannot parse 'no' as BOOL");
}

/// A text with very many ids would nest messages until nobody can decode them.
#[test]
fn run_ids_from_text_are_bounded() {
    assert!(cast_value(text(&"a_".repeat(100_000)), P::WfRunId).is_err());
    assert!(cast_value(text(&"_".repeat(100_000)), P::WfRunId).is_err());
}

/// Proves 01/CST-1, 01/CST-2, 01/CST-4, checklist 14: casts between other primitives.
#[test]
fn casts_of_numbers() {
    let cases = [
        (double(2.9), P::Int, int(2)),
        (double(-2.9), P::Int, int(-2)),
        (double(f64::NAN), P::Int, int(0)),
        (double(1e300), P::Int, int(i64::MAX)),
        (double(-1e300), P::Int, int(i64::MIN)),
        (int(5), P::Double, double(5.0)),
        (int(5), P::Str, text("5")),
        (double(5.0), P::Str, text("5.0")),
        (boolean(true), P::Str, text("true")),
        (bytes(&[0, 255]), P::Str, text("AP8=")),
        (run(&["p", "c"]), P::Str, text("p_c")),
        (obj("{}"), P::JsonObj, obj("{}")),
    ];
    for (value, target, expected) in cases {
        assert_eq!(cast_value(value, target).unwrap(), expected);
    }
}

/// Proves 01/CST-2, 01/CST-3, checklist 15: everything else fails; NULL passes; categories do not mix.
#[test]
fn failing_casts() {
    let refused = [
        (int(1), prim(P::Bool)),
        (double(1.0), prim(P::Bool)),
        (obj("{}"), prim(P::Str)),
        (text("{}"), prim(P::JsonObj)),
        (time(1, 0), prim(P::Str)),
        (text("2024-01-01T00:00:00Z"), prim(P::Timestamp)),
        (int(1), array_of(prim(P::Int))),
        (items([]), prim(P::Str)),
        (items([]), struct_type("car", 0)),
        (structure(Some(id("bike", 0)), &[]), struct_type("car", 0)),
    ];
    let world = World::new();
    for (value, target) in refused {
        let message = world.failure(&cast(lit(value), target));
        assert!(message.contains("This conversion is not supported"), "{message}");
    }
    assert_eq!(world.value(&cast(lit(NULL), prim(P::Int))), NULL);
    assert_eq!(world.value(&cast(lit(NULL), struct_type("car", 0))), NULL);
    let car = structure(Some(id("car", 3)), &[]);
    assert_eq!(world.value(&cast(lit(car.clone()), struct_type("car", 0))), car);
    assert_eq!(world.value(&cast(lit(items([int(1)])), array_of(prim(P::Str)))), items([int(1)]));
    assert_eq!(world.value(&cast(cast(lit(double(2.7)), prim(P::Int)), prim(P::Int))), int(2));
}

fn filled(pattern: &str, arguments: &[VariableValue]) -> String {
    let assignment = format(lit(text(pattern)), arguments.iter().cloned().map(lit));
    match World::new().value(&assignment).value {
        Some(lh_machine::pb::variable_value::Value::Str(text)) => text,
        other => panic!("{other:?}"),
    }
}

/// Proves 01/ASG-4, checklist 17: the syntax of a format.
#[test]
fn format_syntax() {
    let arguments = [text("a"), text("b")];
    let cases = [
        ("{0} and {1}", "a and b"),
        ("{1}{0}{1}", "bab"),
        ("it's {0}", "its {0}"),
        ("it''s {0}", "it's a"),
        ("'{0}' {0}", "{0} a"),
        ("'it''s' {0}", "it's a"),
        ("{2} {9}", "{2} {9}"),
        ("} {0}", "} a"),
        ("", ""),
        ("{0,}", "a"),
        ("é{0}é", "éaé"),
        ("an open 'quote {0}", "an open quote {0}"),
    ];
    for (pattern, expected) in cases {
        assert_eq!(filled(pattern, &arguments), expected, "{pattern}");
    }
    for pattern in ["{}", "{name}", "{ 0 }", "{-1}", "{0", "{0,number", "{0,unknown}", "{0,date}", "{0,number,#}", "{"]
    {
        let assignment = format(lit(text(pattern)), arguments.iter().cloned().map(lit));
        assert!(!World::new().failure(&assignment).is_empty(), "{pattern}");
    }
    for not_text in [NULL, int(1)] {
        assert!(!World::new().failure(&format(lit(not_text), [])).is_empty());
    }
    assert!(!World::new().failure(&format(lit(text("x")), [var("unknown")])).is_empty(), "unused arguments count too");
}

/// Proves 01/ASG-5, checklist 17: numbers, with half-even rounding on the exact binary value.
#[test]
fn formatted_numbers() {
    let cases = [
        (int(1_234_567), "1,234,567"),
        (int(-1_234), "-1,234"),
        (int(999), "999"),
        (int(0), "0"),
        (int(i64::MIN), "-9,223,372,036,854,775,808"),
        (double(3.14159), "3.142"),
        (double(5.0), "5"),
        (double(0.0005), "0.001"),
        (double(1.0005), "1"),
        (double(2.0005), "2.001"),
        (double(0.0625), "0.062"),
        (double(0.1875), "0.188"),
        (double(-0.0), "-0"),
        (double(-0.0001), "-0"),
        (double(0.0), "0"),
        (double(999.9996), "1,000"),
        (double(0.9999), "1"),
        (double(1_234_567.891), "1,234,567.891"),
        (double(1e20), "100,000,000,000,000,000,000"),
        (double(f64::NAN), "NaN"),
        (double(f64::INFINITY), "∞"),
        (double(f64::NEG_INFINITY), "-∞"),
        (double(5e-324), "0"),
    ];
    for (number, expected) in cases {
        assert_eq!(filled("{0}", std::slice::from_ref(&number)), expected, "{number:?}");
        assert_eq!(filled("{0,number}", &[number]), expected);
    }
}

/// Proves 01/ASG-4: number patterns.
#[test]
fn number_patterns() {
    let cases = [
        ("#.##", double(3.14159), "3.14"),
        ("#.##", double(2.0), "2"),
        ("#.##", double(0.5), "0.5"),
        ("#.00", double(0.5), ".50"),
        ("0.00", double(1.005), "1.00"),
        ("0.00", double(0.125), "0.12"),
        ("0.00", double(0.375), "0.38"),
        ("000", int(7), "007"),
        ("#", int(0), "0"),
        ("#", double(0.5), "0"),
        ("#", double(1.5), "2"),
        ("#,##0.0", double(1234.56), "1,234.6"),
        ("#,####", int(123_456_789), "1,2345,6789"),
        ("0.0%", double(0.1234), "12.3%"),
        ("$#,##0.00", double(-1234.5), "-$1,234.50"),
        ("#;(#)", int(-5), "(5)"),
        ("0 'items'", int(3), "3 items"),
        ("integer", double(2.5), "2"),
        ("percent", double(0.256), "26%"),
        ("currency", double(1234.5), "$1,234.50"),
    ];
    for (pattern, number, expected) in cases {
        assert_eq!(filled(&format!("{{0,number,{pattern}}}"), &[number]), expected, "{pattern}");
    }
}

/// Proves 01/ASG-5: everything that is not a number.
#[test]
fn formatted_values() {
    let cases = [
        (NULL, "null"),
        (text("plain, text"), "plain, text"),
        (boolean(false), "false"),
        (run(&["a", "b"]), "a_b"),
        (obj("{\"a\": [1, \"x\"]}"), "{\"a\":[1,\"x\"]}"),
        (arr("[1, {\"a\":2}]"), "[1,{\"a\":2}]"),
        (time(86_400, 5_000_000), "1970-01-02T00:00:00.005Z"),
        (bytes(b"abc"), "YWJj"),
        (items([int(1), text("b")]), "[1,\"b\"]"),
        (structure(Some(id("car", 0)), &[("plate", text("AB"))]), "{\"plate\":\"AB\"}"),
        (entries([(int(1), boolean(true))]), "{\"1\":true}"),
    ];
    for (value, expected) in cases {
        assert_eq!(filled("{0}", &[value]), expected);
    }
    assert_eq!(filled("{0,number,#}", &[NULL]), "null");
}

/// A placeholder that repeats a long argument cannot fill the memory.
#[test]
fn formats_are_bounded() {
    let long = text(&"x".repeat(500_000));
    let assignment = format(lit(text(&"{0}".repeat(1_000))), [lit(long)]);
    assert!(World::new().failure(&assignment).contains("RESOURCE_EXHAUSTED"));
    let world = World::new().with("json", obj(&format!("{{\"a\":\"{}\"}}", "x".repeat(900_000))));
    let many = format(lit(text("")), (0..1_000).map(|_| json_path(var("json"), "$.a")));
    assert!(world.failure(&many).contains("RESOURCE_EXHAUSTED"), "also what is computed and not used");
    let plain = format(lit(text("{0}")), (0..1_000).map(|_| var("json")));
    assert!(world.resolve(&plain).is_ok());
}
