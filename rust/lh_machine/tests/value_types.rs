//! Types, casts and the static tables of operations and comparisons (01 sections 2, 6, 8, 9.2 and 10).
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod value_world;

use lh_machine::{
    pb::{self, Comparator, TypeDefinition, VariableMutationType, VariableType},
    value::{operators, types},
};
use value_world::*;

const ALL: [VariableType; 9] =
    [P::JsonObj, P::JsonArr, P::Double, P::Bool, P::Str, P::Int, P::Bytes, P::WfRunId, P::Timestamp];

/// Proves 01/TYP-2: no `defined_type` is JSON_OBJ, recursively.
#[test]
fn a_type_without_a_case_is_json() {
    let unset = TypeDefinition::default();
    let mut def = map_of(prim(P::Str), array_of(unset.clone()));
    types::normalise(&mut def);
    assert_eq!(def, map_of(prim(P::Str), array_of(prim(P::JsonObj))));
    let mut inline = inline_type(&[("a", field(unset.clone()))]);
    types::normalise(&mut inline);
    assert_eq!(inline, inline_type(&[("a", field(prim(P::JsonObj)))]));
    assert!(types::assignable(&unset, &prim(P::JsonObj)));
    assert!(types::equal(&unset, &prim(P::JsonObj)));
}

/// Proves 01/TYP-4: the deprecated `type` wins; neither means JSON_OBJ.
#[test]
fn the_type_of_a_variable_definition() {
    let def = |old: Option<VariableType>, masked_value, type_def| pb::VariableDef {
        r#type: old.map(|old| old as i32),
        masked_value,
        type_def,
        ..pb::VariableDef::default()
    };
    let of = |def| types::var_def_type(&def);
    assert_eq!(of(def(Some(P::Int), None, Some(prim(P::Str)))), prim(P::Int));
    assert_eq!(of(def(Some(P::Int), Some(true), None)), masked(prim(P::Int)));
    assert_eq!(of(def(None, None, Some(masked(prim(P::Str))))), masked(prim(P::Str)));
    assert_eq!(of(def(None, None, Some(TypeDefinition::default()))), prim(P::JsonObj));
    assert_eq!(of(def(None, None, None)), prim(P::JsonObj));
}

/// Proves 01/VAL-6: types of values.
#[test]
fn the_type_of_a_value() {
    let of = |value| types::of_value(&value);
    assert_eq!(of(NULL), None);
    assert_eq!(of(time(1, 2)), Some(prim(P::Timestamp)));
    assert_eq!(of(structure(Some(id("car", 3)), &[])), Some(struct_type("car", 3)));
    assert_eq!(of(items([])), Some(types::array(None)));
    assert_eq!(of(items([int(1), text("x")])), Some(array_of(prim(P::Int))));
    assert_eq!(of(typed_items(prim(P::Str), [])), Some(array_of(prim(P::Str))));
    assert_eq!(of(entries([])), Some(types::map(None, None)));
    assert_eq!(of(entries([(text("a"), NULL)])), Some(types::map(Some(prim(P::Str)), None)));
    assert_eq!(of(typed_entries(prim(P::Int), prim(P::Bool), [])), Some(map_of(prim(P::Int), prim(P::Bool))));
}

/// Proves 01/TYP-5: structural, with `masked` and the struct version.
#[test]
fn equality_of_types() {
    assert!(types::equal(&array_of(prim(P::Int)), &array_of(prim(P::Int))));
    assert!(!types::equal(&prim(P::Int), &masked(prim(P::Int))));
    assert!(!types::equal(&array_of(prim(P::Int)), &array_of(masked(prim(P::Int)))));
    assert!(!types::equal(&struct_type("car", 0), &struct_type("car", 1)));
    assert!(!types::equal(&array_of(prim(P::Int)), &types::array(None)));
    assert!(!types::equal(&map_of(prim(P::Str), prim(P::Int)), &map_of(prim(P::Str), prim(P::Str))));
    assert!(!types::equal(&prim(P::JsonArr), &array_of(prim(P::JsonObj))));
    let inline = |nullable| inline_type(&[("a", pb::StructFieldDef { is_nullable: nullable, ..field(prim(P::Int)) })]);
    assert!(types::equal(&inline(true), &inline(true)));
    assert!(!types::equal(&inline(true), &inline(false)));
}

/// Proves 01/TYP-6, 01/CST-1, 02/T-3, checklist 14: what a primitive takes without a cast.
#[test]
fn implicit_casts_between_primitives() {
    for target in ALL {
        for source in ALL {
            let expected = source == target
                || (target == P::Str && [P::Int, P::Double, P::Bool, P::Bytes, P::WfRunId].contains(&source))
                || (target == P::Double && source == P::Int);
            assert_eq!(types::assignable(&prim(target), &prim(source)), expected, "{source:?} to {target:?}");
            assert_eq!(types::implicit(source, target), expected);
        }
    }
}

