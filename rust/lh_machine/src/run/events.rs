//! ExternalEvents posted to a WfRunId and WorkflowEvents thrown by its run (spec 05).
//!
//! They are part of the run's record; only when a run has thrown many WorkflowEvents do those get records of their own
//! (decision 015). Events posted to an id without WfRun are in a record of the same key that has nothing
//! else: a run that is *unborn*. `RunWf` takes them over, so that nothing more than the run has to be fetched for it.

use std::collections::BTreeMap;

use super::{Run, Stored, deadline, family::Children, milliseconds, timestamp};
use crate::{
    internal::{self, deadline::Kind},
    key,
    mutants::{self, Mutant},
    pb,
    spec::Spec,
    state::Context,
};

/// Place of deadlines that belong to an event, not to a NodeRun.
const OF_NO_NODE: (i32, i32) = (-1, -1);

/// The events of one WfRunId.
#[derive(Clone, Debug, Default)]
pub struct Events {
    /// ExternalEvents by (definition, guid): the order in which they are listed (05/E-71).
    posted: BTreeMap<(String, String), internal::PostedEvent>,
    /// Unclaimed ones by (definition, order of arrival): their guids.
    unclaimed: BTreeMap<(String, u64), String>,
    /// Greatest order of arrival among the ExternalEvents.
    last_sequence: u64,
    /// WorkflowEvents by (definition, number), without those that have records of their own.
    thrown: BTreeMap<(String, i32), pb::WorkflowEvent>,
    /// How many WorkflowEvents of each definition were thrown, wherever they are: their numbers are those below.
    counts: BTreeMap<String, i32>,
}

/// How many WorkflowEvents a run keeps inside its own record. Above it they get records of their own at the next flush, so
/// that a run which throws thousands does not rewrite them all each time.
pub const THROWN_KEPT: usize = 64;

impl Events {
    /// The events of a stored record.
    pub fn of_record(
        posted: Vec<internal::PostedEvent>,
        thrown: Vec<pb::WorkflowEvent>,
        counts: Vec<internal::ThrownCount>,
    ) -> Self {
        let counts = counts.into_iter().map(|count| (count.workflow_event_def, count.count)).collect();
        let mut events = Self { counts, ..Self::default() };
        posted.into_iter().for_each(|posted| events.insert(posted));
        for event in thrown {
            let Some(id) = event.id.clone() else { continue };
            events.keep_thrown(&id, event);
        }
        events
    }

    /// True if there is none of either kind.
    pub fn is_empty(&self) -> bool {
        self.posted.is_empty() && self.counts.is_empty()
    }

    /// ExternalEvents with their order of arrival, by definition and guid.
    pub fn posted(&self) -> impl Iterator<Item = &internal::PostedEvent> {
        self.posted.values()
    }

    /// WorkflowEvents in the run's record, by definition and number.
    pub fn thrown(&self) -> impl Iterator<Item = &pb::WorkflowEvent> {
        self.thrown.values()
    }

    /// The ExternalEvent with this definition and guid.
    pub fn external(&self, definition: &str, guid: &str) -> Option<&pb::ExternalEvent> {
        self.posted.get(&(definition.to_owned(), guid.to_owned()))?.event.as_ref()
    }

    /// The WorkflowEvent with this definition and number, if it is in the run's record.
    pub fn workflow(&self, definition: &str, number: i32) -> Option<&pb::WorkflowEvent> {
        self.thrown.get(&(definition.to_owned(), number))
    }

    /// How many WorkflowEvents of each definition were thrown, by definition.
    pub fn counts(&self) -> impl Iterator<Item = (&str, i32)> {
        self.counts.iter().map(|(definition, count)| (definition.as_str(), *count))
    }

    /// The counts, if some WorkflowEvents have records of their own.
    pub fn counts_to_store(&self) -> impl Iterator<Item = internal::ThrownCount> {
        let is_wanted = self.thrown_total() > self.thrown.len();
        let counts = self.counts.iter().filter(move |_| is_wanted);
        counts
            .map(|(definition, count)| internal::ThrownCount { workflow_event_def: definition.clone(), count: *count })
    }

    /// How many WorkflowEvents were thrown.
    pub fn thrown_total(&self) -> usize {
        self.counts.values().map(|count| *count as usize).sum()
    }

