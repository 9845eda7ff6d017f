//! Nothing that a client can send may panic: extreme values under every operation, and random texts as paths, formats
//! and JSON. Seeds are fixed, so a failure repeats.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod value_world;

use lh_machine::{
    pb::{
        Comparator, TypeDefinition, VariableMutation, VariableMutationType, VariableType, VariableValue,
        variable_mutation::RhsValue,
    },
    value::{convert, ingress, mask::mask_structs, mutation::mutate},
};
use value_world::*;

/// A xorshift generator.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap()
    }

    fn text(&mut self, tokens: &[&str], most: usize) -> String {
        (0..self.below(most + 1)).map(|_| tokens[self.below(tokens.len())]).collect()
    }
}

fn extremes() -> Vec<VariableValue> {
    let mut values = vec![NULL, boolean(true), bytes(&[]), bytes(&[255]), time(i64::MIN, i32::MIN), time(i64::MAX, 1)];
    values.extend([0, 1, -1, 2, 63, 64, i64::MAX, i64::MIN].map(int));
    values.extend(
        [0.0, -0.0, 0.5, -2.7, 1e308, f64::MIN_POSITIVE, f64::NAN, f64::INFINITY, f64::NEG_INFINITY].map(double),
    );
    values.extend(["", "0", "-1", "true", "1.5", "9223372036854775808", "😀", "_"].map(text));
    values.extend(["{}", "{\"a\":[1,{\"b\":null}]}", "", "{"].map(obj));
    values.extend(["[]", "[1,1.0,\"a\",null,[1]]", "null", "x"].map(arr));
    values.extend([items([]), items([NULL, int(1)]), typed_items(prim(P::Int), [int(1)])]);
    values.extend([
        entries([]),
        entries([(NULL, NULL)]),
        typed_entries(prim(P::Str), prim(P::Int), [(text("a"), int(1))]),
    ]);
    values.extend([structure(None, &[]), structure(Some(id("car", 0)), &[("a", NULL)]), run(&["", ""])]);
    values
}

fn declared_types() -> Vec<TypeDefinition> {
    let mut defs: Vec<TypeDefinition> = (0..9).map(|number| prim(VariableType::try_from(number).unwrap())).collect();
    defs.extend([TypeDefinition::default(), struct_type("car", 0), struct_type("gone", 0)]);
    defs.extend([array_of(prim(P::Int)), array_of(array_of(prim(P::Str))), map_of(prim(P::Int), prim(P::JsonObj))]);
    defs.extend([inline_type(&[("a", nullable(prim(P::Int)))]), lh_machine::value::types::map(None, None)]);
    defs
}

#[test]
fn extreme_values_under_every_operation() {
    let world = World::new().def("car", 0, &[("a", nullable(prim(P::Int)))]);
    let values = extremes();
    let (mut resolved, mut failed) = (0, 0);
    let mut count = |worked: bool| if worked { resolved += 1 } else { failed += 1 };
    for left in &values {
        for right in &values {
            for number in 0..12 {
                let operation = VariableMutationType::try_from(number).unwrap();
                count(world.resolve(&calc(lit(left.clone()), operation, lit(right.clone()))).is_ok());
            }
            for number in 0..8 {
                let comparator = Comparator::try_from(number).unwrap();
                count(world.resolve(&comparison(lit(left.clone()), comparator, lit(right.clone()))).is_ok());
            }
            count(world.resolve(&lh_path(lit(left.clone()), vec![dynamic(lit(right.clone()))])).is_ok());
            count(
                world
                    .resolve(&format(lit(text("{0} {1,number,0.0}")), [lit(left.clone()), lit(right.clone())]))
                    .is_ok(),
            );
        }
    }
    assert!(resolved > 1_000 && failed > 1_000, "{resolved} resolved, {failed} failed");
}

