//! A machine that forgets every run after every command does exactly what one does that keeps them all: same effects,
//! same store (reliability I16: state is a pure function of the log; 03/E-962).
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "scripted/language.rs"]
#[allow(dead_code)]
mod language;
#[path = "properties/replica.rs"]
#[allow(dead_code)]
mod replica;

use std::collections::BTreeMap;

use lh_machine::{
    Command, Effects, Read, ReadOutcome, Rejected,
    audit::Audit,
    internal::{self, command::Kind, meta_write, user_task_command::Request},
    key::{self, MetaKind},
    pb, read,
};
use prost::Message;
use replica::{Replica, TENANT, difference};

const SPECS: [&str; 17] = [
    "spec one n:INT : task work retries=2 backoff=50,2,400 timeout=1 set=n:int:5 -> exit return=$n",
    "spec two n:INT : task work retries=1 -> sleep int:1 -> task other in=$n timeout=2 -> exit",
    "spec three n:INT : nop set=n:int:1 -> task other in=$n set=n:@2-task -> task work -> exit return=$n",
    "spec four n:INT : sleep_at $n -> exit fail=too-late",
    "spec five n:INT : start child m=$n -> start child -> task work on=any>rescue set=n:int:7 -> wait @1-start @2-start \
     on=error>rescue -> exit | child m:INT=int:1 : task work retries=1 -> sleep_at $n -> exit | rescue INPUT:INT : task \
     other in=$n set=n:int:2 -> exit",
    "spec six n:INT : start child -> start child -> wait @1-start @2-start strategy=FIRST each=any>rescue -> task work \
     -> exit | child : task work set=n:int:3 -> task other in=$n -> exit | rescue : task other in=$n -> exit fail=worse",
    "spec seven n:INT l:JSON_ARR=json:[1,2,3] : start_many child over=$l -> wait list=@1-start_many strategy=ANY -> \
     task work -> exit | child INPUT:INT : task work on=any>rescue -> exit | rescue : until $n EQUALS int:4 -> exit",
    "spec nine n:INT ~retention=2 : task work on=any>forever -> exit | forever : nop -> loop",
    "spec ten +n:INT : run_child eleven m=int:1 -> run_child eleven id=str:second -> task work -> wait_child \
     @1-run_child on=any>rescue -> wait_child @2-run_child -> until $n EQUALS int:9 -> exit | rescue : exit",
    "spec eleven m:INT ^n:INT : task other in=$n add=n:int:1 -> sleep int:1 -> task work on=error>rescue set=n:int:9 -> \
     exit return=$n | rescue : exit",
    "spec twelve n:INT l:JSON_ARR=json:[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,\
     30,31,32,33,34,35,36,37,38,39,40] : start_many now over=$l -> start_many child over=$l -> task work -> exit | child \
     INPUT:INT : until $n EQUALS int:4 -> exit | now ~keep=1 INPUT:INT : nop set=n:$INPUT -> exit",
    "spec fourteen n:INT ~interrupt=stop>handle : event paid timeout=int:1 on=any>rescue set=n:@1-event -> throw told $n -> \
     start child -> task work -> event paid -> throw told -> wait @3-start each=any>rescue -> exit | child \
     ~interrupt=stop>handle : task other in=$n retries=1 -> event brief -> exit | handle INPUT:INT : task other \
     in=$INPUT set=n:$INPUT -> event paid timeout=int:2 -> exit | rescue : throw told str:saved -> exit",
    "spec thirteen n:INT : event brief -> event paid -> throw told -> run_child fourteen n=int:1 id=str:second -> exit",
    "spec eight n:INT : start child -> until $n EQUALS int:4 -> exit | child : task work set=n:int:4 -> sleep int:1 -> exit",
    "spec fifteen n:INT : user form user=str:ada arrival=int:0/task,work arrival=int:1/reassign,user=str:bob \
     assigned=int:1/task,other,$n set=n:int:3 on=any>again -> task work -> exit | again : user form group=str:g \
     assigned=int:0/cancel -> exit",
    "spec seventeen n:INT ~retention=3 l:JSON_ARR=json:[1,2,3,4,5,6,7,8,9,10,11,12] : start_many child over=$l -> throw \
     told $n -> task work -> throw told -> exit | child INPUT:INT : throw told $INPUT -> throw said -> throw told -> throw \
     said -> throw told -> throw told -> exit",
    "spec sixteen n:INT : start child -> user form user=str:ada cancel_as=str:denied arrival=int:0/task,work -> exit | \
     child : user form group=str:g arrival=int:1/cancel -> exit",
];

