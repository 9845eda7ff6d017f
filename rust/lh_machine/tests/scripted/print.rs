//! Effects and records as the lines that scripts expect.

use std::collections::BTreeMap;

use lh_machine::{
    Effects, Outgoing, Read, ReadOutcome, Reply, Writes, internal, key,
    pb::{self, node_run::NodeType, task_attempt, variable_value::Value},
    read, run,
};
use prost::Message;

use super::{
    user_tasks,
    world::{World, wf_run_id},
};

pub fn effects(effects: &Effects) -> String {
    let mut text = String::new();
    // Forgetting is an economy of the timer queue, not something that a script promises.
    for arm in effects.timers.iter().filter(|arm| arm.is_wanted) {
        text.push_str(&format!("timer {} {}\n", arm.due_ms, key::path(&arm.wf_run_id).join("_")));
    }
    for dispatch in &effects.tasks {
        let task = &dispatch.task;
        assert!(task.source.as_ref().is_some_and(|source| source.wf_spec_id.is_some()), "04/TW-12");
        let inputs: Vec<String> =
            task.variables.iter().map(|input| format!("{}={}", input.var_name, value(input.value.as_ref()))).collect();
        let guid = task.task_run_id.as_ref().map(|id| short(&id.task_guid)).unwrap_or_default();
        text.push_str(&format!(
            "task poll={} {guid} attempt={} [{}]\n",
            dispatch.poll_id,
            task.attempt_number,
            inputs.join(" ")
        ));
    }
    for poll in &effects.returned_polls {
        text.push_str(&format!("returned poll={poll}\n"));
    }
    for thrown in &effects.thrown {
        text.push_str(&format!("thrown {}\n", workflow_event(&thrown.event)));
    }
    for (_, wf_spec) in &effects.looped {
        text.push_str(&format!("loops {wf_spec}\n"));
    }
    match &effects.reply {
        Some(Ok(Reply::WfRun(wf_run))) => text.push_str(&format!("reply {}\n", wf_run_line(wf_run))),
        Some(Ok(Reply::ExternalEvent(event))) => text.push_str(&format!("reply {}\n", external_event(event))),
        Some(Ok(Reply::Empty)) => text.push_str("reply ok\n"),
        Some(Ok(Reply::Checkpoint(response))) => {
            let number =
                response.created_checkpoint.as_ref().and_then(|it| it.id.as_ref()).map(|id| id.checkpoint_number);
            text.push_str(&format!("reply {} {number:?}\n", response.flow_control_continue_type().as_str_name()));
        }
        Some(Ok(Reply::UserTaskRun(task))) => text.push_str(&format!("reply\n{}", user_tasks::shown(task))),
        Some(Ok(Reply::CorrelatedEvent(event))) => {
            text.push_str(&format!("reply CorrelatedEvent {} events\n", event.external_events.len()));
        }
        Some(Ok(Reply::MetaWritten { sequence })) => text.push_str(&format!("reply written {sequence}\n")),
        Some(Err(rejected)) => text.push_str(&format!("reply {rejected}\n")),
        None => {}
    }
    text
}

fn waiting_for_event(waiting: &pb::ExternalEventNodeRun) -> String {
    let event = waiting.external_event_id.as_ref();
    let event = event.map(|id| format!(" event={} at={}", id.guid, ms(waiting.event_time.as_ref())));
    let key = waiting.correlation_key.as_ref().map(|key| format!(" key={key}"));
    let timed_out = if waiting.timed_out { " timed_out" } else { "" };
    event.unwrap_or_default() + &key.unwrap_or_default() + timed_out
}

