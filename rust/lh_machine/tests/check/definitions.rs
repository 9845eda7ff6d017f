//! PutExternalEventDef, PutWorkflowEventDef, PutUserTaskDef (02 sections 5 to 7).

use lh_machine::check;
use lh_machine::pb::{self, VariableType};
use lh_machine::rejected::Code;
use lh_machine::value::types;

use super::fixtures::*;

const LATER_MS: i64 = NOW_MS + 60_000;

fn external(content: Option<pb::TypeDefinition>) -> pb::PutExternalEventDefRequest {
    pb::PutExternalEventDefRequest {
        name: "paid".to_owned(),
        content_type: content.map(return_type),
        ..Default::default()
    }
}

/// 02/EE-1, 02/EE-3, 02/EE-4: what is stored; numbers are not validated.
#[test]
fn external_event_stored_form() {
    let mut store = Store::new();
    let stored = check::put_external_event_def(external(None), &store, NOW_MS).unwrap();
    assert_eq!(stored.retention_policy, Some(pb::ExternalEventRetentionPolicy::default()));
    assert_eq!((stored.type_information, stored.correlated_event_config), (None, None));
    store.structure("car", [field("model", VariableType::Str)]);
    let request = pb::PutExternalEventDefRequest {
        retention_policy: Some(pb::ExternalEventRetentionPolicy {
            ext_evt_gc_policy: Some(pb::external_event_retention_policy::ExtEvtGcPolicy::SecondsAfterPut(-1)),
        }),
        correlated_event_config: Some(pb::CorrelatedEventConfig { ttl_seconds: Some(-5), ..Default::default() }),
        ..external(Some(struct_type("car", -1)))
    };
    let stored = check::put_external_event_def(request.clone(), &store, NOW_MS).unwrap();
    assert_eq!(stored.type_information, Some(return_type(struct_type("car", 1))));
    assert_eq!(stored.retention_policy, request.retention_policy);
    assert_eq!(stored.correlated_event_config, request.correlated_event_config);
    let missing = check::put_external_event_def(external(Some(struct_type("boat", -1))), &store, NOW_MS).unwrap_err();
    assert_refusal(&missing, Code::InvalidArgument, &["Refers to non-existent StructDef boat"]);
}

/// 02/EE-2: an upsert that keeps what did not change.
#[test]
fn external_event_is_replaced_only_by_a_change() {
    let mut store = Store::new();
    let first = check::put_external_event_def(external(None), &store, NOW_MS).unwrap();
    store.external_event_defs.insert("paid".to_owned(), first.clone());
    assert_eq!(check::put_external_event_def(external(None), &store, LATER_MS).unwrap(), first);
    let typed = check::put_external_event_def(external(Some(types::primitive(VariableType::Int))), &store, LATER_MS);
    let typed = typed.unwrap();
    assert_ne!(typed.created_at, first.created_at);
    store.external_event_defs.insert("paid".to_owned(), typed);
    let untyped = check::put_external_event_def(external(None), &store, LATER_MS).unwrap();
    assert_eq!(untyped.type_information, None);
}

/// 02/WE-1: immutable, equal by content type; -1 means the stored pin.
#[test]
fn workflow_event() {
    let mut store = Store::new();
    let put = |store: &Store, content: Option<pb::TypeDefinition>| {
        let request =
            pb::PutWorkflowEventDefRequest { name: "done".to_owned(), content_type: content.map(return_type) };
        check::put_workflow_event_def(request, store, LATER_MS)
    };
    let stored = put(&store, Some(struct_type("car", -1))).unwrap();
    assert_eq!(stored.content_type, Some(return_type(struct_type("car", 0))));
    store.workflow_event_defs.insert("done".to_owned(), stored.clone());
    store.structure("car", [field("model", VariableType::Str)]);
    assert_eq!(put(&store, Some(struct_type("car", -1))).unwrap(), stored);
    assert_eq!(put(&store, Some(struct_type("car", 0))).unwrap(), stored);
    for different in [Some(struct_type("car", 1)), Some(types::primitive(VariableType::Str)), None] {
        let refused = put(&store, different).unwrap_err();
        assert_refusal(&refused, Code::AlreadyExists, &["already exists with different type!"]);
    }
    let missing = put(&store, Some(struct_type("boat", 0))).unwrap_err();
    assert_refusal(&missing, Code::InvalidArgument, &["Refers to non-existent StructDef boat"]);
}

fn form(fields: &[(&str, VariableType)], description: Option<&str>) -> pb::PutUserTaskDefRequest {
    let fields = fields.iter().map(|(name, field_type)| pb::UserTaskField {
        name: (*name).to_owned(),
        r#type: *field_type as i32,
        ..Default::default()
    });
    pb::PutUserTaskDefRequest {
        name: "approve".to_owned(),
        fields: fields.collect(),
        description: description.map(str::to_owned),
    }
}

/// 02/UT-1, 06/U-1, U-3: field types a form can show, each name once and not empty; all that was given is stored.
#[test]
fn user_task_fields() {
    use VariableType::{Bool, Bytes, Double, Int, JsonArr, JsonObj, Str, Timestamp, WfRunId};
    let store = Store::default();
    let put = |request| check::put_user_task_def(request, &store, NOW_MS);
    for accepted in [Str, Bool, Int, Double, Timestamp, WfRunId] {
        put(form(&[("f", accepted)], None)).unwrap();
    }
    for refused in [JsonObj, JsonArr, Bytes] {
        let refusal = put(form(&[("f", refused)], None)).unwrap_err();
        assert_refusal(&refusal, Code::InvalidArgument, &[refused.as_str_name()]);
    }
    let twice = put(form(&[("f", Str), ("f", Int)], None)).unwrap_err();
    assert_refusal(&twice, Code::InvalidArgument, &["f"]);
    let unnamed = put(form(&[("", Str)], None)).unwrap_err();
    assert_refusal(&unnamed, Code::InvalidArgument, &["no name"]);
    let field = pb::UserTaskField {
        name: "f".to_owned(),
        r#type: Int as i32,
        description: Some("what".to_owned()),
        display_name: "F".to_owned(),
        required: true,
    };
    let request = pb::PutUserTaskDefRequest { fields: vec![field], ..form(&[], Some("why")) };
    let stored = put(request.clone()).unwrap();
    assert_eq!((stored.name, stored.version, stored.fields), (request.name, 0, request.fields));
    assert_eq!(
        (stored.description, stored.created_at),
        (request.description, Some(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 123_000_000 }))
    );
    put(form(&[], None)).unwrap();
}

/// 02/UT-2, 06/U-2: compared with the latest version only.
#[test]
fn user_task_versions() {
    let mut store = Store::default();
    let mut put = |request| {
        let stored = check::put_user_task_def(request, &store, NOW_MS).unwrap();
        store.user_task_defs.insert((stored.name.clone(), stored.version), stored.clone());
        stored.version
    };
    let one = [("a", VariableType::Str)];
    let two = [("a", VariableType::Str), ("b", VariableType::Int)];
    let turned = [("b", VariableType::Int), ("a", VariableType::Str)];
    assert_eq!(put(form(&one, None)), 0);
    assert_eq!(put(form(&one, None)), 0);
    assert_eq!(put(form(&two, None)), 1);
    assert_eq!(put(form(&one, None)), 2);
    assert_eq!(put(form(&one, Some(""))), 3);
    assert_eq!(put(form(&two, Some(""))), 4);
    assert_eq!(put(form(&turned, Some(""))), 5);
}