/// Proves 01/CST-2, 02/T-4, checklist 14 and 15: what an explicit cast adds.
#[test]
fn explicit_casts_between_primitives() {
    for target in ALL {
        for source in ALL {
            let expected = types::implicit(source, target)
                || (source == P::Double && target == P::Int)
                || (source == P::Str && [P::Int, P::Double, P::Bool, P::Bytes, P::WfRunId].contains(&target));
            assert_eq!(types::castable(source, target), expected, "{source:?} to {target:?}");
        }
    }
}

/// Proves 01/TYP-6, 02/T-5: structs by name, element types exactly, other categories never.
#[test]
fn assignability_of_composed_types() {
    let yes = |target: &TypeDefinition, source: &TypeDefinition| assert!(types::assignable(target, source));
    let no = |target: &TypeDefinition, source: &TypeDefinition| assert!(!types::assignable(target, source));
    yes(&struct_type("car", 2), &struct_type("car", 0));
    no(&struct_type("car", 0), &struct_type("bike", 0));
    no(&struct_type("car", 0), &prim(P::JsonObj));
    no(&prim(P::JsonObj), &struct_type("car", 0));
    yes(&array_of(prim(P::Str)), &array_of(prim(P::Str)));
    no(&array_of(prim(P::Str)), &array_of(prim(P::Int)));
    yes(&array_of(prim(P::Str)), &types::array(None));
    no(&array_of(prim(P::JsonObj)), &prim(P::JsonArr));
    yes(&map_of(prim(P::Str), prim(P::Int)), &types::map(None, None));
    no(&map_of(prim(P::Str), prim(P::Double)), &map_of(prim(P::Str), prim(P::Int)));
}

/// Proves 01/NEW-5: inline structs fit structurally.
#[test]
fn assignability_of_inline_structs() {
    let target = inline_type(&[("a", field(prim(P::Double))), ("b", nullable(prim(P::Str)))]);
    assert!(types::assignable(&target, &inline_type(&[("a", field(prim(P::Int)))])));
    assert!(types::assignable(&target, &inline_type(&[("a", field(prim(P::Int))), ("c", field(prim(P::Int)))])));
    assert!(!types::assignable(&target, &inline_type(&[("b", field(prim(P::Str)))])));
    assert!(!types::assignable(&target, &inline_type(&[("a", field(prim(P::Str)))])));
    assert!(!types::assignable(&target, &struct_type("car", 0)));
}

fn result(operation: VariableMutationType, left: &TypeDefinition, right: &TypeDefinition) -> Option<TypeDefinition> {
    operators::result_type(operation, Some(left), Some(right)).ok().flatten()
}

/// Proves 01/MUT-8, 02/T-10: the rows of primitive types, all operations by all right-hand types.
#[test]
fn static_results_on_primitives() {
    let numeric = [P::Int, P::Double];
    let scalar = [P::Int, P::Double, P::Bool, P::Str, P::Timestamp, P::WfRunId];
    for left in ALL {
        for right in ALL {
            let is_numeric = numeric.contains(&right);
            let is_scalar = scalar.contains(&right);
            let expect = |operation: VariableMutationType, accepted: bool| {
                let expected = accepted.then(|| match (left, operation, right) {
                    (P::Int, Pow, P::Double) => prim(P::Double),
                    _ => prim(left),
                });
                assert_eq!(result(operation, &prim(left), &prim(right)), expected, "{left:?} {operation:?} {right:?}");
            };
            let number = numeric.contains(&left);
            expect(Add, (number && is_numeric) || (left == P::Str && is_scalar) || left == P::JsonArr);
            for operation in [Subtract, Multiply, Divide, Pow] {
                expect(operation, number && is_numeric);
            }
            expect(Extend, (left == P::Str && is_scalar) || (left == right && [P::Bytes, P::JsonArr].contains(&left)));
            expect(RemoveIfPresent, [P::Str, P::JsonArr, P::JsonObj].contains(&left) && is_scalar);
            expect(RemoveIndex, [P::Str, P::JsonArr].contains(&left) && is_numeric);
            expect(RemoveKey, left == P::JsonObj && is_scalar);
            expect(Assign, types::implicit(right, left));
        }
    }
}

/// Proves 01/MUT-8: the rows of Array, Map and Struct.
#[test]
fn static_results_on_composed_types() {
    let numbers = array_of(prim(P::Int));
    let ages = map_of(prim(P::Str), prim(P::Int));
    let accepted = [
        (Extend, &numbers, prim(P::Int)),
        (Extend, &numbers, numbers.clone()),
        (Extend, &numbers, types::array(None)),
        (RemoveIfPresent, &numbers, prim(P::Int)),
        (RemoveIndex, &numbers, prim(P::Double)),
        (Extend, &ages, map_of(prim(P::Int), prim(P::Int))),
        (RemoveKey, &ages, prim(P::Int)),
        (Assign, &numbers, numbers.clone()),
    ];
    for (operation, left, right) in accepted {
        assert_eq!(result(operation, left, &right), Some(left.clone()), "{operation:?} {right:?}");
    }
    let refused = [
        (Add, &numbers, prim(P::Int)),
        (Extend, &numbers, prim(P::Double)),
        (Extend, &numbers, array_of(prim(P::Str))),
        (RemoveIfPresent, &numbers, prim(P::Double)),
        (RemoveKey, &numbers, prim(P::Int)),
        (Extend, &ages, prim(P::JsonObj)),
        (RemoveIfPresent, &ages, prim(P::Str)),
        (RemoveIndex, &ages, prim(P::Int)),
        (RemoveKey, &ages, prim(P::Timestamp)),
    ];
    for (operation, left, right) in refused {
        assert_eq!(result(operation, left, &right), None, "{operation:?} {right:?}");
    }
    for operation in [Add, Subtract, Multiply, Divide, Pow, Extend, RemoveIfPresent, RemoveIndex, RemoveKey] {
        assert_eq!(result(operation, &struct_type("car", 0), &prim(P::Int)), None);
    }
}