/// A message to another shard: what it tells, and to which run.
pub fn message(message: &Outgoing) -> String {
    use internal::{command::Kind, from_shard::Message};
    let Some(Kind::FromShard(internal::FromShard { message: Some(told), .. })) = message.command.kind.as_ref() else {
        panic!("unexpected message {message:?}");
    };
    let key_of = |id: &Option<pb::CorrelatedEventId>| id.as_ref().map(|id| id.key.clone()).unwrap_or_default();
    match told {
        Message::VariableWritten(told) => {
            let id = told.wf_run_id.as_ref().map(|id| key::path(id).join("_")).unwrap_or_default();
            format!("message written above {id}\n")
        }
        Message::AwaitCorrelation(told) => format!("message awaits {}\n", key_of(&told.id)),
        Message::LeaveCorrelation(told) => format!("message leaves {}\n", key_of(&told.id)),
        Message::EventCorrelated(told) => {
            format!("message {}\n", told.event.as_ref().map(external_event).unwrap_or_default())
        }
    }
}

fn external_event(event: &pb::ExternalEvent) -> String {
    let id = event.id.clone().unwrap_or_default();
    let definition = id.external_event_def_id.unwrap_or_default().name;
    let claimed = if event.claimed { "claimed" } else { "unclaimed" };
    let content = value(event.content.as_ref());
    let mut text = format!("{definition}/{} {content} created={} {claimed}", id.guid, ms(event.created_at.as_ref()));
    for (name, number) in [("thread", event.thread_run_number), ("position", event.node_run_position)] {
        text.push_str(&number.map(|number| format!(" {name}={number}")).unwrap_or_default());
    }
    text
}

fn workflow_event(event: &pb::WorkflowEvent) -> String {
    let id = event.id.clone().unwrap_or_default();
    let definition = id.workflow_event_def_id.unwrap_or_default().name;
    let by = event.node_run_id.clone().unwrap_or_default();
    let content = value(event.content.as_ref());
    let created = ms(event.created_at.as_ref());
    format!("{definition}/{} {content} created={created} by={}/{}", id.number, by.thread_run_number, by.position)
}

/// All events of a WfRunId, as they are listed two by two.
pub fn events(world: &World, id: &str) -> String {
    let mut text = String::new();
    let wf_run_id = Some(wf_run_id(id));
    let mut request = pb::ListExternalEventsRequest { wf_run_id: wf_run_id.clone(), limit: Some(2), bookmark: None };
    loop {
        let page = fetch(world, &Read::ExternalEvents(request.clone())).unwrap();
        let page = pb::ExternalEventList::decode(&*page).unwrap();
        page.results.iter().for_each(|event| text.push_str(&format!("  {}\n", external_event(event))));
        request.bookmark = page.bookmark;
        if request.bookmark.is_none() {
            break;
        }
    }
    let mut request = pb::ListWorkflowEventsRequest { wf_run_id, limit: Some(2), bookmark: None };
    loop {
        let page = fetch(world, &Read::WorkflowEvents(request.clone())).unwrap();
        let page = pb::WorkflowEventList::decode(&*page).unwrap();
        page.results.iter().for_each(|event| text.push_str(&format!("  {}\n", workflow_event(event))));
        request.bookmark = page.bookmark;
        if request.bookmark.is_none() {
            return text;
        }
    }
}

/// What `AwaitWorkflowEvent` answers at once, if it does.
pub fn awaited(world: &World, words: &[&str]) -> String {
    let id = wf_run_id(words[0]);
    let def_id = |name: &str| pb::WorkflowEventDefId { name: name.to_owned() };
    let ignored = words[1..].iter().filter_map(|word| word.strip_prefix("ignore=")?.split_once('/'));
    let request = pb::AwaitWorkflowEventRequest {
        event_def_ids: words[1..].iter().filter(|word| !word.contains('=')).map(|name| def_id(name)).collect(),
        workflow_events_to_ignore: ignored
            .map(|(name, number)| pb::WorkflowEventId {
                wf_run_id: Some(id.clone()),
                workflow_event_def_id: Some(def_id(name)),
                number: number.parse().unwrap(),
            })
            .collect(),
        wf_run_id: Some(id),
    };
    match fetch(world, &Read::AwaitedEvent(request)) {
        Ok(event) => format!("{}\n", workflow_event(&pb::WorkflowEvent::decode(&*event).unwrap())),
        Err(_) => "waits\n".to_owned(),
    }
}

