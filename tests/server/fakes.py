"""Stand-ins for the extension and the stores: enough of their behaviour to test the cold handlers without Rust."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable, Iterator
from typing import TypeVar

from google.protobuf.message import Message

from littlehorse.model import (
    ExternalEventDef,
    ExternalEventDefId,
    PutExternalEventDefRequest,
    PutStructDefRequest,
    PutTaskDefRequest,
    PutUserTaskDefRequest,
    PutWfSpecRequest,
    PutWorkflowEventDefRequest,
    ReturnType,
    StructDef,
    StructDefId,
    TaskDef,
    TaskDefId,
    UserTaskDef,
    VariableId,
    VariableValue,
    WfRunId,
    WfSpec,
    WfSpecId,
    WorkflowEventDef,
    WorkflowEventDefId,
)
from littlehorse.server.definitions import Definitions, Kind
from littlehorse.server.errors import Code, RpcError
from littlehorse.server.internal.check_pb2 import CheckedWfSpec
from littlehorse.server.internal.record_pb2 import IndexEntry, RunRecord, SpecRecord
from littlehorse.server.rpc.table import TABLE, ColdRpcs
from littlehorse.server.run_index import FORMAT, Index, full_id
from littlehorse.server.services import Services
from littlehorse.shard.scan import TIME

Reply = TypeVar("Reply", bound=Message)

TENANT = "default"
NOW_MS = 1_700_000_000_123


class FakeKeys:
    """A layout that sorts as the real one does."""

    def meta_key(self, kind: int, tenant: str, name: str, numbers: list[int], /) -> bytes:
        return self.meta_prefix(kind, tenant, name) + b"".join(struct.pack(">I", number) for number in numbers)

    def meta_prefix(self, kind: int, tenant: str, name: str | None, /) -> bytes:
        prefix = bytes([kind]) + _text(tenant)
        return prefix if name is None else prefix + _text(name)

    def parse_meta_key(self, key: bytes, numbers: int, /) -> tuple[int, str, str, list[int]]:
        tenant, rest = key[1:].split(b"\0\1", 1)
        name, rest = rest.split(b"\0\1", 1)
        return key[0], tenant.decode(), name.decode(), list(struct.unpack(f">{numbers}I", rest))

    def index_prefix(self, tenant: str, kind: int, components: list[str], /) -> bytes:
        return b"I" + _text(tenant) + bytes([kind]) + b"".join(_text(component) for component in components)

    def index_value(self, value: bytes, /) -> str | None:
        parsed = VariableValue.FromString(value)
        case = parsed.WhichOneof("value")
        if case not in ("str", "int", "bool", "double"):
            return None
        content = getattr(parsed, case)
        return f"{case}:{str(content).lower() if case == 'bool' else content}"

    def trees_prefix(self, tenant: str, /) -> bytes:
        return b"T" + _text(tenant)

    def node_runs_in(self, _key: bytes, value: bytes, status: int, /) -> list[tuple[int, str, bytes]]:
        found = [node.node_run for node in RunRecord.FromString(value[len(FORMAT) :]).nodes]
        return [
            (
                node.arrival_time.ToMilliseconds(),
                f"{full_id(node.id.wf_run_id)}/{node.id.position}",
                node.id.SerializeToString(),
            )
            for node in found
            if node.status == status
        ]

    def run_key(self, tenant: str, wf_run_id: bytes, /) -> bytes:
        return self.trees_prefix(tenant) + _text(full_id(WfRunId.FromString(wf_run_id)))

    def variable_in(self, run_record: bytes, thread: int, name: str, /) -> bytes | None:
        variables = RunRecord.FromString(run_record.removeprefix(FORMAT)).variables
        found = [it for it in variables if (it.id.thread_run_number, it.id.name) == (thread, name)]
        return found[0].value.SerializeToString() if found else None

    def wf_spec_prefixes(self, tenant: str, name: str, /) -> list[bytes]:
        return [b"D" + self.meta_prefix(Kind.WF_SPEC, tenant, name), b"D\xff"]

    def shard_of(self, tenant: str, root_id: str, run_shards: int, /) -> int:
        return sum(f"{tenant}{root_id}".encode()) % run_shards


class FakeEngine:
    """Metadata in a dictionary; checks that accept everything and version things as the real ones do."""

    def __init__(self, keys: FakeKeys) -> None:
        self.keys = keys
        self.meta: dict[bytes, tuple[int, bytes]] = {}
        # Stores of run shards: they are told of WfSpecs, and keep those that are deleted.
        self.stores: list[FakeStore] = []
        self.flushed: list[int] = []
        # Called before each compare-and-write: what another writer does at the worst moment.
        self.interfere: Callable[[], None] = lambda: None
        self.cold = set(TABLE)

    def meta_get(self, key: bytes, /) -> tuple[int, bytes] | None:
        return self.meta.get(key)

    def meta_scan(self, prefix: bytes, start: bytes, limit: int, /) -> list[tuple[bytes, int, bytes]]:
        found = sorted(key for key in self.meta if key.startswith(prefix) and key >= start)
        return [(key, *self.meta[key]) for key in found[:limit]]

    def meta_write(
        self, expects: list[tuple[bytes, int]], writes: list[tuple[bytes, bytes | None]], timeout_ms: int, /
    ) -> bool:
        self.interfere()
        if any(self.meta.get(key, (0, b""))[0] != version for key, version in expects):
            return False
        for key, value in writes:
            if value is None:
                self._hide(key)
                del self.meta[key]
            else:
                self.put(key, value)
        return True

    def put(self, key: bytes, value: bytes) -> None:
        """Writes without any check, as another writer would have."""
        self._hide(key)
        self.meta[key] = (self.meta.get(key, (0, b""))[0] + 1, value)
        if key[0] == Kind.WF_SPEC:
            for store in self.stores:
                store.entries[b"D" + key] = FORMAT + SpecRecord(wf_spec=value).SerializeToString()

    def _hide(self, key: bytes) -> None:
        """What was under this key stays for the runs that are bound to it."""
        for store in self.stores:
            if (hidden := store.entries.pop(b"D" + key, None)) is not None:
                store.entries[b"D\xff" + struct.pack(">Q", len(store.entries))] = hidden

    def check_put_task_def(self, tenant: str, request: bytes, now_ms: int, /) -> bytes:
        wanted = PutTaskDefRequest.FromString(request)
        task_def = TaskDef(id=TaskDefId(name=wanted.name), input_vars=wanted.input_vars, return_type=ReturnType())
        task_def.created_at.FromMilliseconds(now_ms)
        entry = self.meta.get(self.keys.meta_key(Kind.TASK_DEF, tenant, wanted.name, []))
        if entry is None:
            return task_def.SerializeToString()
        stored = TaskDef.FromString(entry[1])
        task_def.created_at.CopyFrom(stored.created_at)
        if task_def != stored:
            raise RpcError(Code.ALREADY_EXISTS, f"TaskDef [{wanted.name}] already exists and is immutable.")
        return entry[1]

    def check_put_struct_def(self, tenant: str, request: bytes, now_ms: int, /) -> bytes:
        wanted = PutStructDefRequest.FromString(request)
        prefix = self.keys.meta_prefix(Kind.STRUCT_DEF, tenant, wanted.name)
        versions = [StructDef.FromString(value) for _, _, value in self.meta_scan(prefix, prefix, 1000)]
        if versions and versions[-1].struct_def == wanted.struct_def:
            return versions[-1].SerializeToString()
        version = versions[-1].id.version + 1 if versions else 0
        struct_def = StructDef(id=StructDefId(name=wanted.name, version=version), struct_def=wanted.struct_def)
        struct_def.created_at.FromMilliseconds(now_ms)
        return struct_def.SerializeToString()

    def check_put_wf_spec(self, tenant: str, request: bytes, now_ms: int, /) -> bytes:
        wanted = PutWfSpecRequest.FromString(request)
        prefix = self.keys.meta_prefix(Kind.WF_SPEC, tenant, wanted.name)
        stored = self.meta_scan(prefix, prefix, 1000)
        wf_spec = WfSpec(
            id=WfSpecId(name=wanted.name),
            thread_specs=wanted.thread_specs,
            entrypoint_thread_name=wanted.entrypoint_thread_name,
        )
        checked = CheckedWfSpec()
        if stored:
            latest = WfSpec.FromString(stored[-1][2])
            checked.seen.add(key=stored[-1][0], version=stored[-1][1])
            if latest.thread_specs == wf_spec.thread_specs:
                checked.wf_spec.CopyFrom(latest)
                checked.unchanged = True
                return checked.SerializeToString()
            wf_spec.id.major_version = latest.id.major_version
            wf_spec.id.revision = latest.id.revision + 1
        wf_spec.created_at.FromMilliseconds(now_ms)
        checked.wf_spec.CopyFrom(wf_spec)
        return checked.SerializeToString()

    def check_put_external_event_def(self, tenant: str, request: bytes, now_ms: int, /) -> bytes:
        wanted = PutExternalEventDefRequest.FromString(request)
        event_def = ExternalEventDef(
            id=ExternalEventDefId(name=wanted.name),
            retention_policy=wanted.retention_policy,
            type_information=wanted.content_type if wanted.HasField("content_type") else None,
        )
        event_def.created_at.FromMilliseconds(now_ms)
        entry = self.meta.get(self.keys.meta_key(Kind.EXTERNAL_EVENT_DEF, tenant, wanted.name, []))
        if entry is None:
            return event_def.SerializeToString()
        stored = ExternalEventDef.FromString(entry[1])
        same = ExternalEventDef.FromString(event_def.SerializeToString())
        same.created_at.CopyFrom(stored.created_at)
        return entry[1] if same == stored else event_def.SerializeToString()

    def check_put_workflow_event_def(self, tenant: str, request: bytes, now_ms: int, /) -> bytes:
        wanted = PutWorkflowEventDefRequest.FromString(request)
        event_def = WorkflowEventDef(id=WorkflowEventDefId(name=wanted.name), content_type=wanted.content_type)
        event_def.created_at.FromMilliseconds(now_ms)
        entry = self.meta.get(self.keys.meta_key(Kind.WORKFLOW_EVENT_DEF, tenant, wanted.name, []))
        if entry is None:
            return event_def.SerializeToString()
        if WorkflowEventDef.FromString(entry[1]).content_type != wanted.content_type:
            raise RpcError(Code.ALREADY_EXISTS, f"WorkflowEventDef [{wanted.name}] already exists with different type!")
        return entry[1]

    def check_put_user_task_def(self, tenant: str, request: bytes, now_ms: int, /) -> bytes:
        wanted = PutUserTaskDefRequest.FromString(request)
        prefix = self.keys.meta_prefix(Kind.USER_TASK_DEF, tenant, wanted.name)
        versions = [UserTaskDef.FromString(value) for _, _, value in self.meta_scan(prefix, prefix, 1000)]
        if versions and list(versions[-1].fields) == list(wanted.fields):
            return versions[-1].SerializeToString()
        version = versions[-1].version + 1 if versions else 0
        user_task_def = UserTaskDef(name=wanted.name, version=version, fields=wanted.fields)
        user_task_def.created_at.FromMilliseconds(now_ms)
        return user_task_def.SerializeToString()

    def check_struct_def_evolution(self, tenant: str, request: bytes, /) -> bool:
        return True

    def flush(self, shard: int, /) -> None:
        self.flushed.append(shard)

    def routes(self, /) -> list[tuple[str, str]]:
        return [("RunWf", "hot"), ("ScheduleWf", "unimplemented"), *((name, "cold") for name in sorted(self.cold))]


class FakeStore:
    """A sorted dictionary that is read as a store is."""

    def __init__(self) -> None:
        self.entries: dict[bytes, bytes] = {}
        # Keys that were read or where scans began, in order.
        self.asked: list[bytes] = []

    @contextlib.contextmanager
    def view(self) -> Iterator[FakeView]:
        yield FakeView(dict(self.entries), self.asked)


class FakeView:
    """What a FakeStore held at one moment."""

    def __init__(self, entries: dict[bytes, bytes], asked: list[bytes]) -> None:
        self._entries = entries
        self._asked = asked

    def get(self, key: bytes, /) -> bytes | None:
        self._asked.append(key)
        return self._entries.get(key)

    def scan(self, start: bytes, end: bytes, /) -> Iterator[tuple[bytes, bytes]]:
        self._asked.append(start)
        return iter(sorted((key, value) for key, value in self._entries.items() if start <= key < end))


class FakeServer:
    """Cold RPCs over fakes, called as the front calls them."""

    def __init__(self, shards: int = 3) -> None:
        self.keys = FakeKeys()
        self.engine = FakeEngine(self.keys)
        self.stores = [FakeStore() for _ in range(shards)]
        self.engine.stores = self.stores
        self.now_ms = NOW_MS
        definitions = Definitions(self.engine, self.keys)
        self.services = Services(self.engine, self.keys, definitions, self.stores, lambda: self.now_ms)
        self.rpcs = ColdRpcs()
        self.rpcs.serve(self.services)

    def call(self, rpc: str, request: Message, reply: type[Reply], tenant: str = TENANT) -> Reply:
        """The parsed reply of a cold RPC."""
        return reply.FromString(self.rpcs(rpc, request.SerializeToString(), tenant, "anonymous"))

    def index(self, shard: int, index: Index, components: list[str], time_ms: int, found: Message, text: str) -> bytes:
        """Adds an index entry as a flush would; returns its key."""
        key = self.keys.index_prefix(TENANT, index, components) + TIME.pack(time_ms) + text.encode()
        entry = IndexEntry(id=found.SerializeToString(), time_ms=time_ms)
        self.stores[shard].entries[key] = FORMAT + entry.SerializeToString()
        return key

    def add_wf_run(
        self,
        wf_run_id: WfRunId,
        spec: str,
        status: int,
        time_ms: int,
        *,
        version: tuple[int, int] = (0, 0),
        shard: int | None = None,
    ) -> None:
        """Adds the index entries of a WfRun."""
        place = self.shard_of(wf_run_id) if shard is None else shard
        entry = IndexEntry(
            id=wf_run_id.SerializeToString(), time_ms=time_ms, major_version=version[0], revision=version[1]
        )
        suffix = TIME.pack(time_ms) + full_id(wf_run_id).encode()
        prefixes = [self.keys.index_prefix(TENANT, Index.WF_RUN, [spec, str(status)])]
        if wf_run_id.HasField("parent_wf_run_id"):
            parent = full_id(wf_run_id.parent_wf_run_id)
            prefixes.append(self.keys.index_prefix(TENANT, Index.CHILD, [parent]))
        for prefix in prefixes:
            self.stores[place].entries[prefix + suffix] = FORMAT + entry.SerializeToString()

    def set_variable(self, wf_run_id: WfRunId, name: str, value: VariableValue) -> None:
        """Adds a variable of the entrypoint thread to the record of the WfRun; not to any index."""
        entries = self.stores[self.shard_of(wf_run_id)].entries
        key = self.keys.run_key(TENANT, wf_run_id.SerializeToString())
        record = RunRecord.FromString(entries.get(key, FORMAT).removeprefix(FORMAT))
        record.variables.add(id=VariableId(wf_run_id=wf_run_id, name=name), value=value)
        entries[key] = FORMAT + record.SerializeToString()

    def index_variable(
        self, wf_run_id: WfRunId, spec: str, name: str, value: VariableValue, time_ms: int, **more: int
    ) -> None:
        """Adds the index entry of a variable; `thread`, `revision`."""
        thread = more.get("thread", 0)
        text = self.keys.index_value(value.SerializeToString())
        if text is not None:
            variable_id = VariableId(wf_run_id=wf_run_id, thread_run_number=thread, name=name)
            entry = IndexEntry(id=variable_id.SerializeToString(), time_ms=time_ms, revision=more.get("revision", 0))
            prefix = self.keys.index_prefix(TENANT, Index.VARIABLE, [spec, name, text])
            key = prefix + TIME.pack(time_ms) + f"{full_id(wf_run_id)}/{thread}/{name}".encode()
            self.stores[self.shard_of(wf_run_id)].entries[key] = FORMAT + entry.SerializeToString()

    def shard_of(self, wf_run_id: WfRunId) -> int:
        """The shard of the tree of this WfRun."""
        return self.keys.shard_of(TENANT, full_id(wf_run_id).partition("_")[0], len(self.stores))


def _text(text: str) -> bytes:
    return text.encode() + b"\0\1"
