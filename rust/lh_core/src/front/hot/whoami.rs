//! `Whoami`: the resolved Principal (08/P-8). Until identities exist, that is the bootstrap Principal `anonymous`.

use std::collections::BTreeMap;

use lh_machine::pb;

use crate::front::{Front, frames::Framed};

/// Id of the Principal of callers without a stored identity (08/P-3).
pub const ANONYMOUS: &str = "anonymous";

/// Answers the RPC.
pub fn answer(front: &Front) -> Framed {
    Framed::encode(&anonymous(front.parts.bootstrapped_ms))
}

/// `anonymous` as the bootstrap makes it: everything is allowed (08/P-2).
fn anonymous(created_ms: i64) -> pb::Principal {
    let everything = pb::ServerAcl {
        resources: vec![pb::AclResource::AclAllResources as i32],
        allowed_actions: vec![pb::AclAction::AllActions as i32],
        resource_filter: None,
    };
    pb::Principal {
        id: Some(pb::PrincipalId { id: ANONYMOUS.to_owned() }),
        created_at: Some(prost_types::Timestamp {
            seconds: created_ms.div_euclid(1_000),
            nanos: (created_ms.rem_euclid(1_000) * 1_000_000) as i32,
        }),
        per_tenant_acls: BTreeMap::new(),
        global_acls: Some(pb::ServerAcLs { acls: vec![everything] }),
    }
}