fn wf_run_line(wf_run: &pb::WfRun) -> String {
    let id = wf_run.id.as_ref().map(|id| key::path(id).join("_")).unwrap_or_default();
    let position = wf_run.thread_runs.first().map_or(-1, |thread| thread.current_node_position);
    format!("WfRun {id} {} position={position}", wf_run.status().as_str_name())
}

/// Names and kinds of what a flush writes; values are shown by `show`. Spilled nodes are counted.
pub fn writes(writes: &Writes) -> String {
    let mut text = String::new();
    let mut spilled = BTreeMap::new();
    for (key, value) in writes {
        let action = if value.is_some() { "put" } else { "delete" };
        let shown = readable(key);
        if shown.ends_with("node") {
            *spilled.entry(action).or_insert(0) += 1;
        } else {
            text.push_str(&format!("{action} {shown}\n"));
        }
    }
    for (action, count) in spilled.iter().rev() {
        text.push_str(&format!("{action} {count} spilled nodes\n"));
    }
    text
}

/// A key as its table, its text components, and its numbers in decimal.
fn readable(key: &[u8]) -> String {
    let table = char::from(key[0]);
    let mut rest = &key[1..];
    let mut parts = vec![table.to_string()];
    let number = |bytes: &[u8]| bytes.iter().fold(0u64, |number, byte| (number << 8) | u64::from(*byte)).to_string();
    match table {
        'W' => {
            parts.push(number(&rest[..8]));
            rest = &rest[8..];
        }
        'D' => {
            parts.push(rest[0].to_string());
            rest = &rest[1..];
        }
        _ => {}
    }
    let mut texts = 0;
    while let Some((text, more)) = key::take_text(rest).filter(|(text, _)| !text.contains('\0')) {
        // Numbers that follow the text components may look like a text: each table has its count of texts.
        // The kinds of a checkpoint and of a WorkflowEvent would be taken for the beginning of one, too.
        if texts == texts_of(table, &parts) || (table == 'T' && matches!(rest[0], 4 | 5)) {
            break;
        }
        parts.push(text);
        texts += 1;
        rest = more;
        if table == 'I' && texts == 1 {
            parts.push(rest[0].to_string());
            rest = &rest[1..];
        }
    }
    match (table, rest) {
        ('T', [2]) => parts.push("run".to_owned()),
        ('T', [3, ..]) => parts.push("node".to_owned()),
        ('T', [4, rest @ ..]) => {
            let (guid, rest) = key::take_text(rest).unwrap();
            parts.push(format!("checkpoint {guid} {}", number(rest)));
        }
        ('T', [5, rest @ ..]) => {
            let (definition, rest) = key::take_text(rest).unwrap();
            parts.push(format!("thrown {definition}/{}", number(rest)));
        }
        ('I', rest) => {
            parts.push(number(&rest[..8]));
            parts.push(String::from_utf8_lossy(&rest[8..]).into_owned());
        }
        ('Q', rest) => parts.push((number(rest).parse::<u64>().unwrap() - (1 << 40)).to_string()),
        (_, rest) if !rest.is_empty() => parts.push(number(rest)),
        _ => {}
    }
    parts.join(" ")
}

fn texts_of(table: char, parts: &[String]) -> usize {
    match (table, parts.get(2).map(String::as_str)) {
        ('I', Some("3" | "30")) => 4,
        ('I', Some("4" | "21")) => 2,
        ('I', _) => 3,
        ('D', _) | ('Q', _) => 2,
        _ => 8,
    }
}

