//! `lh_load`: drives a server natively, in a process of its own, and prints one JSON object on standard output.
//!
//! ```text
//!   arguments ──► plan ──► load ─────► report (JSON)
//!                           │ definitions   what is registered: one TaskDef, one WfSpec with a chain of tasks
//!                           │ connection    HTTP/2 connections and typed calls
//!                           │ pace          when runs start: a fixed number in flight, or a fixed rate
//!                           │ workers       poll streams, reports
//!                           │ start         many runs of an existing WfSpec
//!                           │ ledger        what happened: counts, latencies, what must not happen
//!                           └ verify        reads finished runs back
//!   attack/                                 what broken and hostile clients do
//!   transport/                              the server without an engine, for the ratio
//! ```
#![forbid(unsafe_code)]

mod arguments;
mod attack;
mod load;
mod process;
mod transport;

use std::process::ExitCode;

/// The same allocator as the product's, so that the transport case differs from it by the engine only.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const USAGE: &str = "\
usage: lh_load chain     --server HOST:PORT [options]   keep runs in flight; measures throughput
       lh_load latency   --server HOST:PORT [options]   start runs at a rate; measures start -> task received
       lh_load start     --server HOST:PORT --wf-spec NAME [--count N] [--in-flight N] [--connections N]
                         [--variable NAME]              start N runs of a WfSpec that exists, as fast as it goes;
                                                        each gives VARIABLE a STR of its own
       lh_load attack    --server HOST:PORT --kind KIND [--count N] [--seconds S]
                         connections, streams, resets, slow-readers, reconnects, poison or values
       lh_load transport [options]                      `chain` against a server without an engine
       lh_load transport-server --listen HOST:PORT      that server alone; prints `ready HOST:PORT`
options:
  --length N          tasks per run                     (chain, transport: 10; latency: 1)
  --loop true         two TASK nodes visited --length times together, instead of as many nodes
  --in-flight N       runs in flight                    (chain, transport: 64)
  --rate R            runs started per second           (latency: 10)
  --seconds S         length of the measured window     (10)
  --warmup S          load before the window            (2)
  --tasks N           end the window after N tasks; --seconds is then its longest
  --warmup-tasks N    begin the window after N tasks; --warmup is then the longest it may take
  --connections N     HTTP/2 connections                (3)
  --streams N         poll streams per connection       (2)
  --polls N           waiting polls over all streams    (as many as runs in flight; latency: 64)
  --payload BYTES     size of each task's input/output  (16, at least 16)
  --task-timeout S    timeout of each task; drives longer than it also pay for deadlines of tasks done long ago (60)
  --drain S           patience for runs still in flight after the window (30)
  --verify N          finished runs to read back        (chain, latency: 200)
  --server-pid PID    process whose CPU time is measured over the window
exit status: 0 = all runs finished as expected; 1 = the JSON tells what did not; 2 = could not run at all";

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(message) => {
            eprintln!("lh_load: {message}");
            ExitCode::from(2)
        }
    }
}

/// Runs the subcommand; `Ok(false)` if runs were lost, failed or delivered wrongly.
fn run() -> Result<bool, String> {
    let mut words = std::env::args().skip(1);
    let command = words.next().ok_or(USAGE)?;
    let words: Vec<String> = words.collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start the runtime: {error}"))?;
    match command.as_str() {
        "chain" => runtime.block_on(drive(arguments::chain(&words)?)),
        "start" => runtime.block_on(start(arguments::start(&words)?)),
        "attack" => runtime.block_on(attack(arguments::attack(&words)?)),
        "latency" => runtime.block_on(drive(arguments::latency(&words)?)),
        "transport" => {
            let mut plan = arguments::transport(&words)?;
            let server = transport::child::ServerProcess::start()?;
            plan.server = server.address.clone();
            plan.server_process = Some(server.process_id());
            runtime.block_on(drive(plan))
        }
        "transport-server" => {
            runtime.block_on(transport::server::serve(arguments::transport_server(&words)?)).map(|()| true)
        }
        _ => Err(USAGE.to_owned()),
    }
}

async fn start(starts: load::start::Starts) -> Result<bool, String> {
    let outcome = load::start::run(starts).await?;
    println!("{}", outcome.json);
    Ok(outcome.sound)
}

async fn attack(attack: attack::Attack) -> Result<bool, String> {
    println!("{}", attack::run(attack).await?.json);
    Ok(true)
}

async fn drive(plan: load::plan::Plan) -> Result<bool, String> {
    let outcome = load::run(plan).await?;
    println!("{}", outcome.json);
    Ok(outcome.sound)
}