/// What is run, some more often than others; one of them does not exist.
const NAMES: [&str; 18] = [
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "twelve",
    "fourteen",
    "fourteen",
    "thirteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "absent",
];

/// Small generator of numbers, the same on every machine (xorshift64*).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % limit
    }
}

/// What a client gets who reads.
fn seen(replica: &Replica, request: &Read) -> Result<Vec<u8>, Rejected> {
    let mut fetched = BTreeMap::new();
    loop {
        match read(&replica.state, TENANT, request, &fetched, 0) {
            ReadOutcome::Done(answer) => return answer,
            ReadOutcome::Need(keys) => fetched.extend(keys.into_iter().map(|key| {
                let value = replica.store.get(&key).cloned();
                (key, value)
            })),
        }
    }
}

/// What the outside knows: which commands make sense next.
#[derive(Default)]
struct Outside {
    runs: u64,
    claimed: Vec<(pb::TaskRunId, i32)>,
    timers: Vec<(i64, pb::WfRunId)>,
    sequence: u64,
}

impl Outside {
    fn next(&mut self, numbers: &mut Numbers, now_ms: i64) -> Kind {
        match numbers.below(17) {
            14..=15 => self.post(numbers),
            10 if self.runs > 0 => self.intervene(numbers),
            11..=12 if self.runs > 0 => self.do_user_task(numbers),
            13 if !self.claimed.is_empty() => {
                let at = numbers.below(self.claimed.len() as u64) as usize;
                let (id, task_attempt) = self.claimed[at].clone();
                let value = Some(language::literal("int:1"));
                Kind::PutCheckpoint(pb::PutCheckpointRequest { task_run_id: Some(id), task_attempt, value, logs: None })
            }
            0..=2 => {
                self.runs += 1;
                let mut request = pb::RunWfRequest {
                    id: Some(format!("run-{}", numbers.below(self.runs) + numbers.below(2))),
                    wf_spec_name: NAMES[numbers.below(18) as usize].to_owned(),
                    ..Default::default()
                };
                let value = pb::VariableValue { value: Some(pb::variable_value::Value::Int(now_ms + 100)) };
                request.variables.insert("n".to_owned(), value);
                Kind::RunWf(internal::RunWf { request: Some(request), id_is_generated: false })
            }
            3..=5 => Kind::ClaimTask(internal::ClaimTask {
                task_def_name: ["work", "other"][numbers.below(2) as usize].to_owned(),
                poll_id: numbers.below(1000),
                ..Default::default()
            }),
            6..=7 if !self.claimed.is_empty() => {
                let at = numbers.below(self.claimed.len() as u64) as usize;
                let (id, attempt) = self.claimed[at].clone();
                // Every second report is said twice: by a worker that got no answer.
                if numbers.below(2) == 0 {
                    self.claimed.swap_remove(at);
                }
                Kind::ReportTask(pb::ReportTaskRun {
                    task_run_id: Some(id),
                    attempt_number: attempt,
                    status: [2, 3, 4, 5, 8][numbers.below(5) as usize],
                    ..Default::default()
                })
            }
            8 if !self.claimed.is_empty() => {
                let at = numbers.below(self.claimed.len() as u64) as usize;
                let (id, attempt_number) = self.claimed[at].clone();
                Kind::UnclaimTask(internal::UnclaimTask { task_run_id: Some(id), attempt_number })
            }
            _ if !self.timers.is_empty() => {
                let at = numbers.below(self.timers.len() as u64) as usize;
                let (due_ms, wf_run_id) = self.timers[at].clone();
                if due_ms <= now_ms {
                    self.timers.swap_remove(at);
                }
                Kind::TimerDue(internal::TimerDue { wf_run_id: Some(wf_run_id), due_ms })
            }
            _ => self.define(key::meta(MetaKind::TaskDef, TENANT, "spare", &[]), b"".to_vec()),
        }
    }