/// Everything a client can read of a run.
pub fn run(world: &World, id: &str) -> String {
    let id = wf_run_id(id);
    let Ok(bytes) = fetch(world, &Read::WfRun(id.clone())) else { return "no such WfRun\n".to_owned() };
    let wf_run = pb::WfRun::decode(&*bytes).unwrap();
    let mut text = wf_run_line(&wf_run);
    text.push_str(&format!(" start={}", ms(wf_run.start_time.as_ref())));
    if wf_run.end_time.is_some() {
        text.push_str(&format!(" end={}", ms(wf_run.end_time.as_ref())));
    }
    let is_single = wf_run.greatest_threadrun_number == 0;
    for thread in wf_run.thread_runs.iter().filter(|_| is_single) {
        if let Some(output) = &thread.output {
            text.push_str(&format!(" output={}", value(Some(output))));
        }
        if let Some(message) = &thread.error_message {
            text.push_str(&format!(" error='{message}'"));
        }
    }
    if let Some(trigger) = &wf_run.parent_trigger {
        for (name, node_run) in [("triggered", &trigger.triggering_node_run), ("waiting", &trigger.waiting_node_run)] {
            if let Some(id) = node_run {
                text.push_str(&format!(" {name}={}/{}", id.thread_run_number, id.position));
            }
        }
    }
    text.push('\n');
    assert!(wf_run.thread_runs.iter().all(|thread| thread.wf_spec_id == wf_run.wf_spec_id), "03/E-205");
    if !is_single || !wf_run.thread_runs.iter().all(|thread| thread.halt_reasons.is_empty()) {
        wf_run.thread_runs.iter().for_each(|thread| text.push_str(&thread_line(thread)));
    }
    let request = pb::ListVariablesRequest { wf_run_id: Some(id.clone()), ..Default::default() };
    let variables = pb::VariableList::decode(&*fetch(world, &Read::Variables(request)).unwrap()).unwrap();
    for variable in variables.results {
        let id = variable.id.unwrap_or_default();
        // Whatever mutates it (01/VAL-7).
        assert_eq!(variable.wf_spec_id, wf_run.wf_spec_id);
        let owner = wf_run.thread_runs.iter().find(|thread| thread.number == id.thread_run_number);
        assert!(owner.is_none_or(|owner| owner.start_time == variable.created_at), "{}", id.name);
        let name = if id.thread_run_number == 0 { id.name } else { format!("{}/{}", id.thread_run_number, id.name) };
        text.push_str(&format!("  {name} = {}\n", value(variable.value.as_ref())));
    }
    let request = pb::ListNodeRunsRequest { wf_run_id: Some(id.clone()), limit: Some(1000), ..Default::default() };
    let nodes = pb::NodeRunList::decode(&*fetch(world, &Read::NodeRuns(request)).unwrap()).unwrap();
    for node_run in nodes.results {
        // Nothing is migrated here, so all carry the version of the run (03/E-205).
        assert_eq!(node_run.wf_spec_id, wf_run.wf_spec_id);
        text.push_str(&node_line(world, &node_run));
    }
    text
}

/// Numbers of the active and of the queued threads.
pub fn threads(world: &World, id: &str) -> String {
    let wf_run = pb::WfRun::decode(&*fetch(world, &Read::WfRun(wf_run_id(id))).unwrap()).unwrap();
    let active: Vec<i32> = wf_run.thread_runs.iter().map(|thread| thread.number).collect();
    let status = wf_run.status().as_str_name();
    let (queue, greatest) = (&wf_run.thread_run_queue, wf_run.greatest_threadrun_number);
    format!("{status} greatest={greatest} active {}: {active:?} queue {queue:?}\n", active.len())
}

