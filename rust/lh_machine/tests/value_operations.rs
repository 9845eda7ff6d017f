//! Expressions, comparators, conditions and builders at run time (01 sections 7, 9.3 and 10, NEW-4).
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod value_world;

use lh_machine::{
    pb::{
        self, Comparator, InlineStructBuilder, InlineStructFieldValue, VariableAssignment, VariableMutationType,
        VariableValue, edge::EdgeCondition, inline_struct_field_value::StructValue,
    },
    value::condition::{condition_holds, edge_holds, legacy_holds},
};
use value_world::*;

fn run_of(left: &VariableValue, operation: VariableMutationType, right: &VariableValue) -> Option<VariableValue> {
    World::new().resolve(&calc(lit(left.clone()), operation, lit(right.clone()))).ok()
}

fn table(cases: &[(VariableValue, VariableMutationType, VariableValue, Option<VariableValue>)]) {
    for (left, operation, right, expected) in cases {
        assert_eq!(run_of(left, *operation, right), *expected, "{left:?} {operation:?} {right:?}");
    }
}

/// Proves 01/MUT-12, 01/MUT-13, checklist 20: arithmetic by run-time types.
#[test]
fn arithmetic() {
    table(&[
        (int(5), Add, int(2), Some(int(7))),
        (int(i64::MAX), Add, int(1), Some(int(i64::MIN))),
        (int(i64::MIN), Subtract, int(1), Some(int(i64::MAX))),
        (int(i64::MAX), Multiply, int(2), Some(int(-2))),
        (int(i64::MIN), Divide, int(-1), Some(int(i64::MIN))),
        (int(5), Divide, int(2), Some(int(2))),
        (int(-5), Divide, int(2), Some(int(-2))),
        (int(5), Divide, double(2.0), Some(double(2.5))),
        (int(5), Add, double(2.7), Some(double(7.7))),
        (double(5.0), Divide, int(2), Some(double(2.5))),
        (double(f64::MAX), Multiply, double(2.0), Some(double(f64::INFINITY))),
        (int(5), Add, text("2"), Some(int(7))),
        (int(5), Add, text("2.5"), None),
        (double(5.0), Add, text(" 2.5 "), Some(double(7.5))),
        (int(5), Add, text("x"), None),
        (int(5), Add, NULL, None),
        (NULL, Add, int(5), None),
        (int(5), Subtract, boolean(true), None),
        (int(5), Multiply, items([]), None),
        (boolean(true), Add, int(1), None),
        (time(1, 0), Add, int(1), None),
        (obj("{}"), Add, int(1), None),
        (text("a"), Subtract, text("b"), None),
    ]);
    for zero in [int(0), double(0.0), double(-0.0), text("0")] {
        for left in [int(5), double(5.0)] {
            let assignment = calc(lit(left), Divide, lit(zero.clone()));
            assert_eq!(World::new().failure(&assignment), "Cannot divide by zero");
        }
    }
}

/// Proves 01/MUT-14, checklist 21: powers.
#[test]
fn powers() {
    table(&[
        (int(2), Pow, int(10), Some(int(1024))),
        (int(3), Pow, int(39), Some(int(4_052_555_153_018_976_267))),
        (int(-2), Pow, int(63), Some(int(i64::MIN))),
        (int(2), Pow, int(63), None),
        (int(2), Pow, int(i64::MAX), None),
        (int(-1), Pow, int(i64::MAX), Some(int(-1))),
        (int(-1), Pow, int(-2), Some(int(1))),
        (int(1), Pow, int(i64::MIN), Some(int(1))),
        (int(0), Pow, int(5), Some(int(0))),
        (int(0), Pow, int(0), Some(int(1))),
        (int(0), Pow, int(-1), None),
        (int(2), Pow, int(-1), Some(int(0))),
        (int(2), Pow, double(0.5), Some(double(std::f64::consts::SQRT_2))),
        (double(2.0), Pow, int(-1), Some(double(0.5))),
        (double(1e300), Pow, int(2), None),
        (double(-8.0), Pow, double(0.5), None),
        (double(1.0), Pow, double(f64::NAN), None),
        (int(2), Pow, text("2"), None),
        (NULL, Pow, int(2), None),
    ]);
    let infinite = World::new().failure(&calc(lit(double(1e300)), Pow, lit(int(2))));
    assert!(infinite.contains("not finite"), "{infinite}");
}