    /// Events for runs, also for those to come.
    fn post(&mut self, numbers: &mut Numbers) -> Kind {
        let root = pb::WfRunId { id: format!("run-{}", numbers.below(self.runs + 2)), parent_wf_run_id: None };
        let id = match numbers.below(4) {
            0 => pb::WfRunId { id: "second".to_owned(), parent_wf_run_id: Some(Box::new(root)) },
            _ => root,
        };
        let definition = ["paid", "paid", "brief", "stop"][numbers.below(4) as usize];
        let directed = numbers.below(4) == 0;
        Kind::PutExternalEvent(pb::PutExternalEventRequest {
            wf_run_id: Some(id),
            external_event_def_id: Some(pb::ExternalEventDefId { name: definition.to_owned() }),
            guid: Some(format!("guid-{}", numbers.below(8))),
            content: Some(language::literal(["int:1", "int:2", "null"][numbers.below(3) as usize])),
            thread_run_number: directed.then(|| numbers.below(3) as i32),
            node_run_position: None,
        })
    }

    /// What people do to runs.
    fn intervene(&mut self, numbers: &mut Numbers) -> Kind {
        let root = pb::WfRunId { id: format!("run-{}", numbers.below(self.runs)), parent_wf_run_id: None };
        let id = Some(match numbers.below(3) {
            0 => pb::WfRunId { id: "second".to_owned(), parent_wf_run_id: Some(Box::new(root)) },
            _ => root,
        });
        let thread_run_number = numbers.below(4) as i32;
        match numbers.below(7) {
            0 | 1 => Kind::StopWfRun(pb::StopWfRunRequest { wf_run_id: id, thread_run_number }),
            2 | 3 => Kind::ResumeWfRun(pb::ResumeWfRunRequest { wf_run_id: id, thread_run_number }),
            4 | 5 => Kind::RescueThreadRun(pb::RescueThreadRunRequest {
                wf_run_id: id,
                thread_run_number,
                skip_current_node: numbers.below(2) == 0,
            }),
            _ => Kind::DeleteWfRun(pb::DeleteWfRunRequest { id }),
        }
    }

    /// What people do to user tasks.
    fn do_user_task(&mut self, numbers: &mut Numbers) -> Kind {
        let wf_run_id = Some(pb::WfRunId { id: format!("run-{}", numbers.below(self.runs)), parent_wf_run_id: None });
        let user_task_guid = format!("{}-{}", numbers.below(2), numbers.below(3));
        let user_task_run_id = Some(pb::UserTaskRunId { wf_run_id, user_task_guid });
        let user_id = ["ada", "bob"][numbers.below(2) as usize].to_owned();
        let results = BTreeMap::from([("ok".to_owned(), language::literal("bool:true"))]);
        let request = match numbers.below(6) {
            0 | 1 => Request::Assign(pb::AssignUserTaskRunRequest {
                user_task_run_id,
                override_claim: numbers.below(2) == 0,
                user_group: None,
                user_id: Some(user_id),
            }),
            2 => Request::Complete(pb::CompleteUserTaskRunRequest { user_task_run_id, results, user_id }),
            3 => Request::Save(pb::SaveUserTaskRunProgressRequest { user_task_run_id, results, user_id, policy: 1 }),
            4 => Request::Cancel(pb::CancelUserTaskRunRequest { user_task_run_id }),
            _ => {
                let comment = "why".to_owned();
                Request::PutComment(pb::PutUserTaskRunCommentRequest { user_task_run_id, user_id, comment })
            }
        };
        Kind::UserTask(internal::UserTaskCommand { request: Some(request) })
    }

