//! Correlated events over two shards: messages go from outbox to machine and are acknowledged, as the server does it.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use lh_machine::{
    Command, MachineConfig, Outgoing, Rejected, Reply, Stamp, State, apply,
    internal::{self, command::Kind, meta_write},
    key::{self, MetaKind},
    needs, pb, placement,
};
use prost::Message;

const TENANT: &str = "default";

struct Shards {
    states: Vec<State>,
    stores: [BTreeMap<Vec<u8>, Vec<u8>>; 2],
    now_ms: i64,
    definitions: u64,
}

impl Shards {
    fn new(delete_after_first: bool) -> Self {
        let config = |shard| MachineConfig { shard, run_shards: 2 };
        let states = (0..2).map(|shard| State::new(config(shard))).collect();
        let mut shards = Self { states, stores: Default::default(), now_ms: 0, definitions: 0 };
        shards.define_event(Some((delete_after_first, None)));
        shards.define(key::meta(MetaKind::WfSpec, TENANT, "wait", &[0, 0]), wait());
        shards
    }

    /// Defines the event, with whether its first correlation deletes it, and seconds to live; `None` = it cannot be
    /// correlated.
    fn define_event(&mut self, config: Option<(bool, Option<i64>)>) {
        let event_def = pb::ExternalEventDef {
            id: Some(pb::ExternalEventDefId { name: "paid".to_owned() }),
            correlated_event_config: config.map(|(delete_after_first_correlation, ttl_seconds)| {
                pb::CorrelatedEventConfig { ttl_seconds, delete_after_first_correlation }
            }),
            ..Default::default()
        };
        self.define(key::meta(MetaKind::ExternalEventDef, TENANT, "paid", &[]), event_def.encode_to_vec());
    }

    fn define(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.definitions += 1;
        let writes = vec![meta_write::Write { key, value: Some(value) }];
        for shard in 0..2 {
            let arrived = internal::DefinitionsArrived { sequence: self.definitions, writes: writes.clone() };
            self.one(shard, Kind::DefinitionsArrived(arrived)).1.unwrap();
        }
    }

    /// Brings the stores up to date.
    fn flush(&mut self) {
        for (state, store) in self.states.iter_mut().zip(&mut self.stores) {
            for (key, value) in state.take_flush().writes {
                match value {
                    Some(value) => store.insert(key, value),
                    None => store.remove(&key),
                };
            }
            state.flushed();
        }
    }

    /// How many entries of these tables the stores have.
    fn stored(&self, tables: &[u8]) -> usize {
        self.stores.iter().flat_map(|store| store.keys()).filter(|key| tables.contains(&key[0])).count()
    }

    fn one(&mut self, shard: usize, kind: Kind) -> (Vec<Outgoing>, Result<Reply, Rejected>) {
        self.now_ms += 1;
        let command = Command { tenant: TENANT.to_owned(), kind: Some(kind) };
        let state = &mut self.states[shard];
        for key in needs(state, &command, 0) {
            let value = self.stores[shard].get(&key).cloned();
            state.insert(&key, value.as_deref()).unwrap();
        }
        let effects = apply(state, &Stamp { now_ms: self.now_ms, seed: 7 }, &command);
        (effects.outbox, effects.reply.unwrap())
    }

    /// Applies a command and everything that follows; each message comes twice.
    fn all(&mut self, shard: usize, kind: Kind) -> Result<Reply, Rejected> {
        let (sent, reply) = self.one(shard, kind);
        let mut waiting: Vec<(usize, Outgoing)> = sent.into_iter().map(|message| (shard, message)).collect();
        while !waiting.is_empty() {
            let (source, message) = waiting.remove(0);
            let target = message.target_shard as usize;
            for _ in 0..2 {
                let (more, reply) = self.one(target, message.command.clone().kind.unwrap());
                reply.unwrap();
                waiting.extend(more.into_iter().map(|message| (target, message)));
            }
            let done = internal::OutboxAcknowledged { target_shard: message.target_shard, sequence: message.sequence };
            self.one(source, Kind::OutboxAcknowledged(done)).1.unwrap();
        }
        assert!(self.states.iter().all(|state| state.oldest_undelivered().is_none()));
        reply
    }

