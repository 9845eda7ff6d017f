//! Bugs planted in the engine are found, in a few seeds each (reliability I1, I4, I10, I13, I15, I16, I18, I22);
//! `make sim-mutants` hunts all of them through more seeds.
#![cfg(feature = "mutants")]
#![allow(missing_docs)]

use lh_machine::mutants::Mutant;
use lh_sim::run;

/// Seeds in which a planted bug must be found at least once.
const SEEDS: u64 = 12;

#[test]
fn planted_bugs_are_found() {
    use Mutant::*;
    let basics = [AckBeforeSync, TimersLostAtRestart, IndexEntryKept];
    let events = [ClaimedEventLostAtFlush, EventPostedAheadLost, EventClaimedAgain];
    let runs = [HandlerTwice, IndexLeftByDelete, DeletedRunKeptInStore, StopLostAtRestart, RetentionForgotten];
    for mutant in basics.into_iter().chain(events).chain(runs) {
        let found = (1..=SEEDS).find(|seed| !run::run_mutant(*seed, mutant).violations.is_empty());
        assert!(found.is_some(), "{mutant:?} is not found in {SEEDS} seeds");
    }
}

/// Whoever claims one task for ever does so in no time: the run is ended, not the memory.
#[test]
fn a_run_without_end_is_ended() {
    let found = (1..=SEEDS).map(|seed| run::run_mutant(seed, Mutant::DoubleClaim));
    let ended = found.flat_map(|report| report.violations).any(|violation| violation.rule == "I22");
    assert!(ended, "a server that works on and on is stopped");
}

#[test]
fn a_switch_is_off_again_after_its_run() {
    run::run_mutant(1, Mutant::AckBeforeSync);
    assert!(run::run(1).violations.is_empty(), "the next run is without the planted bug");
}
