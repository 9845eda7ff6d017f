//! The route table: one row per RPC of the contract, with who answers it and which grant it needs (08 section 4).

use Handler::{Cold, Hot, Poll, Unimplemented};
use HotRpc::*;
use lh_machine::pb::{
    AclAction::{self, Read, Run, WriteMetadata},
    AclResource::{self, *},
};

/// Path prefix of the contract's service.
pub const SERVICE_PATH: &str = "/littlehorse.LittleHorse/";

/// RPCs that are answered in Rust, each in a file of `front/hot/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the contract's")]
pub enum HotRpc {
    AssignUserTaskRun,
    AwaitWorkflowEvent,
    CancelUserTaskRun,
    CompleteUserTaskRun,
    CountTaskRun,
    DeleteCorrelatedEvent,
    DeleteUserTaskRunComment,
    DeleteWfRun,
    EditUserTaskRunComment,
    GetCheckpoint,
    GetCorrelatedEvent,
    GetExternalEvent,
    GetInactiveThreadRun,
    GetNodeRun,
    GetServerVersion,
    GetTaskRun,
    GetTaskWorkerGroup,
    GetUserTaskRun,
    GetVariable,
    GetWfRun,
    GetWorkflowEvent,
    ListExternalEvents,
    ListNodeRuns,
    ListTaskRuns,
    ListUserTaskRuns,
    ListVariables,
    ListWorkflowEvents,
    PutCheckpoint,
    PutCorrelatedEvent,
    PutExternalEvent,
    PutUserTaskRunComment,
    RegisterTaskWorker,
    ReportTask,
    RescueThreadRun,
    ResumeWfRun,
    RunWf,
    SaveUserTaskRunProgress,
    StopWfRun,
    Whoami,
}

/// Who answers an RPC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handler {
    /// A unary handler in Rust: it happens per task or per look at a run.
    Hot(HotRpc),
    /// The stream of polls.
    Poll,
    /// A Python handler: it happens per deployment or per search.
    Cold,
    /// Not built yet.
    Unimplemented,
}

impl Handler {
    /// "hot", "cold" or "unimplemented", as `make status` prints it.
    pub fn label(self) -> &'static str {
        match self {
            Hot(_) | Poll => "hot",
            Cold => "cold",
            Unimplemented => "unimplemented",
        }
    }
}

/// One RPC.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// Its name in the contract.
    pub name: &'static str,
    /// Who answers it.
    pub handler: Handler,
    /// The grant that a caller needs; `None` = everybody may call it.
    pub grant: Option<(AclResource, AclAction)>,
}

const fn row(name: &'static str, handler: Handler, grant: Option<(AclResource, AclAction)>) -> Route {
    Route { name, handler, grant }
}

const fn needs(resource: AclResource, action: AclAction) -> Option<(AclResource, AclAction)> {
    Some((resource, action))
}

const OPEN: Option<(AclResource, AclAction)> = None;