/// A thread that is archived or queued.
pub fn inactive(world: &World, id: &str, number: i32) -> String {
    use pb::inactive_thread_run::InactiveReason;
    let id = pb::InactiveThreadRunId { wf_run_id: Some(wf_run_id(id)), thread_run_number: number };
    match fetch(world, &Read::InactiveThreadRun(id)) {
        Err(rejected) => format!("{rejected}\n"),
        Ok(bytes) => {
            let inactive = pb::InactiveThreadRun::decode(&*bytes).unwrap();
            let reason = match inactive.inactive_reason {
                Some(InactiveReason::Archived(_)) => "archived".to_owned(),
                Some(InactiveReason::Queued(info)) => {
                    let shown =
                        |(name, input): (&String, &pb::VariableValue)| format!(" {name}={}", value(Some(input)));
                    format!("queued{}", info.input_vars.iter().map(shown).collect::<String>())
                }
                None => "no reason".to_owned(),
            };
            format!("{reason}\n{}", thread_line(&inactive.thread_run.unwrap()))
        }
    }
}

fn thread_line(thread: &pb::ThreadRun) -> String {
    use pb::thread_halt_reason::Reason;
    let mut text = format!(
        "  thread {} {} {} {}",
        thread.number,
        thread.thread_spec_name,
        thread.r#type().as_str_name(),
        thread.status().as_str_name()
    );
    if let Some(id) = &thread.interrupt_trigger_id {
        text.push_str(&format!(" trigger={}", id.guid));
    }
    if let Some(parent) = thread.parent_thread_id {
        text.push_str(&format!(" parent={parent}"));
    }
    for (name, numbers) in [("children", &thread.child_thread_ids), ("handled", &thread.handled_failed_children)] {
        if !numbers.is_empty() {
            text.push_str(&format!(" {name}={numbers:?}"));
        }
    }
    for reason in thread.halt_reasons.iter().filter_map(|present| present.reason.as_ref()) {
        text.push_str(&match reason {
            Reason::ParentHalted(reason) => format!(" parent_halted={}", reason.parent_thread_id),
            Reason::PendingFailure(reason) => format!(" pending_failure={}", reason.node_run_position),
            Reason::HandlingFailure(reason) => format!(" handling_failure={}", reason.handler_thread_id),
            Reason::ManualHalt(_) => " manual_halt".to_owned(),
            Reason::HaltedByParent(reason) => {
                format!(" halted_by_parent={}/{}", reason.parent_thread_run_number, reason.waiting_node_run_position)
            }
            Reason::Interrupted(reason) => format!(" interrupted={}", reason.interrupt_thread_id),
            Reason::PendingInterrupt(reason) => {
                format!(" pending_interrupt={}", reason.external_event_id.clone().unwrap_or_default().guid)
            }
        });
    }
    if let Some(output) = &thread.output {
        text.push_str(&format!(" output={}", value(Some(output))));
    }
    if let Some(message) = &thread.error_message {
        text.push_str(&format!(" error='{message}'"));
    }
    text.push('\n');
    text
}