/// Proves 01/MUT-15: ADD on texts and JSON arrays.
#[test]
fn adding_to_texts_and_json() {
    table(&[
        (text("a"), Add, text("b"), Some(text("ab"))),
        (text("a"), Add, int(1), Some(text("a1"))),
        (text("a"), Add, double(1e7), Some(text("a1.0E7"))),
        (text("a"), Add, arr("[1, 2]"), Some(text("a[1,2]"))),
        (text("a"), Add, obj("{\"a\": 1}"), Some(text("a{\"a\":1}"))),
        (text("a"), Add, NULL, None),
        (text("a"), Add, items([]), None),
        (arr("[1]"), Add, int(2), Some(arr("[1,2]"))),
        (arr("[1]"), Add, arr("[2]"), Some(arr("[1,[2]]"))),
        (arr("[]"), Add, obj("{\"a\":1}"), Some(arr("[{\"a\":1}]"))),
        (arr("[]"), Add, boolean(true), Some(arr("[true]"))),
        (arr("[1]"), Add, NULL, None),
        (arr("[1]"), Add, entries([]), None),
        (arr("[1]"), Add, structure(None, &[]), None),
        (arr("{"), Add, int(1), None),
    ]);
}

/// Proves 01/MUT-16, checklist 25: EXTEND.
#[test]
fn extending() {
    let numbers = |list: &[i64]| typed_items(prim(P::Int), list.iter().map(|number| int(*number)));
    let rows = |list: Vec<VariableValue>| typed_items(array_of(prim(P::Int)), list);
    table(&[
        (text("a"), Extend, int(1), Some(text("a1"))),
        (text("a"), Extend, NULL, None),
        (bytes(&[1]), Extend, bytes(&[2]), Some(bytes(&[1, 2]))),
        (bytes(b"a"), Extend, text("b"), Some(bytes(b"ab"))),
        (bytes(b"a"), Extend, NULL, None),
        (arr("[1]"), Extend, arr("[2,3]"), Some(arr("[1,2,3]"))),
        (arr("[1]"), Extend, int(2), None),
        (numbers(&[1]), Extend, numbers(&[2, 3]), Some(numbers(&[1, 2, 3]))),
        (numbers(&[1]), Extend, items([int(2)]), Some(numbers(&[1, 2]))),
        (numbers(&[1]), Extend, items([]), Some(numbers(&[1]))),
        (numbers(&[1]), Extend, int(2), Some(numbers(&[1, 2]))),
        (numbers(&[1]), Extend, double(2.9), Some(numbers(&[1, 2]))),
        (numbers(&[1]), Extend, text("x"), None),
        (numbers(&[1]), Extend, NULL, None),
        (numbers(&[1]), Extend, typed_items(prim(P::Str), [text("x")]), None),
        (rows(vec![]), Extend, numbers(&[1]), Some(rows(vec![numbers(&[1])]))),
        (rows(vec![]), Extend, rows(vec![numbers(&[1])]), Some(rows(vec![numbers(&[1])]))),
        (items([]), Extend, numbers(&[1]), Some(items([int(1)]))),
        (obj("{}"), Extend, obj("{}"), None),
        (int(1), Extend, int(1), None),
        (NULL, Extend, int(1), None),
    ]);
    let map = |list: &[(&str, i64)]| {
        typed_entries(prim(P::Str), prim(P::Int), list.iter().map(|(key, value)| (text(key), int(*value))))
    };
    table(&[
        (
            map(&[("a", 1), ("b", 2)]),
            Extend,
            map(&[("c", 3), ("a", 9), ("d", 4)]),
            Some(map(&[("a", 9), ("b", 2), ("c", 3), ("d", 4)])),
        ),
        (map(&[("a", 1)]), Extend, entries([(text("b"), int(2))]), Some(map(&[("a", 1), ("b", 2)]))),
        (map(&[("a", 1)]), Extend, entries([(text("b"), text("x"))]), None),
        (map(&[("a", 1)]), Extend, typed_entries(prim(P::Int), prim(P::Int), []), None),
        (map(&[]), Extend, obj("{}"), None),
    ]);
}

