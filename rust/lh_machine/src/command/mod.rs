//! Commands: one file each, with what it checks and what it changes. A check that fails returns before the first change.

pub mod claim_task;
pub mod definitions_arrived;
pub mod meta_write;
pub mod register_task_worker;
pub mod report_task;
pub mod run_wf;
pub mod timer_due;
pub mod unclaim_task;
