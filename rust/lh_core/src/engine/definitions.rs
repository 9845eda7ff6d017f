//! Definitions of one tenant in a snapshot of the metadata, as the static checks look them up; remembers what it answered.

use std::{cell::RefCell, collections::BTreeMap, ops::Bound, sync::Arc};

use lh_machine::{
    check::Definitions,
    internal::SeenEntry,
    key::{self, MetaKind},
    pb,
};
use prost::Message;

use crate::{
    front::{doors::Known, hot::whoami::ANONYMOUS},
    ports::MetaSnapshot,
};

/// In the place of a tenant in the keys of cluster-scoped metadata.
const CLUSTER: &str = "";

/// A tenant's definitions at one moment.
pub struct DefinitionsAt<'a> {
    snapshot: MetaSnapshot,
    tenant: &'a str,
    /// Keys that were looked at with the versions found; 0 = absent.
    seen: RefCell<BTreeMap<Vec<u8>, u64>>,
}

impl<'a> DefinitionsAt<'a> {
    /// The definitions of `tenant` in this snapshot.
    pub fn new(snapshot: MetaSnapshot, tenant: &'a str) -> Self {
        Self { snapshot, tenant, seen: RefCell::default() }
    }

    /// What was looked at: a write that relies on it must expect these versions.
    pub fn into_seen(self) -> Vec<SeenEntry> {
        self.seen.into_inner().into_iter().map(|(key, version)| SeenEntry { key, version }).collect()
    }

    fn exact<M: Message + Default>(&self, key: Vec<u8>) -> Option<M> {
        let found = self.snapshot.get(&key);
        let version = found.map_or(0, |entry| entry.version);
        let decoded = found.map(|entry| decode(&entry.value));
        self.seen.borrow_mut().insert(key, version);
        decoded
    }

    /// The entry with the highest version numbers under this prefix.
    fn latest<M: Message + Default>(&self, prefix: &[u8]) -> Option<M> {
        let end = key_after(prefix);
        let bounds = (Bound::Included(prefix), Bound::Excluded(end.as_slice()));
        let (key, entry) = self.snapshot.range::<[u8], _>(bounds).next_back()?;
        self.seen.borrow_mut().insert(key.clone(), entry.version);
        Some(decode(&entry.value))
    }

    fn key(&self, kind: MetaKind, name: &str, numbers: &[i32]) -> Vec<u8> {
        key::meta(kind, self.tenant, name, numbers)
    }
}

impl Definitions for DefinitionsAt<'_> {
    fn task_def(&self, name: &str) -> Option<pb::TaskDef> {
        self.exact(self.key(MetaKind::TaskDef, name, &[]))
    }

    fn external_event_def(&self, name: &str) -> Option<pb::ExternalEventDef> {
        self.exact(self.key(MetaKind::ExternalEventDef, name, &[]))
    }

    fn workflow_event_def(&self, name: &str) -> Option<pb::WorkflowEventDef> {
        self.exact(self.key(MetaKind::WorkflowEventDef, name, &[]))
    }

    fn user_task_def(&self, name: &str, version: Option<i32>) -> Option<pb::UserTaskDef> {
        match version {
            Some(version) => self.exact(self.key(MetaKind::UserTaskDef, name, &[version])),
            None => self.latest(&self.key(MetaKind::UserTaskDef, name, &[])),
        }
    }

    fn struct_def(&self, name: &str, version: Option<i32>) -> Option<pb::StructDef> {
        match version {
            Some(version) => self.exact(self.key(MetaKind::StructDef, name, &[version])),
            None => self.latest(&self.key(MetaKind::StructDef, name, &[])),
        }
    }

    fn wf_spec(&self, name: &str, major: Option<i32>, revision: Option<i32>) -> Option<pb::WfSpec> {
        match (major, revision) {
            (Some(major), Some(revision)) => self.exact(self.key(MetaKind::WfSpec, name, &[major, revision])),
            (Some(major), None) => self.latest(&self.key(MetaKind::WfSpec, name, &[major])),
            (None, _) => self.latest(&self.key(MetaKind::WfSpec, name, &[])),
        }
    }
}

/// Only we write metadata, so what cannot be read is our bug or a damaged disk: no check may pass on it.
fn decode<M: Message + Default>(value: &[u8]) -> M {
    M::decode(value).unwrap_or_else(|error| panic!("a stored definition cannot be read: {error}"))
}

