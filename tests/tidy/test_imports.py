"""Imports point one way: what the compiler does not hold apart is held apart here."""

import re
import tomllib
from pathlib import Path

import pytest

from tests.tidy.source import ROOT, python_imports, relative, rust_code, text, tracked

# First matching row rules, so the most specific comes first: module prefix -> what it never imports.
NEVER_PYTHON = {
    "littlehorse.server.engine": (),  # the only door to Rust
    "littlehorse.server": ("littlehorse._core", "littlehorse.workflow", "littlehorse.worker", "littlehorse.cli"),
    "littlehorse.shard": (  # knows no workflow rules, and nothing of who calls it
        "littlehorse._core", "littlehorse.server.rpc", "littlehorse.server.engine", "littlehorse.workflow",
        "littlehorse.worker", "littlehorse.cli", "littlehorse.model",
    ),
    "littlehorse.testing": (),  # starts a server inside users' tests
    "littlehorse.cli.server": ("littlehorse._core", "littlehorse.shard", "rocksdict"),  # `lh server start` starts one
    "littlehorse.cli.doctor": ("littlehorse._core", "littlehorse.shard", "rocksdict"),  # `lh doctor` reads its files
    "littlehorse.worker.link_transport": ("littlehorse.server", "littlehorse.shard", "rocksdict"),  # workers
    "littlehorse": ("littlehorse.server", "littlehorse.shard", "littlehorse._core", "rocksdict"),  # SDK, CLI, dashboard
}  # fmt: skip
NEVER_IN_PRODUCTION = ("tests", "bench", "loadtest", "examples")

# Folder of rust/lh_core/src -> what its code never names. They meet in ports.rs.
NEVER_RUST = {
    "front": (r"crate::(?:shard|effects|py)\b", r"lh_machine::state::State\b", r"\bpyo3\b", r"\braft\w*::"),
    "shard": (r"crate::(?:front|effects|py)\b", r"\bpyo3\b", r"\btonic\b"),
    "link": (r"crate::(?:front|shard|effects|engine|py)\b", r"\bpyo3\b", r"\blh_machine\b"),
    "effects": (r"crate::(?:front|shard|py)\b", r"\bpyo3\b", r"\braft\w*::"),
}
# The machine waits for nothing: whatever is not on this list has no business in it.
MACHINE_MAY_DEPEND_ON = {
    "lh_proto", "prost", "prost-types", "bytes", "serde_json", "serde", "base64", "libm", "regex-lite", "thiserror",
    "xxhash-rust",
}  # fmt: skip


def module_of(path: Path) -> str:
    """Import name of a file under python/."""
    name = path.relative_to(ROOT / "python").with_suffix("").as_posix().replace("/", ".")
    return name.removesuffix(".__init__")


def below(name: str, package: str) -> bool:
    """True if `name` is the package or something in it."""
    return name == package or name.startswith(package + ".")


PRODUCTION = [path for path in tracked(".py", ".pyi") if relative(path).startswith("python/")]
CORE = [path for path in tracked(".rs") if relative(path).startswith("rust/lh_core/src/")]


@pytest.mark.parametrize("path", PRODUCTION, ids=relative)
def test_python_imports_point_down(path: Path) -> None:
    """See NEVER_PYTHON; production code never imports tests or measurements."""
    module = module_of(path)
    if path.suffix == ".pyi":
        return
    never = next(row for package, row in NEVER_PYTHON.items() if below(module, package)) + NEVER_IN_PRODUCTION
    imported = python_imports(text(path))
    assert not {name for name in imported for package in never if below(name, package)}


@pytest.mark.parametrize("path", CORE, ids=relative)
def test_rust_folders_do_not_know_each_other(path: Path) -> None:
    """See NEVER_RUST; test code may put the parts together."""
    folder = path.relative_to(ROOT / "rust/lh_core/src").parts[0].removesuffix(".rs")
    code = rust_code(text(path).partition("#[cfg(test)]")[0])
    assert not [pattern for pattern in NEVER_RUST.get(folder, ()) if re.search(pattern, code)]


@pytest.mark.parametrize("path", CORE, ids=relative)
def test_pyo3_stays_in_its_folder(path: Path) -> None:
    """Only `py/` uses pyo3; `lib.rs` holds the list of what the module exports."""
    place = path.relative_to(ROOT / "rust/lh_core/src").parts[0]
    if place not in ("py", "py.rs", "lib.rs"):
        assert not re.search(r"\bpyo3\b", rust_code(text(path)))


def test_the_machine_depends_on_nothing_that_waits() -> None:
    """lh_machine has no runtime, network, clock, randomness or consensus among its dependencies."""
    manifest = tomllib.loads(text(ROOT / "rust/lh_machine/Cargo.toml"))
    assert set(manifest["dependencies"]) <= MACHINE_MAY_DEPEND_ON


def test_clients_know_the_wire_only() -> None:
    """The load driver and the examples use no part of the server."""
    manifest = tomllib.loads(text(ROOT / "rust/lh_load/Cargo.toml"))
    assert not {"lh_core", "lh_machine"} & set(manifest["dependencies"])
    for path in tracked(".py"):
        if relative(path).startswith(("examples/", "loadtest/")):
            imported = python_imports(text(path))
            assert not {
                name for name in imported if below(name, "littlehorse.server") or below(name, "littlehorse._core")
            }
