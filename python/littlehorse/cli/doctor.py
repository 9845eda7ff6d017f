"""`lh doctor DIR`: looks at files of a stopped server, so it is no client of the wire; the work is the server's."""

from __future__ import annotations

from collections.abc import Sequence


def main(arguments: Sequence[str]) -> int:
    """Examines a data directory; returns 0 if it is sound, 1 if not."""
    # Here, because a machine with the command line alone may have no extension.
    from littlehorse.server.doctor import main as examine

    return examine(arguments, "lh doctor")
