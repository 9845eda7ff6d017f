//! Who helps runs to their end once the faults are over: whatever waits for the outside gets it, what was stopped goes on.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{
    events::{self, waiting},
    history::{Action, RunView, is_final},
    meddlers, people,
    random::Random,
    specs::ONCE,
    world::World,
};

/// Events that one NodeRun is sent which waits for a key: others may have taken the first.
const MOST_EVENTS: usize = 8;

/// Somebody who helps.
pub struct Helper {
    world: Arc<World>,
    random: Random,
    number: u64,
    /// How many correlated events were put for a NodeRun.
    put: BTreeMap<(String, i32, i32), usize>,
    /// Correlated events that stay for all who come.
    kept: BTreeSet<String>,
}

impl Helper {
    /// Somebody who has not helped yet.
    pub fn new(world: Arc<World>, random: Random) -> Self {
        Self { world, random, number: 0, put: BTreeMap::new(), kept: BTreeSet::new() }
    }

    /// Gives a run that looks like this what it waits for. What it has already, and what comes by itself, it does not get.
    pub async fn help(&mut self, run: &str, view: &RunView) {
        if is_final(&view.status) {
            return;
        }
        for thread in view.threads.iter().filter(|thread| thread.is_stopped && !is_final(&thread.status)) {
            meddlers::act(&self.world, &mut self.random, run, thread.number, Action::Resume).await;
        }
        for task in view.user_tasks.iter().filter(|task| people::is_open(task) && task.deadline_ms.is_none()) {
            people::act(&self.world, &mut self.random, &task.task, Action::Complete).await;
        }
        for (thread, position, awaits) in waiting(view) {
            if awaits.contains('/') {
                self.correlate(run, (thread, position), awaits).await;
            } else if !has_event(view, thread, position, awaits) {
                self.number += 1;
                let guid = format!("help-{}", self.number);
                events::post(&self.world, &mut self.random, run, awaits, &guid, None).await;
            }
        }
    }

    async fn correlate(&mut self, run: &str, place: (i32, i32), id: &str) {
        let is_once = id.split('/').next() == Some(ONCE);
        let count = self.put.entry((run.to_owned(), place.0, place.1)).or_default();
        if is_once && *count < MOST_EVENTS || !is_once && self.kept.insert(id.to_owned()) {
            *count += 1;
            events::correlate(self.world.clone(), id.to_owned(), self.random.fork()).await;
        }
    }
}

/// Whether an event is there that the NodeRun should have taken.
fn has_event(view: &RunView, thread: i32, position: i32, definition: &str) -> bool {
    view.events.iter().any(|event| {
        let is_for = event.thread.is_none_or(|at| at == thread) && event.position.is_none_or(|at| at == position);
        !event.claimed && is_for && event.id.split('/').next() == Some(definition)
    })
}
