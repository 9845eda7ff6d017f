"""The Python edge under arbitrary bytes: an input is a handful of cold RPCs in a tenant of its own.

What must hold: each call is answered with the message of the contract, or refused with a status that is no mistake of
ours and a sentence; a refused call changes no definition; a definition that was acknowledged is read back and can be
put again with the same answer.
"""

import itertools
import shutil
import tempfile
from pathlib import Path
from types import TracebackType

from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from littlehorse.model import service_pb2
from littlehorse.server.app import Server
from littlehorse.server.config import from_arguments
from littlehorse.server.definitions import Definitions, Kind
from littlehorse.server.engine import keys
from littlehorse.server.errors import Code, RpcError
from littlehorse.server.rpc.table import TABLE
from tests.fuzz.message_source import MessageSource

METHODS = service_pb2.DESCRIPTOR.services_by_name["LittleHorse"].methods_by_name
RPCS = sorted(TABLE)
PUTS = {name: name.replace("Put", "Get", 1) for name in RPCS if name.startswith("Put")}
REFUSALS = {Code.INVALID_ARGUMENT, Code.NOT_FOUND, Code.ALREADY_EXISTS, Code.FAILED_PRECONDITION}
CALLS_MAX = 8
IN_TENANT = [kind for kind in Kind if kind not in (Kind.TENANT, Kind.PRINCIPAL)]


class ColdEdge:
    """Cold RPCs over a real engine and real stores, in a folder that goes away."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="lh-edge-"))
        config = from_arguments(["--data-dir", str(self._folder / "data"), "--listen", "127.0.0.1:0"], "fuzz")
        self._server = Server(config)
        self._server.start()
        self._definitions = Definitions(self._server._engine, keys)
        self._tenants = itertools.count()

    def __enter__(self) -> "ColdEdge":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stop()
        shutil.rmtree(self._folder)

    def one_input(self, data: bytes) -> int:
        """Makes the calls that these bytes say; returns how many were answered. AssertionError if one misbehaves."""
        tenant = f"tenant-{next(self._tenants)}"
        source = MessageSource(data)
        answered = 0
        for _ in range(CALLS_MAX):
            if source.is_empty:
                break
            rpc = RPCS[source.number(len(RPCS))]
            is_built = source.number(4) > 0
            request = (
                source.message(METHODS[rpc].input_type).SerializeToString(deterministic=True)
                if is_built
                else source.take(source.number(256))
            )
            answered += self.call(tenant, rpc, request) is not None
        return answered

    def call(self, tenant: str, rpc: str, request: bytes) -> Message | None:
        """One call and what must hold after it; None if it was refused."""
        before = self._all(tenant)
        reply = self._answer_or_refusal(tenant, rpc, request)
        if isinstance(reply, RpcError):
            assert reply.code in REFUSALS, f"{rpc}: {reply}"
            assert reply.message.strip(), f"{rpc} was refused without a word"
            assert self._all(tenant) == before, f"{rpc} was refused, but changed something"
            return None
        if rpc in PUTS:
            again = self._answer(tenant, rpc, request)
            assert again == reply, f"{rpc} again: {again} instead of {reply}"
            stored = self._answer(tenant, PUTS[rpc], self._id_of(rpc, reply).SerializeToString())
            assert stored == reply, f"{PUTS[rpc]}: {stored} instead of {reply}"
        elif not rpc.startswith("Delete"):
            assert self._all(tenant) == before, f"{rpc} only reads, but changed something"
        return reply

    def _answer_or_refusal(self, tenant: str, rpc: str, request: bytes) -> Message | RpcError:
        try:
            return self._answer(tenant, rpc, request)
        except RpcError as error:
            return error

    def _answer(self, tenant: str, rpc: str, request: bytes) -> Message:
        return GetMessageClass(METHODS[rpc].output_type).FromString(
            self._server._cold(rpc, request, tenant, "anonymous")
        )

    def _id_of(self, rpc: str, reply: Message) -> Message:
        if rpc == "PutUserTaskDef":
            wanted = GetMessageClass(METHODS["GetUserTaskDef"].input_type)
            return wanted(name=getattr(reply, "name"), version=getattr(reply, "version"))  # noqa: B009
        found: Message = getattr(reply, "id")  # noqa: B009
        return found

    def _all(self, tenant: str) -> list[tuple[bytes, int, bytes]]:
        stored = itertools.chain.from_iterable(self._definitions.all(kind, tenant) for kind in IN_TENANT)
        return [(one.key, one.version, one.value) for one in stored]