/// What metadata says about tenants and principals.
pub fn identities(snapshot: &MetaSnapshot) -> Known {
    let prefix = key::meta_prefix(MetaKind::Tenant, CLUSTER);
    let tenants = snapshot
        .range(prefix.clone()..key_after(&prefix))
        .filter_map(|(key, _)| key::take_text(&key[prefix.len()..]).map(|(name, _)| name))
        .collect();
    let anonymous = snapshot.get(&key::meta(MetaKind::Principal, CLUSTER, ANONYMOUS, &[]));
    Known { tenants: Arc::new(tenants), anonymous: anonymous.map(|entry| Arc::new(decode(&entry.value))) }
}

/// The first key that does not begin with this prefix (which is not all 0xFF: meta keys begin with a kind).
pub fn key_after(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < 0xFF {
            end.push(last + 1);
            break;
        }
    }
    end
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use lh_machine::state::MetaValue;

    use super::*;

    fn snapshot() -> MetaSnapshot {
        let mut entries = BTreeMap::new();
        for (tenant, name, major, revision, version) in [
            ("default", "order", 0, 0, 1),
            ("default", "order", 0, 1, 4),
            ("default", "order", 1, 0, 6),
            ("default", "order-2", 7, 0, 7),
            ("other", "order", 9, 9, 9),
        ] {
            let id = pb::WfSpecId { name: name.into(), major_version: major, revision };
            let value = pb::WfSpec { id: Some(id), ..Default::default() }.encode_to_vec();
            let key = key::meta(MetaKind::WfSpec, tenant, name, &[major, revision]);
            entries.insert(key, MetaValue { version, value: value.into() });
        }
        Arc::new(entries)
    }

    fn found(major: Option<i32>, revision: Option<i32>) -> Option<(i32, i32)> {
        let definitions = DefinitionsAt::new(snapshot(), "default");
        definitions.wf_spec("order", major, revision).map(|spec| {
            let id = spec.id.unwrap();
            (id.major_version, id.revision)
        })
    }

    /// 03/E-110: latest, latest revision of a major version, exact; other names and tenants are not seen.
    #[test]
    fn versions_of_a_wf_spec() {
        assert_eq!(found(None, None), Some((1, 0)));
        assert_eq!(found(Some(0), None), Some((0, 1)));
        assert_eq!(found(Some(0), Some(0)), Some((0, 0)));
        assert_eq!(found(Some(2), None), None);
        assert_eq!(found(Some(1), Some(5)), None);
    }

    /// What a check relied on, absent entries too, is what the write must expect.
    #[test]
    fn remembers_what_was_looked_at() {
        let definitions = DefinitionsAt::new(snapshot(), "default");
        definitions.wf_spec("order", None, None).unwrap();
        assert!(definitions.task_def("charge").is_none());
        let mut expected = vec![
            SeenEntry { key: key::meta(MetaKind::WfSpec, "default", "order", &[1, 0]), version: 6 },
            SeenEntry { key: key::meta(MetaKind::TaskDef, "default", "charge", &[]), version: 0 },
        ];
        expected.sort_by(|one, other| one.key.cmp(&other.key));
        assert_eq!(definitions.into_seen(), expected);
    }

    #[test]
    fn key_after_a_prefix() {
        assert_eq!(key_after(&[2, 0, 1]), [2, 0, 2]);
        assert_eq!(key_after(&[2, 0xFF]), [3]);
    }

    /// 08/T-3, P-3: what the front is told of stored tenants and of `anonymous`.
    #[test]
    fn stored_identities() {
        let mut entries = BTreeMap::new();
        assert!(identities(&Arc::new(entries.clone())).anonymous.is_none());
        let mut put = |kind, name: &str, value: Vec<u8>| {
            entries.insert(key::meta(kind, CLUSTER, name, &[]), MetaValue { version: 1, value: value.into() });
        };
        put(MetaKind::Tenant, "default", Vec::new());
        put(MetaKind::Tenant, "acme", Vec::new());
        let principal = pb::Principal { id: Some(pb::PrincipalId { id: ANONYMOUS.into() }), ..Default::default() };
        put(MetaKind::Principal, ANONYMOUS, principal.encode_to_vec());
        put(MetaKind::Principal, "someone", Vec::new());
        let known = identities(&Arc::new(entries));
        assert_eq!(known.tenants.iter().collect::<Vec<_>>(), ["acme", "default"]);
        assert_eq!(known.anonymous.as_deref(), Some(&principal));
    }
}
