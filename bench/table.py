"""Prints cases as a table."""

from collections.abc import Mapping, Sequence

from bench.cases import Summary

COLUMNS = (
    ("tasks/s", "tasks_per_s", ",.0f"),
    ("runs/s", "wf_per_s", ",.1f"),
    ("server µs/task", "server_cpu_us_per_task", ",.1f"),
    ("driver µs/task", "driver_cpu_us_per_task", ",.1f"),
    ("p50 ms", "p50_ms", ",.2f"),
    ("p95 ms", "p95_ms", ",.2f"),
    ("p99 ms", "p99_ms", ",.2f"),
    ("÷ transport", "ratio_to_transport", ".3f"),
)


def render(cases: Mapping[str, Summary]) -> str:
    """A table of the cases that are measured in tasks per second, then the others with every figure they have."""
    driven = {name: case for name, case in cases.items() if "wf_per_s" in case}
    others = {name: case for name, case in cases.items() if "wf_per_s" not in case}
    parts = [_driven(driven)] if driven else []
    return "\n\n".join([*parts, *(_figures(name, case) for name, case in others.items())])


def _driven(cases: Mapping[str, Summary]) -> str:
    """One row per case, a dash where a case has no such figure."""
    rows = [["case", *(title for title, _, _ in COLUMNS), "fsync", "shards", "replicas"]]
    for name, case in cases.items():
        figures = ["-" if case.get(key) is None else format(case[key], form) for _, key, form in COLUMNS]
        fsync = "yes" if case["fsync"] else "no"
        rows.append([name, *figures, fsync, str(case["shards"]), str(case["replication_factor"])])
    return aligned(rows, 1)


def _figures(name: str, case: Summary) -> str:
    """A row per figure; figures within figures have their names joined."""
    rows = [[name, ""]]
    for key, value in case.items():
        if isinstance(value, dict):
            for inner, part in value.items():
                rows.append([f"  {key} {inner}", _shown(part)])
        elif key not in ("problems", "errors"):
            rows.append([f"  {key}", _shown(value)])
    return aligned(rows, 1)


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_shown(part)}" for key, part in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    return format(value, ",") if isinstance(value, int | float) else "-" if value is None else str(value)


def aligned(rows: Sequence[Sequence[str]], left: int) -> str:
    """Rows below each other, with a line below the first; the `left` first columns are flush left, the others right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(width) if at < left else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])
