"""Some points of the kill walk (`make kill-walk` walks all): a fault of the disk in the middle of a scripted life."""

from pathlib import Path

import pytest

from tests.faults.tracing import SURFACES, Fault, needs_strace
from tests.faults.walk import live_through

SURFACE = {surface.name: surface for surface in SURFACES}


@needs_strace
@pytest.mark.parametrize(
    ("surface", "call", "kind", "number"),
    [
        ("identity", "rename", "KILL", 1),
        ("segments", "fdatasync", "KILL", 3),
        ("segments", "write", "ENOSPC", 2),
        ("log", "fdatasync", "KILL", 20),
        ("log", "fdatasync", "EIO", 12),
        ("log", "rename", "KILL", 1),
        ("store", "write", "KILL", 9),
        ("store", "fdatasync", "EIO", 4),
        ("meta", "fdatasync", "EIO", 6),  # while it stops
    ],
)
def test_a_fault_of_the_disk_loses_and_doubles_nothing(
    surface: str, call: str, kind: str, number: int, tmp_path: Path
) -> None:
    """03/E-001, E-961, 04/TW-22, TW-23: see walk.live_through. A fault that did not happen tested nothing."""
    assert live_through(Fault(SURFACE[surface], call, kind, number), tmp_path) is not None
