//! Parent and child WfRuns within one command: ancestors of the run that the command names, and runs that it starts.
//!
//! A run knows its children from what they told it ([`internal::ChildRun`]), so a command needs a run and its ancestors in
//! memory, never its descendants: the outcome does not depend on what else happens to be there (03/E-960).

use std::collections::{BTreeMap, BTreeSet};

use super::{Run, is_terminal, watch};
use crate::{
    internal, key,
    mutants::{self, Mutant},
    pb,
};

/// The other runs of a command.
#[derive(Debug, Default)]
pub struct Family {
    /// Ancestors and new runs, by key; the run that is being advanced is not among them.
    runs: BTreeMap<Vec<u8>, Box<Run>>,
    /// Runs to be advanced, by key.
    due: BTreeSet<Vec<u8>>,
    changed: BTreeSet<Vec<u8>>,
    /// Runs of which a variable was written that runs below can see.
    written: BTreeSet<Vec<u8>>,
    started: usize,
}

impl Family {
    /// Adds an ancestor that the state had.
    pub fn join(&mut self, run: Box<Run>) {
        self.runs.insert(run.key.clone(), run);
    }

    /// Adds a run that this command starts; it is advanced before the next pass of its parent.
    pub fn start(&mut self, run: Box<Run>) {
        self.started += 1;
        self.due.insert(run.key.clone());
        self.changed.insert(run.key.clone());
        self.join(run);
    }

    /// How many runs the command started by nodes so far.
    pub fn started(&self) -> usize {
        self.started
    }

    /// The run right above one with this id, if it exists.
    pub fn parent(&self, tenant: &str, id: &pb::WfRunId) -> Option<&Run> {
        if self.runs.is_empty() {
            return None;
        }
        let parent = id.parent_wf_run_id.as_deref()?;
        self.runs.get(&key::run(tenant, parent)).map(|run| &**run)
    }

    /// The same, to be changed; it will be advanced.
    pub fn change_parent(&mut self, tenant: &str, id: &pb::WfRunId) -> Option<&mut Run> {
        let parent = key::run(tenant, id.parent_wf_run_id.as_deref()?);
        let run = self.runs.get_mut(&parent)?;
        self.due.insert(parent.clone());
        self.changed.insert(parent);
        Some(run)
    }

    /// What the run right above one with this id knows of it, to be changed; that run is not advanced for it.
    fn known_child(&mut self, tenant: &str, id: &pb::WfRunId) -> Option<&mut internal::ChildRun> {
        let parent = key::run(tenant, id.parent_wf_run_id.as_deref()?);
        let run = self.runs.get_mut(&parent)?;
        self.changed.insert(parent);
        run.children.get_mut(&id.id)
    }

    /// True if no other run has to be advanced.
    pub fn is_quiet(&self) -> bool {
        self.due.is_empty()
    }

    /// True if a run below the one with this key has to be advanced first (keys of a tree sort parents before children).
    pub fn has_due_below(&self, key: &[u8]) -> bool {
        self.due.last().is_some_and(|last| last.as_slice() > key)
    }

    /// The run with this key has to be advanced again.
    pub fn again(&mut self, key: Vec<u8>) {
        self.due.insert(key);
    }

    /// A variable of the run with this key was written that runs below can see.
    pub fn note_written(&mut self, key: Vec<u8>) {
        self.written.insert(key);
    }

    /// True, once, if such a variable of the run was written.
    pub fn take_written(&mut self, key: &[u8]) -> bool {
        self.written.remove(key)
    }

    /// The run with this key, if it takes part in the command, has to be advanced again because a run above has written
    /// a variable, and so have those below it; false = it takes no part.
    pub fn look_again(&mut self, key: Vec<u8>) -> bool {
        if !self.runs.contains_key(&key) {
            return false;
        }
        self.written.insert(key.clone());
        self.due.insert(key);
        true
    }

    /// Takes the next run to be advanced: children before their parents, so that what a new child does at once is done
    /// before its parent goes on.
    pub fn take_due(&mut self) -> Option<Box<Run>> {
        while let Some(key) = self.due.pop_last() {
            if let Some(run) = self.runs.remove(&key) {
                self.changed.insert(key);
                return Some(run);
            }
        }
        None
    }

    /// Takes a run out.
    pub fn take(&mut self, key: &[u8]) -> Option<Box<Run>> {
        self.runs.remove(key)
    }

    /// Puts a changed run in the place of what it was; it will be advanced.
    pub fn replace(&mut self, run: Box<Run>) {
        self.due.insert(run.key.clone());
        self.changed.insert(run.key.clone());
        self.join(run);
    }

    /// All runs, each with whether it changed.
    pub fn leave(self) -> impl Iterator<Item = (Box<Run>, bool)> {
        let changed = self.changed;
        self.runs.into_values().map(move |run| {
            let is_changed = changed.contains(&run.key);
            (run, is_changed)
        })
    }
}

