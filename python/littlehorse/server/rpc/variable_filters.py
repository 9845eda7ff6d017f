"""The variable filters of SearchWfRun (07/W-7): which an index answers, and what records say of the rest."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

from littlehorse.model import (
    INHERITED_VAR,
    ThreadVarDef,
    VariableId,
    VariableMatch,
    VariableType,
    VariableValue,
    WfRunId,
    WfSpec,
)
from littlehorse.server.engine_port import KeyLayout
from littlehorse.server.internal.record_pb2 import SpecRecord
from littlehorse.server.run_index import FORMAT, Index, RunIndex, decode
from littlehorse.shard.intersect import Source
from littlehorse.shard.scan import Found, Position, TimeRange

ENTRYPOINT_THREAD = 0
# The input of a handler thread is declared under this name in many threads and is never indexed (07/V-2.4).
RESERVED_NAME = "INPUT"
# Variables of these types have one index entry while they have a value, and it says the whole value (07/V-5).
INDEXED_TYPES = (VariableType.STR, VariableType.BOOL, VariableType.INT, VariableType.DOUBLE)
# How many stored WfSpecs are remembered by what their index leaves out.
SPECS_REMEMBERED = 512


class VariableFilters:
    """The filters of one search over the WfRuns of one WfSpec.

    In a shard, a filter is indexed if every WfSpec that a run of that name can be bound to, deleted ones too, has the
    variable of its entrypoint thread searchable and of a type that the index tells whole: then all runs that match are
    in the index of that value. A Variable of the entrypoint thread is created with its WfRun, so its entries are
    in the order of the runs' start, but for the order of ids within a millisecond, which is made here.
    """

    def __init__(
        self, keys: KeyLayout, index: RunIndex, wf_spec: WfSpec, filters: list[VariableMatch], times: TimeRange
    ) -> None:
        self._keys = keys
        self._index = index
        self._name = wf_spec.id.name
        self._filters = filters
        self._times = times
        self._inherited = {
            variable.var_def.name
            for variable in entrypoint_variables(wf_spec)
            if variable.access_level == INHERITED_VAR
        }

    def indexed(self, shard: int) -> list[VariableMatch]:
        """The filters whose index has all runs of this shard that match, and nothing else."""
        spellable = [match for match in self._filters if self._text_of(match) is not None]
        left_out = self._left_out(shard) if spellable else set()
        return [match for match in spellable if match.var_name not in left_out]

    def source(self, shard: int, match: VariableMatch) -> Source:
        """The entries of an indexed filter, at the positions of their WfRuns."""
        prefix = self._index.prefix(Index.VARIABLE, self._name, match.var_name, self._text_of(match) or "")
        ending = f"/{ENTRYPOINT_THREAD}/{match.var_name}".encode()

        def begin(start: Position) -> Iterator[Found]:
            entries = self._index.entries_in(shard, [prefix], self._times, start)
            for _, simultaneous in itertools.groupby(entries, key=lambda entry: entry.position.time_ms):
                of_runs = [
                    replace(entry, position=Position(entry.position.time_ms, entry.position.id.removesuffix(ending)))
                    for entry in simultaneous
                    if entry.position.id.endswith(ending)
                ]
                of_runs.sort(key=lambda entry: entry.position)
                yield from (entry for entry in of_runs if entry.position >= start)

        return begin

    def match(self, shard: int, wf_run_id: WfRunId, filters: list[VariableMatch]) -> bool:
        """Whether the entrypoint thread's variables have these values; an inherited one is its ancestor's (07/W-7)."""
        record = self._index.run_record(shard, wf_run_id) if filters else None
        for match in filters:
            if match.var_name in self._inherited:
                value = self._inherited_value(shard, wf_run_id, match.var_name)
            else:
                value = self._value_in(record, match.var_name)
            if value is None or not _is_equal(value, match.value):
                return False
        return True

    def _inherited_value(self, shard: int, wf_run_id: WfRunId, name: str) -> VariableValue | None:
        """The value in the nearest ancestor that has the variable."""
        while wf_run_id.HasField("parent_wf_run_id"):
            wf_run_id = wf_run_id.parent_wf_run_id
            value = self._value_in(self._index.run_record(shard, wf_run_id), name)
            if value is not None:
                return value
        return None

    def _value_in(self, run_record: bytes | None, name: str) -> VariableValue | None:
        value = None if run_record is None else self._keys.variable_in(run_record, ENTRYPOINT_THREAD, name)
        return None if value is None else VariableValue.FromString(value)

    def _text_of(self, match: VariableMatch) -> str | None:
        """How the index of the run's own variables spells the value; None = it does not."""
        if match.var_name in self._inherited or match.var_name == RESERVED_NAME:
            return None
        return self._keys.index_value(match.value.SerializeToString())

    def _left_out(self, shard: int) -> set[str]:
        """Variables that the index of this shard does not have in full."""
        stored = (_left_out_by(value) for value in self._index.wf_specs(shard, self._name))
        return set().union(*(names for wf_spec_name, names in stored if wf_spec_name == self._name))


def entrypoint_variables(wf_spec: WfSpec) -> list[ThreadVarDef]:
    """What the entrypoint thread declares."""
    return list(wf_spec.thread_specs[wf_spec.entrypoint_thread_name].variable_defs)


def of_its_run(found: Found) -> Found:
    """The entry of a Variable as one of its WfRun."""
    entry = decode(found.value)
    entry.id = VariableId.FromString(entry.id).wf_run_id.SerializeToString()
    return replace(found, value=FORMAT + entry.SerializeToString())


@lru_cache(maxsize=SPECS_REMEMBERED)
def _left_out_by(stored: bytes) -> tuple[str, frozenset[str]]:
    """Of a stored WfSpec: its name, and the variables of its entrypoint thread whose values the index does not tell."""
    wf_spec = WfSpec.FromString(SpecRecord.FromString(stored.removeprefix(FORMAT)).wf_spec)
    left_out = {
        variable.var_def.name
        for variable in entrypoint_variables(wf_spec)
        if variable.access_level != INHERITED_VAR and not _is_told_by_index(variable)
    }
    return wf_spec.id.name, frozenset(left_out)


def _is_told_by_index(variable: ThreadVarDef) -> bool:
    defined = variable.var_def.type_def
    is_primitive = defined.WhichOneof("defined_type") == "primitive_type"
    return variable.searchable and is_primitive and defined.primitive_type in INDEXED_TYPES


def _is_equal(value: VariableValue, wanted: VariableValue) -> bool:
    """Whole values with their types (07/W-7); JSON by what it says, as its text may be written anew (02/T-1)."""
    if value == wanted:
        return True
    case = value.WhichOneof("value")
    if case != wanted.WhichOneof("value") or case not in ("json_obj", "json_arr"):
        return False
    try:
        # Compared as text, because Python takes 1, 1.0 and true for the same.
        one, other = (json.dumps(json.loads(getattr(each, case)), sort_keys=True) for each in (value, wanted))
    except (ValueError, RecursionError):
        return False
    return one == other
