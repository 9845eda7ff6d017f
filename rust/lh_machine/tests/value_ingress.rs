//! Values on their way in and out: canonical JSON, pinning, validation, structs, masking (01 sections 1, 3, 4.2, 13).
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod value_world;

use lh_machine::{
    pb::{ReturnType, TypeDefinition, VariableValue},
    value::{
        VALUE_MESSAGES_MAX, ingress,
        mask::{mask_structs, mask_value},
    },
};
use value_world::*;

/// Puts a value inside another one.
type Wrap = fn(VariableValue) -> VariableValue;

fn world() -> World {
    World::new().def("person", 0, &[("name", field(prim(P::Str))), ("code", nullable(masked(prim(P::Str))))]).def(
        "car",
        2,
        &[
            ("plate", field(prim(P::Str))),
            ("power", defaulted(prim(P::Double), double(50.0))),
            ("note", nullable(prim(P::Str))),
            ("wheels", nullable(array_of(prim(P::Int)))),
            ("owner", nullable(struct_type("person", 0))),
        ],
    )
}

fn accepted(declared: &TypeDefinition, value: VariableValue) -> VariableValue {
    ingress::accept(declared, value, &world()).unwrap_or_else(|error| panic!("{error}"))
}

fn refused(declared: &TypeDefinition, value: VariableValue) -> String {
    ingress::accept(declared, value, &world()).expect_err("must be refused").message
}

