"""Prints which RPCs of the contract are built, from the route table inside the extension."""

import sys

from littlehorse import _core


def main() -> int:
    """Prints one line per RPC (name, kind) and a count; returns the exit code."""
    rows = sorted(_core.routes())
    width = max(len(name) for name, _ in rows)
    for name, kind in rows:
        mark = "-" if kind == "unimplemented" else "built"
        print(f"{name:<{width}}  {mark:<5}  {'' if kind == 'unimplemented' else kind}".rstrip())
    built = sum(kind != "unimplemented" for _, kind in rows)
    print(f"\n{built} of {len(rows)} RPCs are built; the others answer UNIMPLEMENTED.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