/// All RPCs, sorted by name. Grants that contradict a name are meant: clients' roles are built on them (08/A-8); the two
/// counts follow 08/A-9's better rule.
pub const ROUTES: [Route; 108] = [
    row("ApplyWorkflowMigrationPlan", Unimplemented, needs(AclWorkflow, Run)),
    row("AssignUserTaskRun", Hot(AssignUserTaskRun), needs(AclUserTask, WriteMetadata)),
    row("AwaitWorkflowEvent", Hot(AwaitWorkflowEvent), needs(AclWorkflow, Read)),
    row("CancelUserTaskRun", Hot(CancelUserTaskRun), needs(AclUserTask, Run)),
    row("CompleteUserTaskRun", Hot(CompleteUserTaskRun), needs(AclUserTask, Run)),
    row("CountNodeRun", Unimplemented, needs(AclWorkflow, Read)),
    row("CountTaskRun", Hot(CountTaskRun), needs(AclTask, Read)),
    row("CreateBulkJob", Unimplemented, needs(AclWorkflow, WriteMetadata)),
    row("DeleteBulkJob", Unimplemented, needs(AclWorkflow, WriteMetadata)),
    row("DeleteCorrelatedEvent", Hot(DeleteCorrelatedEvent), needs(AclExternalEvent, Run)),
    row("DeleteExternalEventDef", Cold, needs(AclExternalEvent, WriteMetadata)),
    row("DeletePrincipal", Unimplemented, needs(AclPrincipal, WriteMetadata)),
    row("DeleteQuota", Unimplemented, needs(AclQuota, WriteMetadata)),
    row("DeleteScheduledWfRun", Unimplemented, needs(AclWorkflow, Run)),
    row("DeleteStructDef", Cold, needs(AclStruct, WriteMetadata)),
    row("DeleteTaskDef", Cold, needs(AclTask, WriteMetadata)),
    row("DeleteUserTaskDef", Cold, needs(AclUserTask, WriteMetadata)),
    row("DeleteUserTaskRunComment", Hot(DeleteUserTaskRunComment), needs(AclUserTask, Run)),
    row("DeleteWfRun", Hot(DeleteWfRun), needs(AclWorkflow, WriteMetadata)),
    row("DeleteWfSpec", Cold, needs(AclWorkflow, WriteMetadata)),
    row("DeleteWorkflowEventDef", Cold, needs(AclWorkflowEvent, WriteMetadata)),
    row("DeleteWorkflowMigrationPlan", Unimplemented, needs(AclWorkflow, WriteMetadata)),
    row("EditUserTaskRunComment", Hot(EditUserTaskRunComment), needs(AclUserTask, Run)),
    row("GetBulkJob", Unimplemented, needs(AclWorkflow, Read)),
    row("GetCheckpoint", Hot(GetCheckpoint), needs(AclTask, Read)),
    row("GetCorrelatedEvent", Hot(GetCorrelatedEvent), needs(AclExternalEvent, Read)),
    row("GetExternalEvent", Hot(GetExternalEvent), needs(AclExternalEvent, Read)),
    row("GetExternalEventDef", Cold, needs(AclExternalEvent, Read)),
    row("GetInactiveThreadRun", Hot(GetInactiveThreadRun), needs(AclWorkflow, Read)),
    row("GetLatestUserTaskDef", Cold, needs(AclUserTask, Read)),
    row("GetLatestWfSpec", Cold, needs(AclWorkflow, Read)),
    row("GetMetricWindow", Unimplemented, needs(AclWorkflow, Read)),
    row("GetNodeRun", Hot(GetNodeRun), needs(AclWorkflow, Read)),
    row("GetPrincipal", Cold, needs(AclPrincipal, Read)),
    row("GetQuota", Unimplemented, needs(AclQuota, Read)),
    row("GetScheduledWfRun", Unimplemented, needs(AclWorkflow, Read)),
    row("GetServerVersion", Hot(GetServerVersion), OPEN),
    row("GetStructDef", Cold, needs(AclStruct, Read)),
    row("GetTaskDef", Cold, needs(AclTask, Read)),
    row("GetTaskDefMetricsWindow", Unimplemented, needs(AclAllResources, AclAction::AllActions)),
    row("GetTaskRun", Hot(GetTaskRun), needs(AclWorkflow, Read)),
    row("GetTaskWorkerGroup", Hot(GetTaskWorkerGroup), needs(AclTaskWorkerGroup, Read)),
    row("GetTenant", Cold, needs(AclTenant, Read)),
    row("GetUserTaskDef", Cold, needs(AclUserTask, Read)),
    row("GetUserTaskRun", Hot(GetUserTaskRun), needs(AclUserTask, Read)),
    row("GetVariable", Hot(GetVariable), needs(AclWorkflow, Read)),
    row("GetWfRun", Hot(GetWfRun), needs(AclWorkflow, Read)),
    row("GetWfSpec", Cold, needs(AclWorkflow, Read)),
    row("GetWfSpecMetricsWindow", Unimplemented, needs(AclAllResources, AclAction::AllActions)),
    row("GetWorkflowEvent", Hot(GetWorkflowEvent), needs(AclWorkflowEvent, Read)),
    row("GetWorkflowEventDef", Cold, needs(AclWorkflowEvent, Read)),
    row("GetWorkflowMigrationPlan", Unimplemented, needs(AclWorkflow, Read)),
    row("ListExternalEvents", Hot(ListExternalEvents), needs(AclExternalEvent, Read)),
    row("ListNodeRuns", Hot(ListNodeRuns), needs(AclWorkflow, Read)),
    row("ListQuotaUsageMetrics", Unimplemented, needs(AclWorkflow, Read)),
    row("ListTaskMetrics", Unimplemented, needs(AclWorkflow, Read)),
    row("ListTaskRuns", Hot(ListTaskRuns), needs(AclTask, Read)),
    row("ListUserTaskRuns", Hot(ListUserTaskRuns), needs(AclUserTask, Read)),
    row("ListVariables", Hot(ListVariables), needs(AclWorkflow, Read)),
    row("ListWfMetrics", Unimplemented, needs(AclWorkflow, Read)),
    row("ListWorkflowEvents", Hot(ListWorkflowEvents), needs(AclWorkflowEvent, Read)),
    row("MigrateWfSpec", Unimplemented, needs(AclAllResources, AclAction::AllActions)),
    row("PollTask", Poll, needs(AclTask, Read)),
    row("PutCheckpoint", Hot(PutCheckpoint), needs(AclTask, Run)),
    row("PutCorrelatedEvent", Hot(PutCorrelatedEvent), needs(AclExternalEvent, Run)),
    row("PutExternalEvent", Hot(PutExternalEvent), needs(AclExternalEvent, Run)),
    row("PutExternalEventDef", Cold, needs(AclExternalEvent, WriteMetadata)),
    row("PutPrincipal", Unimplemented, needs(AclPrincipal, WriteMetadata)),
    row("PutQuota", Unimplemented, needs(AclQuota, WriteMetadata)),
    row("PutStructDef", Cold, needs(AclStruct, WriteMetadata)),
    row("PutTaskDef", Cold, needs(AclTask, WriteMetadata)),
    row("PutTenant", Unimplemented, needs(AclTenant, WriteMetadata)),
    row("PutUserTaskDef", Cold, needs(AclUserTask, WriteMetadata)),
    row("PutUserTaskRunComment", Hot(PutUserTaskRunComment), needs(AclUserTask, Run)),
    row("PutWfSpec", Cold, needs(AclWorkflow, WriteMetadata)),
    row("PutWorkflowEventDef", Cold, needs(AclWorkflowEvent, WriteMetadata)),
    row("PutWorkflowMigrationPlan", Unimplemented, needs(AclWorkflow, WriteMetadata)),
    row("RegisterTaskWorker", Hot(RegisterTaskWorker), needs(AclWorkflow, Read)),
    row("ReportTask", Hot(ReportTask), needs(AclTask, Run)),
    row("RescueThreadRun", Hot(RescueThreadRun), needs(AclWorkflow, Run)),
    row("ResumeWfRun", Hot(ResumeWfRun), needs(AclWorkflow, Run)),
    row("RunWf", Hot(RunWf), needs(AclWorkflow, Run)),
    row("SaveUserTaskRunProgress", Hot(SaveUserTaskRunProgress), needs(AclUserTask, Run)),
    row("ScheduleWf", Unimplemented, needs(AclWorkflow, Run)),
    row("SearchBulkJob", Unimplemented, needs(AclWorkflow, Read)),
    row("SearchCorrelatedEvent", Cold, needs(AclExternalEvent, Read)),
    row("SearchExternalEvent", Cold, needs(AclExternalEvent, Read)),
    row("SearchExternalEventDef", Cold, needs(AclExternalEvent, Read)),
    row("SearchNodeRun", Cold, needs(AclWorkflow, Read)),
    row("SearchPrincipal", Unimplemented, needs(AclPrincipal, Read)),
    row("SearchQuota", Unimplemented, needs(AclQuota, Read)),
    row("SearchScheduledWfRun", Unimplemented, needs(AclWorkflow, Read)),
    row("SearchStructDef", Cold, needs(AclStruct, Read)),
    row("SearchTaskDef", Cold, needs(AclWorkflow, Read)),
    row("SearchTaskRun", Cold, needs(AclTask, Read)),
    row("SearchTenant", Cold, needs(AclTenant, Read)),
    row("SearchUserTaskDef", Cold, needs(AclUserTask, Read)),
    row("SearchUserTaskRun", Cold, needs(AclUserTask, Read)),
    row("SearchVariable", Cold, needs(AclWorkflow, Read)),
    row("SearchWfMetricWindow", Unimplemented, needs(AclWorkflow, Read)),
    row("SearchWfRun", Cold, needs(AclWorkflow, Read)),
    row("SearchWfSpec", Cold, needs(AclWorkflow, Read)),
    row("SearchWorkflowEvent", Cold, needs(AclWorkflowEvent, Read)),
    row("SearchWorkflowEventDef", Cold, needs(AclWorkflowEvent, Read)),
    row("SearchWorkflowMigrationPlan", Unimplemented, needs(AclWorkflow, Read)),
    row("StopWfRun", Hot(StopWfRun), needs(AclWorkflow, Run)),
    row("ValidateStructDefEvolution", Cold, needs(AclStruct, Read)),
    row("Whoami", Hot(Whoami), OPEN),
];

