//! Versions of a WfSpec (02 sections 10 and 11).

use lh_machine::pb::node::Node as Kind;
use lh_machine::pb::variable_value::Value;
use lh_machine::pb::{self, AllowedUpdateType, VariableType};
use lh_machine::rejected::Code;
use lh_machine::value::types;

use super::fixtures::*;

fn x() -> pb::ThreadVarDef {
    var("x", VariableType::Int)
}

/// 02/W-4: what is stored.
#[test]
fn stored_form() {
    let checked = Store::new().put(declaring(vec![required(x())])).unwrap();
    assert!(!checked.unchanged);
    assert!(checked.seen.is_empty());
    let spec = checked.wf_spec.unwrap();
    assert_eq!(spec.id, Some(pb::WfSpecId { name: "flow".to_owned(), major_version: 0, revision: 0 }));
    assert_eq!(spec.created_at, Some(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 123_000_000 }));
    assert_eq!(spec.status(), pb::MetadataStatus::Active);
    assert_eq!(spec.entrypoint_thread_name, "main");
    assert_eq!(spec.frozen_variables, vec![required(x())]);
    assert_eq!((spec.migration, spec.retention_policy, spec.parent_wf_spec), (None, None, None));
}

/// 02/V-2, 02/V-5: the same again answers the stored one under every update type.
#[test]
fn the_same_again() {
    let mut store = Store::new();
    let first = store.put(declaring(vec![required(x()), public(var("y", VariableType::Str))])).unwrap();
    for allowed in
        [AllowedUpdateType::AllUpdates, AllowedUpdateType::MinorRevisionUpdates, AllowedUpdateType::NoUpdates]
    {
        let mut request = declaring(vec![required(x()), public(var("y", VariableType::Str))]);
        request.allowed_updates = allowed as i32;
        let again = lh_machine::check::put_wf_spec(request, &store, NOW_MS + 1_000).unwrap();
        assert!(again.unchanged);
        assert_eq!(again.wf_spec, first.wf_spec);
    }
}

/// 02/V-2: an old name of a type is the same; lists are ordered.
#[test]
fn equality() {
    let mut store = Store::new();
    store.put(declaring(vec![x(), var("y", VariableType::Int)])).unwrap();
    let mut deprecated = x();
    let variable = deprecated.var_def.as_mut().unwrap();
    variable.type_def = None;
    variable.r#type = Some(VariableType::Int as i32);
    assert_eq!(store.version_of(declaring(vec![deprecated, var("y", VariableType::Int)])), (0, 0));
    assert_eq!(store.version_of(declaring(vec![var("y", VariableType::Int), x()])), (0, 1));
}

/// 02/V-2: a default that is no number equals itself, so a re-put stays idempotent.
#[test]
fn not_a_number_equals_itself() {
    let mut store = Store::new();
    let request = || declaring(vec![with_default(var("d", VariableType::Double), Value::Double(f64::NAN))]);
    assert_eq!(store.version_of(request()), (0, 0));
    assert!(store.put(request()).unwrap().unchanged);
}

/// 02/V-1: compared with the latest; an older shape makes a new version.
#[test]
fn numbers() {
    let mut store = Store::new();
    let plain = || declaring(vec![x()]);
    let more = || declaring(vec![x(), var("y", VariableType::Int)]);
    let breaking = || declaring(vec![public(x())]);
    assert_eq!(store.version_of(plain()), (0, 0));
    assert_eq!(store.version_of(more()), (0, 1));
    assert_eq!(store.version_of(plain()), (0, 2));
    assert_eq!(store.version_of(breaking()), (1, 0));
    assert_eq!(store.version_of(plain()), (2, 0));
    assert_eq!(store.version_of(more()), (2, 1));
}

