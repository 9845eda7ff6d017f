"""Stub of the Rust extension; compared with the built module by stubtest in `make verify`."""

from typing import final

from littlehorse.server.ports import ColdHandler, Store

@final
class EngineConfig:
    """What the engine is told at start; immutable.

    Parameters: `data_dir` holds the log (a folder `log` is made in it) and the directory lock; `listen` is HOST:PORT
    (port 0 = any free); `advertise` is the HOST:PORT that workers are told (None = the address listened on);
    `run_shards` >= 1; `lanes` is the number of Python threads for cold handlers; `memory_limit_bytes` bounds the runs
    kept in memory over all shards, `call_memory_bytes` what calls in progress hold; more than `max_connections`
    connections at a time are refused; `version` is what GetServerVersion tells, "major.minor.patch[-pre]".
    """

    def __new__(
        cls,
        *,
        data_dir: str,
        listen: str,
        advertise: str | None,
        run_shards: int,
        lanes: int,
        memory_limit_bytes: int,
        call_memory_bytes: int,
        max_connections: int,
        version: str,
    ) -> EngineConfig: ...

@final
class Engine:
    """Front, shards and effects of one server process. Rust owns every thread it starts.

    `stores` are the run shards' stores in order, then the metadata group's. Every method releases the GIL while it
    waits. Errors: `OSError` (log or store damaged, directory locked, disk full, address in use), `RuntimeError` (engine
    stopped).
    """

    def __new__(cls, config: EngineConfig, stores: list[Store], cold: ColdHandler, /) -> Engine: ...
    def start(self, /) -> str:
        """Recovers every shard, then listens. Returns the HOST:PORT it listens on."""
    def stop(self, drain_ms: int, /) -> None:
        """Refuses new calls, ends polls with UNAVAILABLE, finishes what is proposed, flushes, stops all threads."""
    def wait_failed(self, timeout_ms: int, /) -> str | None:
        """Waits until the engine failed beyond repair (e.g. a failed fsync) and returns why; None = timeout passed."""
    def meta_get(self, key: bytes, /) -> tuple[int, bytes] | None:
        """Version and value of a metadata entry, as of now (read-your-writes)."""
    def meta_scan(self, prefix: bytes, start: bytes, limit: int, /) -> list[tuple[bytes, int, bytes]]:
        """Metadata entries with this prefix and key >= start, ascending, at most `limit`: key, version, value."""
    def meta_write(
        self, expects: list[tuple[bytes, int]], writes: list[tuple[bytes, bytes | None]], timeout_ms: int, /
    ) -> bool:
        """Compare-and-write: `expects` are (key, version seen; 0 = absent), a None value deletes.

        True once it is durable and every run shard has applied it; False if an expected version differs (nothing
        written).
        """
    def check_put_wf_spec(self, tenant: str, request: bytes, now_ms: int, /) -> bytes:
        """Static checks of a serialized PutWfSpecRequest against current metadata; returns a serialized CheckedWfSpec.

        Raises `littlehorse.server.errors.RpcError` with the status that the spec names.
        """
    def check_put_task_def(self, tenant: str, request: bytes, now_ms: int, /) -> bytes:
        """Checks a serialized PutTaskDefRequest; returns the serialized TaskDef to store (errors as above)."""
    def check_put_struct_def(self, tenant: str, request: bytes, now_ms: int, /) -> bytes:
        """Checks a serialized PutStructDefRequest; returns the serialized StructDef to answer (stored if unchanged)."""
    def check_put_external_event_def(self, tenant: str, request: bytes, now_ms: int, /) -> bytes:
        """Checks a serialized PutExternalEventDefRequest; returns the ExternalEventDef (stored if unchanged)."""
    def check_put_workflow_event_def(self, tenant: str, request: bytes, now_ms: int, /) -> bytes:
        """Checks a serialized PutWorkflowEventDefRequest; returns the WorkflowEventDef (stored if unchanged)."""
    def check_put_user_task_def(self, tenant: str, request: bytes, now_ms: int, /) -> bytes:
        """Checks a serialized PutUserTaskDefRequest; returns the UserTaskDef (the latest one if unchanged)."""
    def check_struct_def_evolution(self, tenant: str, request: bytes, /) -> bool:
        """Whether a serialized ValidateStructDefEvolutionRequest is valid (02/SD-7; errors as above)."""
    def flush(self, shard: int, /) -> None:
        """Brings the store of run shard `shard` up to everything acknowledged so far."""
    def routes(self, /) -> list[tuple[str, str]]:
        """All RPCs of the contract: name and "hot", "cold" or "unimplemented"."""

