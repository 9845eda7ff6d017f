//! Every planted bug against the same seeds: in how many of them it is found, and by which rules.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    process::ExitCode,
    sync::atomic::{AtomicUsize, Ordering},
    time::Instant,
};

use lh_machine::mutants::Mutant;
use lh_sim::run;

/// How a planted bug was found.
#[derive(Default)]
struct Found {
    seeds: u64,
    first: Option<u64>,
    rules: BTreeMap<&'static str, u64>,
}

/// Hunts all planted bugs, or the one of this name, in seeds `first..first + seeds`, and prints the table. Fails if one of
/// them is found in none of the seeds.
pub fn hunt(first: u64, seeds: u64, only: Option<&str>) -> ExitCode {
    let is_wanted = |mutant: &Mutant| only.is_none_or(|name| name == format!("{mutant:?}"));
    let mutants: Vec<Mutant> = Mutant::ALL.into_iter().filter(is_wanted).collect();
    if mutants.is_empty() {
        eprintln!("there is no planted bug of this name; all: {:?}", Mutant::ALL);
        return ExitCode::from(2);
    }
    let begin = Instant::now();
    let all = find_all(&mutants, first..first + seeds);
    let missed = print(&mutants, &all, seeds);
    println!("{missed} of {} missed; {:.0} seconds", all.len(), begin.elapsed().as_secs_f64());
    if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Each planted bug on a thread of its own, as many at a time as there are cores.
fn find_all(mutants: &[Mutant], seeds: Range<u64>) -> Vec<Found> {
    let next = AtomicUsize::new(0);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut all: Vec<(usize, Found)> = std::thread::scope(|scope| {
        let hunt = || {
            let mut mine = Vec::new();
            loop {
                let at = next.fetch_add(1, Ordering::SeqCst);
                let Some(mutant) = mutants.get(at) else { return mine };
                let found = find(*mutant, seeds.clone());
                eprintln!("{mutant:?}: found in {} of {}", found.seeds, seeds.end - seeds.start);
                mine.push((at, found));
            }
        };
        let hunters: Vec<_> = (0..cores).map(|_| scope.spawn(hunt)).collect();
        hunters.into_iter().flat_map(|hunter| hunter.join().expect("the simulator does not panic")).collect()
    });
    all.sort_by_key(|(at, _)| *at);
    all.into_iter().map(|(_, found)| found).collect()
}

/// Prints a line for each planted bug; returns how many were missed.
fn print(mutants: &[Mutant], all: &[Found], seeds: u64) -> usize {
    println!("{:<26} {:>12}  first seed  rules", "planted bug", "found in");
    for (mutant, found) in mutants.iter().zip(all) {
        let first = found.first.map_or_else(|| "-".to_owned(), |seed| seed.to_string());
        let rules: Vec<String> = found.rules.iter().map(|(rule, count)| format!("{rule} x{count}")).collect();
        let name = format!("{mutant:?}");
        println!("{name:<26} {:>5} of {seeds:<3}  {first:>10}  {}", found.seeds, rules.join(", "));
    }
    all.iter().filter(|found| found.seeds == 0).count()
}

/// Runs one planted bug through all seeds.
fn find(mutant: Mutant, seeds: Range<u64>) -> Found {
    let mut found = Found::default();
    for seed in seeds {
        let violations = run::run_mutant(seed, mutant).violations;
        let rules: BTreeSet<&str> = violations.iter().map(|violation| violation.rule).collect();
        if !rules.is_empty() {
            found.seeds += 1;
            found.first.get_or_insert(seed);
        }
        for rule in rules {
            *found.rules.entry(rule).or_default() += 1;
        }
    }
    found
}