/// Proves 01/MUT-9, 01/MUT-10, 01/CST-6: unknown operands pass, AND and OR are checked, messages.
#[test]
fn static_results_with_unknown_operands_and_messages() {
    let int = prim(P::Int);
    assert_eq!(operators::result_type(Add, None, Some(&int)), Ok(None));
    assert_eq!(operators::result_type(Add, Some(&int), None), Ok(None));
    assert_eq!(operators::result_type(And, None, None), Ok(Some(prim(P::Bool))));
    assert_eq!(operators::result_type(Or, Some(&prim(P::Str)), Some(&prim(P::Bool))), Ok(Some(prim(P::Bool))));
    assert!(operators::result_type(And, Some(&int), Some(&prim(P::Bool))).is_err());
    assert_eq!(operators::result_type(Assign, Some(&int), None), Ok(Some(int.clone())));
    let message = operators::result_type(Multiply, Some(&prim(P::Str)), Some(&int)).unwrap_err();
    assert!(message.contains("Cannot multiply to a STR"), "{message}");
    let message = operators::result_type(Assign, Some(&int), Some(&prim(P::Str))).unwrap_err();
    assert!(message.contains("Cannot assign STR to INT without explicit casting"), "{message}");
    let message = operators::result_type(Assign, Some(&struct_type("car", 0)), Some(&prim(P::Str))).unwrap_err();
    assert!(message.contains("Cannot assign STR to null"), "{message}");
}

/// Proves 01/MUT-11: the INT row is asymmetric on purpose.
#[test]
fn integer_times_double_is_statically_an_integer() {
    assert_eq!(result(Multiply, &prim(P::Int), &prim(P::Double)), Some(prim(P::Int)));
    assert_eq!(result(Multiply, &prim(P::Double), &prim(P::Int)), Some(prim(P::Double)));
}

fn comparable(left: &TypeDefinition, comparator: Comparator, right: &TypeDefinition) -> bool {
    operators::comparable(comparator, Some(left), Some(right), false).is_ok()
}

/// Proves 01/CMP-3, 02/T-11, checklist 29: which comparisons are accepted at registration.
#[test]
fn static_comparisons() {
    let ordered = [P::Int, P::Double, P::Str, P::Bool, P::Timestamp];
    for left in ALL {
        for right in ALL {
            let both_ordered = ordered.contains(&left) && ordered.contains(&right);
            for comparator in [Equals, NotEquals] {
                assert_eq!(comparable(&prim(left), comparator, &prim(right)), left == right || both_ordered);
            }
            for comparator in [LessThan, LessThanEq, GreaterThan, GreaterThanEq] {
                assert_eq!(comparable(&prim(left), comparator, &prim(right)), both_ordered, "{left:?} {right:?}");
            }
            let contains = match right {
                P::JsonArr => true,
                P::JsonObj => left == P::Str,
                P::Str => ![P::JsonObj, P::JsonArr, P::Bytes].contains(&left),
                _ => false,
            };
            assert_eq!(comparable(&prim(left), In, &prim(right)), contains, "{left:?} in {right:?}");
            assert_eq!(comparable(&prim(left), NotIn, &prim(right)), contains);
        }
    }
    assert!(comparable(&prim(P::Int), In, &array_of(prim(P::Int))));
    assert!(!comparable(&prim(P::Str), In, &array_of(prim(P::Int))));
    assert!(comparable(&prim(P::Int), In, &map_of(prim(P::Int), prim(P::Str))));
    assert!(!comparable(&struct_type("car", 0), Equals, &struct_type("car", 1)));
    assert!(comparable(&struct_type("car", 1), Equals, &struct_type("car", 1)));
}

/// Proves 01/CMP-3: a null literal on the right and unknown types always pass.
#[test]
fn static_comparisons_with_null_and_unknown() {
    for comparator in [Equals, NotEquals, LessThan, GreaterThan, LessThanEq, GreaterThanEq, In, NotIn] {
        let json = prim(P::JsonObj);
        assert_eq!(operators::comparable(comparator, Some(&json), None, true), Ok(()));
        assert_eq!(operators::comparable(comparator, None, Some(&json), false), Ok(()));
    }
}
