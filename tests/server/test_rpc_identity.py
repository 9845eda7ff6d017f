"""What the first start stores, and tenants and principals as they are read."""

from __future__ import annotations

import pytest

from littlehorse.model import (
    ACL_ALL_RESOURCES,
    ALL_ACTIONS,
    Principal,
    PrincipalId,
    SearchTenantRequest,
    Tenant,
    TenantId,
    TenantIdList,
)
from littlehorse.server.errors import Code, RpcError
from littlehorse.server.rpc.identity import store_first_objects
from tests.server.fakes import NOW_MS, FakeServer


def test_the_first_start_stores_tenant_and_admin(server: FakeServer) -> None:
    """08/T-4, P-1, P-2."""
    store_first_objects(server.services)
    tenant = server.call("GetTenant", TenantId(id="default"), Tenant)
    assert tenant.created_at.ToMilliseconds() == NOW_MS
    anonymous = server.call("GetPrincipal", PrincipalId(id="anonymous"), Principal)
    (acl,) = anonymous.global_acls.acls
    assert (list(acl.resources), list(acl.allowed_actions)) == ([ACL_ALL_RESOURCES], [ALL_ACTIONS])


def test_later_starts_change_nothing(server: FakeServer) -> None:
    """08/T-4: edits are never overwritten by a restart."""
    store_first_objects(server.services)
    before = dict(server.engine.meta)
    server.now_ms += 1
    store_first_objects(server.services)
    assert server.engine.meta == before


def test_a_crash_between_the_two_is_repaired(server: FakeServer) -> None:
    """08/T-4: what is missing is stored, what is there stays."""
    store_first_objects(server.services)
    key = next(iter(server.engine.meta))
    kept = {other: entry for other, entry in server.engine.meta.items() if other != key}
    del server.engine.meta[key]
    server.now_ms += 1
    store_first_objects(server.services)
    assert {other: server.engine.meta[other] for other in kept} == kept
    assert key in server.engine.meta


def test_search_and_get_tenants(server: FakeServer) -> None:
    """08/T-6, T-7: cluster-scoped, whatever tenant the call is in; NOT_FOUND."""
    store_first_objects(server.services)
    found = server.call("SearchTenant", SearchTenantRequest(limit=1), TenantIdList, tenant="other")
    assert found == TenantIdList(results=[TenantId(id="default")])
    for rpc, request in [("GetTenant", TenantId(id="x")), ("GetPrincipal", PrincipalId(id="x"))]:
        with pytest.raises(RpcError) as refused:
            server.rpcs(rpc, request.SerializeToString(), "default", "anonymous")
        assert refused.value.code == Code.NOT_FOUND
