//! The machine: any commands over any accepted WfSpecs, in two machines of which one starts again after every flush.
//! Both must answer alike and store alike.

use lh_machine::{
    Arm, Effects, check,
    internal::{self, command::Kind},
    key::{self, MetaKind},
    pb,
};
use prost::Message;

use crate::{
    source::Source,
    specs::{self, Defined, TASK_DEFS},
    values,
    world::{START_MS, TENANT, World},
};

/// What the commands so far have caused, and later ones refer to.
#[derive(Default)]
struct Caused {
    tasks: Vec<pb::ScheduledTask>,
    wakes: Vec<Arm>,
}

/// Defines WfSpecs, applies commands, compares the two machines.
pub fn machine(bytes: &[u8]) {
    let mut source = Source::new(bytes);
    let (mut steady, mut restarted) = (World::new(), World::new());
    let mut defined = Defined::default();
    for number in 0..1 + source.below(2) {
        let request = specs::put_wf_spec(&mut source, &format!("spec{number}"));
        let Ok(checked) = check::put_wf_spec(request, &defined, START_MS) else { continue };
        let spec = checked.wf_spec.expect("an accepted WfSpec is answered");
        let id = spec.id.clone().unwrap_or_default();
        let key = key::meta(MetaKind::WfSpec, TENANT, &id.name, &[id.major_version, id.revision]);
        for world in [&mut steady, &mut restarted] {
            world.define(key.clone(), Some(spec.encode_to_vec()));
        }
        defined.wf_specs.push(spec);
    }
    let mut caused = Caused::default();
    let mut now_ms = START_MS;
    while !source.is_empty() {
        now_ms = now_ms.saturating_add(source.pick(&[0, 1, 1_000, 61_000, 40_000_000_000]));
        let command = command(&mut source, &caused);
        let effects = steady.apply(now_ms, command.clone());
        let same = restarted.apply(now_ms, command.clone());
        assert_eq!(format!("{effects:?}"), format!("{same:?}"), "after a restart: {command:?}");
        caused.note(effects);
        if source.one_in(4) {
            flush(&mut steady, &mut restarted);
        }
    }
    flush(&mut steady, &mut restarted);
}

fn flush(steady: &mut World, restarted: &mut World) {
    steady.flush();
    restarted.flush();
    assert_eq!(steady.store, restarted.store, "both machines store the same");
    restarted.restart();
    for id in ["r1", "r2", "r3"] {
        let id = pb::WfRunId { id: id.to_owned(), parent_wf_run_id: None };
        assert_eq!(steady.read_all(&id), restarted.read_all(&id), "{id:?}");
    }
    // Nothing is left of a run that is gone.
    for key in steady.store.keys() {
        let owner = match key.first() {
            Some(&key::TABLE_WAKE) => key::parse_wake(key).map(|(_, tenant, id)| key::run(&tenant, &id)),
            Some(&key::TABLE_TREE) if key::is_node(key) => {
                let mut run = key[..key.len() - 8].to_vec();
                run.pop();
                run.push(2);
                Some(run)
            }
            Some(&key::TABLE_TREE) if key::is_thrown(key) => {
                let owner = steady.store.keys().rfind(|other| key::is_run(other) && *other < key);
                Some(owner.filter(|run| key.starts_with(&run[..run.len() - 1])).cloned().unwrap_or_default())
            }
            _ => None,
        };
        assert!(owner.is_none_or(|run| steady.store.contains_key(&run)), "left behind: {key:02x?}");
    }
}

impl Caused {
    fn note(&mut self, effects: Effects) {
        self.tasks.extend(effects.tasks.into_iter().map(|dispatch| dispatch.task));
        self.wakes.extend(effects.timers.into_iter().filter(|arm| arm.is_wanted));
    }
}

fn command(source: &mut Source<'_>, caused: &Caused) -> Kind {
    let thread_run_number = source.below(16) as i32 / 4;
    match source.below(16) {
        0..=2 => run_wf(source),
        3..=5 => claim(source),
        6..=8 => Kind::ReportTask(report(source, caused)),
        9 | 10 => Kind::TimerDue(timer(source, caused)),
        11 => Kind::StopWfRun(pb::StopWfRunRequest { wf_run_id: some_run(source), thread_run_number }),
        12 => Kind::ResumeWfRun(pb::ResumeWfRunRequest { wf_run_id: some_run(source), thread_run_number }),
        13 => Kind::RescueThreadRun(pb::RescueThreadRunRequest {
            wf_run_id: some_run(source),
            thread_run_number,
            skip_current_node: source.one_in(2),
        }),
        14 => Kind::DeleteWfRun(pb::DeleteWfRunRequest { id: some_run(source) }),
        _ => rare(source, caused),
    }
}

fn some_run(source: &mut Source<'_>) -> Option<pb::WfRunId> {
    (!source.one_in(32)).then(|| values::wf_run_id(source))
}

