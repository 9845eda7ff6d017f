//! Looks at the data directory of a stopped server, see [`crate::shard::doctor`].

use std::{io, path::Path, sync::Arc};

use crate::{
    engine::directory::DataDirectory,
    environment,
    front::placement,
    ports::{Disk, Store},
    shard::doctor::{self, Finding, Patient},
};

/// Looks at everything in the directory; `stores` are those of the run shards by number, then that of the metadata
/// group, `None` for one that could not be opened. `whole_log` is a directory with every segment that the log ever had:
/// then the log is also replayed from its first entry and compared with the stores.
///
/// # Errors
/// The directory is none of a server, is in use, or its identity is damaged.
pub fn examine(path: &Path, stores: Vec<Option<Arc<dyn Store>>>, whole_log: Option<&Path>) -> io::Result<Vec<Finding>> {
    let directory = DataDirectory::inspect(path)?;
    let run_shards = directory.identity.run_shards;
    if stores.len() != run_shards as usize + 1 {
        let text = format!("the directory was made with {run_shards} shards, but {} stores were given", stores.len());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    let open = |path: &Path| environment::Directory::open(path).map(|disk| Arc::new(disk) as Arc<dyn Disk>);
    let patient = Patient {
        disk: open(&directory.log_directory())?,
        whole_log: whole_log.map(open).transpose()?,
        cluster: directory.identity.cluster,
        run_shards,
        stores,
        shard_of: &|tenant, root| placement::shard_of(tenant, root, run_shards as usize) as u32,
    };
    Ok(doctor::examine(&patient))
}
