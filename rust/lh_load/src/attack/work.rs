//! Work that is meant to hurt: runs that never come to rest, values of nearly a megabyte.
use std::{sync::Arc, time::Duration};

use lh_proto::littlehorse::{RunWfRequest, VariableValue, WfRun, WfSpec};
use tokio::task::JoinSet;

use super::{Attack, Tally};
use crate::load::{
    connection::Connection,
    definitions::{INPUT, endless_spec, text, unique_name, wf_spec},
};

/// A little less than one value may have.
pub const LARGE_BYTES: usize = 1_000_000;
/// Pause after a refusal: less than it asks for.
const PAUSE: Duration = Duration::from_millis(50);

/// Starts runs that loop without waiting, one after the other per caller.
pub async fn poison(attack: &Attack, tally: &Arc<Tally>) -> Result<(), String> {
    let name = unique_name("endless");
    let connection = Connection::open(&attack.server).await?;
    let _: WfSpec = connection.ask("/littlehorse.LittleHorse/PutWfSpec", endless_spec(&name)).await?;
    start_for_ever(attack, tally, &name, None).await
}

/// Starts runs with a large value, one after the other per caller.
pub async fn values(attack: &Attack, tally: &Arc<Tally>) -> Result<(), String> {
    let name = unique_name("large");
    let connection = Connection::open(&attack.server).await?;
    let _: WfSpec = connection.ask("/littlehorse.LittleHorse/PutWfSpec", wf_spec(&name, "", 0, 1)).await?;
    start_for_ever(attack, tally, &name, Some(text("x".repeat(LARGE_BYTES)))).await
}

async fn start_for_ever(
    attack: &Attack,
    tally: &Arc<Tally>,
    wf_spec: &str,
    input: Option<VariableValue>,
) -> Result<(), String> {
    let mut callers = JoinSet::new();
    for _ in 0..attack.count {
        let connection = Connection::open(&attack.server).await?;
        let tally = tally.clone();
        let request = RunWfRequest {
            wf_spec_name: wf_spec.to_owned(),
            variables: input.iter().map(|value| (INPUT.to_owned(), value.clone())).collect(),
            ..RunWfRequest::default()
        };
        callers.spawn(async move {
            loop {
                match connection.unary::<_, WfRun>("/littlehorse.LittleHorse/RunWf", request.clone()).await {
                    Ok(run) => tally.note(format!("runs that are {}", run.status().as_str_name())),
                    Err(status) => {
                        tally.note(format!("{:?}", status.code()));
                        tokio::time::sleep(PAUSE).await;
                    }
                }
            }
        });
    }
    while callers.join_next().await.is_some() {}
    Ok(())
}
