"""GetTenant, SearchTenant, GetPrincipal (08 sections 2 and 3), and what the first start of a cluster stores."""

from __future__ import annotations

from google.protobuf.timestamp_pb2 import Timestamp

from littlehorse.model import (
    ACL_ALL_RESOURCES,
    ALL_ACTIONS,
    Principal,
    PrincipalId,
    SearchTenantRequest,
    ServerACL,
    ServerACLs,
    Tenant,
    TenantId,
    TenantIdList,
)
from littlehorse.server.definitions import CLUSTER, Change, Kind
from littlehorse.server.errors import not_found
from littlehorse.server.rpc.paging import by_name
from littlehorse.server.services import Call, Services

DEFAULT_TENANT = "default"
ANONYMOUS = "anonymous"


def store_first_objects(services: Services) -> None:
    """Stores the tenant `default` and the principal `anonymous`, an admin, unless they exist (08/T-4, P-2)."""
    created_at = Timestamp()
    created_at.FromMilliseconds(services.clock_ms())
    everything = ServerACL(resources=[ACL_ALL_RESOURCES], allowed_actions=[ALL_ACTIONS])
    tenant = Tenant(id=TenantId(id=DEFAULT_TENANT), created_at=created_at)
    principal = Principal(
        id=PrincipalId(id=ANONYMOUS), created_at=created_at, global_acls=ServerACLs(acls=[everything])
    )
    first_objects = [
        (services.definitions.key(Kind.TENANT, CLUSTER, DEFAULT_TENANT), tenant.SerializeToString()),
        (services.definitions.key(Kind.PRINCIPAL, CLUSTER, ANONYMOUS), principal.SerializeToString()),
    ]

    def evaluate() -> Change[None]:
        change = Change(None)
        for key, value in first_objects:
            if services.engine.meta_get(key) is None:
                change.put(key, value, seen=None)
        return change

    services.definitions.change(evaluate)


def get_tenant(services: Services, _call: Call, request: TenantId) -> Tenant:
    """The tenant, or NOT_FOUND (08/T-6)."""
    stored = services.definitions.get(Kind.TENANT, CLUSTER, request.id)
    if stored is None:
        raise not_found(f"Couldn't find specified Tenant '{request.id}'.")
    return Tenant.FromString(stored.value)


def search_tenant(services: Services, _call: Call, request: SearchTenantRequest) -> TenantIdList:
    """Ids of all tenants, ascending (08/T-6)."""
    page, bookmark = by_name(request, services.definitions.all(Kind.TENANT, CLUSTER))
    return TenantIdList(results=[TenantId(id=stored.name) for stored in page], bookmark=bookmark)


def get_principal(services: Services, _call: Call, request: PrincipalId) -> Principal:
    """The principal, or NOT_FOUND (08/P-7)."""
    stored = services.definitions.get(Kind.PRINCIPAL, CLUSTER, request.id)
    if stored is None:
        raise not_found(f"Couldn't find specified Principal '{request.id}'.")
    return Principal.FromString(stored.value)
