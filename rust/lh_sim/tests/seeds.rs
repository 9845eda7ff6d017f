//! A few seeds of the simulator in every test run: nothing acknowledged is lost or done twice, and a seed is one run
//! (reliability I1 to I4, I7 to I11, I13, I15, I16, I18, I22; 03/E-960 to E-963, 04/TW-22, TW-23, TW-24).
#![allow(missing_docs)]

use lh_sim::run;

/// Seeds of this test; `make sim SEEDS=500` runs more of them.
const SEEDS: u64 = 30;

#[test]
fn no_seed_finds_a_violation() {
    let (mut acknowledged, mut ended) = (0, 0);
    for seed in 1..=SEEDS {
        let report = run::run(seed);
        assert!(report.violations.is_empty(), "seed {seed}: {:?}", report.violations);
        acknowledged += report.coverage.acknowledged;
        ended += report.coverage.ended;
    }
    assert!(acknowledged > 500 && ended > 30, "the seeds did something: {acknowledged} calls, {ended} ended servers");
}

#[test]
fn a_seed_is_one_run() {
    for seed in [3, 7] {
        assert_eq!(run::run(seed).hash, run::run(seed).hash, "seed {seed}");
    }
}