/// 02/D-2: next is what follows the highest that is left.
#[test]
fn numbers_are_reused_after_deletion() {
    let mut store = Store::new();
    let plain = || declaring(vec![x()]);
    let more = || declaring(vec![x(), var("y", VariableType::Int)]);
    store.put(plain()).unwrap();
    store.put(more()).unwrap();
    store.wf_specs.remove(&("flow".to_owned(), 0, 1)).unwrap();
    assert_eq!(store.version_of(more()), (0, 1));
    store.wf_specs.clear();
    assert_eq!(store.version_of(more()), (0, 0));
}

/// What the version becomes when the variables of the entrypoint change from one list to the other.
fn change(before: Vec<pb::ThreadVarDef>, after: Vec<pb::ThreadVarDef>) -> (i32, i32) {
    let mut store = Store::new();
    assert_eq!(store.version_of(declaring(before)), (0, 0));
    store.version_of(declaring(after))
}

/// 02/V-3 (a, b), 02/V-4: breaking changes of variables.
#[test]
fn breaking_variables() {
    let searchable = |inner: pb::ThreadVarDef| pb::ThreadVarDef { searchable: true, ..inner };
    let indexed = |inner: pb::ThreadVarDef| pb::ThreadVarDef {
        json_indexes: vec![pb::JsonIndex { field_path: "$.a".to_owned(), field_type: 0 }],
        ..inner
    };
    let defaulted = |inner| with_default(inner, Value::Int(1));
    for (before, after) in [
        (vec![], vec![public(x())]),
        (vec![public(x())], vec![]),
        (vec![], vec![required(x())]),
        (vec![required(x())], vec![]),
        (vec![public(x())], vec![defaulted(public(x()))]),
        (vec![public(x())], vec![searchable(public(x()))]),
        (vec![public(x())], vec![indexed(public(x()))]),
        (vec![required(x())], vec![searchable(required(x()))]),
        (vec![required(x())], vec![x()]),
        (vec![x()], vec![required(x())]),
        (vec![public(x())], vec![x()]),
        (vec![x()], vec![public(x())]),
    ] {
        assert_eq!(change(before.clone(), after.clone()), (1, 0), "{before:?} to {after:?}");
    }
    for (before, after) in [
        (vec![], vec![x()]),
        (vec![x()], vec![]),
        (vec![x()], vec![var("x", VariableType::Str)]),
        (vec![x()], vec![searchable(x())]),
        (vec![searchable(x())], vec![searchable(var("x", VariableType::Str))]),
        (vec![x()], vec![indexed(x())]),
        (vec![x()], vec![defaulted(x())]),
    ] {
        assert_eq!(change(before.clone(), after.clone()), (0, 1), "{before:?} to {after:?}");
    }
}

/// 02/V-4: INHERITED to PRIVATE and back does not break, PUBLIC to INHERITED does.
#[test]
fn breaking_access_levels() {
    let child = |declaration: pb::ThreadVarDef| pb::PutWfSpecRequest {
        parent_wf_spec: Some(pb::wf_spec::ParentWfSpecReference {
            wf_spec_name: "parent".to_owned(),
            wf_spec_major_version: 0,
        }),
        ..declaring(vec![declaration])
    };
    let mut store = Store::new();
    store.put(pb::PutWfSpecRequest { name: "parent".to_owned(), ..declaring(vec![public(x())]) }).unwrap();
    assert_eq!(store.version_of(child(inherited(x()))), (0, 0));
    assert_eq!(store.version_of(child(x())), (0, 1));
    assert_eq!(store.version_of(child(inherited(x()))), (0, 2));
    assert_eq!(store.version_of(child(public(x()))), (1, 0));
    assert_eq!(store.version_of(child(inherited(x()))), (2, 0));
}

/// 02/V-3, 02/V-4: public variables count in every thread, required ones in the entrypoint only.
#[test]
fn breaking_in_other_threads() {
    let with_other = |variables| flow([("main", idle_thread(vec![])), ("other", idle_thread(variables))]);
    let mut store = Store::new();
    assert_eq!(store.version_of(with_other(vec![])), (0, 0));
    assert_eq!(store.version_of(with_other(vec![required(x())])), (0, 1));
    assert_eq!(store.version_of(with_other(vec![public(x())])), (1, 0));
}

