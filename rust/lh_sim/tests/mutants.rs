//! Bugs planted in the engine are found, in a few seeds each (reliability I1, I10, I16, I18);
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
    for mutant in [AckBeforeSync, TimersLostAtRestart, IndexEntryKept] {
        let found = (1..=SEEDS).find(|seed| !run::run_mutant(*seed, mutant).violations.is_empty());
        assert!(found.is_some(), "{mutant:?} is not found in {SEEDS} seeds");
    }
}

#[test]
fn a_switch_is_off_again_after_its_run() {
    run::run_mutant(1, Mutant::AckBeforeSync);
    assert!(run::run(1).violations.is_empty(), "the next run is without the planted bug");
}
