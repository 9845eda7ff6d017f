//! Mutations (01 sections 9.1 and 9.3, PTH-7, NEW-3) and the bounds on what they build.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod value_world;

use lh_machine::{
    pb::{
        InlineStructBuilder, InlineStructFieldValue, LhPath, TypeDefinition, VariableAssignment, VariableMutation,
        VariableMutationType, VariableValue,
        inline_struct_field_value::StructValue,
        lh_path::Selector,
        variable_mutation::{NodeOutputSource, RhsValue, node_output_source},
    },
    value::{VALUE_BYTES_MAX, Vse, mutation::mutate},
};
use value_world::*;

fn mutation(operation: VariableMutationType, right: VariableAssignment) -> VariableMutation {
    VariableMutation {
        lhs_name: "v".to_owned(),
        operation: operation as i32,
        rhs_value: Some(RhsValue::RhsAssignment(right)),
        ..VariableMutation::default()
    }
}

fn world() -> World {
    World::new()
        .def("person", 0, &[("name", field(prim(P::Str))), ("pin", nullable(masked(prim(P::Int))))])
        .def("person", 1, &[("name", field(prim(P::Str))), ("pin", nullable(masked(prim(P::Int))))])
        .def(
            "team",
            0,
            &[
                ("lead", nullable(struct_type("person", 1))),
                ("size", field(prim(P::Int))),
                ("scores", nullable(map_of(prim(P::Str), prim(P::Int)))),
            ],
        )
}

fn run_of(
    mutation: &VariableMutation,
    declared: &TypeDefinition,
    current: &VariableValue,
) -> Result<VariableValue, Vse> {
    mutate(mutation, None, declared, current, &world())
}

/// The new value of a variable; `None` = the mutation fails.
fn changed(
    declared: TypeDefinition,
    current: VariableValue,
    operation: VariableMutationType,
    right: VariableValue,
) -> Option<VariableValue> {
    run_of(&mutation(operation, lit(right)), &declared, &current).ok()
}

/// Proves 01/MUT-3, checklist 26: ASSIGN converts more than a cast does, and takes NULL for every type.
#[test]
fn assigning_primitives() {
    let cases = [
        (P::Int, double(2.9), Some(int(2))),
        (P::Int, text("12"), Some(int(12))),
        (P::Int, text("1.5"), None),
        (P::Int, time(3, 999_000_000), Some(int(3_000))),
        (P::Int, boolean(true), None),
        (P::Double, int(5), Some(double(5.0))),
        (P::Double, text(" 1e3"), Some(double(1000.0))),
        (P::Double, time(1, 0), None),
        (P::Bool, text("TRUE"), Some(boolean(true))),
        (P::Bool, int(1), None),
        (P::Str, double(1.0), Some(text("1.0"))),
        (P::Str, arr("[1, 2]"), Some(text("[1,2]"))),
        (P::Str, obj("{\"a\": 1}"), Some(text("{\"a\":1}"))),
        (P::Str, time(0, 0), Some(text("1970-01-01T00:00:00Z"))),
        (P::Bytes, text("é"), Some(bytes("é".as_bytes()))),
        (P::Bytes, int(12), Some(bytes(b"12"))),
        (P::Bytes, arr("[1, 2]"), Some(bytes(b"[1,2]"))),
        (P::WfRunId, text("a_b"), Some(run(&["a", "b"]))),
        (P::WfRunId, int(7), Some(run(&["7"]))),
        (P::WfRunId, double(1.5), Some(run(&["1.5"]))),
        (P::WfRunId, boolean(true), None),
        (P::JsonObj, obj("{\"a\":1}"), Some(obj("{\"a\":1}"))),
        (P::JsonObj, arr("[]"), None),
        (P::JsonObj, text("{}"), None),
        (P::JsonArr, items([]), None),
        (P::Timestamp, time(1, 1), Some(time(1, 1))),
        (P::Timestamp, int(1), None),
        (P::Str, items([]), None),
        (P::Int, structure(None, &[]), None),
    ];
    for (declared, right, expected) in cases {
        let described = format!("{declared:?} = {right:?}");
        assert_eq!(changed(prim(declared), NULL, Assign, right), expected, "{described}");
        assert_eq!(changed(prim(declared), int(1), Assign, NULL), Some(NULL));
    }
    for declared in [struct_type("person", 1), array_of(prim(P::Int)), map_of(prim(P::Str), prim(P::Int))] {
        assert_eq!(changed(declared, int(1), Assign, NULL), Some(NULL));
    }
}