/// Proves 01/MUT-16, checklist 25: REMOVE_IF_PRESENT, REMOVE_INDEX and REMOVE_KEY.
#[test]
fn removing() {
    let numbers = |list: &[i64]| typed_items(prim(P::Int), list.iter().map(|number| int(*number)));
    let by_number =
        |keys: &[i64]| typed_entries(prim(P::Int), prim(P::Str), keys.iter().map(|key| (int(*key), text("x"))));
    table(&[
        (arr("[1,2,1,1.0,\"1\"]"), RemoveIfPresent, int(1), Some(arr("[2,1.0,\"1\"]"))),
        (arr("[{\"a\":1,\"b\":2}]"), RemoveIfPresent, obj("{\"b\":2,\"a\":1}"), Some(arr("[]"))),
        (arr("[1]"), RemoveIfPresent, int(2), Some(arr("[1]"))),
        (numbers(&[1, 2, 1]), RemoveIfPresent, int(1), Some(numbers(&[2]))),
        (numbers(&[1, 2, 1]), RemoveIfPresent, text("2"), Some(numbers(&[1, 1]))),
        (text("a"), RemoveIfPresent, text("a"), None),
        (obj("{}"), RemoveIfPresent, text("a"), None),
        (arr("[1,2,3]"), RemoveIndex, int(1), Some(arr("[1,3]"))),
        (arr("[1,2,3]"), RemoveIndex, double(2.9), Some(arr("[1,2]"))),
        (numbers(&[7, 8]), RemoveIndex, text("0"), Some(numbers(&[8]))),
        (arr("[1]"), RemoveIndex, int(1), None),
        (arr("[1]"), RemoveIndex, int(-1), None),
        (numbers(&[1]), RemoveIndex, int(-1), None),
        (numbers(&[1]), RemoveIndex, NULL, None),
        (text("abc"), RemoveIndex, int(0), None),
        (obj("{\"a\":1,\"b\":2,\"c\":3}"), RemoveKey, text("a"), Some(obj("{\"b\":2,\"c\":3}"))),
        (obj("{\"1\":1}"), RemoveKey, int(1), Some(obj("{}"))),
        (obj("{\"a\":1}"), RemoveKey, text("x"), Some(obj("{\"a\":1}"))),
        (by_number(&[1, 2]), RemoveKey, int(1), Some(by_number(&[2]))),
        (by_number(&[1, 2]), RemoveKey, text("2"), Some(by_number(&[1]))),
        (by_number(&[1]), RemoveKey, int(9), Some(by_number(&[1]))),
        (by_number(&[1]), RemoveKey, text("x"), None),
        (arr("[1]"), RemoveKey, int(0), None),
    ]);
}

/// Proves 01/MUT-16, 01/MUT-18: AND and OR; both operands are resolved, but only looked at when needed.
#[test]
fn logic() {
    table(&[
        (boolean(true), And, boolean(false), Some(boolean(false))),
        (boolean(true), And, text(" True "), Some(boolean(true))),
        (boolean(false), And, int(1), Some(boolean(false))),
        (boolean(true), Or, NULL, Some(boolean(true))),
        (boolean(false), Or, boolean(true), Some(boolean(true))),
        (boolean(false), Or, int(1), None),
        (NULL, And, boolean(true), None),
        (int(1), Or, boolean(true), None),
        (text("yes"), And, boolean(true), None),
    ]);
    let failing = calc(lit(boolean(false)), And, var("unknown"));
    assert!(World::new().failure(&failing).contains("unknown"));
}

