//! Operators who stop, resume, rescue and delete runs, until the faults are over.

use std::{sync::Arc, time::Duration};

use lh_machine::{internal::command::Kind, pb};
use tokio::time::sleep;

use crate::{
    clients::insist,
    history::{Action, Event, RunView, is_final},
    random::Random,
    view,
    world::World,
};

/// Meddles with some run every now and then.
pub async fn meddle(world: Arc<World>, mut random: Random) {
    let Some(every_ms) = world.plan.meddle_ms else { return };
    loop {
        sleep(Duration::from_millis(random.within(1..every_ms * 2))).await;
        if world.is_calm() {
            return;
        }
        let views = world.views();
        if views.is_empty() {
            continue;
        }
        let (run, view) = random.pick(&views).clone();
        let Some((thread, action)) = choose(&world, &run, &view, &mut random) else { continue };
        let (world, mut random) = (world.clone(), random.fork());
        tokio::spawn(async move {
            act(&world, &mut random, &run, thread, action).await;
            if action == Action::Stop && random.chance(80) {
                sleep(Duration::from_millis(random.within(500..6_000))).await;
                act(&world, &mut random, &run, thread, Action::Resume).await;
            }
        });
    }
}

/// What somebody may do to a run that looks like this.
fn choose(world: &World, run: &str, view: &RunView, random: &mut Random) -> Option<(i32, Action)> {
    let failed: Vec<i32> =
        view.threads.iter().filter(|thread| thread.status == "ERROR").map(|thread| thread.number).collect();
    if !failed.is_empty() && random.chance(60) {
        return Some((*random.pick(&failed), Action::Rescue));
    }
    if world.is_settled(run) && random.chance(15) {
        return Some((0, Action::Delete));
    }
    let live: Vec<i32> =
        view.threads.iter().filter(|thread| !is_final(&thread.status)).map(|thread| thread.number).collect();
    if live.is_empty() {
        return None;
    }
    let thread = if random.chance(60) { 0 } else { *random.pick(&live) };
    Some((thread, if random.chance(85) { Action::Stop } else { Action::Resume }))
}

/// Does this to a run, until it is known whether it was done.
pub async fn act(world: &World, random: &mut Random, run: &str, thread: i32, action: Action) {
    let id = Some(view::wf_run_id(run));
    let kind = match action {
        Action::Stop => Kind::StopWfRun(pb::StopWfRunRequest { wf_run_id: id, thread_run_number: thread }),
        Action::Resume => Kind::ResumeWfRun(pb::ResumeWfRunRequest { wf_run_id: id, thread_run_number: thread }),
        Action::Rescue => Kind::RescueThreadRun(pb::RescueThreadRunRequest {
            wf_run_id: id,
            thread_run_number: thread,
            skip_current_node: random.chance(40),
        }),
        _ => Kind::DeleteWfRun(pb::DeleteWfRunRequest { id }),
    };
    let event = |call| Event::Operate { call, run: run.to_owned(), thread, action };
    insist(world, random, run, event, &kind).await;
}