#[test]
fn extreme_values_against_every_type() {
    let world = World::new().def("car", 0, &[("a", nullable(prim(P::Int)))]);
    for declared in declared_types() {
        for value in extremes() {
            let mut accepted = ingress::accept(&declared, value.clone(), &world).unwrap_or(NULL);
            mask_structs(&mut accepted);
            let converted = convert::convert_for_assign(value.clone(), &declared, &world);
            if let Ok(converted) = converted {
                assert!(ingress::accept(&declared, converted.clone(), &world).is_ok(), "{value:?} as {declared:?}");
            }
            for right in extremes() {
                for number in 0..12 {
                    let mutation = VariableMutation {
                        operation: number,
                        rhs_value: Some(RhsValue::LiteralValue(right.clone())),
                        ..VariableMutation::default()
                    };
                    let _ = mutate(&mutation, None, &declared, &value, &world);
                }
            }
        }
    }
}

#[test]
fn random_paths() {
    const TOKENS: [&str; 42] = [
        "$",
        ".",
        "..",
        "[",
        "]",
        "*",
        "?",
        "(",
        ")",
        "'",
        "\"",
        "\\",
        "a",
        "b",
        "0",
        "-1",
        "99999999999999999999",
        ":",
        ",",
        " ",
        "@",
        "@.a",
        "==",
        "!=",
        "<",
        ">=",
        "&&",
        "||",
        "!",
        "in",
        "size",
        "=~",
        "/a/",
        "/",
        "[0]",
        "[?(",
        ")]",
        ".length()",
        ".sum()",
        "é",
        "null",
        "{",
    ];
    let document = obj(r#"{"a":[{"a":1,"b":[0,-1]},{"b":{"a":null}}],"b":"x","é":{"0":[[],{}]}}"#);
    let mut random = Random(42);
    let mut worked = 0;
    for _ in 0..30_000 {
        let path = random.text(&TOKENS, 9);
        worked += usize::from(World::new().resolve(&json_path(lit(document.clone()), &path)).is_ok());
        let mutation = VariableMutation {
            lhs_json_path: Some(path),
            rhs_value: Some(RhsValue::LiteralValue(int(1))),
            ..VariableMutation::default()
        };
        let _ = mutate(&mutation, None, &prim(P::JsonObj), &document, &World::new());
    }
    assert!(worked > 500, "{worked} paths were valid");
}

#[test]
fn random_formats() {
    const TOKENS: [&str; 24] = [
        "{",
        "}",
        "{0}",
        "{1}",
        "{0,number,",
        "{0,number}",
        "'",
        "''",
        "0",
        "#",
        ",",
        ".",
        ";",
        "%",
        "‰",
        "¤",
        "E",
        "a",
        " ",
        "é",
        "{9}",
        "integer}",
        "-",
        "currency",
    ];
    let mut random = Random(7);
    let mut worked = 0;
    for _ in 0..30_000 {
        let pattern = random.text(&TOKENS, 8);
        for number in [double(-12345.6789), int(i64::MIN), double(f64::MAX), double(0.0)] {
            let assignment = format(lit(text(&pattern)), [lit(number), lit(text("x"))]);
            worked += usize::from(World::new().resolve(&assignment).is_ok());
        }
    }
    assert!(worked > 500, "{worked} formats were valid");
}

/// Canonical JSON is a fixed point: what is stored reads back as itself (01/VAL-2).
#[test]
fn random_json() {
    const TOKENS: [&str; 20] = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"a\"",
        "\"\\u00e9\"",
        "1",
        "-1",
        "1.0",
        "1e3",
        "1e-7",
        "null",
        "true",
        " ",
        "\"",
        "\\",
        "18446744073709551616",
        "0.1",
    ];
    let mut random = Random(99);
    let world = World::new();
    let mut worked = 0;
    for _ in 0..30_000 {
        let json = format!("[{}]", random.text(&TOKENS, 6));
        if let Ok(stored) = ingress::accept(&prim(P::JsonArr), arr(&json), &world) {
            assert_eq!(ingress::accept(&prim(P::JsonArr), stored.clone(), &world), Ok(stored), "{json}");
            worked += 1;
        }
    }
    assert!(worked > 500, "{worked} texts were valid");
}