    /// Definition and number of the WorkflowEvent that is at this place among all that were thrown.
    pub fn thrown_at(&self, ordinal: i32) -> Option<(&str, i32)> {
        let mut left = ordinal;
        for (definition, count) in self.counts() {
            if left < count {
                return Some((definition, left));
            }
            left -= count;
        }
        None
    }

    /// Takes the WorkflowEvents out of the run's record if there are too many: they get records of their own.
    pub fn spill_thrown(&mut self) -> Vec<pb::WorkflowEvent> {
        if self.thrown.len() <= THROWN_KEPT {
            return Vec::new();
        }
        std::mem::take(&mut self.thrown).into_values().collect()
    }

    /// Takes a WorkflowEvent out of the run's record.
    pub fn remove_thrown(&mut self, definition: &str, number: i32) -> Option<pb::WorkflowEvent> {
        self.thrown.remove(&(definition.to_owned(), number))
    }

    fn keep_thrown(&mut self, id: &pb::WorkflowEventId, event: pb::WorkflowEvent) {
        let definition = def_of_thrown(id);
        let count = self.counts.entry(definition.to_owned()).or_default();
        *count = (*count).max(id.number.saturating_add(1));
        self.thrown.insert((definition.to_owned(), id.number), event);
    }

    fn insert(&mut self, posted: internal::PostedEvent) {
        let Some(event) = &posted.event else { return };
        let Some((definition, guid)) = event.id.as_ref().map(names) else { return };
        self.last_sequence = self.last_sequence.max(posted.sequence);
        if !event.claimed || mutants::is_on(Mutant::EventClaimedAgain) {
            self.unclaimed.insert((definition.clone(), posted.sequence), guid.clone());
        }
        self.posted.insert((definition, guid), posted);
    }

    /// The oldest unclaimed event of a definition that may go to this NodeRun (05/E-23, E-24).
    fn eligible(&self, definition: &str, place: (i32, i32)) -> Option<&pb::ExternalEvent> {
        let range = (definition.to_owned(), 0)..=(definition.to_owned(), u64::MAX);
        self.unclaimed.range(range).filter_map(|((_, _), guid)| self.external(definition, guid)).find(|event| {
            event.thread_run_number.is_none_or(|thread| thread == place.0)
                && event.node_run_position.is_none_or(|position| position == place.1)
                || event.claimed && mutants::is_on(Mutant::EventClaimedAgain)
        })
    }

    fn claim(&mut self, id: &pb::ExternalEventId) -> Option<&mut pb::ExternalEvent> {
        let posted = self.posted.get_mut(&names(id))?;
        self.unclaimed.remove(&(names(id).0, posted.sequence));
        let event = posted.event.as_mut()?;
        event.claimed = true;
        Some(event)
    }

    fn remove_unclaimed(&mut self, definition: &str, guid: &str) {
        let place = (definition.to_owned(), guid.to_owned());
        let unclaimed = |posted: &internal::PostedEvent| posted.event.as_ref().is_some_and(|event| !event.claimed);
        if !self.posted.get(&place).is_some_and(unclaimed) {
            return;
        }
        if let Some(posted) = self.posted.remove(&place) {
            self.unclaimed.remove(&(place.0, posted.sequence));
        }
        // As after a restart, which knows only of those that are left.
        self.last_sequence = self.posted.values().map(|posted| posted.sequence).max().unwrap_or(0);
    }
}

/// Definition and guid of an ExternalEvent's id.
pub fn names(id: &pb::ExternalEventId) -> (String, String) {
    let definition = id.external_event_def_id.as_ref().map(|id| id.name.clone()).unwrap_or_default();
    (definition, id.guid.clone())
}

/// Definition of a WorkflowEvent's id.
pub fn def_of_thrown(id: &pb::WorkflowEventId) -> &str {
    id.workflow_event_def_id.as_ref().map_or("", |id| id.name.as_str())
}

/// A record for events of a WfRun that does not exist; `children` = what a deleted one of that id left behind.
pub fn unborn(tenant: &str, id: &pb::WfRunId, children: Children) -> Run {
    Run {
        key: key::run(tenant, id),
        tenant: tenant.into(),
        spec: Spec::none(),
        wf_run: pb::WfRun { id: Some(id.clone()), ..pb::WfRun::default() },
        nodes: BTreeMap::new(),
        variables: BTreeMap::new(),
        threads: BTreeMap::new(),
        has_ahead: super::family::has_ahead(&children),
        children,
        archived: BTreeMap::new(),
        queued: BTreeMap::new(),
        cursor: 0,
        deadlines: Vec::new(),
        armed_ms: 0,
        moved_ms: 0,
        guid_suffix: String::new(),
        events: Events::default(),
        registrations: BTreeMap::new(),
        correlation: None,
        stored: Stored { bytes: 512, ..Stored::default() },
    }
}