    fn define(&mut self, key: Vec<u8>, value: Vec<u8>) -> Kind {
        self.sequence += 1;
        let writes = vec![meta_write::Write { key, value: Some(value) }];
        Kind::DefinitionsArrived(internal::DefinitionsArrived { sequence: self.sequence, writes })
    }

    fn note(&mut self, effects: &Effects) {
        for dispatch in &effects.tasks {
            self.claimed.push((dispatch.task.task_run_id.clone().unwrap(), dispatch.task.attempt_number));
        }
        // Those that are not wanted fire too: it must be harmless.
        self.timers.extend(effects.timers.iter().map(|arm| (arm.due_ms, arm.wf_run_id.clone())));
    }
}

fn definitions(outside: &mut Outside) -> Vec<Kind> {
    let mut kinds = Vec::new();
    for words in [["work"].as_slice(), &["other", "n:INT"]] {
        let key = key::meta(MetaKind::TaskDef, TENANT, words[0], &[]);
        kinds.push(outside.define(key, language::task_def(words).encode_to_vec()));
    }
    for words in [["paid", "INT"].as_slice(), &["brief", "retention=1"], &["stop", "INT", "retention=3"]] {
        let key = key::meta(MetaKind::ExternalEventDef, TENANT, words[0], &[]);
        kinds.push(outside.define(key, language::event_def(words).encode_to_vec()));
    }
    let field = pb::UserTaskField {
        name: "ok".to_owned(),
        r#type: pb::VariableType::Bool as i32,
        required: true,
        ..Default::default()
    };
    let form = pb::UserTaskDef { name: "form".to_owned(), fields: vec![field], ..Default::default() };
    kinds.push(outside.define(key::meta(MetaKind::UserTaskDef, TENANT, "form", &[0]), form.encode_to_vec()));
    for line in SPECS {
        let (head, body) = line.split_once(" : ").unwrap();
        let mut words = head.splitn(3, ' ').skip(1);
        let name = words.next().unwrap();
        let wf_spec = language::wf_spec(name, words.next().unwrap_or(""), body);
        kinds.push(outside.define(key::meta(MetaKind::WfSpec, TENANT, name, &[0, 0]), wf_spec.encode_to_vec()));
    }
    kinds
}

fn run_seed(seed: u64) {
    let mut numbers = Numbers(seed * 2 + 1);
    let (mut keeps, mut forgets, mut restarts) = (Replica::new(), Replica::new(), Replica::new());
    let mut outside = Outside::default();
    let mut kinds = definitions(&mut outside);
    kinds.reverse();
    let mut now_ms = 1_000;
    for step in 0..400 {
        now_ms += numbers.below(60) as i64;
        let kind = kinds.pop().unwrap_or_else(|| outside.next(&mut numbers, now_ms));
        let command = Command { tenant: TENANT.to_owned(), kind: Some(kind) };
        let effects = keeps.apply(now_ms, &command);
        for other in [&mut forgets, &mut restarts] {
            let same = other.apply(now_ms, &command);
            assert_eq!(format!("{effects:?}"), format!("{same:?}"), "seed {seed} step {step}: {command:?}");
        }
        outside.note(&effects);
        forgets.flush();
        forgets.state.evict(0);
        if numbers.below(7) == 0 {
            restarts.flush();
            restarts.restart();
        }
    }
    keeps.flush();
    restarts.flush();
    assert_eq!(
        difference(&keeps, &forgets),
        Vec::<String>::new(),
        "seed {seed}: keeping and forgetting end differently"
    );
    assert_eq!(difference(&keeps, &restarts), Vec::<String>::new(), "seed {seed}: restarts end differently");
    assert_eq!(problems(&mut restarts), Vec::<String>::new(), "seed {seed}: I18");
    let started = keeps.store.keys().filter(|key| key[0] == key::TABLE_TREE).count();
    assert!(started > 20, "seed {seed}: the script ran workflows ({started})");
}