/// Tells the parent how its child stands, if that is news; a parent whose child ended is advanced (03/E-484).
pub fn tell_parent(run: &Run, family: &mut Family) {
    let Some(id) = run.wf_run.id.as_ref().filter(|id| id.parent_wf_run_id.is_some()) else { return };
    let parent = family.parent(&run.tenant, id);
    let known = parent.and_then(|parent| child(&parent.children, &id.id));
    // HALTED and RUNNING are the same to a parent.
    let status = if run.is_terminal() { run.wf_run.status() } else { pb::LhStatus::Running };
    let watches = watch::watches(run);
    match known {
        Some(known) if known.status() == status && known.watches == watches => return,
        // That it watches is no reason for the parent to go on.
        Some(known) if known.status() == status => {
            if let Some(known) = family.known_child(&run.tenant, id) {
                known.watches = watches;
            }
            return;
        }
        None if !is_terminal(status) => return,
        _ => {}
    }
    let output = run.thread(0).and_then(|thread| thread.output.clone());
    let failure = run.threads.get(&0).and_then(|thread| thread.failure.clone());
    if mutants::is_on(Mutant::ChildEndUntold) && parent.is_some_and(|parent| parent.stored.was_read()) {
        return;
    }
    let Some(parent) = family.change_parent(&run.tenant, id) else { return };
    let child = parent.children.entry(id.id.clone()).or_default();
    child.id.clone_from(&id.id);
    child.set_status(status);
    child.output = output;
    child.failure = failure;
    child.watches = watches;
}

/// What a run knows of the runs right below it, by id.
pub type Children = BTreeMap<String, internal::ChildRun>;

/// Notes a new child; returns what a deleted one of the same id left behind, for the new one to know.
pub fn note_child(parent: &mut Run, id: &str) -> Children {
    let mut child = internal::ChildRun { id: id.to_owned(), ..internal::ChildRun::default() };
    child.set_status(pb::LhStatus::Running);
    let before = parent.children.insert(id.to_owned(), child);
    by_id(before.map(|before| before.children).unwrap_or_default())
}

/// What is known of the child with this id, unless it was deleted.
pub fn child<'a>(children: &'a Children, id: &str) -> Option<&'a internal::ChildRun> {
    children.get(id).filter(|child| !child.gone)
}

/// By id.
pub fn by_id(children: impl IntoIterator<Item = internal::ChildRun>) -> Children {
    children.into_iter().map(|child| (child.id.clone(), child)).collect()
}

/// Events were posted ahead to the id at the end of `path`, ids from a child downwards, where no run is; or none are left.
pub fn note_ahead(children: &mut Children, path: &[&str], ahead: bool) {
    let [id, below @ ..] = path else { return };
    let nothing = || internal::ChildRun { id: (*id).to_owned(), gone: true, ..Default::default() };
    let child = children.entry((*id).to_owned()).or_insert_with(nothing);
    if below.is_empty() {
        child.ahead = ahead;
    } else {
        let mut grandchildren = by_id(std::mem::take(&mut child.children));
        note_ahead(&mut grandchildren, below, ahead);
        child.children = grandchildren.into_values().collect();
    }
    if says_nothing(child) {
        children.remove(*id);
    }
}

fn says_nothing(child: &internal::ChildRun) -> bool {
    child.gone && !child.ahead && child.children.is_empty()
}

/// Keys of the records of events that were posted ahead to ids below the run with this key.
pub fn keys_ahead(run_key: &[u8], children: &Children) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    children.values().for_each(|child| collect_ahead(run_key, child, &mut found));
    found
}

fn collect_ahead(parent: &[u8], child: &internal::ChildRun, found: &mut Vec<Vec<u8>>) {
    if !child.ahead && child.children.is_empty() {
        return;
    }
    let key = key::child(parent, &child.id);
    child.children.iter().for_each(|below| collect_ahead(&key, below, found));
    if child.ahead {
        found.push(key);
    }
}

/// True if events were posted ahead to an id below.
pub fn has_ahead(children: &Children) -> bool {
    fn is_or_has(child: &internal::ChildRun) -> bool {
        child.ahead || child.children.iter().any(is_or_has)
    }
    children.values().any(is_or_has)
}

/// The run at the end of `path`, ids from a child downwards, was deleted: forgotten, unless runs below it are left.
pub fn forget(children: &mut Children, path: &[&str], left: Vec<internal::ChildRun>) {
    match path {
        [] => {}
        [id] if left.is_empty() => {
            children.remove(*id);
        }
        [id] => {
            let gone = internal::ChildRun { id: (*id).to_owned(), gone: true, children: left, ..Default::default() };
            children.insert((*id).to_owned(), gone);
        }
        [id, below @ ..] => {
            let Some(child) = children.get_mut(*id) else { return };
            let mut grandchildren = by_id(std::mem::take(&mut child.children));
            forget(&mut grandchildren, below, left);
            child.children = grandchildren.into_values().collect();
            if says_nothing(child) {
                children.remove(*id);
            }
        }
    }
}