/// The new run takes over what was posted ahead to its id (05/E-19).
pub fn take_over(run: &mut Run, unborn: Run) {
    if !mutants::is_on(Mutant::EventPostedAheadLost) {
        run.events = unborn.events;
    }
    run.deadlines = unborn.deadlines;
    run.armed_ms = unborn.armed_ms;
    run.stored = unborn.stored;
}

/// Stores a new ExternalEvent; its retention begins (05/E-27).
pub fn post(run: &mut Run, event: pb::ExternalEvent, definition: &pb::ExternalEventDef) {
    use pb::external_event_retention_policy::ExtEvtGcPolicy::SecondsAfterPut;
    let policy = definition.retention_policy.as_ref().and_then(|policy| policy.ext_evt_gc_policy);
    if let (Some(SecondsAfterPut(seconds)), Some(id), Some(created)) = (policy, &event.id, &event.created_at) {
        let (external_event_def, guid) = names(id);
        let due_ms = milliseconds(created).saturating_add(seconds.saturating_mul(1000));
        let kind = Kind::EventRetention(internal::deadline::EventRetention { external_event_def, guid });
        deadline::add(run, OF_NO_NODE, due_ms, kind);
    }
    let sequence = run.events.last_sequence + 1;
    run.events.insert(internal::PostedEvent { event: Some(event), sequence });
}

/// The NodeRun takes the oldest eligible event, if there is one (05/E-22, E-23).
pub fn claim_for_node(run: &mut Run, definition: &str, place: (i32, i32)) -> Option<pb::ExternalEvent> {
    let id = run.events.eligible(definition, place)?.id.clone()?;
    let event = run.events.claim(&id)?;
    event.thread_run_number = Some(place.0);
    event.node_run_position = Some(place.1);
    let event = event.clone();
    forget_retention(run, &id);
    Some(event)
}

/// An interrupt uses the event: its thread and position stay as they were posted (05/E-22).
pub fn claim_for_interrupt(run: &mut Run, id: &pb::ExternalEventId) {
    run.events.claim(id);
    forget_retention(run, id);
}

fn forget_retention(run: &mut Run, id: &pb::ExternalEventId) {
    let (definition, guid) = names(id);
    let is_of_event = |kind: &Option<Kind>| matches!(kind, Some(Kind::EventRetention(retention)) if retention.external_event_def == definition && retention.guid == guid);
    run.deadlines.retain(|deadline| !is_of_event(&deadline.kind));
}

/// The event's time is over: deleted if nothing has claimed it (05/E-27).
pub fn expire(run: &mut Run, retention: &internal::deadline::EventRetention) {
    run.events.remove_unclaimed(&retention.external_event_def, &retention.guid);
}

/// The id that the next WorkflowEvent of a definition gets (05/E-59).
pub fn next_thrown(run: &Run, definition: &str) -> pb::WorkflowEventId {
    let number = run.events.counts.get(definition).copied().unwrap_or_default();
    pb::WorkflowEventId {
        wf_run_id: Some(run.id()),
        workflow_event_def_id: Some(pb::WorkflowEventDefId { name: definition.to_owned() }),
        number,
    }
}

/// Stores a WorkflowEvent; who waits for it is told after the commit (05/E-58, E-64).
pub fn throw(
    run: &mut Run,
    place: (i32, i32),
    id: pb::WorkflowEventId,
    content: pb::VariableValue,
    context: &mut Context<'_>,
) {
    let node_run_id = pb::NodeRunId { wf_run_id: Some(run.id()), thread_run_number: place.0, position: place.1 };
    let event = pb::WorkflowEvent {
        id: Some(id.clone()),
        content: Some(content),
        created_at: Some(timestamp(context.now_ms)),
        node_run_id: Some(node_run_id),
    };
    context.effects.thrown.push(crate::Thrown { tenant: run.tenant.to_string(), event: event.clone() });
    run.events.keep_thrown(&id, event);
}
