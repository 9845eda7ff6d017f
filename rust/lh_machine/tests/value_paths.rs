//! Paths into values (01 section 5, NEW-2).
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod value_world;

use lh_machine::pb::VariableValue;
use value_world::*;

const SHOP: &str = r#"{
    "name": "corner", "open": true, "empty": null, "my key": 7, "it's": 8,
    "numbers": [1, 2.5, 3, 10],
    "items": [
        {"name": "pen", "price": 2, "tags": ["blue", "cheap"]},
        {"name": "ink", "price": 10.5, "tags": []},
        {"name": "map", "price": 30, "sold": true, "tags": ["big"]}
    ],
    "owner": {"name": "Ann", "address": {"city": "Rome", "zip": null}}
}"#;

fn at(path: &str) -> VariableValue {
    World::new().with("shop", obj(SHOP)).value(&json_path(var("shop"), path))
}

fn refused(path: &str) -> String {
    World::new().with("shop", obj(SHOP)).failure(&json_path(var("shop"), path))
}

/// Proves 01/PTH-1, 01/PTH-2, checklist 12: definite paths and the types of what they give.
#[test]
fn definite_paths() {
    let cases = [
        ("$.name", text("corner")),
        ("name", text("corner")),
        ("$['name']", text("corner")),
        ("$[\"name\"]", text("corner")),
        ("$.['name']", text("corner")),
        ("['name']", text("corner")),
        ("$['my key']", int(7)),
        (r"$['it\'s']", int(8)),
        ("$.open", boolean(true)),
        ("$.numbers[1]", double(2.5)),
        ("$.numbers[-1]", int(10)),
        ("$.items[1].price", double(10.5)),
        ("$.owner.address.city", text("Rome")),
        ("$.owner.address", obj(r#"{"city":"Rome","zip":null}"#)),
        ("$.numbers", arr("[1,2.5,3,10]")),
    ];
    for (path, expected) in cases {
        assert_eq!(at(path), expected, "{path}");
    }
    let root = World::new().with("v", arr("[1, 2]")).value(&json_path(var("v"), "$"));
    assert_eq!(root, arr("[1,2]"));
}

/// Proves 01/PTH-2, checklist 12: what is not there is NULL.
#[test]
fn missing_is_null() {
    for path in [
        "$.nothing",
        "$.nothing.at.all",
        "$.empty",
        "$.empty.deeper",
        "$.numbers[4]",
        "$.numbers[-5]",
        "$.name.length",
        "$.name[0]",
        "$.items.name",
        "$.owner[0]",
        "$.owner.address.zip",
        "$.nothing.length()",
        "$.nothing.sum()",
    ] {
        assert_eq!(at(path), NULL, "{path}");
    }
}

/// Proves 01/PTH-2: indefinite paths always give a JSON_ARR.
#[test]
fn indefinite_paths() {
    let cases = [
        ("$.items[*].name", r#"["pen","ink","map"]"#),
        ("$.items.*.name", r#"["pen","ink","map"]"#),
        ("$..name", r#"["corner","pen","ink","map","Ann"]"#),
        ("$..nothing", "[]"),
        ("$.items[*].sold", "[true]"),
        ("$.owner.address.*", r#"["Rome",null]"#),
        ("$.numbers[0,2]", "[1,3]"),
        ("$.numbers[0, -1, 9]", "[1,10]"),
        ("$.numbers[1:3]", "[2.5,3]"),
        ("$.numbers[:2]", "[1,2.5]"),
        ("$.numbers[-2:]", "[3,10]"),
        ("$.numbers[3:1]", "[]"),
        ("$.numbers[0:99]", "[1,2.5,3,10]"),
        ("$..tags[0]", r#"["blue","big"]"#),
        ("$['owner','nothing'].name", r#"["Ann"]"#),
        (
            "$.items[*]['name','price']",
            r#"[{"name":"pen","price":2},{"name":"ink","price":10.5},{"name":"map","price":30}]"#,
        ),
    ];
    for (path, expected) in cases {
        assert_eq!(at(path), arr(expected), "{path}");
    }
    assert_eq!(at("$.items[0]['name','price','none']"), obj(r#"{"name":"pen","price":2}"#));
}

/// Proves 01/PTH-2, checklist 12: filters.
#[test]
fn filters() {
    let names = |filter: &str, expected: &str| {
        assert_eq!(at(&format!("$.items[?({filter})].name")), arr(expected), "{filter}");
    };
    names("@.price > 2", r#"["ink","map"]"#);
    names("@.price >= 2 && @.price < 30", r#"["pen","ink"]"#);
    names("@.price == 2.0", r#"["pen"]"#);
    names("@.price == '30'", r#"["map"]"#);
    names("@.price != 2", r#"["ink","map"]"#);
    names("@.name == 'pen' || @['name'] == \"map\"", r#"["pen","map"]"#);
    names("@.sold", r#"["map"]"#);
    names("!@.sold", r#"["pen","ink"]"#);
    names("!(@.sold || @.price < 5)", r#"["ink"]"#);
    names("@.sold == true", r#"["map"]"#);
    names("@.nothing == null", "[]");
    names("@.name =~ /p.*/", r#"["pen"]"#);
    names("@.name =~ /P.N/i", r#"["pen"]"#);
    names("@.name =~ /e/", "[]");
    names("@.name in ['pen', 'map']", r#"["pen","map"]"#);
    names("@.name nin ['pen', 'map']", r#"["ink"]"#);
    names("@.tags contains 'blue'", r#"["pen"]"#);
    names("@.name contains 'a'", r#"["map"]"#);
    names("@.tags size 2", r#"["pen"]"#);
    names("@.tags empty true", r#"["ink"]"#);
    names("@.tags subsetof ['blue', 'cheap', 'x']", r#"["pen","ink"]"#);
    names("@.tags anyof ['big', 'x']", r#"["map"]"#);
    names("@.tags noneof ['big', 'x']", r#"["pen","ink"]"#);
    names("@.tags.length() > 1", r#"["pen"]"#);
    names("@.price > $.numbers[3]", r#"["ink","map"]"#);
    names("@.name < 'm'", r#"["ink"]"#);
    names("@.name > 3", "[]");
    assert_eq!(at("$.numbers[?(@ > 2)]"), arr("[2.5,3,10]"));
    assert_eq!(at("$..[?(@.price == 2)].name"), arr(r#"["pen"]"#));
    assert_eq!(at("$.owner[?(@.name == 'Ann')].name"), arr(r#"["Ann"]"#));
}

/// Proves 01/PTH-2: functions; `length()` is an INT, the numeric ones are DOUBLEs.
#[test]
fn functions() {
    let cases = [
        ("$.numbers.length()", int(4)),
        ("$.owner.length()", int(2)),
        ("$.items[*].tags[*].length()", int(3)),
        ("$.numbers.sum()", double(16.5)),
        ("$.numbers.min()", double(1.0)),
        ("$.numbers.max()", double(10.0)),
        ("$.numbers.avg()", double(4.125)),
        ("$.items[*].price.sum()", double(42.5)),
        ("$..price.max()", double(30.0)),
        ("$.numbers.first()", int(1)),
        ("$.numbers.last()", int(10)),
        ("$.numbers.index(-2)", int(3)),
        ("$.owner.keys()", arr(r#"["name","address"]"#)),
        ("$.concat($.name, '-', 1.5)", text("corner-1.5")),
        ("$.sum($.numbers[0], 4)", double(5.0)),
    ];
    for (path, expected) in cases {
        assert_eq!(at(path), expected, "{path}");
    }
    assert!(refused("$.items.avg()").contains("no numbers"));
    assert!(refused("$.numbers.surprise()").contains("unknown function"));
}

/// Proves 01/PTH-1, checklist 12: syntax errors are value failures, and so is a path on something else.
#[test]
fn failing_paths() {
    for path in [
        "",
        "  ",
        "$.",
        "$.name.",
        "$..",
        "$.my key",
        "$.a b.c",
        "$[",
        "$['a",
        "$['a'",
        "$[0",
        "$[a]",
        "$[1:x]",
        "$.a]",
        "$.items[?(@.a ==)]",
        "$.items[?(@.a == 1]",
        "$.items[?@.a]",
        "$.items[?()]",
        "$.items[?(1)]",
        "$.length(",
        "$.items[?(@.a =~ /(/)]",
        "$x",
        "$.a[--1]",
        "$.keys().first()",
    ] {
        assert!(!refused(path).is_empty(), "{path}");
    }
    let world = World::new().with("text", text("{}")).with("null", NULL).with("bad", obj("{"));
    for name in ["text", "null", "bad"] {
        assert!(!world.failure(&json_path(var(name), "$.a")).is_empty());
    }
}

/// Proves 01/PTH-1 and the bounds of a path: its length, its nesting, the nodes it visits, the size of its result.
#[test]
fn bounded_paths() {
    assert!(refused(&format!("$.{}", "a".repeat(1_100))).contains("at most 1024 bytes"));
    assert!(refused(&format!("$.items[?({}@.a{})]", "(".repeat(200), ")".repeat(200))).contains("too deep"));
    assert!(refused(&format!("$.items[?({}@.a)]", "!".repeat(300))).contains("too deep"));
    let wide = format!("[{}1]", "1,".repeat(2_000));
    let world = World::new().with("wide", arr(&wide));
    let quadratic = "$[?($[?($[?(@ == 2)] == 1)])]";
    assert!(world.failure(&json_path(var("wide"), quadratic)).contains("RESOURCE_EXHAUSTED"));
    for pairs in ["$[?($ subsetof $)]", "$[?($ anyof $)]"] {
        assert!(world.failure(&json_path(var("wide"), pairs)).contains("RESOURCE_EXHAUSTED"));
    }
    let long = format!("[\"{}\"]", "a".repeat(100_000));
    let world = World::new().with("long", arr(&long));
    assert!(world.failure(&json_path(var("long"), "$[?(@ =~ /(a{2}|b)*/)]")).contains("RESOURCE_EXHAUSTED"));
    let nested = format!("{}\"{}\"{}", r#"{"a":"#.repeat(60), "x".repeat(100_000), "}".repeat(60));
    let world = World::new().with("nested", obj(&nested));
    assert!(world.failure(&json_path(var("nested"), "$..a")).contains("RESOURCE_EXHAUSTED"));
}

fn vehicle() -> World {
    World::new()
        .def(
            "car",
            1,
            &[
                ("plate", field(prim(P::Str))),
                ("wheels", field(array_of(prim(P::Int)))),
                ("doors", defaulted(prim(P::Int), int(4))),
                ("note", nullable(prim(P::Str))),
                ("owner", nullable(struct_type("person", 0))),
            ],
        )
        .def("person", 0, &[("name", field(prim(P::Str)))])
        .with(
            "car",
            structure(
                Some(id("car", 1)),
                &[
                    ("plate", text("AB1")),
                    ("wheels", typed_items(prim(P::Int), [int(17), NULL])),
                    ("owner", structure(Some(id("person", 0)), &[("name", text("Ann"))])),
                ],
            ),
        )
        .with("ages", entries([(text("Ann"), int(40)), (NULL, int(1)), (text("Bob"), NULL)]))
        .with("byNumber", typed_entries(prim(P::Int), prim(P::Str), [(int(7), text("seven"))]))
        .with("shop", obj(SHOP))
        .with("one", int(1))
        .with("name", text("name"))
        .with("null", NULL)
}

/// Proves 01/PTH-3, 01/PTH-4, checklist 13.
#[test]
fn selectors() {
    let world = vehicle();
    let at = |name: &str, selectors| world.value(&lh_path(var(name), selectors));
    assert_eq!(at("car", vec![key("plate")]), text("AB1"));
    assert_eq!(at("car", vec![key("wheels"), index(0)]), int(17));
    assert_eq!(at("car", vec![key("wheels"), index(1)]), NULL);
    assert_eq!(at("car", vec![key("owner"), key("name")]), text("Ann"));
    assert_eq!(at("car", vec![key("doors")]), int(4), "the declared default");
    assert_eq!(at("car", vec![key("note")]), NULL);
    assert_eq!(at("car", vec![key("unknown")]), NULL);
    assert_eq!(at("ages", vec![key("Ann")]), int(40));
    assert_eq!(at("ages", vec![key("Eve")]), NULL);
    assert_eq!(at("ages", vec![key("Eve"), key("deeper")]), NULL, "a missing key ends the whole path");
    assert_eq!(at("one", vec![]), int(1));
    assert_eq!(at("shop", vec![key("items"), index(-1), key("name")]), text("map"));
    assert_eq!(at("shop", vec![key("my key")]), int(7));
    assert_eq!(at("shop", vec![key("nothing"), index(3)]), NULL);
    let value = world.value(&cast(lh_path(var("car"), vec![key("wheels"), index(0)]), prim(P::Str)));
    assert_eq!(value, text("17"), "the path comes before the cast");
}

/// Proves 01/PTH-3, 01/PTH-5: selectors of the wrong kind, indices out of range, values without parts.
#[test]
fn failing_selectors() {
    let world = vehicle();
    let cases = [
        ("car", vec![index(0)]),
        ("car", vec![key("wheels"), key("first")]),
        ("car", vec![key("wheels"), index(-1)]),
        ("car", vec![key("wheels"), index(2)]),
        ("car", vec![key("wheels"), index(1), index(0)]),
        ("ages", vec![index(0)]),
        ("ages", vec![key("Bob"), key("x")]),
        ("one", vec![key("x")]),
        ("null", vec![key("x")]),
        ("car", vec![Default::default()]),
    ];
    for (name, selectors) in cases {
        let described = format!("{name} {selectors:?}");
        assert!(!world.failure(&lh_path(var(name), selectors)).is_empty(), "{described}");
    }
}

/// Proves 01/PTH-5, 01/NEW-2: keys are converted to the key type, selectors may be computed.
#[test]
fn dynamic_selectors_and_typed_keys() {
    let world = vehicle();
    let at = |name: &str, selectors| world.value(&lh_path(var(name), selectors));
    assert_eq!(at("byNumber", vec![key("7")]), text("seven"));
    assert_eq!(at("byNumber", vec![key("seven")]), NULL);
    assert_eq!(at("byNumber", vec![dynamic(lit(int(7)))]), text("seven"));
    assert_eq!(at("byNumber", vec![dynamic(lit(text("7")))]), text("seven"));
    assert_eq!(at("car", vec![key("wheels"), dynamic(calc(var("one"), Subtract, lit(int(1))))]), int(17));
    assert_eq!(at("car", vec![key("owner"), dynamic(var("name"))]), text("Ann"));
    assert_eq!(at("shop", vec![dynamic(var("name"))]), text("corner"));
    assert_eq!(at("shop", vec![key("numbers"), dynamic(var("one"))]), double(2.5));
    for (name, selector) in [
        ("car", dynamic(var("one"))),
        ("car", dynamic(var("null"))),
        ("ages", dynamic(var("null"))),
        ("byNumber", dynamic(lit(text("x")))),
        ("shop", dynamic(var("one"))),
        ("shop", dynamic(var("null"))),
    ] {
        assert!(!world.failure(&lh_path(var(name), vec![selector.clone()])).is_empty(), "{name} {selector:?}");
    }
    assert!(!world.failure(&lh_path(var("shop"), vec![key("numbers"), dynamic(var("name"))])).is_empty());
}
