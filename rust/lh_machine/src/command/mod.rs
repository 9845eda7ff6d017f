//! Commands: one file each, with what it checks and what it changes. A check that fails returns before the first change.

mod ahead;
pub mod claim_task;
pub mod correlated_event;
pub mod definitions_arrived;
pub mod delete_wf_run;
pub mod from_shard;
pub mod meta_write;
pub mod put_checkpoint;
pub mod put_external_event;
pub mod register_task_worker;
pub mod report_task;
pub mod rescue_thread_run;
pub mod resume_wf_run;
pub mod run_wf;
pub mod stop_wf_run;
pub mod timer_due;
pub mod unclaim_task;
pub mod user_task;
