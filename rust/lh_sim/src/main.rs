//! `lh_sim --seed N`: one run, with its trace hash, twice. `lh_sim --seeds N [--first N]`: many. `lh_sim check FILE`: a
//! recorded history (`--acknowledged N --ended N`: fewer are too few to show anything). `lh_sim mutants --seeds N [--only
//! NAME]` (feature `mutants`): every planted bug in N seeds. Exit code 1 if anything was violated, or if a planted bug was not
//! found.

#[cfg(feature = "mutants")]
mod mutants;

use std::{
    fs::File,
    io::BufReader,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use lh_sim::{checker, history, run, run::Report};

/// Violations of one seed that are printed.
const SHOWN: usize = 5;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let number = |name: &str| {
        let at = words.iter().position(|word| *word == name)?;
        words.get(at + 1)?.parse::<u64>().ok()
    };
    match (words.first(), number("--seed"), number("--seeds")) {
        (Some(&"check"), ..) => {
            let enough = Enough {
                acknowledged: number("--acknowledged").unwrap_or_default(),
                ended: number("--ended").unwrap_or_default(),
            };
            check(words.get(1).copied().unwrap_or_default(), &enough)
        }
        #[cfg(feature = "mutants")]
        (Some(&"mutants"), ..) => {
            let only = words.iter().position(|word| *word == "--only").and_then(|at| words.get(at + 1));
            mutants::hunt(number("--first").unwrap_or(1), number("--seeds").unwrap_or(20), only.copied())
        }
        (_, Some(seed), _) => one(seed, words.contains(&"--history")),
        (_, _, Some(seeds)) => many(number("--first").unwrap_or(1), seeds),
        _ => {
            eprintln!(
                "usage: lh_sim --seed N [--history] | --seeds N [--first N] | check FILE [--acknowledged N] [--ended N]"
            );
            ExitCode::from(2)
        }
    }
}

/// One seed, twice: the second run must be the first one again.
fn one(seed: u64, prints_history: bool) -> ExitCode {
    let report = run::run(seed);
    if prints_history {
        print!("{}", history::to_json_lines(&report.lines));
    }
    let again = run::run(seed).hash;
    eprintln!("{}", summary(&report));
    show(&report);
    if again != report.hash {
        eprintln!("seed {seed}: the second run was another one ({again:016x}): the simulator is not deterministic");
        return ExitCode::FAILURE;
    }
    if report.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Seeds `first..first + seeds`, on all cores.
fn many(first: u64, seeds: u64) -> ExitCode {
    let begin = Instant::now();
    let next = Arc::new(AtomicU64::new(first));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads: Vec<_> = (0..cores)
        .map(|_| {
            let next = next.clone();
            std::thread::spawn(move || {
                let mut totals = Totals::default();
                loop {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if seed >= first + seeds {
                        return totals;
                    }
                    totals.add(&run::run(seed));
                }
            })
        })
        .collect();
    let mut totals = Totals::default();
    for thread in threads {
        totals.join(thread.join().expect("the simulator does not panic"));
    }
    let seconds = begin.elapsed().as_secs_f64();
    println!(
        "{seeds} seeds from {first}: {} with violations; {} acknowledged and {} unknown calls, {} deliveries, {} ended \
         servers, {} steps at most; {:.1} seeds/s, {:.0} simulated seconds per second",
        totals.bad,
        totals.acknowledged,
        totals.unknown,
        totals.delivered,
        totals.ended,
        totals.most_steps,
        seeds as f64 / seconds,
        totals.simulated_ms as f64 / 1_000.0 / seconds,
    );
    if totals.bad == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[derive(Default)]
struct Totals {
    bad: u64,
    acknowledged: usize,
    unknown: usize,
    delivered: usize,
    ended: usize,
    simulated_ms: u64,
    most_steps: u64,
}

impl Totals {
    fn add(&mut self, report: &Report) {
        if !report.violations.is_empty() {
            eprintln!("{}", summary(report));
            show(report);
        }
        self.join(Self {
            bad: u64::from(!report.violations.is_empty()),
            acknowledged: report.coverage.acknowledged,
            unknown: report.coverage.unknown,
            delivered: report.coverage.delivered,
            ended: report.coverage.ended,
            simulated_ms: report.simulated_ms,
            most_steps: report.steps,
        });
    }

    fn join(&mut self, other: Self) {
        self.bad += other.bad;
        self.acknowledged += other.acknowledged;
        self.unknown += other.unknown;
        self.delivered += other.delivered;
        self.ended += other.ended;
        self.simulated_ms += other.simulated_ms;
        self.most_steps = self.most_steps.max(other.most_steps);
    }
}

/// What a history must show at least.
struct Enough {
    acknowledged: u64,
    ended: u64,
}

fn check(path: &str, enough: &Enough) -> ExitCode {
    let lines = File::open(path).and_then(|file| history::read_json_lines(BufReader::new(file)));
    match lines {
        Ok(lines) => {
            let violations = checker::check(&lines);
            let coverage = checker::coverage(&lines);
            println!("{} lines, {coverage:?}, {} violations", lines.len(), violations.len());
            violations.iter().for_each(|violation| println!("  {violation}"));
            if (coverage.acknowledged as u64) < enough.acknowledged || (coverage.ended as u64) < enough.ended {
                println!("too little happened to show anything");
                return ExitCode::FAILURE;
            }
            if violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("{path}: {error}");
            ExitCode::from(2)
        }
    }
}

fn summary(report: &Report) -> String {
    let Report { seed, hash, coverage, simulated_ms, lines, .. } = report;
    format!(
        "seed {seed}: trace {hash:016x}, {} lines, {coverage:?}, {:.1} simulated seconds, {} violations",
        lines.len(),
        *simulated_ms as f64 / 1_000.0,
        report.violations.len()
    )
}

fn show(report: &Report) {
    report.violations.iter().take(SHOWN).for_each(|violation| eprintln!("  {violation}"));
}
