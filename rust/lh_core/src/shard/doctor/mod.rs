//! Looks at log and stores of a stopped server and says what is wrong: the same readers as a start, nothing is changed.
//!
//! ```text
//!   log ──recover::scan──► every entry decoded (entries.rs)
//!   store ──opening::load──► audited as it is ──replay.rs──► audited as it will be after a start (store.rs)
//!   whole log, if there is one ──► a fresh machine ──► the same records? (whole.rs)
//!   all shards ──► do they know the definitions of the metadata group? (definitions.rs)
//! ```

mod definitions;
mod entries;
mod replay;
mod store;
mod whole;

use std::sync::Arc;

use lh_machine::{MachineConfig, State, Writes};

use super::{
    log::{ClusterId, LogError, Recovered, Survey, all_entries, survey},
    opening::{self, OpenError},
};
use crate::ports::{Disk, Store};

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// False: something is wrong with it.
    pub is_sound: bool,
    /// What was looked at, e.g. "shard 0".
    pub part: String,
    /// What was found, in words.
    pub text: String,
}

impl Finding {
    fn good(part: &str, text: impl Into<String>) -> Self {
        Self { is_sound: true, part: part.to_owned(), text: text.into() }
    }

    fn bad(part: &str, text: impl Into<String>) -> Self {
        Self { is_sound: false, part: part.to_owned(), text: text.into() }
    }
}

/// What is to be looked at.
pub struct Patient<'a> {
    /// The log's directory.
    pub disk: Arc<dyn Disk>,
    /// Every segment that the log ever had, those that went included, if somebody kept them.
    pub whole_log: Option<Arc<dyn Disk>>,
    /// What the data directory was made for.
    pub cluster: ClusterId,
    /// Number of run shards that it was made with.
    pub run_shards: u32,
    /// Stores of the run shards by number, then that of the metadata group; `None` = it could not be opened.
    pub stores: Vec<Option<Arc<dyn Store>>>,
    /// The run shard that a tree lies in, by tenant and root id.
    pub shard_of: &'a dyn Fn(&str, &str) -> u32,
}

/// A shard whose store and log could be read, as it will be after a start.
struct Examined {
    part: String,
    state: State,
}

/// Looks at everything. What cannot be read is a finding; the rest is looked at all the same.
pub fn examine(patient: &Patient<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let recovered = match survey(&patient.disk, &patient.cluster) {
        Ok(survey) => {
            findings.push(log_facts(&survey));
            findings.extend(foreign_shards(patient, &survey.shards));
            Some(survey.shards)
        }
        Err(error) => {
            findings.push(Finding::bad("log", log_error(&error)));
            None
        }
    };
    let whole = match patient.whole_log.as_ref().map(|disk| all_entries(disk, &patient.cluster)).transpose() {
        Ok(whole) => whole,
        Err(error) => {
            findings.push(Finding::bad("whole log", log_error(&error)));
            None
        }
    };
    let mut examined = Vec::new();
    let numbers = (0..patient.run_shards).chain([MachineConfig::META_SHARD]);
    for (shard, store) in numbers.zip(&patient.stores) {
        let Some(store) = store else { continue };
        let mut writes = Writes::new();
        let found = examine_shard(patient, shard, store, recovered.as_ref(), &mut writes, &mut findings);
        if let (Some(found), Some(whole)) = (&found, &whole) {
            let entries = whole.get(&shard).map_or(&[][..], Vec::as_slice);
            findings.extend(whole::compare(&found.part, found.state.config.clone(), store, &writes, entries));
        }
        examined.extend(found);
    }
    if examined.len() == patient.stores.len() {
        findings.extend(definitions::compare(&examined));
    }
    findings
}

fn part_of(shard: u32) -> String {
    if shard == MachineConfig::META_SHARD { "metadata".to_owned() } else { format!("shard {shard}") }
}

fn log_facts(survey: &Survey) -> Finding {
    let entries: usize = survey.shards.values().map(|shard| shard.entries.len()).sum();
    let mut text = format!("{} segment files, {entries} entries that stores may still need", survey.segments);
    if survey.is_torn {
        text += "; the last write is incomplete: it was never acknowledged, and the next start drops it";
    }
    Finding::good("log", text)
}

/// The errors of a start end with what to do there; here nothing is started.
fn log_error(error: &LogError) -> String {
    error.to_string().replace(" Nothing was changed.", "")
}

fn foreign_shards(patient: &Patient<'_>, recovered: &Recovered) -> Vec<Finding> {
    let run_shards = patient.run_shards;
    let foreign = recovered.keys().filter(|shard| **shard >= run_shards && **shard != MachineConfig::META_SHARD);
    foreign
        .map(|shard| Finding::bad("log", OpenError::UnknownShard { shard: *shard, run_shards }.to_string()))
        .collect()
}

/// `writes` get what the log has beyond the store.
fn examine_shard(
    patient: &Patient<'_>,
    shard: u32,
    store: &Arc<dyn Store>,
    recovered: Option<&Recovered>,
    writes: &mut Writes,
    findings: &mut Vec<Finding>,
) -> Option<Examined> {
    let part = part_of(shard);
    let config = MachineConfig { shard, run_shards: patient.run_shards };
    let mut state = match opening::load(config, store) {
        Ok(state) => state,
        Err(error) => {
            findings.push(Finding::bad(&part, error.to_string()));
            return None;
        }
    };
    let owns = |tenant: &str, root: &str| shard == (patient.shard_of)(tenant, root);
    let applied = state.applied().index;
    let audited = store::audit(&state, store, &Writes::new(), &owns);
    let Some(recovered) = recovered else {
        findings.extend(audited.findings(&part, &format!("the store stands at entry {applied}")));
        return None;
    };
    let log = recovered.get(&shard).cloned().unwrap_or_default();
    let (last, behind) = (log.last_index(), log.last_index().saturating_sub(applied));
    let place = format!("the store stands at entry {applied} of {last} ({behind} to be replayed)");
    findings.extend(audited.findings(&part, &place));
    let before = findings.len();
    if let Err(error) = opening::check(shard, super::replica::applied(&state), &log) {
        findings.push(Finding::bad(&part, error.to_string()));
        return None;
    }
    findings.extend(entries::check(&part, &log));
    if findings.len() == before && behind > 0 {
        match replay::replay(&mut state, store, &log.entries) {
            Ok(()) => {
                *writes = state.take_flush().writes;
                let audited = store::audit(&state, store, writes, &owns);
                findings.extend(audited.findings(&part, "after the replay of the log"));
            }
            Err(sentence) => findings.push(Finding::bad(&part, sentence)),
        }
    }
    Some(Examined { part, state })
}