/// Proves 01/VAL-2, checklist 1: canonical text; integers stay integers, other numbers are doubles.
#[test]
fn json_is_stored_in_canonical_form() {
    let json = prim(P::JsonObj);
    let cases = [
        (" { \"b\" : 1 , \"a\" : [ null , true ] } ", r#"{"b":1,"a":[null,true]}"#),
        (r#"{"i":2,"d":2.0,"e":1e3,"n":-7}"#, r#"{"i":2,"d":2.0,"e":1000.0,"n":-7}"#),
        (r#"{"max":9223372036854775807}"#, r#"{"max":9223372036854775807}"#),
        (r#"{"t":"a\"b\\c\u00e9"}"#, r#"{"t":"a\"b\\cé"}"#),
        (r#"{"o":{"k":1,"k":2}}"#, r#"{"o":{"k":2}}"#),
        ("{}", "{}"),
    ];
    for (given, expected) in cases {
        assert_eq!(accepted(&json, obj(given)), obj(expected));
    }
    assert_eq!(accepted(&prim(P::JsonArr), arr("[ 1 , 1.0 ]")), arr("[1,1.0]"));
    let read = |json: &str, path: &str| {
        World::new().with("v", accepted(&prim(P::JsonObj), obj(json))).value(&json_path(var("v"), path))
    };
    assert_eq!(read(r#"{"v":2}"#, "$.v"), int(2));
    assert_eq!(read(r#"{"v":2.0}"#, "$.v"), double(2.0));
    assert_eq!(read(r#"{"v":9223372036854775808}"#, "$.v"), double(9_223_372_036_854_775_808.0));
    assert_eq!(read(r#"{"v":0.1234567890123456789}"#, "$.v"), double(0.123_456_789_012_345_68));
}

/// Proves 01/VAL-3: an empty text and `null` are NULL; duplicate keys at the top are malformed.
#[test]
fn json_that_means_null_or_is_ambiguous() {
    for blank in ["", "  ", "null", " null\n"] {
        assert_eq!(accepted(&prim(P::JsonObj), obj(blank)), NULL);
        assert_eq!(accepted(&prim(P::JsonArr), arr(blank)), NULL);
    }
    assert!(refused(&prim(P::JsonObj), obj(r#"{"k":1,"k":2}"#)).contains("duplicate key"));
}

/// Proves 01/VAL-4: malformed JSON is refused on the way in, whatever its depth.
#[test]
fn malformed_json_is_refused() {
    for text in [
        "{",
        "[1]",
        "{a:1}",
        "{'a':1}",
        "1",
        "\"x\"",
        "{} {}",
        "nul",
        r#"{"a":NaN}"#,
        r#"{"a":1e999}"#,
        "{\"a\":\"\u{1}\"}",
    ] {
        assert!(refused(&prim(P::JsonObj), obj(text)).contains("malformed JSON_OBJ"), "{text}");
    }
    assert!(refused(&prim(P::JsonArr), arr("{}")).contains("malformed JSON_ARR"));
    for bracket in ["[", "{\"a\":"] {
        let deep = bracket.repeat(100_000);
        assert!(refused(&prim(P::JsonArr), arr(&deep)).contains("nested deeper than 64"));
        assert!(refused(&prim(P::JsonObj), obj(&deep)).contains("nested deeper than 64"));
    }
    let allowed = format!("{}{}", "[".repeat(64), "]".repeat(64));
    assert_eq!(accepted(&prim(P::JsonArr), arr(&allowed)), arr(&allowed));
    assert!(refused(&prim(P::JsonArr), arr(&format!("[{allowed}]"))).contains("nested deeper"));
    let brackets_in_text = format!("[\"{}\\\"\"]", "[".repeat(200));
    assert_eq!(accepted(&prim(P::JsonArr), arr(&brackets_in_text)), arr(&brackets_in_text));
}

/// Proves 01/VAL-1, 01/ING-1: NULL is accepted everywhere.
#[test]
fn null_is_accepted_for_every_type() {
    for declared in [prim(P::Int), struct_type("car", 2), array_of(prim(P::Int)), map_of(prim(P::Str), prim(P::Int))] {
        assert_eq!(accepted(&declared, NULL), NULL);
    }
    let nulls = accepted(&map_of(prim(P::Int), prim(P::Str)), entries([(NULL, NULL)]));
    assert_eq!(nulls, typed_entries(prim(P::Int), prim(P::Str), [(NULL, NULL)]), "checklist 6");
}

/// Proves 01/ING-2, 01/ING-4, checklist 1, 3 and 5: assignable values are kept as they are, others refused.
#[test]
fn nothing_is_converted() {
    for (declared, value) in [
        (prim(P::Double), int(5)),
        (prim(P::Str), int(5)),
        (prim(P::Str), boolean(true)),
        (prim(P::Bytes), bytes(&[1, 2])),
        (prim(P::Timestamp), time(1, 999_999_999)),
        (prim(P::WfRunId), run(&["a", "b"])),
        (TypeDefinition::default(), obj("{}")),
    ] {
        assert_eq!(accepted(&declared, value.clone()), value);
    }
    for (declared, value, named) in [
        (prim(P::Int), text("5"), "expected INT but got STR"),
        (prim(P::Int), double(5.0), "expected INT but got DOUBLE"),
        (prim(P::Str), time(1, 0), "expected STR but got TIMESTAMP"),
        (prim(P::Str), obj("{}"), "expected STR but got JSON_OBJ"),
        (prim(P::JsonArr), items([]), "expected JSON_ARR but got Array"),
        (array_of(prim(P::Int)), arr("[1]"), "but got JSON_ARR"),
        (struct_type("car", 2), obj("{}"), "expected Struct<car> but got JSON_OBJ"),
        (prim(P::JsonObj), structure(Some(id("car", 2)), &[]), "expected JSON_OBJ but got Struct<car>"),
    ] {
        let message = refused(&declared, value);
        assert!(message.contains(named), "{message}");
    }
}

/// Proves 01/ING-2, 01/ING-3, checklist 3 and 4: declared element types overwrite what the client sent, recursively.
#[test]
fn element_types_are_pinned() {
    let numbers = array_of(prim(P::Int));
    let wrong = typed_items(prim(P::Str), [int(1), NULL]);
    assert_eq!(accepted(&numbers, wrong.clone()), typed_items(prim(P::Int), [int(1), NULL]));
    assert_eq!(accepted(&numbers, items([])), typed_items(prim(P::Int), []));
    let nested = accepted(&array_of(numbers.clone()), items([wrong.clone(), items([])]));
    let pinned = typed_items(prim(P::Int), [int(1), NULL]);
    assert_eq!(nested, typed_items(numbers.clone(), [pinned.clone(), typed_items(prim(P::Int), [])]));
    let by_name = map_of(prim(P::Str), numbers.clone());
    let map = accepted(&by_name, entries([(text("a"), wrong.clone())]));
    assert_eq!(map, typed_entries(prim(P::Str), numbers, [(text("a"), pinned.clone())]));
    let car = structure(Some(id("car", 2)), &[("plate", text("A")), ("wheels", wrong)]);
    let stored = structure(Some(id("car", 2)), &[("plate", text("A")), ("wheels", pinned)]);
    assert_eq!(accepted(&struct_type("car", 2), car), stored);
    let of_json = accepted(&array_of(TypeDefinition::default()), items([obj("{ }")]));
    assert_eq!(of_json, typed_items(prim(P::JsonObj), [obj("{}")]), "TYP-2 and VAL-2 inside");
}

/// Proves 01/ING-2, checklist 3: mixed arrays and wrong entries are refused at any depth, with their place.
#[test]
fn wrong_items_are_refused_recursively() {
    let numbers = array_of(prim(P::Int));
    assert!(refused(&numbers, items([int(1), text("x")])).contains("item 1: expected INT but got STR"));
    assert!(refused(&array_of(numbers.clone()), items([items([text("x")])])).contains("item 0: item 0"));
    let ages = map_of(prim(P::Str), prim(P::Int));
    assert!(refused(&ages, entries([(text("a"), text("x"))])).contains("value of entry 0"));
    assert!(refused(&map_of(prim(P::Int), prim(P::Int)), entries([(text("a"), int(1))])).contains("key of entry 0"));
    let broken = structure(Some(id("car", 2)), &[("plate", int(1)), ("owner", text("x"))]);
    let cars = array_of(struct_type("car", 2));
    assert!(refused(&cars, items([broken])).contains("item 0: field owner: expected Struct<person> but got STR"));
    assert_eq!(
        accepted(&array_of(prim(P::Double)), items([int(1), double(2.0)])),
        typed_items(prim(P::Double), [int(1), double(2.0)])
    );
}

/// Proves 01/STR-9, STR-10, STR-11, STR-12, checklist 11.
#[test]
fn struct_values() {
    let declared = struct_type("car", 2);
    let car = |version, fields: &[(&str, VariableValue)]| structure(Some(id("car", version)), fields);
    assert_eq!(
        accepted(&declared, car(0, &[("plate", text("A")), ("extra", int(1))])),
        car(2, &[("plate", text("A")), ("extra", int(1))]),
        "the version is overwritten, extra fields are kept, defaults are not materialised"
    );
    let person = |version| structure(Some(id("person", version)), &[("name", text("Ann"))]);
    assert_eq!(
        accepted(&declared, car(2, &[("plate", text("A")), ("owner", person(9))])),
        car(2, &[("plate", text("A")), ("owner", person(0))]),
        "nested versions too"
    );
    assert!(refused(&declared, car(2, &[])).contains("Missing required field plate"));
    assert!(refused(&declared, car(2, &[("plate", NULL)])).contains("not nullable"));
    assert!(refused(&declared, car(2, &[("plate", text("A")), ("power", NULL)])).contains("not nullable"));
    assert_eq!(
        accepted(&declared, car(2, &[("plate", text("A")), ("note", NULL)])),
        car(2, &[("plate", text("A")), ("note", NULL)])
    );
    assert!(refused(&declared, structure(Some(id("person", 0)), &[])).contains("expected Struct<car>"));
    assert!(refused(&declared, structure(None, &[("plate", text("A"))])).contains("expected Struct<car>"));
    let unnamed = structure(Some(id("person", 0)), &[]);
    assert!(refused(&declared, car(2, &[("plate", text("A")), ("owner", unnamed)])).contains("field owner: Missing"));
    assert!(refused(&struct_type("car", 7), car(7, &[])).contains("non-existent StructDef"));
}

/// Proves 01/STR-13, 01/MSK-2, 01/MSK-3, checklist 34: flags come from the schema, also inside arrays and maps.
#[test]
fn masked_flags_and_masked_reads() {
    let sent = flagged(Some(id("person", 0)), &[("name", text("Ann"), true), ("code", text("1234"), false)]);
    let stored = flagged(Some(id("person", 0)), &[("name", text("Ann"), false), ("code", text("1234"), true)]);
    let shown = flagged(Some(id("person", 0)), &[("name", text("Ann"), false), ("code", mask_value(), true)]);
    assert_eq!(mask_value(), text("*****"));
    let declared = struct_type("person", 0);
    let wrappings: [(TypeDefinition, Wrap); 4] = [
        (declared.clone(), |value| value),
        (array_of(declared.clone()), |value| items([value])),
        (map_of(prim(P::Str), declared.clone()), |value| entries([(text("k"), value)])),
        (struct_type("car", 2), |value| structure(Some(id("car", 2)), &[("plate", text("A")), ("owner", value)])),
    ];
    for (declared, wrap) in wrappings {
        let mut read = accepted(&declared, wrap(sent.clone()));
        assert_eq!(read, accepted(&declared, wrap(stored.clone())));
        assert!(format!("{read:?}").contains("1234"), "what is stored is real");
        mask_structs(&mut read);
        let text = format!("{read:?}");
        assert!(text.contains("*****") && !text.contains("1234"), "{text}");
    }
    let mut read = accepted(&declared, sent.clone());
    assert_eq!(read, stored);
    mask_structs(&mut read);
    assert_eq!(read, shown);
    let untyped = ingress::accept_untyped(items([sent]), &world()).unwrap();
    assert_eq!(untyped, items([stored]), "also where nothing is declared");
}

/// Proves 01/NEW-5: inline structs.
#[test]
fn inline_structs() {
    let declared = inline_type(&[("a", field(prim(P::Int))), ("secret", nullable(masked(prim(P::Str))))]);
    let sent = structure(None, &[("a", int(1)), ("secret", text("x"))]);
    assert_eq!(accepted(&declared, sent), flagged(None, &[("a", int(1), false), ("secret", text("x"), true)]));
    assert!(refused(&declared, structure(None, &[])).contains("Missing required field a"));
    assert!(refused(&declared, structure(None, &[("a", text("x"))])).contains("field a"));
    assert!(refused(&declared, structure(Some(id("car", 2)), &[("a", int(1))])).contains("inline Struct"));
}

/// Proves 01/ING-6, 04/TW-9, checklist 14 and 15: task inputs are cast by the implicit rules.
#[test]
fn task_inputs() {
    let input = |declared: TypeDefinition, value| ingress::task_input(&declared, value, &world());
    for (declared, value, delivered) in [
        (prim(P::Str), int(5), text("5")),
        (prim(P::Str), double(5.0), text("5.0")),
        (prim(P::Str), boolean(true), text("true")),
        (prim(P::Str), run(&["a", "b"]), text("a_b")),
        (prim(P::Double), int(5), double(5.0)),
        (prim(P::Int), NULL, NULL),
        (array_of(prim(P::Str)), items([text("a")]), typed_items(prim(P::Str), [text("a")])),
    ] {
        assert_eq!(input(declared, value).unwrap(), delivered);
    }
    assert!(input(prim(P::Int), text("5")).unwrap_err().message.contains("STR"));
    assert!(input(prim(P::Int), double(5.0)).unwrap_err().message.contains("DOUBLE"));
}

/// Proves 01/ING-7, 04/TW-46a, TW-46b, TW-46c, checklist 32: what a worker may report.
#[test]
fn task_outputs() {
    let returns = |declared: TypeDefinition| ReturnType { return_type: Some(declared) };
    let output = |return_type: Option<&ReturnType>, value| ingress::task_output(return_type, value, &world());
    let int_type = returns(prim(P::Int));
    assert_eq!(output(Some(&int_type), NULL), Ok(NULL));
    assert_eq!(output(Some(&returns(prim(P::Double))), int(1)), Ok(int(1)), "stored as reported");
    assert_eq!(output(Some(&returns(prim(P::Timestamp))), time(1, 2)), Ok(time(1, 2)));
    let pinned = typed_items(prim(P::Int), [int(1)]);
    let numbers = returns(array_of(prim(P::Int)));
    assert_eq!(output(Some(&numbers), typed_items(prim(P::Str), [int(1)])), Ok(pinned));
    let message = output(Some(&int_type), text("x")).unwrap_err();
    assert!(message.starts_with("Task output incompatible with declared return type"), "{message}");
    let void = ReturnType { return_type: None };
    for return_type in [None, Some(&void), Some(&int_type)] {
        let message = output(return_type, obj("[1,2]")).unwrap_err();
        assert!(message.contains("JSON_OBJ"), "malformed JSON fails whatever is declared: {message}");
        assert!(output(return_type, arr("{}")).unwrap_err().contains("JSON_ARR"));
    }
    for return_type in [None, Some(&void)] {
        assert_eq!(output(return_type, items([int(1), text("x")])), Ok(items([int(1), text("x")])));
        assert_eq!(output(return_type, obj("{ }")), Ok(obj("{}")));
    }
}

/// Values that clients could not decode are refused instead of stored.
#[test]
fn nesting_is_bounded() {
    let mut declared = prim(P::Int);
    let mut value = int(1);
    for _ in 0..VALUE_MESSAGES_MAX {
        declared = array_of(declared);
        value = items([value]);
    }
    assert!(refused(&declared, value.clone()).contains("nested too deep"));
    assert!(ingress::accept_untyped(value, &world()).is_err());
    let long_chain: Vec<String> = (0..60).map(|part| part.to_string()).collect();
    let ids: Vec<&str> = long_chain.iter().map(String::as_str).collect();
    assert!(refused(&prim(P::WfRunId), run(&ids)).contains("nested too deep"));
}

/// Proves 01/SIZ-5: neither length nor number of items or fields has a limit of its own.
#[test]
fn width_is_not_bounded() {
    let numbers: Vec<VariableValue> = (0..100_000).map(int).collect();
    for (declared, value) in [
        (prim(P::Str), text(&"x".repeat(1_000_000))),
        (prim(P::JsonArr), arr(&format!("[{}1]", "1,".repeat(100_000)))),
        (array_of(prim(P::Int)), typed_items(prim(P::Int), numbers)),
    ] {
        assert_eq!(accepted(&declared, value.clone()), value);
    }
    let names: Vec<String> = (0..10_000).map(|number| format!("f{number}")).collect();
    let fields: Vec<(&str, VariableValue)> =
        std::iter::once(("name", text("Ann"))).chain(names.iter().map(|name| (name.as_str(), int(1)))).collect();
    accepted(&struct_type("person", 0), structure(Some(id("person", 0)), &fields));
}