    fn start(&mut self, id: &str) {
        let shard = placement::shard_of(TENANT, id, 2);
        let request =
            pb::RunWfRequest { wf_spec_name: "wait".to_owned(), id: Some(id.to_owned()), ..Default::default() };
        self.all(shard, Kind::RunWf(internal::RunWf { request: Some(request), id_is_generated: false })).unwrap();
    }

    /// The shard that keeps the key.
    fn home() -> usize {
        placement::shard_of(TENANT, &placement::correlation_root("paid", "order-1"), 2)
    }

    fn put(&mut self) -> Result<pb::CorrelatedEvent, Rejected> {
        let request = pb::PutCorrelatedEventRequest {
            key: "order-1".to_owned(),
            external_event_def_id: Some(pb::ExternalEventDefId { name: "paid".to_owned() }),
            content: None,
        };
        match self.all(Self::home(), Kind::PutCorrelatedEvent(request))? {
            Reply::CorrelatedEvent(event) => Ok(*event),
            other => panic!("unexpected {other:?}"),
        }
    }

    fn delete(&mut self) {
        let event_def = pb::ExternalEventDefId { name: "paid".to_owned() };
        let id = pb::CorrelatedEventId { key: "order-1".to_owned(), external_event_def_id: Some(event_def) };
        let request = pb::DeleteCorrelatedEventRequest { id: Some(id) };
        self.all(Self::home(), Kind::DeleteCorrelatedEvent(request)).unwrap();
    }

    /// The wake-up of the key that was armed for this moment comes.
    fn wake(&mut self, due_ms: i64) {
        self.now_ms = due_ms;
        let wf_run_id =
            Some(pb::WfRunId { id: placement::correlation_root("paid", "order-1"), parent_wf_run_id: None });
        self.all(Self::home(), Kind::TimerDue(internal::TimerDue { wf_run_id, due_ms })).unwrap();
    }

    fn status(&self, id: &str) -> pb::LhStatus {
        let state = &self.states[placement::shard_of(TENANT, id, 2)];
        let id = pb::WfRunId { id: id.to_owned(), parent_wf_run_id: None };
        let read = lh_machine::Read::WfRun(id);
        match lh_machine::read(state, TENANT, &read, &Default::default(), self.now_ms) {
            lh_machine::ReadOutcome::Done(Ok(bytes)) => pb::WfRun::decode(&*bytes).unwrap().status(),
            other => panic!("unexpected {other:?}"),
        }
    }
}

/// ENTRYPOINT, then an EXTERNAL_EVENT node for the key `order-1`, then EXIT.
fn wait() -> Vec<u8> {
    use pb::{node::Node as Kind, variable_assignment::Source, variable_value::Value};
    let node = |kind, next: Option<&str>| pb::Node {
        outgoing_edges: next
            .map(|name| pb::Edge { sink_node_name: name.to_owned(), ..Default::default() })
            .into_iter()
            .collect(),
        node: Some(kind),
        ..Default::default()
    };
    let literal = pb::VariableValue { value: Some(Value::Str("order-1".to_owned())) };
    let event = pb::ExternalEventNode {
        external_event_def_id: Some(pb::ExternalEventDefId { name: "paid".to_owned() }),
        correlation_key: Some(pb::VariableAssignment {
            source: Some(Source::LiteralValue(literal)),
            ..Default::default()
        }),
        ..Default::default()
    };
    let nodes = [
        ("0-entrypoint", node(Kind::Entrypoint(Default::default()), Some("1-event"))),
        ("1-event", node(Kind::ExternalEvent(event), Some("2-exit"))),
        ("2-exit", node(Kind::Exit(Default::default()), None)),
    ];
    let thread = pb::ThreadSpec {
        nodes: nodes.into_iter().map(|(name, node)| (name.to_owned(), node)).collect(),
        ..Default::default()
    };
    let wf_spec = pb::WfSpec {
        id: Some(pb::WfSpecId { name: "wait".to_owned(), ..Default::default() }),
        entrypoint_thread_name: "entrypoint".to_owned(),
        thread_specs: [("entrypoint".to_owned(), thread)].into(),
        ..Default::default()
    };
    wf_spec.encode_to_vec()
}