fn node_line(world: &World, node_run: &pb::NodeRun) -> String {
    let id = node_run.id.clone().unwrap_or_default();
    let place = match id.thread_run_number {
        0 => id.position.to_string(),
        thread => format!("{thread}/{}", id.position),
    };
    let mut text = format!(
        "  {place} {} {} arrival={}",
        node_run.node_name,
        node_run.status().as_str_name(),
        ms(node_run.arrival_time.as_ref())
    );
    if node_run.end_time.is_some() {
        text.push_str(&format!(" end={}", ms(node_run.end_time.as_ref())));
    }
    if let Some(NodeType::Sleep(sleep)) = &node_run.node_type {
        text.push_str(&format!(" until={} matured={}", ms(sleep.maturation_time.as_ref()), sleep.matured));
    }
    if let Some(NodeType::RunChildWf(child)) = &node_run.node_type
        && let (Some(id), Some(spec)) = (&child.child_wf_run_id, &child.wf_spec_id)
    {
        text.push_str(&format!(" child={} of {}.{}", key::path(id).join("_"), spec.name, spec.revision));
    }
    if let Some(NodeType::ExternalEvent(waiting)) = &node_run.node_type {
        text.push_str(&waiting_for_event(waiting));
    }
    if let Some(NodeType::ThrowEvent(throw)) = &node_run.node_type {
        text.push_str(&format!(" number={}", throw.workflow_event_id.clone().unwrap_or_default().number));
    }
    if let Some(NodeType::WaitForThreads(waiting)) = &node_run.node_type {
        for thread in &waiting.threads {
            let handler = thread.failure_handler_thread_run_id.map(|number| format!(" handler={number}"));
            text.push_str(&format!(
                " [{} {} {}{}]",
                thread.thread_run_number,
                thread.thread_status().as_str_name(),
                thread.waiting_status().as_str_name(),
                handler.unwrap_or_default()
            ));
        }
    }
    text.push('\n');
    for failure in &node_run.failures {
        text.push_str(&format!("    failure {} '{}'", failure.failure_name, failure.message));
        if let Some(handler) = failure.failure_handler_threadrun_id {
            text.push_str(&format!(" handler={handler} handled={}", failure.was_properly_handled));
        }
        if let Some(content) = &failure.content {
            text.push_str(&format!(" content={}", value(Some(content))));
        }
        text.push('\n');
    }
    if let Some(NodeType::Task(task)) = &node_run.node_type
        && let Some(id) = &task.task_run_id
    {
        let bytes = fetch(world, &Read::TaskRun(id.clone())).unwrap();
        let task_run = pb::TaskRun::decode(&*bytes).unwrap();
        text.push_str(&format!("    TaskRun {} {}\n", short(&id.task_guid), task_run.status().as_str_name()));
        task_run.attempts.iter().for_each(|attempt| text.push_str(&attempt_line(attempt)));
    }
    if let Some(NodeType::UserTask(task)) = &node_run.node_type
        && let Some(id) = &task.user_task_run_id
    {
        text.push_str(&user_task_lines(world, id));
    }
    text
}

fn user_task_lines(world: &World, id: &pb::UserTaskRunId) -> String {
    let bytes = fetch(world, &Read::UserTaskRun(id.clone())).unwrap();
    let task = pb::UserTaskRun::decode(&*bytes).unwrap();
    let mut text = user_tasks::shown(&task);
    for event in &task.events {
        let Some(pb::user_task_event::Event::TaskExecuted(executed)) = &event.event else { continue };
        let bytes = fetch(world, &Read::TaskRun(executed.task_run.clone().unwrap())).unwrap();
        let task_run = pb::TaskRun::decode(&*bytes).unwrap();
        let guid = task_run.id.as_ref().map(|id| short(&id.task_guid)).unwrap();
        text.push_str(&format!("    TaskRun {guid} {}\n", task_run.status().as_str_name()));
        task_run.attempts.iter().for_each(|attempt| text.push_str(&attempt_line(attempt)));
    }
    text
}

/// A checkpoint as a client gets it.
pub fn checkpoint(world: &World, task_run: pb::TaskRunId, checkpoint_number: i32) -> String {
    let id = pb::CheckpointId { task_run: Some(task_run), checkpoint_number };
    match fetch(world, &Read::Checkpoint(id)) {
        Ok(bytes) => {
            let checkpoint = pb::Checkpoint::decode(&*bytes).unwrap();
            format!("checkpoint {} at {}\n", value(checkpoint.value.as_ref()), ms(checkpoint.created_at.as_ref()))
        }
        Err(rejected) => format!("{rejected}\n"),
    }
}

/// All TaskRuns of a run, a line per page of this size.
pub fn task_list(world: &World, id: &str, limit: i32) -> String {
    pages(|bookmark| {
        let request = pb::ListTaskRunsRequest { wf_run_id: Some(wf_run_id(id)), bookmark, limit: Some(limit) };
        let page = pb::TaskRunList::decode(&*fetch(world, &Read::TaskRuns(request)).unwrap()).unwrap();
        let guids = page.results.iter().map(|task| short(&task.id.as_ref().unwrap().task_guid)).collect();
        (guids, page.bookmark)
    })
}

