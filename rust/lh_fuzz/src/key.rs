//! The key layout: what is built is read back, order is kept, and no bytes make a reader panic.

use lh_machine::{key, pb};

use crate::{source::Source, values};

/// Builds keys from texts and reads them; reads any bytes.
pub fn key(bytes: &[u8]) {
    let mut source = Source::new(bytes);
    let (tenant, name) = (source.text(), source.text());
    let number = source.number();
    texts(&tenant, &name);
    assert_eq!(key::parse_queue(&key::queue(&tenant, &name, number)), Some((tenant.clone(), name, number)));
    let id = values::wf_run_id(&mut source);
    let due_ms = (number >> 1) as i64;
    let wake = key::wake(due_ms, &tenant, &id);
    assert_eq!(key::wake_due_ms(&wake), Some(due_ms));
    assert_eq!(key::parse_wake(&wake), Some((due_ms, tenant.clone(), id.clone())));
    runs(&tenant, &id);
    let raw = source.rest();
    drop((key::take_text(raw), key::parse_queue(raw), key::parse_wake(raw), key::is_node(raw)));
}

fn texts(left: &str, right: &str) {
    let pushed = |text: &str| {
        let mut key = Vec::new();
        key::push_text(&mut key, text);
        key
    };
    assert_eq!(key::take_text(&pushed(left)), Some((left.to_owned(), &[][..])));
    assert_eq!(pushed(left).cmp(&pushed(right)), left.as_bytes().cmp(right.as_bytes()), "{left:?} {right:?}");
}

/// Records of runs and of NodeRuns are told apart if the ids are those that `RunWf` accepts.
fn runs(tenant: &str, id: &pb::WfRunId) {
    let run = key::run(tenant, id);
    assert!(run.starts_with(&key::tree_prefix(tenant, key::root_id(id))));
    if key::path(id).iter().all(|part| lh_machine::check::is_name(part)) {
        assert!(!key::is_node(&run));
        assert!(key::is_node(&key::node(tenant, id, 1, 2)));
    }
}
