"""Calls `lh_load`, the native load driver, and reads what it prints."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any, TypeAlias

from bench.server import BenchError

ROOT = Path(__file__).resolve().parent.parent
NOT_SOUND = 1
"""Exit code of a drive that was measured but lost something; the JSON tells what."""

Drive: TypeAlias = dict[str, Any]


def driver_path(profile: str = "release") -> Path:
    """Where cargo leaves the driver of this profile: `release` or `debug`."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", "target"))
    return ROOT / target / profile / "lh_load"


def drive(subcommand: str, options: dict[str, object], driver: Path | None = None) -> Drive:
    """Runs one case.

    Args:
        subcommand: `chain`, `latency` or `transport`.
        options: options of the driver without their dashes; `None` values are left out.
        driver: another binary than `driver_path()`.

    Returns:
        What the driver printed, and `sound`: whether every run finished and none was lost or delivered wrongly.

    Raises:
        BenchError: the driver is missing or could not run.
    """
    program = driver or driver_path()
    words = [f"--{name}={value}" for name, value in options.items() if value is not None]
    try:
        done = subprocess.run([str(program), subcommand, *words], stdout=subprocess.PIPE, text=True, check=False)
    except FileNotFoundError:
        raise BenchError(f"{program} is missing: run `cargo build --release -p lh_load` first") from None
    if done.returncode not in (0, NOT_SOUND):
        raise BenchError(f"lh_load {subcommand} ended with {done.returncode}")
    result: Drive = json.loads(done.stdout)
    result["sound"] = done.returncode == 0
    return result