/// All UserTaskRuns of a run, a line per page of this size.
pub fn user_task_list(world: &World, id: &str, limit: i32) -> String {
    pages(|bookmark| {
        let request = pb::ListUserTaskRunRequest { wf_run_id: Some(wf_run_id(id)), bookmark, limit: Some(limit) };
        let page = pb::UserTaskRunList::decode(&*fetch(world, &Read::UserTaskRuns(request)).unwrap()).unwrap();
        let guids = page.results.iter().map(|task| task.id.clone().unwrap().user_task_guid).collect();
        (guids, page.bookmark)
    })
}

fn pages(mut next: impl FnMut(Option<Vec<u8>>) -> (Vec<String>, Option<Vec<u8>>)) -> String {
    let (mut text, mut bookmark) = (String::new(), None);
    loop {
        let (guids, more) = next(bookmark);
        text.push_str(&format!("page {}\n", guids.join(" ")));
        if more.is_none() {
            return text;
        }
        bookmark = more;
    }
}

fn attempt_line(attempt: &pb::TaskAttempt) -> String {
    let mut text = format!("      {}", attempt.status().as_str_name());
    let times = [("scheduled", &attempt.schedule_time), ("start", &attempt.start_time), ("end", &attempt.end_time)];
    for (name, time) in times {
        if time.is_some() {
            text.push_str(&format!(" {name}={}", ms(time.as_ref())));
        }
    }
    if !attempt.task_worker_id.is_empty() {
        text.push_str(&format!(" by={}", attempt.task_worker_id));
    }
    match &attempt.result {
        Some(task_attempt::Result::Output(output)) => text.push_str(&format!(" output={}", value(Some(output)))),
        Some(task_attempt::Result::Error(error)) => {
            text.push_str(&format!(" error='{}'", error.message));
            if attempt.status() == pb::TaskStatus::TaskFailed && error.r#type != 0 {
                text.push_str(&format!(" type={}", error.r#type().as_str_name()));
            }
        }
        Some(task_attempt::Result::Exception(exception)) => text.push_str(&format!(" exception={}", exception.name)),
        None => {}
    }
    text.push('\n');
    text
}

fn fetch(world: &World, what: &Read) -> Result<Vec<u8>, lh_machine::Rejected> {
    let mut fetched = BTreeMap::new();
    loop {
        match read(world.state(), "default", what, &fetched, 0) {
            ReadOutcome::Done(result) => return result,
            ReadOutcome::Need(keys) => {
                for key in keys {
                    let value = world.stored(&key).cloned();
                    fetched.insert(key, value);
                }
            }
        }
    }
}

pub fn ms(time: Option<&prost_types::Timestamp>) -> i64 {
    time.map_or(-1, run::milliseconds)
}

pub fn short(guid: &str) -> String {
    let numbers = if guid.starts_with("ut-") { 4 } else { 2 };
    guid.split('-').take(numbers).collect::<Vec<_>>().join("-")
}

pub fn value(value: Option<&pb::VariableValue>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        None => "null".to_owned(),
        Some(Value::Str(text)) if text.len() > 40 => format!("str of {} bytes", text.len()),
        Some(Value::Str(text)) => format!("str:{text}"),
        Some(Value::Int(number)) => format!("int:{number}"),
        Some(Value::Double(number)) => format!("double:{number}"),
        Some(Value::Bool(flag)) => format!("bool:{flag}"),
        Some(Value::JsonObj(text) | Value::JsonArr(text)) => format!("json:{text}"),
        Some(Value::WfRunId(id)) => format!("wf_run:{}", key::path(id).join("_")),
        Some(other) => format!("{other:?}"),
    }
}
