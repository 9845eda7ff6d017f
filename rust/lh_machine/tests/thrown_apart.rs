//! WorkflowEvents of a run that throws many leave its record, and everybody goes on finding them (05/E-59, E-63, E-70..72).
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "scripted/language.rs"]
#[allow(dead_code)]
mod language;
#[path = "properties/replica.rs"]
#[allow(dead_code)]
mod replica;

use std::collections::{BTreeMap, BTreeSet};

use lh_machine::{
    Command, Effects, Read, ReadOutcome, Rejected,
    audit::Audit,
    internal::{self, command::Kind, meta_write},
    key::{self, MetaKind},
    pb, read,
};
use prost::Message;
use replica::{Replica, TENANT};

/// As many children as it has elements throw `a` and `b`.
fn flood(children: usize, throws: usize) -> String {
    let list: Vec<String> = (0..children).map(|number| number.to_string()).collect();
    let thrown = "throw a $INPUT -> ".repeat(throws);
    format!(
        "l:JSON_ARR=json:[{}] : start_many child over=$l -> task work -> throw a str:later -> task work -> exit | child \
         INPUT:INT : {thrown}throw b -> exit",
        list.join(",")
    )
}

struct World {
    replica: Replica,
    sequence: u64,
    now_ms: i64,
}

impl World {
    fn new(children: usize, throws: usize) -> Self {
        let mut world = Self { replica: Replica::new(), sequence: 0, now_ms: 1_000 };
        let key = key::meta(MetaKind::TaskDef, TENANT, "work", &[]);
        world.define(key, language::task_def(&["work"]).encode_to_vec());
        let text = flood(children, throws);
        let (head, body) = text.split_once(" : ").unwrap();
        let wf_spec = language::wf_spec("flood", head, body);
        world.define(key::meta(MetaKind::WfSpec, TENANT, "flood", &[0, 0]), wf_spec.encode_to_vec());
        world
    }

    fn define(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.sequence += 1;
        let writes = vec![meta_write::Write { key, value: Some(value) }];
        self.apply(Kind::DefinitionsArrived(internal::DefinitionsArrived { sequence: self.sequence, writes }));
    }

    fn apply(&mut self, kind: Kind) -> Effects {
        self.now_ms += 1;
        self.replica.apply(self.now_ms, &Command { tenant: TENANT.to_owned(), kind: Some(kind) })
    }

    fn run(&mut self) -> Effects {
        let request = pb::RunWfRequest { id: Some("r".into()), wf_spec_name: "flood".into(), ..Default::default() };
        self.apply(Kind::RunWf(internal::RunWf { request: Some(request), id_is_generated: false }))
    }

    /// The next task is done.
    fn work(&mut self) -> Effects {
        let claim = internal::ClaimTask { task_def_name: "work".to_owned(), poll_id: 1, ..Default::default() };
        let claimed = self.apply(Kind::ClaimTask(claim));
        let task = claimed.tasks[0].task.clone();
        self.apply(Kind::ReportTask(pb::ReportTaskRun {
            task_run_id: task.task_run_id,
            attempt_number: task.attempt_number,
            status: pb::TaskStatus::TaskSuccess as i32,
            ..Default::default()
        }))
    }

    /// Deletes the run as a client does, then as the wake-ups that follow do; how many commands that takes.
    fn delete(&mut self) -> usize {
        let mut effects = self.apply(Kind::DeleteWfRun(pb::DeleteWfRunRequest { id: id() }));
        for commands in 1.. {
            self.replica.flush();
            self.replica.state.evict(0);
            let Some(arm) = effects.timers.iter().find(|arm| arm.is_wanted) else { return commands };
            let due_ms = arm.due_ms;
            effects = self.apply(Kind::TimerDue(internal::TimerDue { wf_run_id: id(), due_ms }));
        }
        unreachable!()
    }