/// Proves 01/MUT-4: structs are validated and take the declared version, collections the declared types.
#[test]
fn assigning_structs_and_collections() {
    let person = |version, name| structure(Some(id("person", version)), &[("name", name)]);
    let declared = struct_type("person", 1);
    assert_eq!(changed(declared.clone(), NULL, Assign, person(0, text("Ann"))), Some(person(1, text("Ann"))));
    assert_eq!(changed(declared.clone(), NULL, Assign, person(0, NULL)), None);
    assert_eq!(changed(declared.clone(), NULL, Assign, structure(Some(id("team", 0)), &[("size", int(1))])), None);
    assert_eq!(changed(declared, NULL, Assign, obj("{}")), None);
    let numbers = array_of(prim(P::Int));
    assert_eq!(changed(numbers.clone(), NULL, Assign, items([int(1)])), Some(typed_items(prim(P::Int), [int(1)])));
    assert_eq!(changed(numbers.clone(), NULL, Assign, items([])), Some(typed_items(prim(P::Int), [])));
    assert_eq!(changed(numbers.clone(), NULL, Assign, typed_items(prim(P::Str), [])), None);
    assert_eq!(changed(numbers.clone(), NULL, Assign, items([text("x")])), None);
    assert_eq!(changed(numbers, NULL, Assign, arr("[1]")), None);
    let ages = map_of(prim(P::Str), prim(P::Int));
    let ann = entries([(text("Ann"), int(4))]);
    let stored = typed_entries(prim(P::Str), prim(P::Int), [(text("Ann"), int(4))]);
    assert_eq!(changed(ages.clone(), NULL, Assign, ann), Some(stored));
    assert_eq!(changed(ages, NULL, Assign, typed_entries(prim(P::Int), prim(P::Int), [])), None);
}

/// Proves 01/ING-11: only what comes in is converted; what the variable held before is not looked at again.
#[test]
fn stored_values_are_not_validated_again() {
    let numbers = array_of(prim(P::Int));
    let stored = |rest: Vec<VariableValue>| {
        typed_items(prim(P::Int), std::iter::once(text("from before")).chain(rest).collect::<Vec<_>>())
    };
    assert_eq!(changed(numbers, stored(vec![]), Extend, int(1)), Some(stored(vec![int(1)])));
}

/// Proves 01/ASG-10: a builder of another version builds the declared version.
#[test]
fn a_builder_builds_the_declared_version() {
    let name = InlineStructFieldValue { struct_value: Some(StructValue::SimpleValue(lit(text("Ann")))) };
    let fields = InlineStructBuilder { fields: [("name".to_owned(), name)].into() };
    let built = run_of(&mutation(Assign, struct_builder(id("person", 0), fields)), &struct_type("person", 1), &NULL);
    assert_eq!(built.unwrap(), structure(Some(id("person", 1)), &[("name", text("Ann"))]));
}

