"""`python -m tests.fuzz FOLDER`: atheris over the Python edge, with options of libFuzzer. See `make fuzz-edge`."""

import sys

import atheris

with atheris.instrument_imports(include=["littlehorse"], exclude=["littlehorse.model"]):
    from tests.fuzz.edge import ColdEdge

INPUTS_PER_SERVER = 20_000
"""Tenants of earlier inputs stay; a fresh server now and then keeps that small."""


def main() -> None:
    """Fuzzes until a limit is reached or something misbehaves; the input is left as `crash-...` then."""
    edges = [ColdEdge()]
    count = 0

    def one_input(data: bytes) -> None:
        nonlocal count
        count += 1
        if count % INPUTS_PER_SERVER == 0:
            edges.pop().__exit__(None, None, None)
            edges.append(ColdEdge())
        edges[0].one_input(data)

    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()


main()