fn run_wf(source: &mut Source<'_>) -> Kind {
    let variables = (0..source.below(8) / 5).map(|_| {
        let name = source.pick(&values::VARIABLES).to_owned();
        (name, values::value(source, 2))
    });
    let variables = variables.collect();
    let version = |source: &mut Source<'_>| source.one_in(12).then(|| source.below(2) as i32);
    let request = pb::RunWfRequest {
        wf_spec_name: source.pick(&["spec0", "spec0", "spec0", "spec1", "unknown"]).to_owned(),
        major_version: version(source),
        revision: version(source),
        variables,
        id: Some(source.pick(&["r1", "r2", "r3"]).to_owned()),
        parent_wf_run_id: source.one_in(12).then(|| values::wf_run_id(source)),
    };
    Kind::RunWf(internal::RunWf { request: Some(request), id_is_generated: false })
}

fn claim(source: &mut Source<'_>) -> Kind {
    Kind::ClaimTask(internal::ClaimTask {
        task_def_name: source.pick(&TASK_DEFS[..3]).to_owned(),
        poll_id: 1,
        client_id: "worker".to_owned(),
        task_worker_version: None,
    })
}

fn report(source: &mut Source<'_>, caused: &Caused) -> pb::ReportTaskRun {
    use pb::report_task_run::Result;
    let newest_first: Vec<&pb::ScheduledTask> = caused.tasks.iter().rev().take(4).collect();
    let task = newest_first.get(source.below(newest_first.len()));
    let status = match source.below(8) {
        0..=3 => pb::TaskStatus::TaskSuccess as i32,
        4 => pb::TaskStatus::TaskFailed as i32,
        5 => pb::TaskStatus::TaskException as i32,
        _ => source.below(12) as i32 - 1,
    };
    let result = match source.below(6) {
        0 | 1 => Some(Result::Output(values::value(source, 2))),
        2 => Some(Result::Error(pb::LhTaskError { message: values::text(source), r#type: source.below(6) as i32 })),
        3 => Some(Result::Exception(pb::LhTaskException {
            name: source.pick(&["my-failure", "TIMEOUT", "", "other"]).to_owned(),
            message: values::text(source),
            content: source.one_in(2).then(|| values::value(source, 1)),
        })),
        _ => None,
    };
    pb::ReportTaskRun {
        task_run_id: task.and_then(|task| task.task_run_id.clone()).or_else(|| any_task(source)),
        attempt_number: match source.one_in(8) {
            true => source.below(4) as i32 - 1,
            false => task.map_or(0, |task| task.attempt_number),
        },
        status,
        result,
        total_checkpoints: source.below(3) as i32,
        log_output: source.one_in(4).then(|| values::value(source, 1)),
        ..Default::default()
    }
}

fn any_task(source: &mut Source<'_>) -> Option<pb::TaskRunId> {
    (!source.one_in(8)).then(|| pb::TaskRunId { wf_run_id: some_run(source), task_guid: values::text(source) })
}

fn timer(source: &mut Source<'_>, caused: &Caused) -> internal::TimerDue {
    let newest_first: Vec<&Arm> = caused.wakes.iter().rev().take(4).collect();
    match newest_first.get(source.below(newest_first.len())) {
        Some(arm) => internal::TimerDue { wf_run_id: Some(arm.wf_run_id.clone()), due_ms: arm.due_ms },
        None => internal::TimerDue { wf_run_id: some_run(source), due_ms: source.number() as i64 },
    }
}

fn rare(source: &mut Source<'_>, caused: &Caused) -> Kind {
    match source.below(3) {
        0 => Kind::UnclaimTask(internal::UnclaimTask {
            task_run_id: caused.tasks.last().and_then(|task| task.task_run_id.clone()).or_else(|| any_task(source)),
            attempt_number: source.below(3) as i32 - 1,
        }),
        1 => Kind::RegisterTaskWorker(internal::RegisterTaskWorker {
            request: Some(pb::RegisterTaskWorkerRequest {
                task_worker_id: source.text(),
                task_def_id: Some(pb::TaskDefId { name: source.pick(&TASK_DEFS).to_owned() }),
            }),
            hosts: Vec::new(),
        }),
        // Whatever the bytes are as a protobuf of a command.
        _ => internal::Command::decode(source.rest())
            .ok()
            .and_then(|command| only_from_clients(command.kind))
            .unwrap_or(Kind::StopWfRun(pb::StopWfRunRequest { wf_run_id: some_run(source), thread_run_number: 0 })),
    }
}

/// Definitions are checked before they arrive, and only the machine itself writes the outbox.
fn only_from_clients(kind: Option<Kind>) -> Option<Kind> {
    kind.filter(|kind| !matches!(kind, Kind::MetaWrite(_) | Kind::DefinitionsArrived(_) | Kind::OutboxAcknowledged(_)))
}
