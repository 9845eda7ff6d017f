//! Which shard owns what: the slot of a tree, of a correlation key or of a TaskDef's worker group, and the shard of a slot.

use xxhash_rust::xxh3::Xxh3;

use crate::key::SLOTS;
pub use crate::key::root_id;

/// The slot of a thing of a tenant: `xxh3_64(tenant, 0x00, parts) mod 1024`.
fn slot(tenant: &str, parts: [&str; 2]) -> u32 {
    let mut hash = Xxh3::new();
    hash.update(tenant.as_bytes());
    hash.update(&[0]);
    for part in parts {
        hash.update(part.as_bytes());
    }
    (hash.digest() % u64::from(SLOTS)) as u32
}

/// The run shard (0-based) that owns the tree with this root id, of `run_shards` >= 1.
pub fn shard_of(tenant: &str, root_id: &str, run_shards: usize) -> usize {
    slot(tenant, ["", root_id]) as usize % run_shards
}

/// The run shard that keeps the worker group of this TaskDef.
pub fn home_of_task_def(tenant: &str, name: &str, run_shards: usize) -> usize {
    slot(tenant, ["taskdef/", name]) as usize % run_shards
}

/// What a correlation key of a definition has in the place of a root id; no WfRun has an id with a slash.
pub fn correlation_root(definition: &str, correlation_key: &str) -> String {
    format!("{definition}/{correlation_key}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Slots are part of the stored layout: the hash must be the one-shot hash of the documented bytes, for ever.
    #[test]
    fn slot_is_the_hash_of_the_documented_bytes() {
        let expected = (xxhash_rust::xxh3::xxh3_64(b"default\0order-1") % 1024) as usize;
        assert_eq!(shard_of("default", "order-1", 1024), expected);
        let expected = (xxhash_rust::xxh3::xxh3_64(b"default\0taskdef/charge") % 1024) as usize;
        assert_eq!(home_of_task_def("default", "charge", 1024), expected);
    }

    #[test]
    fn every_shard_gets_trees() {
        let mut hits = [0_u32; 4];
        for number in 0..400 {
            hits[shard_of("default", &format!("run-{number}"), 4)] += 1;
        }
        assert!(hits.iter().all(|count| *count > 50), "uneven: {hits:?}");
    }
}
