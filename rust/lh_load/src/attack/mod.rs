//! `lh_load attack`: what a broken or hostile client does to a server, for as long as it is told to. It measures nothing
//! of the server; a well-behaved drive beside it does.
//!
//! ```text
//!   held.rs    many connections, many streams, many workers that come back at once
//!   frames.rs  streams that are reset at once, answers that are not read
//!   work.rs    runs that never come to rest, runs with the largest values
//! ```
mod frames;
mod held;
mod work;

use std::{
    collections::BTreeMap,
    str::FromStr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use serde_json::json;

use crate::load::report::Outcome;

/// What is done to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Connections that do nothing.
    Connections,
    /// As many PollTask streams on each connection as it takes.
    Streams,
    /// Calls that are reset as soon as they are made.
    Resets,
    /// Large answers that are asked for and not read.
    SlowReaders,
    /// Workers that all lose their connection and come back at once, again and again.
    Reconnects,
    /// Runs of a WfSpec that loops without ever waiting.
    Poison,
    /// Runs with values of nearly a megabyte.
    Values,
}

impl FromStr for Kind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "connections" => Ok(Self::Connections),
            "streams" => Ok(Self::Streams),
            "resets" => Ok(Self::Resets),
            "slow-readers" => Ok(Self::SlowReaders),
            "reconnects" => Ok(Self::Reconnects),
            "poison" => Ok(Self::Poison),
            "values" => Ok(Self::Values),
            _ => Err(()),
        }
    }
}

/// One attack.
#[derive(Clone, Debug)]
pub struct Attack {
    /// What is done.
    pub kind: Kind,
    /// `HOST:PORT` of the server.
    pub server: String,
    /// Connections, workers, or callers, as the kind has them.
    pub count: usize,
    /// How long.
    pub length: Duration,
}

/// What became of it, by a word for each outcome.
#[derive(Debug, Default)]
pub struct Tally(Mutex<BTreeMap<String, u64>>);

impl Tally {
    /// One more.
    pub fn note(&self, what: impl Into<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(what.into()).or_default() += 1;
    }
}

/// Carries the attack out. Errors: what kept it from beginning, as a sentence.
pub async fn run(attack: Attack) -> Result<Outcome, String> {
    let tally = std::sync::Arc::new(Tally::default());
    let doing = async {
        match attack.kind {
            Kind::Connections => held::connections(&attack, &tally).await,
            Kind::Streams => held::streams(&attack, &tally).await,
            Kind::Reconnects => held::reconnects(&attack, &tally).await,
            Kind::Resets => frames::resets(&attack, &tally).await,
            Kind::SlowReaders => frames::slow_readers(&attack, &tally).await,
            Kind::Poison => work::poison(&attack, &tally).await,
            Kind::Values => work::values(&attack, &tally).await,
        }
    };
    // An attack has no end of its own.
    if let Ok(ended) = tokio::time::timeout(attack.length, doing).await {
        ended?;
    }
    let outcomes = tally.0.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(Outcome { json: json!({ "case": "attack", "count": attack.count, "outcomes": *outcomes }), sound: true })
}