/// 02/V-3 (c): the return type of the entrypoint.
#[test]
fn breaking_return_type() {
    let returning = |content: Option<pb::VariableAssignment>, failing: bool| {
        let exit = content.map_or(Kind::Exit(pb::ExitNode::default()), exit_with);
        let mut main = thread_around(all_variables(), Kind::Nop(pb::NopNode {}));
        main.nodes.get_mut("2-exit").unwrap().node = Some(exit);
        if failing {
            main.nodes.insert("3-exit".to_owned(), node(exit_failing("no"), &[]));
        }
        flow([("main", main)])
    };
    let mut store = Store::new();
    assert_eq!(store.version_of(returning(None, false)), (0, 0));
    assert_eq!(store.version_of(returning(None, true)), (0, 1));
    assert_eq!(store.version_of(returning(Some(int(1)), false)), (1, 0));
    assert_eq!(store.version_of(returning(Some(int(2)), false)), (1, 1));
    assert_eq!(store.version_of(returning(Some(text("x")), false)), (2, 0));
    // Unknown is a wildcard, void is not.
    assert_eq!(store.version_of(returning(Some(json_path(read("json_obj"), "$.a")), false)), (2, 1));
    assert_eq!(store.version_of(returning(Some(int(1)), false)), (2, 2));
    assert_eq!(store.version_of(returning(None, false)), (3, 0));
}

/// 02/V-4: what else changes is a revision.
#[test]
fn revisions() {
    let mut store = Store::new();
    let base = || declaring(vec![required(x())]);
    store.put(base()).unwrap();
    let retained = pb::PutWfSpecRequest { retention_policy: Some(pb::WorkflowRetentionPolicy::default()), ..base() };
    assert_eq!(store.version_of(retained), (0, 1));
    let task_instead = flow([("main", thread_around(vec![required(x())], Kind::Task(task("nothing", vec![]))))]);
    assert_eq!(store.version_of(task_instead), (0, 2));
    let renamed = flow([("start", idle_thread(vec![required(x())]))]);
    assert_eq!(store.version_of(renamed), (0, 3));
    let more_threads = flow([("start", idle_thread(vec![required(x())])), ("other", idle_thread(vec![]))]);
    assert_eq!(store.version_of(more_threads), (0, 4));
}

/// 02/V-5: each update type with a new name, a minor and a breaking change.
#[test]
fn allowed_updates() {
    let allowing = |allowed: AllowedUpdateType, variables| pb::PutWfSpecRequest {
        allowed_updates: allowed as i32,
        ..declaring(variables)
    };
    for allowed in
        [AllowedUpdateType::AllUpdates, AllowedUpdateType::MinorRevisionUpdates, AllowedUpdateType::NoUpdates]
    {
        let mut store = Store::new();
        assert_eq!(store.version_of(allowing(allowed, vec![])), (0, 0));
        let minor = store.put(allowing(allowed, vec![x()]));
        let breaking = store.put(allowing(allowed, vec![public(x())]));
        match allowed {
            AllowedUpdateType::AllUpdates => {
                assert_eq!(minor.unwrap().wf_spec.unwrap().id.unwrap().revision, 1);
                assert_eq!(breaking.unwrap().wf_spec.unwrap().id.unwrap().major_version, 1);
            }
            AllowedUpdateType::MinorRevisionUpdates => {
                assert_eq!(minor.unwrap().wf_spec.unwrap().id.unwrap().revision, 1);
                let text = "The resulting WfSpec has a breaking change.";
                assert_refusal(&breaking.unwrap_err(), Code::FailedPrecondition, &[text]);
            }
            AllowedUpdateType::NoUpdates => {
                assert_refusal(&minor.unwrap_err(), Code::AlreadyExists, &["WfSpec already exists."]);
                assert_refusal(&breaking.unwrap_err(), Code::AlreadyExists, &["WfSpec already exists."]);
            }
        }
    }
}