    fn seen(&self, request: &Read) -> Result<Vec<u8>, Rejected> {
        let mut fetched = BTreeMap::new();
        loop {
            match read(&self.replica.state, TENANT, request, &fetched, 0) {
                ReadOutcome::Done(answer) => return answer,
                ReadOutcome::Need(keys) => {
                    fetched.extend(keys.into_iter().map(|key| (key.clone(), self.replica.store.get(&key).cloned())));
                }
            }
        }
    }

    /// Definition and number of all WorkflowEvents, page by page.
    fn listed(&self, limit: i32) -> Vec<(String, i32)> {
        let mut request = pb::ListWorkflowEventsRequest { wf_run_id: id(), limit: Some(limit), ..Default::default() };
        let mut found = Vec::new();
        loop {
            let page = self.seen(&Read::WorkflowEvents(request.clone())).unwrap();
            let page = pb::WorkflowEventList::decode(&*page).unwrap();
            assert!(page.results.len() <= limit as usize);
            found.extend(page.results.into_iter().map(|event| place(&event)));
            request.bookmark = page.bookmark;
            if request.bookmark.is_none() {
                return found;
            }
        }
    }

    fn awaited(&self, ignored: &[(&str, i32)]) -> Result<(String, i32), Rejected> {
        let request = pb::AwaitWorkflowEventRequest {
            wf_run_id: id(),
            event_def_ids: vec![pb::WorkflowEventDefId { name: "a".to_owned() }],
            workflow_events_to_ignore: ignored.iter().map(|(name, number)| event_id(name, *number)).collect(),
        };
        self.seen(&Read::AwaitedEvent(request)).map(|event| place(&pb::WorkflowEvent::decode(&*event).unwrap()))
    }

    /// The run's record in the store.
    fn record(&self) -> internal::RunRecord {
        let value = &self.replica.store[&key::run(TENANT, &id().unwrap())];
        internal::RunRecord::decode(&value[1..]).unwrap()
    }

    /// Records of their own that WorkflowEvents have.
    fn apart(&self) -> usize {
        self.replica.store.keys().filter(|key| key::is_thrown(key)).count()
    }

    fn problems(&mut self) -> Vec<String> {
        self.replica.restart();
        let owns = |_: &str, _: &str| true;
        let mut first = Audit::new(&self.replica.state, &owns);
        self.replica.store.iter().for_each(|(key, value)| first.entry(key, value));
        let mut second = Audit::naming(&self.replica.state, &owns, first.unmatched());
        self.replica.store.iter().for_each(|(key, value)| second.entry(key, value));
        [first.into_problems(), second.into_problems()].concat()
    }
}

fn id() -> Option<pb::WfRunId> {
    Some(pb::WfRunId { id: "r".to_owned(), parent_wf_run_id: None })
}

fn event_id(name: &str, number: i32) -> pb::WorkflowEventId {
    let workflow_event_def_id = Some(pb::WorkflowEventDefId { name: name.to_owned() });
    pb::WorkflowEventId { wf_run_id: id(), workflow_event_def_id, number }
}

fn place(event: &pb::WorkflowEvent) -> (String, i32) {
    let id = event.id.clone().unwrap();
    (id.workflow_event_def_id.unwrap().name, id.number)
}

/// The WorkflowEvents `a` up to a number, then `b`.
fn all(a: i32, b: i32) -> Vec<(String, i32)> {
    let named = |name: &'static str, count| (0..count).map(move |number| (name.to_owned(), number));
    named("a", a).chain(named("b", b)).collect()
}

#[test]
fn up_to_the_threshold_they_stay() {
    let mut world = World::new(32, 1);
    world.run();
    world.replica.flush();
    assert_eq!((world.apart(), world.record().workflow_events.len(), world.record().thrown.len()), (0, 64, 0));
    assert_eq!(world.listed(7), all(32, 32));
    world.work();
    world.replica.flush();
    assert_eq!((world.apart(), world.record().workflow_events.len()), (65, 0));
    assert_eq!(world.listed(7), all(33, 32));
}

