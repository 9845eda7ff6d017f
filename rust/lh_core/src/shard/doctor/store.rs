//! Streams a store, with writes laid over it, through the machine's audit.

use std::{io, sync::Arc};

use lh_machine::{
    State, Writes,
    audit::{Audit, Counts},
};

use super::Finding;
use crate::{ports::Store, shard::limits};

/// What an audit came to.
pub struct Audited {
    counts: Counts,
    problems: Vec<String>,
}

impl Audited {
    /// One finding per problem, or one that all is well; `place` says what was looked at.
    pub fn findings(self, part: &str, place: &str) -> Vec<Finding> {
        if !self.problems.is_empty() {
            let problem = |text: String| Finding::bad(part, format!("{place}: {text}"));
            return self.problems.into_iter().map(problem).collect();
        }
        let Counts { runs, live_runs, nodes, index_entries, queued, wakes } = self.counts;
        let text = format!(
            "{place}: {runs} runs ({live_runs} live), {nodes} NodeRuns of their own, {index_entries} index entries, \
             {queued} queued tasks, {wakes} wake-ups, all in agreement"
        );
        vec![Finding::good(part, text)]
    }
}

/// Audits the store as it will be when `writes` are in it.
pub fn audit(state: &State, store: &Arc<dyn Store>, writes: &Writes, owns: &dyn Fn(&str, &str) -> bool) -> Audited {
    let mut first = Audit::new(state, owns);
    if let Err(error) = stream(store, writes, &mut |key, value| first.entry(key, value)) {
        return Audited { counts: first.counts(), problems: vec![format!("it cannot be read to its end: {error}")] };
    }
    let unmatched = first.unmatched();
    let counts = first.counts();
    let mut problems = first.into_problems();
    if !unmatched.is_empty() {
        let mut second = Audit::naming(state, owns, unmatched);
        match stream(store, writes, &mut |key, value| second.entry(key, value)) {
            Ok(()) => problems.extend(second.into_problems()),
            Err(error) => problems.push(format!("it cannot be read a second time: {error}")),
        }
    }
    Audited { counts, problems }
}

/// Every entry in order of keys. Reading all of a store checks the checksums of all that is in it.
pub fn stream(store: &Arc<dyn Store>, writes: &Writes, visit: &mut dyn FnMut(&[u8], &[u8])) -> io::Result<()> {
    let mut over = writes.iter().peekable();
    // No key begins with this byte or a larger one.
    let (mut start, end) = (Vec::new(), [0xFF]);
    loop {
        let page = store.scan(&start, &end, limits::SCAN_ENTRIES)?;
        for (key, value) in &page {
            while let Some((new, written)) = over.next_if(|(new, _)| *new < key) {
                written.iter().for_each(|value| visit(new, value));
            }
            match over.next_if(|(new, _)| *new == key) {
                Some((_, written)) => written.iter().for_each(|value| visit(key, value)),
                None => visit(key, value),
            }
        }
        let Some((mut last, _)) = page.into_iter().next_back() else { break };
        // The smallest key behind the last one.
        last.push(0);
        start = last;
    }
    for (new, written) in over {
        written.iter().for_each(|value| visit(new, value));
    }
    Ok(())
}
