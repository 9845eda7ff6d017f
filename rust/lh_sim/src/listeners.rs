//! Callers who await the WorkflowEvents of a run, one after the other, through crashes.

use std::{sync::Arc, time::Duration};

use lh_core::ports::EventWaits;
use lh_machine::{Read, pb};
use prost::Message;
use tokio::time::{sleep, timeout};

use crate::{
    history::Event,
    random::Random,
    server::Running,
    specs::TENANT,
    view::{self, text, thrown_name},
    world::World,
};

/// How long one call waits.
const PATIENCE: Duration = Duration::from_secs(3);

/// Awaits every event of this run once, until everything is over.
pub async fn listen(world: Arc<World>, run: String, mut random: Random) {
    let mut told: Vec<pb::WorkflowEventId> = Vec::new();
    loop {
        let is_done = world.is_done();
        let server = world.reach().await;
        let request = pb::AwaitWorkflowEventRequest {
            wf_run_id: Some(view::wf_run_id(&run)),
            event_def_ids: Vec::new(),
            workflow_events_to_ignore: told.clone(),
        };
        let asked = timeout(PATIENCE, await_event(&server, &run, request)).await;
        match asked {
            Ok(Some(event)) => {
                let Some(id) = event.id else { continue };
                let token = text(event.content.as_ref());
                world.note(Event::Told { run: run.clone(), id: thrown_name(&id), token });
                told.push(id);
            }
            Err(_) if is_done => {
                world.note(Event::Listened { run });
                return;
            }
            Ok(None) | Err(_) => sleep(Duration::from_millis(random.within(1..200))).await,
        }
    }
}

/// As the front does: it waits first and looks then, so that no event slips through. `None` = no answer.
async fn await_event(server: &Running, run: &str, request: pb::AwaitWorkflowEventRequest) -> Option<pb::WorkflowEvent> {
    let waits = &server.runner.event_waits;
    let (number, thrown) = waits.wait(TENANT, request.clone());
    let event = match server.read(run, Read::AwaitedEvent(request)).await {
        Ok(Ok(bytes)) => pb::WorkflowEvent::decode(bytes.as_slice()).ok(),
        Ok(Err(lh_core::ports::Failure::Rejected(_))) => tokio::select! {
            biased;
            event = thrown => event.ok(),
            () = server.ended() => None,
        },
        _ => None,
    };
    waits.withdraw(number);
    event
}
