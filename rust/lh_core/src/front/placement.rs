//! Which shard owns what: as the machine says, which sends messages to the same places.

pub use lh_machine::placement::{correlation_root, home_of_task_def, root_id, shard_of};
