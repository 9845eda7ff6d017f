//! Who sends events: to runs, also to those that come later, and to correlation keys.

use std::{sync::Arc, time::Duration};

use lh_core::front::placement::correlation_root;
use lh_machine::{Read, internal::command::Kind, pb};
use prost::Message;
use tokio::time::{sleep, timeout};

use crate::{
    clients::{LOOK, call, insist, run_name},
    history::{Event, Outcome, RunView},
    random::Random,
    specs::{self, ONCE, PAID, SHARED, STOP},
    view::{self, text},
    world::World,
};

/// Tries of a correlated event of which nothing is heard; each has a content of its own.
const TRIES: usize = 20;

/// Sends events until the faults are over: some that are waited for, some to anybody, some twice.
pub async fn send(world: Arc<World>, mut random: Random) {
    let mut number = 0;
    while !world.is_calm() {
        sleep(Duration::from_millis(random.within(20..world.plan.event_every_ms * 2 + 21))).await;
        number += 1;
        if random.chance(20) {
            let id = if random.chance(60) {
                format!("{SHARED}/{}", specs::shared_key(random.within(0..specs::SHARED_KEYS)))
            } else {
                format!("{ONCE}/{}", run_name(random.within(0..world.plan.runs)))
            };
            tokio::spawn(correlate(world.clone(), id, random.fork()));
            continue;
        }
        let (run, definition) = addressee(&world, &mut random);
        let thread = random.chance(15).then(|| random.within(0..3) as i32);
        let guid = format!("guid-{number}");
        let (world, mut random) = (world.clone(), random.fork());
        tokio::spawn(async move {
            post(&world, &mut random, &run, definition, &guid, thread).await;
            if random.chance(15) {
                sleep(Duration::from_millis(random.within(1..4_000))).await;
                post(&world, &mut random, &run, definition, &guid, thread).await;
            }
        });
    }
}

/// Somebody who waits, or somebody who is to be interrupted, or anybody.
fn addressee(world: &World, random: &mut Random) -> (String, &'static str) {
    let views = world.views();
    let waits = |view: &RunView| waiting(view).any(|(_, _, awaits)| awaits == PAID);
    let waiting: Vec<&String> = views.iter().filter(|(_, view)| waits(view)).map(|(run, _)| run).collect();
    match random.within(0..10) {
        0..4 if !waiting.is_empty() => ((*random.pick(&waiting)).clone(), PAID),
        0..6 => (run_name(random.within(0..world.plan.runs)), PAID),
        6 if !views.is_empty() => (random.pick(&views).0.clone(), PAID),
        _ if !views.is_empty() => (random.pick(&views).0.clone(), STOP),
        _ => (run_name(random.within(0..world.plan.runs)), STOP),
    }
}

/// NodeRuns that wait for an event: thread, position, and for what.
pub fn waiting(view: &RunView) -> impl Iterator<Item = (i32, i32, &str)> {
    let nodes = view.nodes.iter().filter(|node| node.status == "RUNNING" && node.event.is_none());
    nodes.filter_map(|node| Some((node.thread, node.position, node.awaits.as_deref()?)))
}

/// Sends an event until it is known whether it arrived.
pub async fn post(
    world: &World,
    random: &mut Random,
    run: &str,
    definition: &str,
    guid: &str,
    thread_run_number: Option<i32>,
) {
    let id = format!("{definition}/{guid}");
    let token = format!("{run} {id}");
    let request = pb::PutExternalEventRequest {
        wf_run_id: Some(view::wf_run_id(run)),
        external_event_def_id: Some(pb::ExternalEventDefId { name: definition.to_owned() }),
        guid: Some(guid.to_owned()),
        content: Some(content(&token)),
        thread_run_number,
        node_run_position: None,
    };
    let event = |call| Event::Post { call, run: run.to_owned(), id: id.clone(), token: token.clone() };
    insist(world, random, run, event, &Kind::PutExternalEvent(request)).await;
}

fn content(token: &str) -> pb::VariableValue {
    pb::VariableValue { value: Some(pb::variable_value::Value::Str(token.to_owned())) }
}

/// Puts a correlated event, named as `definition/key`, until it is known that there is one.
pub async fn correlate(world: Arc<World>, id: String, mut random: Random) {
    let (definition, key) = id.split_once('/').unwrap_or_default();
    world.remember_correlated(&id);
    for _ in 0..TRIES {
        let token = format!("{id} {}", random.bits());
        let request = pb::PutCorrelatedEventRequest {
            key: key.to_owned(),
            external_event_def_id: Some(pb::ExternalEventDefId { name: definition.to_owned() }),
            content: Some(content(&token)),
        };
        let server = world.reach().await;
        let event = |call| Event::Correlate { call, id: id.clone(), token };
        let root = correlation_root(definition, key);
        let outcome = call(&world, &server, &root, event, Kind::PutCorrelatedEvent(request)).await;
        if matches!(outcome, Outcome::Ok | Outcome::Exists) {
            return;
        }
        sleep(Duration::from_millis(random.within(1..800))).await;
    }
}

/// Reads all correlated events that somebody put.
pub async fn look(world: &World) {
    for id in world.correlated() {
        let Some(server) = world.server() else { return };
        let (name, key) = id.split_once('/').unwrap_or_default();
        let read = pb::CorrelatedEventId {
            key: key.to_owned(),
            external_event_def_id: Some(pb::ExternalEventDefId { name: name.to_owned() }),
        };
        let answered = server.read(&correlation_root(name, key), Read::CorrelatedEvent(read));
        let token = match timeout(LOOK, answered).await {
            Ok(Ok(Ok(bytes))) => {
                pb::CorrelatedEvent::decode(bytes.as_slice()).ok().map(|event| text(event.content.as_ref()))
            }
            Ok(Ok(Err(lh_core::ports::Failure::Rejected(_)))) => None,
            _ => continue,
        };
        world.note(Event::Kept { id, token });
    }
}