/// Proves 01/MUT-17, checklist 18.
#[test]
fn sizes() {
    let world = World::new();
    assert_eq!(world.value(&size_of(lit(text("a😀é")))), int(4), "UTF-16 units");
    assert_eq!(world.value(&size_of(lit(arr("[1,[2,3]]")))), int(2));
    assert_eq!(world.value(&size_of(lit(items([NULL, NULL])))), int(2));
    for value in [NULL, int(1), obj("{}"), bytes(b"a"), entries([]), structure(None, &[])] {
        assert!(world.failure(&size_of(lit(value))).contains("Cannot resolve size()"));
    }
}

/// Proves 01/MUT-18, 01/ASG-1, ASG-2, ASG-3, ASG-6, ASG-7, checklist 16: sources and what is missing.
#[test]
fn sources() {
    let world = World::new().with("x", int(3)).output("1-task", obj(r#"{"v":[1,2]}"#));
    assert_eq!(world.value(&var("x")), int(3));
    assert_eq!(world.value(&lit(NULL)), NULL);
    // Literals are taken as they are: nobody pins their element types.
    for literal in [items([text("a"), int(1)]), entries([(text("k"), int(1))])] {
        assert_eq!(world.value(&lit(literal.clone())), literal);
    }
    assert_eq!(world.value(&size_of(lit(text("four")))), int(4));
    assert_eq!(world.value(&map_builder(pb::MapBuilder::default())), entries([]));
    let built =
        World::new().def("empty", 0, &[]).value(&struct_builder(id("empty", 0), InlineStructBuilder::default()));
    assert_eq!(built, structure(Some(id("empty", 0)), &[]));
    assert_eq!(world.value(&json_path(node("1-task"), "$.v[1]")), int(2));
    assert_eq!(world.failure(&node("2-task")), "Specified node 2-task has no output.");
    assert!(world.failure(&var("y")).contains("not in scope"));
    assert_eq!(world.failure(&VariableAssignment::default()), "missing source");
    assert!(!world.failure(&unset_operation(var("x"), var("x"))).is_empty());
    let nested = calc(calc(var("x"), Add, lit(int(1))), Multiply, calc(var("x"), Subtract, lit(int(1))));
    assert_eq!(world.value(&nested), int(8));
    assert_eq!(world.value(&cast(calc(var("x"), Divide, lit(double(2.0))), prim(P::Int))), int(1));
    assert_eq!(world.value(&calc(var("x"), Assign, lit(text("12")))), int(12), "converted to the left type");
    assert_eq!(world.value(&comparison(var("x"), GreaterThan, lit(int(2)))), boolean(true));
}

fn compare(left: &VariableValue, comparator: Comparator, right: &VariableValue) -> Option<bool> {
    match World::new().resolve(&comparison(lit(left.clone()), comparator, lit(right.clone()))) {
        Ok(value) if value == boolean(true) => Some(true),
        Ok(_) => Some(false),
        Err(_) => None,
    }
}

/// Proves 01/CMP-1, checklist 27: the six comparators over ordered pairs, NULL included.
#[test]
fn ordered_comparisons() {
    let ascending = [
        vec![NULL, int(-1), int(0), int(i64::MAX)],
        vec![NULL, double(f64::NEG_INFINITY), double(-0.0), double(0.0), double(f64::INFINITY), double(f64::NAN)],
        vec![NULL, text(""), text("A"), text("a"), text("ab"), text("😀"), text("\u{ff5e}")],
        vec![NULL, boolean(false), boolean(true)],
        vec![NULL, run(&["a"]), run(&["a", "b"]), run(&["b"])],
        vec![NULL, time(0, 5), time(0, 6), time(1, 0)],
    ];
    for list in ascending {
        for (position, left) in list.iter().enumerate() {
            for (other, right) in list.iter().enumerate() {
                let check = |comparator, expected| {
                    assert_eq!(compare(left, comparator, right), Some(expected), "{left:?} {comparator:?} {right:?}");
                };
                check(Equals, position == other);
                check(NotEquals, position != other);
                check(LessThan, position < other);
                check(LessThanEq, position <= other);
                check(GreaterThan, position > other);
                check(GreaterThanEq, position >= other);
            }
        }
    }
}

/// Proves 01/CMP-1, checklist 28: mixed types and JSON fail; bytes, arrays, maps and structs have no order.
#[test]
fn unordered_comparisons() {
    for (left, right) in [
        (int(1), double(1.0)),
        (int(1), text("1")),
        (boolean(true), text("true")),
        (obj("{}"), obj("{}")),
        (arr("[]"), arr("[]")),
        (obj("{}"), arr("[]")),
        (structure(None, &[]), obj("{}")),
    ] {
        for comparator in [Equals, NotEquals, LessThan, GreaterThan, LessThanEq, GreaterThanEq] {
            assert_eq!(compare(&left, comparator, &right), None, "{left:?} {comparator:?} {right:?}");
        }
    }
    let car = |version, plate| structure(Some(id("car", version)), &[("plate", text(plate))]);
    for (one, same, other) in [
        (bytes(b"a"), bytes(b"a"), bytes(b"b")),
        (items([double(f64::NAN)]), items([double(f64::NAN)]), items([int(1)])),
        (entries([(int(1), NULL)]), entries([(int(1), NULL)]), entries([])),
        (car(0, "A"), car(0, "A"), car(1, "A")),
        (car(0, "A"), car(0, "A"), car(0, "B")),
    ] {
        assert_eq!(compare(&one, Equals, &same), Some(true));
        assert_eq!(compare(&one, NotEquals, &same), Some(false));
        assert_eq!(compare(&one, Equals, &other), Some(false));
        assert_eq!(compare(&one, LessThan, &other), None);
        assert_eq!(compare(&one, Equals, &NULL), Some(false));
        assert_eq!(compare(&NULL, LessThan, &one), Some(true));
    }
}

/// Proves 01/VAL-5: exact equality has no numeric cross-type equality and counts element types and masks.
#[test]
fn exact_equality() {
    let inside = |left: VariableValue, right: VariableValue| compare(&items([left]), Equals, &items([right])).unwrap();
    assert!(!inside(int(1), double(1.0)));
    assert!(!inside(items([]), typed_items(prim(P::Int), [])));
    assert!(!inside(entries([]), typed_entries(prim(P::Int), prim(P::Int), [])));
    assert!(!inside(flagged(None, &[("a", int(1), true)]), flagged(None, &[("a", int(1), false)])));
    assert!(!inside(double(0.0), double(-0.0)));
    assert!(inside(structure(None, &[("a", int(1)), ("b", NULL)]), structure(None, &[("b", NULL), ("a", int(1))])));
}

/// Proves 01/CMP-2, checklist 28: IN and NOT_IN over every collection.
#[test]
fn containment() {
    let cases = [
        (text("ell"), text("hello"), Some(true)),
        (int(2), text("1234"), Some(true)),
        (text("x"), text("hello"), Some(false)),
        (NULL, text("null"), None),
        (int(1), arr("[1.0]"), Some(true)),
        (double(1.0), arr("[1]"), Some(true)),
        (text("1"), arr("[1]"), Some(false)),
        (NULL, arr("[null]"), Some(true)),
        (NULL, arr("[]"), Some(false)),
        (obj("{\"a\":1}"), arr("[{\"b\":2,\"a\":1.0}]"), Some(true)),
        (obj("{\"a\":1,\"c\":1}"), arr("[{\"b\":2,\"a\":1}]"), Some(false)),
        (arr("[1,2]"), arr("[[1,2]]"), Some(true)),
        (text("a"), obj("{\"a\":null}"), Some(true)),
        (int(1), obj("{\"1\":null}"), Some(true)),
        (text("b"), obj("{\"a\":\"b\"}"), Some(false)),
        (int(1), items([int(1)]), Some(true)),
        (double(1.0), items([int(1)]), Some(false)),
        (NULL, items([NULL]), Some(true)),
        (text("a"), entries([(text("a"), NULL)]), Some(true)),
        (text("b"), entries([(text("a"), text("b"))]), Some(false)),
        (text("a"), NULL, None),
        (text("a"), int(1), None),
        (text("a"), double(1.0), None),
        (text("a"), structure(None, &[("a", NULL)]), None),
    ];
    for (element, collection, expected) in cases {
        assert_eq!(compare(&element, In, &collection), expected, "{element:?} in {collection:?}");
        assert_eq!(compare(&element, NotIn, &collection), expected.map(|contained| !contained));
    }
}

/// Proves 01/CMP-4, CMP-5, CMP-6, CMP-7, checklist 29: conditions.
#[test]
fn conditions() {
    let world = World::new().with("yes", boolean(true)).with("no", boolean(false)).with("n", int(3)).with("null", NULL);
    let holds = |condition: &VariableAssignment| condition_holds(condition, &world).ok();
    assert_eq!(holds(&var("yes")), Some(true));
    assert_eq!(holds(&var("no")), Some(false));
    assert_eq!(holds(&var("n")), None);
    assert_eq!(holds(&var("null")), None);
    assert_eq!(holds(&lit(text("true"))), None, "a text is no BOOL");
    assert_eq!(holds(&cast(lit(text("true")), prim(P::Bool))), Some(true));
    assert_eq!(holds(&comparison(var("n"), LessThan, lit(int(4)))), Some(true));
    assert_eq!(holds(&comparison(var("null"), Equals, lit(NULL))), Some(true));
    assert_eq!(holds(&comparison(var("n"), Equals, lit(text("3")))), None);
    assert_eq!(holds(&calc(var("yes"), And, var("no"))), Some(false));
    assert_eq!(holds(&calc(var("no"), Or, var("yes"))), Some(true));
    assert_eq!(holds(&calc(var("yes"), And, lit(text("true")))), None, "real booleans only");
    assert_eq!(holds(&calc(var("no"), And, var("null"))), None, "both operands are looked at");
    assert_eq!(holds(&calc(var("n"), Add, var("n"))), None);
    assert_eq!(holds(&unset_operation(var("yes"), var("yes"))), None);
    let nested = calc(comparison(var("n"), GreaterThan, lit(int(1))), And, calc(var("no"), Or, var("yes")));
    assert_eq!(holds(&nested), Some(true));
    let ignored = cast(json_path(comparison(var("n"), Equals, lit(int(3))), "$.x"), prim(P::Str));
    assert_eq!(holds(&ignored), Some(true), "path and cast around an expression are ignored");
    let legacy =
        pb::LegacyEdgeCondition { comparator: GreaterThanEq as i32, left: Some(var("n")), right: Some(lit(int(3))) };
    assert_eq!(legacy_holds(&legacy, &world), Ok(true));
    assert!(legacy_holds(&pb::LegacyEdgeCondition::default(), &world).is_err());
    let edge = |edge_condition| pb::Edge { edge_condition, ..pb::Edge::default() };
    assert_eq!(edge_holds(&edge(None), &world), Ok(true));
    assert_eq!(edge_holds(&edge(Some(EdgeCondition::LegacyCondition(legacy))), &world), Ok(true));
    assert_eq!(edge_holds(&edge(Some(EdgeCondition::Condition(var("no")))), &world), Ok(false));
    assert!(edge_holds(&edge(Some(EdgeCondition::Condition(var("unknown")))), &world).is_err());
}

fn simple(assignment: VariableAssignment) -> InlineStructFieldValue {
    InlineStructFieldValue { struct_value: Some(StructValue::SimpleValue(assignment)) }
}

fn sub(fields: InlineStructBuilder) -> InlineStructFieldValue {
    InlineStructFieldValue { struct_value: Some(StructValue::SubStructure(fields)) }
}

fn fields(list: Vec<(&str, InlineStructFieldValue)>) -> InlineStructBuilder {
    InlineStructBuilder { fields: list.into_iter().map(|(name, value)| (name.to_owned(), value)).collect() }
}

/// Proves 01/ASG-8, 01/ASG-10, checklist 19: struct builders build what their StructDef says, or fail.
#[test]
fn struct_builders() {
    let world = World::new()
        .def("person", 1, &[("name", field(prim(P::Str))), ("pin", nullable(masked(prim(P::Int))))])
        .def(
            "car",
            0,
            &[
                ("plate", field(prim(P::Str))),
                ("owner", nullable(struct_type("person", 1))),
                ("seats", nullable(inline_type(&[("count", field(prim(P::Int)))]))),
            ],
        )
        .with("json", obj(r#"{"pin":7,"name":"Ann","bad":"x"}"#));
    let build = |list| world.resolve(&struct_builder(id("car", 0), fields(list)));
    let plate = || simple(lit(text("AB")));
    let owner =
        |path: &str| fields(vec![("name", simple(lit(text("Ann")))), ("pin", simple(json_path(var("json"), path)))]);
    let ann = flagged(Some(id("person", 1)), &[("name", text("Ann"), false), ("pin", int(7), true)]);
    let car = structure(Some(id("car", 0)), &[("plate", text("AB")), ("owner", ann)]);
    assert_eq!(build(vec![("plate", plate()), ("owner", sub(owner("$.pin")))]).unwrap(), car);
    let nested = simple(struct_builder(id("person", 1), owner("$.pin")));
    assert_eq!(build(vec![("plate", plate()), ("owner", nested)]).unwrap(), car);
    let seats = sub(fields(vec![("count", simple(lit(int(4))))]));
    let with_seats =
        structure(Some(id("car", 0)), &[("plate", text("AB")), ("seats", structure(None, &[("count", int(4))]))]);
    assert_eq!(build(vec![("plate", plate()), ("seats", seats)]).unwrap(), with_seats);
    let failures = [
        (vec![], "Missing required field plate"),
        (vec![("plate", simple(lit(NULL)))], "not nullable"),
        (vec![("plate", InlineStructFieldValue::default())], "is missing a value"),
        (vec![("plate", sub(fields(vec![])))], "declared as a Struct"),
        (vec![("plate", plate()), ("owner", sub(owner("$.bad")))], "expected INT but got STR"),
        (vec![("plate", simple(var("unknown")))], "unknown"),
    ];
    for (list, expected) in failures {
        let message = build(list).unwrap_err().message;
        assert!(message.contains(expected), "{message}");
    }
    assert!(world.failure(&struct_builder(id("car", 9), fields(vec![]))).contains("non-existent StructDef"));
}

/// Proves 01/NEW-4, checklist 35: map builders.
#[test]
fn map_builders() {
    let world = World::new().with("k", text("b"));
    let entry = |key, value| pb::map_builder::Entry { key: Some(key), value: Some(value) };
    let list =
        || vec![entry(lit(text("a")), lit(int(1))), entry(var("k"), lit(int(2))), entry(lit(text("a")), lit(int(3)))];
    let untyped = pb::MapBuilder { entries: list(), map_type: None };
    assert_eq!(world.value(&map_builder(untyped)), entries([(text("a"), int(3)), (text("b"), int(2))]));
    let map_type =
        |key, value| Some(pb::InlineMapDef { key_type: Some(Box::new(key)), value_type: Some(Box::new(value)) });
    let typed = pb::MapBuilder { entries: list(), map_type: map_type(prim(P::Str), prim(P::Double)) };
    assert_eq!(
        world.value(&map_builder(typed)),
        typed_entries(prim(P::Str), prim(P::Double), [(text("a"), double(3.0)), (text("b"), double(2.0))])
    );
    let impossible = pb::MapBuilder { entries: list(), map_type: map_type(prim(P::Int), prim(P::Int)) };
    assert!(world.failure(&map_builder(impossible)).contains("Cannot parse 'a' as INT"));
    let same_after_conversion = pb::MapBuilder {
        entries: vec![entry(lit(text("1")), lit(int(1))), entry(lit(int(1)), lit(int(2)))],
        map_type: map_type(prim(P::Int), prim(P::Int)),
    };
    assert_eq!(
        world.value(&map_builder(same_after_conversion)),
        typed_entries(prim(P::Int), prim(P::Int), [(int(1), int(2))])
    );
}