#[test]
fn numbers_go_on_and_readers_find_all_of_them_also_after_a_restart() {
    let mut world = World::new(40, 2);
    world.run();
    world.replica.flush();
    world.replica.restart();
    assert_eq!((world.apart(), world.record().workflow_events.len()), (120, 0));
    assert_eq!(world.listed(50), all(80, 40));
    let effects = world.work();
    let thrown: Vec<_> = effects.thrown.iter().map(|thrown| place(&thrown.event)).collect();
    assert_eq!(thrown, [("a".to_owned(), 80)], "05/E-59: the next number");
    assert_eq!(world.listed(1000), all(81, 40), "from the record and from records of their own");
    world.replica.flush();
    assert_eq!((world.apart(), world.record().workflow_events.len()), (120, 1), "only the new one is written");
    for (definition, number) in [("a", 0), ("a", 79), ("a", 80), ("b", 39)] {
        let event = world.seen(&Read::WorkflowEvent(event_id(definition, number))).unwrap();
        let event = pb::WorkflowEvent::decode(&*event).unwrap();
        assert_eq!(place(&event), (definition.to_owned(), number), "05/E-70");
    }
    for (definition, number) in [("a", 81), ("b", 40), ("c", 0), ("a", -1)] {
        let refused = world.seen(&Read::WorkflowEvent(event_id(definition, number)));
        assert_eq!(refused.unwrap_err().code, lh_machine::Code::NotFound);
    }
    assert_eq!(world.awaited(&[]).unwrap(), ("a".to_owned(), 0), "05/E-65");
    assert_eq!(world.awaited(&[("a", 0), ("a", 1), ("b", 0), ("a", 3)]).unwrap(), ("a".to_owned(), 2));
    let every: Vec<(&str, i32)> = (0..81).map(|number| ("a", number)).collect();
    assert!(world.awaited(&every).is_err(), "05/E-63: waits");
    assert_eq!(world.problems(), Vec::<String>::new(), "I18");
}

#[test]
fn a_flush_writes_none_of_those_that_left() {
    let mut world = World::new(50, 100);
    world.run();
    world.replica.flush();
    assert_eq!(world.apart(), 5_050);
    world.work();
    let keys: BTreeSet<Vec<u8>> = world.replica.flush().into_keys().collect();
    assert!(!keys.iter().any(|key| key::is_thrown(key)));
    assert_eq!(world.record().workflow_events.len(), 1);
    let counts: Vec<_> = world.record().thrown.into_iter().map(|it| (it.workflow_event_def, it.count)).collect();
    assert_eq!(counts, [("a".to_owned(), 5_001), ("b".to_owned(), 50)]);
}

#[test]
fn deletion_in_parts_leaves_nothing_behind() {
    for flushed_before in [true, false] {
        let mut world = World::new(50, 40);
        let before: BTreeSet<Vec<u8>> = world.replica.flush().into_keys().collect();
        world.run();
        if flushed_before {
            world.replica.flush();
            world.replica.restart();
            assert_eq!(world.apart(), 2_050);
        }
        // 2,200 NodeRuns of the children, some of the entrypoint, 2,050 WorkflowEvents; a thousand each.
        assert_eq!(world.delete(), 5, "03/E-942");
        // A place in a queue is dropped when it comes to the head (04/TW-18).
        let left = world.replica.store.keys().filter(|key| !before.contains(*key) && key[0] != key::TABLE_QUEUE);
        let left: Vec<String> = left.map(|key| lh_machine::audit::readable(key)).collect();
        assert_eq!(left, Vec::<String>::new(), "03/E-943: flushed before: {flushed_before}");
        assert_eq!(world.listed(100), []);
        // Another run of that id begins to count anew.
        world.run();
        assert_eq!(world.listed(3_000), all(2_000, 50));
        world.replica.flush();
        assert_eq!(world.problems(), Vec::<String>::new(), "I18");
    }
}
