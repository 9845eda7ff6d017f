"""The table of cold RPCs and the door that the engine calls."""

from __future__ import annotations

import pytest

from littlehorse.model import service_pb2
from littlehorse.server.errors import Code, RpcError, StartError, invalid, not_found
from littlehorse.server.rpc.table import TABLE, ColdRpcs
from tests.server.fakes import TENANT, FakeServer

METHODS = service_pb2.DESCRIPTOR.services_by_name["LittleHorse"].methods_by_name


@pytest.mark.parametrize("rpc", sorted(TABLE))
def test_request_types_are_those_of_the_contract(rpc: str) -> None:
    """Each row parses what the contract says the RPC takes."""
    assert TABLE[rpc].request.DESCRIPTOR.full_name == METHODS[rpc].input_type.full_name


def test_no_cold_rpc_is_without_a_row(server: FakeServer) -> None:
    """A route table that sends an RPC here that nobody answers is noticed at start."""
    server.engine.cold.add("AwaitWorkflowEvent")
    with pytest.raises(LookupError, match="AwaitWorkflowEvent"):
        ColdRpcs().serve(server.services)


def test_bytes_that_are_no_message_are_refused(server: FakeServer) -> None:
    """08/E-4: malformed requests are INVALID_ARGUMENT, not INTERNAL."""
    with pytest.raises(RpcError) as refused:
        server.rpcs("PutTaskDef", b"\xff\xff\xff", TENANT, "anonymous")
    assert refused.value.code == Code.INVALID_ARGUMENT


def test_before_the_services_are_there_calls_may_be_retried() -> None:
    """08/P-3: UNAVAILABLE, Server Initializing."""
    with pytest.raises(RpcError) as refused:
        ColdRpcs()("GetTaskDef", b"", TENANT, "anonymous")
    assert refused.value.code == Code.UNAVAILABLE
    assert "Initializing" in refused.value.message


def test_a_write_that_takes_too_long_says_so(server: FakeServer) -> None:
    """02/G-6."""

    def interfere() -> None:
        raise TimeoutError

    server.engine.interfere = interfere
    with pytest.raises(RpcError) as refused:
        server.rpcs("PutTaskDef", TABLE["PutTaskDef"].request(name="a").SerializeToString(), TENANT, "anonymous")  # type: ignore[call-arg]
    assert refused.value.code == Code.DEADLINE_EXCEEDED


def test_our_own_mistakes_are_not_dressed_up(server: FakeServer) -> None:
    """Anything that is no RpcError reaches the front as it is, which logs it and answers INTERNAL (08 section 13)."""
    server.engine.meta[server.services.definitions.key(1, TENANT, "a")] = (1, b"\xff")  # type: ignore[arg-type]
    with pytest.raises(Exception) as failed:
        server.rpcs("GetTaskDef", TABLE["GetTaskDef"].request(name="a").SerializeToString(), TENANT, "anonymous")  # type: ignore[call-arg]
    assert not isinstance(failed.value, RpcError)


def test_errors_carry_code_and_message() -> None:
    """The front reads both attributes; the constructor takes plain numbers, as the extension passes them."""
    assert (invalid("no").code, invalid("no").message) == (3, "no")
    assert not_found("gone").code == 5
    error = RpcError(8, "full")
    assert (error.code, error.message, str(error)) == (8, "full", "RESOURCE_EXHAUSTED: full")
    assert not issubclass(StartError, RpcError)
