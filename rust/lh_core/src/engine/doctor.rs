//! Looks at the data directory of a stopped server, see [`crate::shard::doctor`].

use std::{io, path::Path, sync::Arc};

use crate::{
    engine::directory::DataDirectory,
    environment,
    front::placement,
    ports::Store,
    shard::doctor::{self, Finding, Patient},
};

/// Looks at everything in the directory; `stores` are those of the run shards by number, then that of the metadata
/// group, `None` for one that could not be opened.
///
/// # Errors
/// The directory is none of a server, is in use, or its identity is damaged.
pub fn examine(path: &Path, stores: Vec<Option<Arc<dyn Store>>>) -> io::Result<Vec<Finding>> {
    let directory = DataDirectory::inspect(path)?;
    let run_shards = directory.identity.run_shards;
    if stores.len() != run_shards as usize + 1 {
        let text = format!("the directory was made with {run_shards} shards, but {} stores were given", stores.len());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    let patient = Patient {
        disk: Arc::new(environment::Directory::open(&directory.log_directory())?),
        cluster: directory.identity.cluster,
        run_shards,
        stores,
        shard_of: &|tenant, root| placement::shard_of(tenant, root, run_shards as usize) as u32,
    };
    Ok(doctor::examine(&patient))
}