def routes() -> list[tuple[str, str]]:
    """As `Engine.routes`, without an engine."""

def meta_key(kind: int, tenant: str, name: str, numbers: list[int], /) -> bytes:
    """Key of a definition (see `lh_machine::key::MetaKind` for kinds)."""

def meta_prefix(kind: int, tenant: str, name: str | None, /) -> bytes:
    """Prefix of all definitions of a kind in a tenant, or of all versions of one name."""

def parse_meta_key(key: bytes, numbers: int, /) -> tuple[int, str, str, list[int]]:
    """Kind, tenant, name and version numbers of a meta key."""

def index_prefix(tenant: str, kind: int, components: list[str], /) -> bytes:
    """Prefix of index entries (see `lh_machine::key::IndexKind`); times (u64 big-endian ms) and ids follow it."""

def index_value(value: bytes, /) -> str | None:
    """How the index of Variables spells a serialized VariableValue, e.g. "int:5"; None = not indexed (07/V-5)."""

def trees_prefix(tenant: str, /) -> bytes:
    """Prefix of the records of all trees of a tenant."""

def node_runs_in(key: bytes, value: bytes, status: int, /) -> list[tuple[int, str, bytes]]:
    """NodeRuns in this status within one record of a tree: arrival time in ms, id as text, serialized id."""

def run_key(tenant: str, wf_run_id: bytes, /) -> bytes:
    """Key of the record of the WfRun with this serialized WfRunId."""

def variable_in(run_record: bytes, thread: int, name: str, /) -> bytes | None:
    """The serialized VariableValue of a Variable in a run record, NOT masked; None = there is no such Variable.

    For searches that compare values (07/W-7); never an answer to a client.
    """

def wf_spec_prefixes(tenant: str, name: str, /) -> list[bytes]:
    """Prefixes of every WfSpec in a run shard's store that a run of this name can be bound to.

    Those are the versions of the name, and what was deleted or replaced, of all names. Values are SpecRecords.
    """

def stored_run_shards(data_dir: str, /) -> int | None:
    """The number of run shards that a data directory was made with; None if it is new, OSError if it is damaged."""

def shard_of(tenant: str, root_id: str, run_shards: int, /) -> int:
    """The run shard that owns the tree with this root id."""

def examine(data_dir: str, stores: list[Store | None], whole_log: str | None, /) -> list[tuple[bool, str, str]]:
    """Looks at log, stores, indexes and their agreement in the directory of a stopped server, and changes nothing.

    `stores` are the run shards' in order, then the metadata group's; None = could not be opened. `whole_log` is a
    directory with every segment that the log ever had: then a replay from the first entry is compared, too. Rows:
    whether it is sound, what was looked at, what was found. OSError: no data directory, in use, identity or log lost.
    """

@final
class TaskLink:
    """A worker's connection to one server without TLS: polls and reports beside the interpreter; no call blocks.

    Parameters: `server` is HOST:PORT; `poll` the serialized PollTaskRequest of every poll; `tenant` goes with every
    call (None = the server's default); `waits_when_exhausted`: a report that an overloaded server refuses is sent again
    after the time that it asks for (09/PY-14). ValueError: server or tenant cannot be spelled in a request.
    """

    def __new__(
        cls,
        server: str,
        poll: bytes,
        *,
        tenant: str | None,
        keepalive_ms: int,
        keepalive_timeout_ms: int,
        waits_when_exhausted: bool,
    ) -> TaskLink: ...
    def fileno(self, /) -> int:
        """A descriptor that is readable while `take` has something to give."""
    def open_stream(self, /) -> None:
        """Opens a PollTask stream in place of the one before, if any; connects if need be."""
    def half_close(self, /) -> None:
        """Sends no more polls; claims under way still arrive."""
    def cancel_stream(self, /) -> None:
        """Cuts the stream; nothing more of it arrives."""
    def send(self, polls: int, reports: list[tuple[int, bytes]], timeout_s: float, /) -> None:
        """Sends so many polls on the open stream, and reports.

        A report is a number that comes back with the outcome, and the serialized ReportTaskRun; each attempt to deliver
        it may take `timeout_s`. ValueError: that is no time.
        """
    def take(self, /) -> tuple[list[bytes], list[tuple[int, str | None]], str | None]:
        """What came: PollTaskResponses; outcomes of reports (None = arrived); how the stream ended ("" = well)."""