/// 05/E-47, E-48, E-50, E-51: runs of both shards wait, the event comes later; messages that come twice take effect once.
#[test]
fn an_event_reaches_the_runs_that_wait_for_its_key() {
    let mut shards = Shards::new(true);
    let runs: Vec<String> = (0..6).map(|number| format!("run-{number}")).collect();
    runs.iter().for_each(|id| shards.start(id));
    assert!(runs.iter().all(|id| shards.status(id) == pb::LhStatus::Running));
    let event = shards.put().unwrap();
    assert_eq!(event.external_events.len(), 6);
    assert!(runs.iter().all(|id| shards.status(id) == pb::LhStatus::Completed));
    // It was deleted by that: nobody waits, and the key can be used again.
    assert!(shards.put().unwrap().external_events.is_empty());
}

/// 05/E-46, E-49, E-51: the event comes first and is kept; each run that arrives later gets it.
#[test]
fn an_event_waits_for_runs() {
    let mut shards = Shards::new(false);
    assert!(shards.put().unwrap().external_events.is_empty());
    for id in ["run-a", "run-b", "run-c"] {
        shards.start(id);
        assert_eq!(shards.status(id), pb::LhStatus::Completed);
    }
    assert_eq!(shards.put().unwrap_err().code, lh_machine::Code::AlreadyExists);
}

/// 05/E-52, E-55: a run that is deleted waits no longer; a key with neither event nor waiting run leaves nothing in the
/// stores, also if its event was one that nobody could get any more.
#[test]
fn a_key_that_says_nothing_leaves_nothing() {
    let mut shards = Shards::new(false);
    shards.flush();
    let tables = [key::TABLE_TREE, key::TABLE_INDEX];
    let before = shards.stored(&tables);
    shards.put().unwrap();
    shards.define_event(None);
    shards.start("run-a");
    assert_eq!(shards.status("run-a"), pb::LhStatus::Running);
    shards.flush();
    assert!(shards.stored(&tables) > before);
    shards.delete();
    let id = Some(pb::WfRunId { id: "run-a".to_owned(), parent_wf_run_id: None });
    let shard = placement::shard_of(TENANT, "run-a", 2);
    shards.all(shard, Kind::DeleteWfRun(pb::DeleteWfRunRequest { id })).unwrap();
    shards.flush();
    assert_eq!(shards.stored(&tables), before);
}

/// 05/E-54: an event goes when its time is over, correlated or not; what was made of it stays. The time of an event that was
/// deleted before says nothing about one that was put again.
#[test]
fn an_event_has_a_time_to_live() {
    let mut shards = Shards::new(false);
    shards.define_event(Some((false, Some(1))));
    shards.put().unwrap();
    let first = shards.now_ms + 1000;
    shards.delete();
    shards.now_ms += 500;
    shards.put().unwrap();
    let second = shards.now_ms + 1000;
    shards.wake(first);
    assert_eq!(shards.put().unwrap_err().code, lh_machine::Code::AlreadyExists);
    shards.start("run-a");
    assert_eq!(shards.status("run-a"), pb::LhStatus::Completed);
    shards.wake(second);
    shards.start("run-b");
    assert_eq!(shards.status("run-b"), pb::LhStatus::Running);
    let state = &shards.states[placement::shard_of(TENANT, "run-a", 2)];
    let wf_run_id = Some(pb::WfRunId { id: "run-a".to_owned(), parent_wf_run_id: None });
    let request = pb::ListExternalEventsRequest { wf_run_id, limit: None, bookmark: None };
    let read = lh_machine::Read::ExternalEvents(request);
    let events = match lh_machine::read(state, TENANT, &read, &Default::default(), shards.now_ms) {
        lh_machine::ReadOutcome::Done(Ok(bytes)) => pb::ExternalEventList::decode(&*bytes).unwrap().results,
        other => panic!("unexpected {other:?}"),
    };
    assert_eq!(events.len(), 1);
    assert_eq!(shards.put().unwrap().external_events.len(), 1);
}
