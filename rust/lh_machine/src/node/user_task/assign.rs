//! Who a UserTaskRun belongs to: its user, its group, and the epoch that every assignment raises (06/U-15, U-16, U-27).

use super::{is_blank, log, user_task_mut};
use crate::{
    pb::{self, UserTaskRunStatus, user_task_event::Event},
    run::Run,
};

/// A user, a group, or both.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Owner {
    /// The user, if it is assigned to one.
    pub user_id: Option<String>,
    /// The group, if it belongs to one.
    pub user_group: Option<String>,
}

impl Owner {
    /// Refuses blank names and an owner that is nobody, in the words that clients compare (06/U-18).
    ///
    /// # Errors
    /// The message of the failure.
    pub fn check(&self) -> Result<(), &'static str> {
        match (&self.user_id, &self.user_group) {
            (None, None) => Err("Invalid user task assignment"),
            (Some(user), _) if is_blank(user) => Err("Invalid user task assignment. UserId can't be empty"),
            (_, Some(group)) if is_blank(group) => Err("Invalid group task assignment. UserGroup can't be empty"),
            _ => Ok(()),
        }
    }

    /// Blank names count as none (06/U-62).
    pub fn without_blanks(self) -> Self {
        let named = |name: &String| !is_blank(name);
        Self { user_id: self.user_id.filter(named), user_group: self.user_group.filter(named) }
    }

    /// Rough size in the audit log and in the object, in bytes.
    pub fn bytes(&self) -> usize {
        let length = |name: &Option<String>| name.as_ref().map_or(0, String::len);
        2 * (length(&self.user_id) + length(&self.user_group))
    }
}

/// Replaces user and group; no hook runs. True if it has a user now and had another before, or none (06/U-56).
pub fn assign(run: &mut Run, place: (i32, i32), owner: Owner, at_ms: i64) -> bool {
    let Some(task) = user_task_mut(run, place) else { return false };
    let old_user_id = std::mem::replace(&mut task.user_id, owner.user_id.clone());
    let old_user_group = std::mem::replace(&mut task.user_group, owner.user_group.clone());
    task.set_status(match task.user_id {
        Some(_) => UserTaskRunStatus::Assigned,
        None => UserTaskRunStatus::Unassigned,
    });
    task.epoch += 1;
    let is_new_user = owner.user_id.is_some() && owner.user_id != old_user_id;
    let assigned = pb::user_task_event::UteAssigned {
        old_user_id,
        old_user_group,
        new_user_id: owner.user_id,
        new_user_group: owner.user_group,
    };
    log(task, at_ms, Event::Assigned(assigned));
    is_new_user
}
