//! Every kept input, and a fixed set of random ones, through the targets of the fuzzer: no fuzzer is needed for it.

use std::path::{Path, PathBuf};

use lh_fuzz::TARGETS;

/// Random inputs per target: few seconds without optimisation.
const RANDOM_INPUTS: u64 = 300;

fn kept(target: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("inputs").join(target);
    let mut paths: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("a folder can be listed").path())
        .collect();
    paths.sort();
    paths
}

/// Bytes that differ with the seed and never change (xorshift).
fn random(seed: u64) -> Vec<u8> {
    let mut state = (seed + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    let length = 16 << (seed % 7);
    (0..length).map(|_| next()).collect()
}

/// Runs the target and says which input it was if it panics.
fn run(target: fn(&[u8]), name: &str, bytes: &[u8]) {
    let outcome = std::panic::catch_unwind(|| target(bytes));
    assert!(outcome.is_ok(), "the input that made it panic: {name}");
}

/// Inputs that once found something, and inputs that reach far: nothing panics, every property holds.
#[test]
fn kept_inputs_hold() {
    for (name, target) in TARGETS {
        let paths = kept(name);
        assert!(!paths.is_empty(), "there are kept inputs for {name}");
        for path in paths {
            run(target, &path.display().to_string(), &std::fs::read(&path).expect("a kept input can be read"));
        }
    }
}

/// The same for random bytes of fixed seeds.
#[test]
fn random_inputs_hold() {
    for (name, target) in TARGETS {
        for seed in 0..RANDOM_INPUTS {
            run(target, &format!("{name}, seed {seed}"), &random(seed));
        }
    }
}