/// Proves 01/MUT-5, 01/MUT-12, checklist 20 and 22: variables of INT and DOUBLE.
#[test]
fn arithmetic_on_variables() {
    let on_int = |current, operation, right| changed(prim(P::Int), int(current), operation, right);
    assert_eq!(on_int(5, Add, double(2.7)), Some(int(7)));
    assert_eq!(on_int(5, Add, double(-2.7)), Some(int(3)));
    assert_eq!(on_int(5, Subtract, double(2.7)), Some(int(2)));
    assert_eq!(on_int(5, Multiply, double(1.5)), Some(int(7)));
    assert_eq!(on_int(5, Divide, double(0.5)), Some(int(10)));
    assert_eq!(on_int(5, Divide, int(2)), Some(int(2)));
    assert_eq!(on_int(5, Add, text("2")), Some(int(7)));
    assert_eq!(on_int(i64::MAX, Add, int(1)), Some(int(i64::MIN)));
    assert_eq!(on_int(5, Divide, double(0.0)), None);
    let on_double = |current, operation, right| changed(prim(P::Double), current, operation, right);
    assert_eq!(on_double(int(5), Divide, int(2)), Some(double(2.5)), "an int in a DOUBLE variable is widened");
    assert_eq!(on_double(double(5.0), Add, int(2)), Some(double(7.0)));
    assert_eq!(on_double(int(2), Pow, int(3)), Some(int(8)), "POW looks at the values only");
    assert_eq!(on_double(NULL, Add, int(2)), None);
    let quotient = calc(lit(int(5)), Divide, lit(int(2)));
    assert_eq!(run_of(&mutation(Assign, quotient.clone()), &prim(P::Double), &NULL), Ok(double(2.0)));
    let product = calc(lit(int(3)), Multiply, lit(double(1.5)));
    assert_eq!(run_of(&mutation(Assign, product.clone()), &prim(P::Int), &NULL), Ok(int(4)), "MUT-11");
    assert_eq!(run_of(&mutation(Assign, product), &prim(P::Double), &NULL), Ok(double(4.5)));
}

/// Proves 01/MUT-5, 01/MUT-16: other operations on whole variables.
#[test]
fn operations_on_variables() {
    assert_eq!(changed(prim(P::Str), text("a"), Add, int(1)), Some(text("a1")));
    assert_eq!(changed(prim(P::Bool), boolean(true), And, text("false")), Some(boolean(false)));
    assert_eq!(changed(prim(P::JsonArr), arr("[1]"), Add, int(2)), Some(arr("[1,2]")));
    assert_eq!(changed(prim(P::JsonArr), NULL, Add, int(2)), None);
    let numbers = array_of(prim(P::Int));
    let rows = array_of(numbers.clone());
    let one = typed_items(prim(P::Int), [int(1)]);
    assert_eq!(
        changed(rows.clone(), items([]), Extend, one.clone()),
        Some(typed_items(numbers.clone(), [one])),
        "the declared type decides about an untyped empty array"
    );
    let team = structure(Some(id("team", 0)), &[("size", int(1))]);
    for operation in [Add, Extend, RemoveKey, And, Pow] {
        assert_eq!(changed(struct_type("team", 0), team.clone(), operation, int(1)), None);
    }
    let unknown = VariableMutation { operation: 99, ..mutation(Assign, lit(int(1))) };
    assert!(run_of(&unknown, &prim(P::Int), &NULL).is_err());
}

fn at_json(path: &str, operation: VariableMutationType, right: VariableValue) -> VariableMutation {
    VariableMutation { lhs_json_path: Some(path.to_owned()), ..mutation(operation, lit(right)) }
}

