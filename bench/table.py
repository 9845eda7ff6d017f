"""Prints cases as a table."""

from collections.abc import Mapping

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
    """The table; one row per case, a dash where a case has no such figure."""
    rows = [["case", *(title for title, _, _ in COLUMNS), "fsync", "shards", "replicas"]]
    for name, case in cases.items():
        figures = ["-" if case.get(key) is None else format(case[key], form) for _, key, form in COLUMNS]
        fsync = "yes" if case["fsync"] else "no"
        rows.append([name, *figures, fsync, str(case["shards"]), str(case["replication_factor"])])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])