/// What an audit of the store finds, by a machine that has just been opened on it.
fn problems(replica: &mut Replica) -> Vec<String> {
    replica.restart();
    let owns = |_: &str, _: &str| true;
    let mut first = Audit::new(&replica.state, &owns);
    replica.store.iter().for_each(|(key, value)| first.entry(key, value));
    let mut second = Audit::naming(&replica.state, &owns, first.unmatched());
    replica.store.iter().for_each(|(key, value)| second.entry(key, value));
    [first.into_problems(), second.into_problems()].concat()
}

/// A set that is encoded in slices, with commands between them, is the set that would have been taken at its beginning,
/// and reads in between see everything.
fn slice_seed(seed: u64) {
    let mut numbers = Numbers(seed * 2 + 1);
    let (mut whole, mut sliced) = (Replica::new(), Replica::new());
    let mut outside = Outside::default();
    let mut kinds = definitions(&mut outside);
    kinds.reverse();
    let (mut now_ms, mut sets, mut in_between, mut swept) = (1_000, 0, 0, 0);
    let mut is_begun = false;
    for step in 0..400 {
        now_ms += numbers.below(60) as i64;
        let kind = kinds.pop().unwrap_or_else(|| outside.next(&mut numbers, now_ms));
        let command = Command { tenant: TENANT.to_owned(), kind: Some(kind) };
        let effects = whole.apply(now_ms, &command);
        let same = sliced.apply(now_ms, &command);
        assert_eq!(format!("{effects:?}"), format!("{same:?}"), "seed {seed} step {step}: {command:?}");
        outside.note(&effects);
        in_between += u64::from(is_begun);
        swept += u64::from(sliced.state.has_litter());
        sliced.state.sweep(numbers.below(3) as usize);
        if !is_begun && numbers.below(5) == 0 {
            whole.flush();
            sliced.state.begin_flush();
            is_begun = true;
        }
        let wf_run_id =
            Some(pb::WfRunId { id: format!("run-{}", numbers.below(outside.runs + 1)), ..Default::default() });
        let limit = Some(1_000);
        let node_runs = pb::ListNodeRunsRequest { wf_run_id: wf_run_id.clone(), limit, ..Default::default() };
        let thrown = pb::ListWorkflowEventsRequest { wf_run_id: wf_run_id.clone(), limit, ..Default::default() };
        let awaited = pb::AwaitWorkflowEventRequest { wf_run_id, ..Default::default() };
        for request in [Read::NodeRuns(node_runs), Read::WorkflowEvents(thrown), Read::AwaitedEvent(awaited)] {
            assert_eq!(seen(&whole, &request), seen(&sliced, &request), "seed {seed} step {step}: {request:?}");
        }
        if is_begun && sliced.flush_slice(numbers.below(3) as usize).is_some() {
            assert_eq!(difference(&whole, &sliced), Vec::<String>::new(), "seed {seed} step {step}");
            if numbers.below(2) == 0 {
                sliced.state.evict(0);
            }
            is_begun = false;
            sets += 1;
        }
    }
    let before = sliced.state.resident_runs();
    while sliced.state.has_litter() {
        swept += 1;
        sliced.state.sweep(1);
    }
    assert!(
        sliced.state.resident_runs() <= before && swept > 3,
        "seed {seed}: {swept} times something was left to sweep"
    );
    assert!(sets > 10 && in_between > 50, "seed {seed}: {sets} sets, {in_between} commands in between");
}

#[test]
fn slices_are_one_set() {
    for seed in 0..30 {
        slice_seed(seed);
    }
}

#[test]
fn forgetting_changes_nothing() {
    for seed in 0..60 {
        run_seed(seed);
    }
}