/// The row of an RPC by its name.
pub fn find(name: &str) -> Option<&'static Route> {
    let at = ROUTES.binary_search_by(|route| route.name.cmp(name)).ok()?;
    Some(&ROUTES[at])
}

/// All RPCs with "hot", "cold" or "unimplemented", for `make status`.
pub fn labels() -> Vec<(&'static str, &'static str)> {
    ROUTES.iter().map(|route| (route.name, route.handler.label())).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use prost::Message;

    /// Every RPC of the contract has exactly one row, and no row is without RPC.
    #[test]
    fn table_is_the_service_descriptor() {
        let files = prost_types::FileDescriptorSet::decode(lh_proto::DESCRIPTORS).unwrap();
        let mut contract: Vec<String> = files
            .file
            .iter()
            .filter(|file| file.package() == "littlehorse")
            .flat_map(|file| &file.service)
            .filter(|service| service.name() == "LittleHorse")
            .flat_map(|service| &service.method)
            .map(|method| method.name().to_owned())
            .collect();
        contract.sort();
        let table: Vec<&str> = ROUTES.iter().map(|route| route.name).collect();
        assert_eq!(table, contract);
    }

    #[test]
    fn every_row_is_found_by_its_name() {
        for route in &ROUTES {
            assert_eq!(find(route.name).unwrap().name, route.name);
        }
        assert!(find("RunWorkflow").is_none());
        assert!(find("").is_none());
    }

    /// 06/U-7: definitions of user tasks are metadata, and so is who a task belongs to; working on one is running.
    #[test]
    fn grants_of_user_tasks() {
        let grant = |name| find(name).unwrap().grant;
        for name in ["PutUserTaskDef", "DeleteUserTaskDef", "AssignUserTaskRun"] {
            assert_eq!(grant(name), Some((AclUserTask, WriteMetadata)), "{name}");
        }
        for name in ["GetUserTaskDef", "GetLatestUserTaskDef", "SearchUserTaskDef", "GetUserTaskRun"] {
            assert_eq!(grant(name), Some((AclUserTask, Read)), "{name}");
        }
        for name in ["CompleteUserTaskRun", "SaveUserTaskRunProgress", "CancelUserTaskRun", "PutUserTaskRunComment"] {
            assert_eq!(grant(name), Some((AclUserTask, Run)), "{name}");
        }
    }

    /// 08/A-8, 04/TW-33: grants that contradict the name; 08/P-8: no grant at all.
    #[test]
    fn unusual_grants() {
        let grant = |name| find(name).unwrap().grant;
        assert_eq!(grant("GetTaskRun"), Some((AclWorkflow, Read)));
        assert_eq!(grant("PollTask"), Some((AclTask, Read)));
        assert_eq!(grant("RegisterTaskWorker"), Some((AclWorkflow, Read)));
        assert_eq!(grant("DeleteWfRun"), Some((AclWorkflow, WriteMetadata)));
        assert_eq!(grant("CountTaskRun"), Some((AclTask, Read)));
        let open: Vec<&str> = ROUTES.iter().filter(|route| route.grant.is_none()).map(|route| route.name).collect();
        assert_eq!(open, ["GetServerVersion", "Whoami"]);
    }
}
