//! What a run shard knows of definitions: delivered by the metadata group, kept in memory, stored in table `D`.
//!
//! A WfSpec that was deleted or replaced stays, hidden, for the runs that are bound to it (02/D-2, D-3).

use std::{collections::BTreeMap, sync::Arc};

use prost::Message;

use super::Corrupt;
use crate::{
    Rejected, internal,
    key::{self, MetaKind},
    pb,
    run::record,
    spec::Spec,
    value::StructDefs,
};

/// Definitions of all tenants.
#[derive(Debug, Default)]
pub struct Definitions {
    specs: BTreeMap<Vec<u8>, Arc<Spec>>,
    specs_by_uid: BTreeMap<u64, Arc<Spec>>,
    task_defs: BTreeMap<Vec<u8>, Arc<pb::TaskDef>>,
    struct_defs: BTreeMap<Vec<u8>, pb::StructDef>,
    external_event_defs: BTreeMap<Vec<u8>, Arc<pb::ExternalEventDef>>,
    workflow_event_defs: BTreeMap<Vec<u8>, Arc<pb::WorkflowEventDef>>,
    user_task_defs: BTreeMap<Vec<u8>, Arc<pb::UserTaskDef>>,
}

/// The definitions of one tenant, for value checks outside of a run.
pub struct DefinitionsOf<'a> {
    definitions: &'a Definitions,
    tenant: &'a str,
}

impl StructDefs for DefinitionsOf<'_> {
    fn struct_def(&self, id: &pb::StructDefId) -> Option<&pb::StructDef> {
        self.definitions.struct_def(self.tenant, &id.name, id.version)
    }
}

type Writes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

impl Definitions {
    /// Only the definitions of this tenant.
    pub fn of<'a>(&'a self, tenant: &'a str) -> DefinitionsOf<'a> {
        DefinitionsOf { definitions: self, tenant }
    }

    /// The TaskDef of this name.
    pub fn task_def(&self, tenant: &str, name: &str) -> Option<Arc<pb::TaskDef>> {
        self.task_defs.get(&key::meta(MetaKind::TaskDef, tenant, name, &[])).cloned()
    }

    /// The ExternalEventDef of this name.
    pub fn external_event_def(&self, tenant: &str, name: &str) -> Option<Arc<pb::ExternalEventDef>> {
        self.external_event_defs.get(&key::meta(MetaKind::ExternalEventDef, tenant, name, &[])).cloned()
    }

    /// The WorkflowEventDef of this name.
    pub fn workflow_event_def(&self, tenant: &str, name: &str) -> Option<Arc<pb::WorkflowEventDef>> {
        self.workflow_event_defs.get(&key::meta(MetaKind::WorkflowEventDef, tenant, name, &[])).cloned()
    }

    /// The StructDef with this exact version.
    pub fn struct_def(&self, tenant: &str, name: &str, version: i32) -> Option<&pb::StructDef> {
        self.struct_defs.get(&key::meta(MetaKind::StructDef, tenant, name, &[version]))
    }

    /// The UserTaskDef with this exact version, or the latest one.
    pub fn user_task_def(&self, tenant: &str, name: &str, version: Option<i32>) -> Option<Arc<pb::UserTaskDef>> {
        if let Some(version) = version {
            return self.user_task_defs.get(&key::meta(MetaKind::UserTaskDef, tenant, name, &[version])).cloned();
        }
        let prefix = key::meta(MetaKind::UserTaskDef, tenant, name, &[]);
        let end = key::meta(MetaKind::UserTaskDef, tenant, name, &[i32::MAX]);
        self.user_task_defs.range(prefix..=end).next_back().map(|(_, found)| found.clone())
    }

    /// The WfSpec that `RunWf` means (03/E-110): exact, latest revision of a major version, or latest. A revision
    /// without major version is ignored.
    pub fn wf_spec(&self, tenant: &str, name: &str, major: Option<i32>, revision: Option<i32>) -> Option<Arc<Spec>> {
        let prefix = match (major, revision) {
            (Some(major), Some(revision)) => {
                return self.specs.get(&key::meta(MetaKind::WfSpec, tenant, name, &[major, revision])).cloned();
            }
            (Some(major), None) => key::meta(MetaKind::WfSpec, tenant, name, &[major]),
            (None, _) => key::meta(MetaKind::WfSpec, tenant, name, &[]),
        };
        let mut end = prefix.clone();
        end.extend_from_slice(&[0xFF; 9]);
        self.specs.range(prefix..=end).next_back().map(|(_, spec)| spec.clone())
    }

    /// The definition that a run is bound to.
    pub fn spec_by_uid(&self, uid: u64) -> Option<Arc<Spec>> {
        self.specs_by_uid.get(&uid).cloned()
    }