fn frozen_names(store: &Store) -> Vec<String> {
    let (_, latest) = store.wf_specs.last_key_value().unwrap();
    latest.frozen_variables.iter().map(|frozen| frozen.var_def.as_ref().unwrap().name.clone()).collect()
}

/// 02/V-6: what is frozen, and that it stays so while nobody declares it.
#[test]
fn frozen_variables() {
    let mut store = Store::new();
    let first = flow([
        ("main", idle_thread(vec![required(var("a", VariableType::Int)), var("b", VariableType::Int)])),
        ("other", idle_thread(vec![public(var("c", VariableType::Int)), required(var("d", VariableType::Int))])),
    ]);
    store.put(first).unwrap();
    assert_eq!(frozen_names(&store), ["a", "c"]);
    assert_eq!(store.version_of(declaring(vec![])), (1, 0));
    assert_eq!(frozen_names(&store), ["a", "c"]);
    assert_eq!(store.version_of(declaring(vec![x()])), (1, 1));
    assert_eq!(frozen_names(&store), ["a", "c"]);
}

/// 02/V-6: a frozen variable keeps its type, however it is declared and whatever is allowed.
#[test]
fn frozen_types() {
    let mut store = Store::new();
    store.put(declaring(vec![public(x())])).unwrap();
    store.put(declaring(vec![])).unwrap();
    for allowed in
        [AllowedUpdateType::AllUpdates, AllowedUpdateType::MinorRevisionUpdates, AllowedUpdateType::NoUpdates]
    {
        let request = pb::PutWfSpecRequest {
            allowed_updates: allowed as i32,
            ..flow([("main", idle_thread(vec![])), ("other", idle_thread(vec![var("x", VariableType::Str)]))])
        };
        store.refuses(&request, &["must be of type INT"]);
    }
    // Declared as private with the same type, it is frozen no more.
    assert_eq!(store.version_of(declaring(vec![x()])), (1, 1));
    assert!(frozen_names(&store).is_empty());
    assert_eq!(store.version_of(declaring(vec![var("x", VariableType::Str)])), (1, 2));
}

/// 02/V-6: a `-1` struct variable whose StructDef gained a version is a breaking change, not an error.
#[test]
fn frozen_structs_are_compared_by_name() {
    let mut store = Store::new();
    let request = || declaring(vec![public(var_of("c", array_of(struct_type("car", -1))))]);
    assert_eq!(store.version_of(request()), (0, 0));
    store.structure("car", [field("model", VariableType::Str)]);
    assert_eq!(store.version_of(request()), (1, 0));
    let masked = pb::TypeDefinition { masked: true, ..array_of(struct_type("car", -1)) };
    store.refuses(&declaring(vec![public(var_of("c", masked))]), &["must be of type"]);
}

/// 02/W-3, 02/D-4: a re-put is validated in full.
#[test]
fn re_put_is_validated() {
    let mut store = Store::new();
    let request = || around(Kind::Task(task("nothing", vec![])));
    store.put(request()).unwrap();
    assert!(store.put(request()).unwrap().unchanged);
    store.task_defs.remove("nothing").unwrap();
    store.refuses(&request(), &["Refers to nonexistent TaskDef nothing"]);
}

/// 02/V-2, 02/T-2, 01/TYP-8: a private `-1` struct variable takes the new pin as a revision.
#[test]
fn new_pins_make_revisions() {
    let mut store = Store::new();
    let request = || declaring(vec![var_of("c", struct_type("car", -1))]);
    assert_eq!(store.version_of(request()), (0, 0));
    store.structure("car", [field("model", VariableType::Str)]);
    assert_eq!(store.version_of(request()), (0, 1));
    assert_eq!(types::name(&struct_type("car", 0)), "Struct<car>");
}