/// Proves 01/MUT-6, 01/PTH-7, checklist 24: parts of JSON variables.
#[test]
fn json_parts() {
    let cases = [
        ("$.n", Assign, text("12"), r#"{"n":12,"s":"x","z":null,"a":[1,2],"o":{"k":1}}"#),
        ("n", Add, int(1), r#"{"n":6,"s":"x","z":null,"a":[1,2],"o":{"k":1}}"#),
        ("$.n", Divide, double(2.0), r#"{"n":2,"s":"x","z":null,"a":[1,2],"o":{"k":1}}"#),
        ("$.s", Assign, int(12), r#"{"n":5,"s":"12","z":null,"a":[1,2],"o":{"k":1}}"#),
        ("$.s", Assign, NULL, r#"{"n":5,"s":null,"z":null,"a":[1,2],"o":{"k":1}}"#),
        ("$.z", Multiply, int(3), r#"{"n":5,"s":"x","z":3,"a":[1,2],"o":{"k":1}}"#),
        ("$.new", RemoveIndex, text("y"), r#"{"n":5,"s":"x","z":null,"a":[1,2],"o":{"k":1},"new":"y"}"#),
        (
            "$.o.new",
            Assign,
            obj("{\"deep\":[]}"),
            r#"{"n":5,"s":"x","z":null,"a":[1,2],"o":{"k":1,"new":{"deep":[]}}}"#,
        ),
        ("$.a", Add, int(3), r#"{"n":5,"s":"x","z":null,"a":[1,2,3],"o":{"k":1}}"#),
        ("$.a[1]", Assign, int(9), r#"{"n":5,"s":"x","z":null,"a":[1,9],"o":{"k":1}}"#),
        ("$.a[*]", Add, int(1), r#"{"n":5,"s":"x","z":null,"a":[2,3],"o":{"k":1}}"#),
        ("$.a[?(@ > 1)]", Assign, int(0), r#"{"n":5,"s":"x","z":null,"a":[1,0],"o":{"k":1}}"#),
        ("$..k", Assign, int(7), r#"{"n":5,"s":"x","z":null,"a":[1,2],"o":{"k":7}}"#),
        ("$.o", RemoveKey, text("k"), r#"{"n":5,"s":"x","z":null,"a":[1,2],"o":{}}"#),
        (
            "$['new key']",
            Assign,
            time(0, 0),
            r#"{"n":5,"s":"x","z":null,"a":[1,2],"o":{"k":1},"new key":"1970-01-01T00:00:00Z"}"#,
        ),
        ("$.new", Assign, bytes(b"abc"), r#"{"n":5,"s":"x","z":null,"a":[1,2],"o":{"k":1},"new":"YWJj"}"#),
        ("$.new", Assign, items([int(1)]), r#"{"n":5,"s":"x","z":null,"a":[1,2],"o":{"k":1},"new":[1]}"#),
    ];
    let current = obj(r#"{"n":5,"s":"x","z":null,"a":[1,2],"o":{"k":1}}"#);
    for (path, operation, right, expected) in cases {
        let mutated = run_of(&at_json(path, operation, right), &prim(P::JsonObj), &current);
        assert_eq!(mutated, Ok(obj(expected)), "{path} {operation:?}");
    }
    let mutated = run_of(&at_json("$[0]", Add, int(1)), &prim(P::JsonArr), &arr("[1]"));
    assert_eq!(mutated, Ok(arr("[2]")));
}

/// Proves 01/MUT-6, 01/PTH-7, checklist 24: what cannot be set.
#[test]
fn failing_json_parts() {
    let current = obj(r#"{"n":5,"s":"x","a":[1,2],"o":{"k":1}}"#);
    let message = |path: &str, operation, right| {
        run_of(&at_json(path, operation, right), &prim(P::JsonObj), &current).expect_err(path).message
    };
    for path in ["$.no.leaf", "$.o.no.leaf", "$.n.leaf", "$.a.leaf", "$.a[9].x", "$..nothing", "$.a[?(@ > 9)]"] {
        let text = message(path, Assign, int(1)).to_lowercase();
        assert!(text.contains("missing property"), "{path}: {text}");
    }
    for path in ["$", "$.a[2]", "$.a[-1]", "$.n.length()", "$.", ""] {
        assert!(!message(path, Assign, int(1)).is_empty(), "{path}");
    }
    assert!(!message("$.n", Assign, items([])).is_empty(), "an Array over a primitive");
    assert!(!message("$.n", Assign, text("x")).is_empty());
    assert!(!message("$.n", Divide, int(0)).is_empty());
    for current in [NULL, text("{}"), int(1)] {
        assert!(run_of(&at_json("$.a", Assign, int(1)), &prim(P::JsonObj), &current).is_err());
    }
}

/// Proves 01/MUT-7: the deprecated right-hand forms are like an assignment; none at all fails.
#[test]
fn deprecated_right_hand_sides() {
    let with = |rhs_value| VariableMutation { rhs_value, ..mutation(Assign, lit(NULL)) };
    let output = obj(r#"{"a":{"b":"7"}}"#);
    let run =
        |rhs_value, output: Option<&VariableValue>| mutate(&with(rhs_value), output, &prim(P::Int), &NULL, &world());
    assert_eq!(run(Some(RhsValue::LiteralValue(text("3"))), None), Ok(int(3)));
    let json = NodeOutputSource { path: Some(node_output_source::Path::Jsonpath("$.a.b".to_owned())) };
    assert_eq!(run(Some(RhsValue::NodeOutput(json.clone())), Some(&output)), Ok(int(7)));
    let selectors =
        NodeOutputSource { path: Some(node_output_source::Path::LhPath(LhPath { path: vec![key("a"), key("b")] })) };
    assert_eq!(run(Some(RhsValue::NodeOutput(selectors)), Some(&output)), Ok(int(7)));
    assert_eq!(run(Some(RhsValue::NodeOutput(NodeOutputSource::default())), Some(&int(9))), Ok(int(9)));
    assert!(run(Some(RhsValue::NodeOutput(json)), None).is_err());
    assert!(run(None, Some(&output)).is_err());
}

fn at_path(path: Vec<Selector>, operation: VariableMutationType, right: VariableValue) -> VariableMutation {
    VariableMutation { lhs_lh_path: Some(LhPath { path }), ..mutation(operation, lit(right)) }
}

/// Proves 01/NEW-3, checklist 35: map entries are put, array items and struct fields set.
#[test]
fn parts_by_selectors() {
    let ages = map_of(prim(P::Str), prim(P::Int));
    let stored = |list: &[(&str, i64)]| {
        typed_entries(prim(P::Str), prim(P::Int), list.iter().map(|(key, value)| (text(key), int(*value))))
    };
    let map = stored(&[("a", 1), ("b", 2)]);
    let put = |name, operation, right| run_of(&at_path(vec![key(name)], operation, right), &ages, &map).ok();
    assert_eq!(put("a", Assign, int(9)), Some(stored(&[("a", 9), ("b", 2)])));
    assert_eq!(put("c", Assign, text("3")), Some(stored(&[("a", 1), ("b", 2), ("c", 3)])));
    assert_eq!(put("b", Add, double(1.9)), Some(stored(&[("a", 1), ("b", 3)])));
    assert_eq!(put("c", Multiply, int(4)), Some(stored(&[("a", 1), ("b", 2), ("c", 4)])), "as MUT-6");
    assert_eq!(put("a", Assign, text("x")), None);
    let by_number = map_of(prim(P::Int), prim(P::Str));
    let dynamic_key = at_path(vec![dynamic(lit(int(7)))], Assign, text("x"));
    assert_eq!(run_of(&dynamic_key, &by_number, &entries([])), Ok(entries([(int(7), text("x"))])),);
    let numbers = array_of(prim(P::Int));
    let list = typed_items(prim(P::Int), [int(1), NULL]);
    let set =
        |position, operation, right| run_of(&at_path(vec![index(position)], operation, right), &numbers, &list).ok();
    assert_eq!(set(0, Add, int(1)), Some(typed_items(prim(P::Int), [int(2), NULL])));
    assert_eq!(set(1, Add, int(5)), Some(typed_items(prim(P::Int), [int(1), int(5)])));
    assert_eq!(set(2, Assign, int(1)), None);
    assert_eq!(set(-1, Assign, int(1)), None);
    let nested = at_path(vec![key("k"), index(0)], Assign, int(4));
    let maps = map_of(prim(P::Str), numbers.clone());
    let inner = |number| typed_items(prim(P::Int), [int(number)]);
    assert_eq!(
        run_of(&nested, &maps, &typed_entries(prim(P::Str), numbers.clone(), [(text("k"), inner(1))])),
        Ok(typed_entries(prim(P::Str), numbers.clone(), [(text("k"), inner(4))]))
    );
    assert!(run_of(&nested, &maps, &typed_entries(prim(P::Str), numbers, [])).is_err(), "missing container");
}

/// Proves 01/NEW-3: struct fields are checked again; NULL containers and undeclared fields fail; JSON as PTH-7.
#[test]
fn struct_and_json_parts_by_selectors() {
    let declared = struct_type("team", 0);
    let person = |pin| flagged(Some(id("person", 1)), &[("name", text("Ann"), false), ("pin", pin, true)]);
    let team =
        |size: VariableValue, lead: VariableValue| structure(Some(id("team", 0)), &[("size", size), ("lead", lead)]);
    let current = team(int(1), person(NULL));
    let set = |path, operation, right| run_of(&at_path(path, operation, right), &declared, &current).ok();
    assert_eq!(set(vec![key("size")], Add, int(2)), Some(team(int(3), person(NULL))));
    assert_eq!(set(vec![key("lead"), key("pin")], Assign, text("7")), Some(team(int(1), person(int(7)))));
    assert_eq!(set(vec![key("lead")], Assign, NULL), Some(team(int(1), NULL)));
    assert_eq!(set(vec![key("size")], Assign, NULL), None, "not nullable");
    assert_eq!(set(vec![key("lead"), key("name")], Assign, NULL), None);
    assert_eq!(set(vec![key("other")], Assign, int(1)), None, "undeclared");
    assert_eq!(set(vec![key("scores"), key("a")], Assign, int(1)), None, "the container is missing");
    assert_eq!(set(vec![index(0)], Assign, int(1)), None);
    assert!(run_of(&at_path(vec![key("size")], Assign, int(1)), &declared, &NULL).is_err());
    let json = prim(P::JsonObj);
    let run_json = |path, right| run_of(&at_path(path, Assign, right), &json, &obj(r#"{"a":[1],"b":{}}"#)).ok();
    assert_eq!(run_json(vec![key("a"), index(0)], text("5")), Some(obj(r#"{"a":[5],"b":{}}"#)));
    assert_eq!(run_json(vec![key("b"), key("x.y")], int(1)), Some(obj(r#"{"a":[1],"b":{"x.y":1}}"#)));
    assert_eq!(run_json(vec![key("a"), index(1)], int(1)), None);
    assert_eq!(run_json(vec![key("c"), key("d")], int(1)), None);
    let both = VariableMutation { lhs_json_path: Some("$.a".to_owned()), ..at_path(vec![key("a")], Assign, int(1)) };
    assert!(run_of(&both, &json, &obj("{}")).is_err());
}

/// Repeats a mutation until it fails, as a loop in a WfSpec would; the failure must be the limit, and come soon.
fn grows_until_the_limit(declared: &TypeDefinition, start: VariableValue, operation: VariableMutationType) {
    let mut current = start;
    for _ in 0..64 {
        match run_of(&mutation(operation, lit(current.clone())), declared, &current) {
            Ok(next) => current = next,
            Err(failure) => return assert!(failure.message.contains("RESOURCE_EXHAUSTED"), "{failure}"),
        }
    }
    panic!("the value still grows");
}

/// Proves 01/SIZ-1 for values that are being built: doubling stops at the limit.
#[test]
fn doubling_is_bounded() {
    grows_until_the_limit(&prim(P::Str), text("0123456789"), Add);
    grows_until_the_limit(&prim(P::Bytes), bytes(b"0123456789"), Extend);
    grows_until_the_limit(&prim(P::JsonArr), arr("[1,2]"), Extend);
    let texts = array_of(prim(P::Str));
    grows_until_the_limit(&texts, typed_items(prim(P::Str), [text("0123456789")]), Extend);
    let almost = text(&"x".repeat(VALUE_BYTES_MAX - 10));
    let too_long = run_of(&mutation(Add, lit(text("0123456789"))), &prim(P::Str), &almost);
    assert!(too_long.unwrap_err().message.contains("RESOURCE_EXHAUSTED"));
    let tenfold = calc(calc(lit(almost.clone()), Add, lit(almost.clone())), Add, lit(almost));
    assert!(run_of(&mutation(Assign, tenfold), &prim(P::Str), &NULL).is_err());
    let wide = obj(&format!("{{\"a\":[{}\"\"],\"t\":\"{}\"}}", "\"\",".repeat(10_000), "x".repeat(10_000)));
    let copies = VariableMutation {
        lhs_json_path: Some("$.a[*]".to_owned()),
        ..mutation(Assign, json_path(lit(wide.clone()), "$.t"))
    };
    let message = run_of(&copies, &prim(P::JsonObj), &wide).unwrap_err().message;
    assert!(message.contains("RESOURCE_EXHAUSTED"), "{message}");
}

/// A loop that wraps a value into itself stops before clients and the store could no longer decode it.
#[test]
fn nesting_is_bounded() {
    let mut current = obj("{}");
    for _ in 0..200 {
        let wrapped =
            VariableMutation { lhs_json_path: Some("$.in".to_owned()), ..mutation(Assign, lit(current.clone())) };
        match run_of(&wrapped, &prim(P::JsonObj), &obj("{}")) {
            Ok(next) => current = next,
            Err(failure) => return assert!(failure.message.contains("nested deeper"), "{failure}"),
        }
    }
    panic!("the value still grows");
}