    /// Takes in a stored entry; `key` is without the table byte.
    pub(super) fn load(&mut self, key: &[u8], value: &[u8]) -> Result<(), Corrupt> {
        let damaged = |what: &str| Corrupt(format!("{what} under definition key {key:02x?}"));
        match key.first().map(|byte| (*byte, MetaKind::from_byte(*byte))) {
            Some((key::HIDDEN, _)) => {
                let record: internal::SpecRecord = super::decode(value)?;
                let wf_spec = pb::WfSpec::decode(&*record.wf_spec).map_err(|_| damaged("WfSpec"))?;
                self.specs_by_uid.insert(record.uid, Arc::new(Spec::new(record.uid, wf_spec)));
            }
            Some((_, Some(MetaKind::WfSpec))) => {
                let record: internal::SpecRecord = super::decode(value)?;
                let wf_spec = pb::WfSpec::decode(&*record.wf_spec).map_err(|_| damaged("WfSpec"))?;
                let spec = Arc::new(Spec::new(record.uid, wf_spec));
                self.specs_by_uid.insert(record.uid, spec.clone());
                self.specs.insert(key.to_vec(), spec);
            }
            Some((_, Some(MetaKind::TaskDef))) => {
                self.task_defs.insert(key.to_vec(), Arc::new(super::decode(value)?));
            }
            Some((_, Some(MetaKind::StructDef))) => {
                self.struct_defs.insert(key.to_vec(), super::decode(value)?);
            }
            Some((_, Some(MetaKind::ExternalEventDef))) => {
                self.external_event_defs.insert(key.to_vec(), Arc::new(super::decode(value)?));
            }
            Some((_, Some(MetaKind::WorkflowEventDef))) => {
                self.workflow_event_defs.insert(key.to_vec(), Arc::new(super::decode(value)?));
            }
            Some((_, Some(MetaKind::UserTaskDef))) => {
                self.user_task_defs.insert(key.to_vec(), Arc::new(super::decode(value)?));
            }
            _ => return Err(damaged("entry of an unknown kind")),
        }
        Ok(())
    }

    /// A definition was put. Kinds that runs never look at are not kept here.
    pub(crate) fn put(&mut self, key: &[u8], value: &[u8], uid: u64, writes: &mut Writes) -> Result<(), Rejected> {
        let damaged = |_| Rejected::invalid("The definition cannot be read.");
        let stored = key::with_table(key::TABLE_DEFINITION, key);
        match key.first().and_then(|byte| MetaKind::from_byte(*byte)) {
            Some(MetaKind::WfSpec) => {
                let wf_spec = pb::WfSpec::decode(value).map_err(damaged)?;
                self.hide(key, writes);
                let record = internal::SpecRecord { uid, wf_spec: value.to_vec(), hidden: false };
                writes.insert(stored, Some(record::with_format(&record)));
                let spec = Arc::new(Spec::new(uid, wf_spec));
                self.specs_by_uid.insert(uid, spec.clone());
                self.specs.insert(key.to_vec(), spec);
            }
            Some(MetaKind::TaskDef) => {
                let task_def = pb::TaskDef::decode(value).map_err(damaged)?;
                writes.insert(stored, Some(record::with_format(&task_def)));
                self.task_defs.insert(key.to_vec(), Arc::new(task_def));
            }
            Some(MetaKind::StructDef) => {
                let struct_def = pb::StructDef::decode(value).map_err(damaged)?;
                writes.insert(stored, Some(record::with_format(&struct_def)));
                self.struct_defs.insert(key.to_vec(), struct_def);
            }
            Some(MetaKind::ExternalEventDef) => {
                let event_def = pb::ExternalEventDef::decode(value).map_err(damaged)?;
                writes.insert(stored, Some(record::with_format(&event_def)));
                self.external_event_defs.insert(key.to_vec(), Arc::new(event_def));
            }
            Some(MetaKind::WorkflowEventDef) => {
                let event_def = pb::WorkflowEventDef::decode(value).map_err(damaged)?;
                writes.insert(stored, Some(record::with_format(&event_def)));
                self.workflow_event_defs.insert(key.to_vec(), Arc::new(event_def));
            }
            Some(MetaKind::UserTaskDef) => {
                let user_task_def = pb::UserTaskDef::decode(value).map_err(damaged)?;
                writes.insert(stored, Some(record::with_format(&user_task_def)));
                self.user_task_defs.insert(key.to_vec(), Arc::new(user_task_def));
            }
            _ => {}
        }
        Ok(())
    }

    /// A definition was deleted. StructDef versions stay: stored values are pinned to them (02/D-3).
    pub(crate) fn delete(&mut self, key: &[u8], writes: &mut Writes) {
        match key.first().and_then(|byte| MetaKind::from_byte(*byte)) {
            Some(MetaKind::WfSpec) => self.hide(key, writes),
            Some(MetaKind::TaskDef) => {
                self.task_defs.remove(key);
                writes.insert(key::with_table(key::TABLE_DEFINITION, key), None);
            }
            Some(MetaKind::ExternalEventDef) => {
                self.external_event_defs.remove(key);
                writes.insert(key::with_table(key::TABLE_DEFINITION, key), None);
            }
            Some(MetaKind::WorkflowEventDef) => {
                self.workflow_event_defs.remove(key);
                writes.insert(key::with_table(key::TABLE_DEFINITION, key), None);
            }
            Some(MetaKind::UserTaskDef) => {
                self.user_task_defs.remove(key);
                writes.insert(key::with_table(key::TABLE_DEFINITION, key), None);
            }
            _ => {}
        }
    }

    /// Nobody can start the WfSpec under this key any more; runs that are bound to it go on.
    fn hide(&mut self, key: &[u8], writes: &mut Writes) {
        let Some(spec) = self.specs.remove(key) else { return };
        writes.insert(key::with_table(key::TABLE_DEFINITION, key), None);
        let record = internal::SpecRecord { uid: spec.uid, wf_spec: spec.wf_spec.encode_to_vec(), hidden: true };
        writes.insert(key::hidden_wf_spec(spec.uid), Some(record::with_format(&record)));
    }
}
