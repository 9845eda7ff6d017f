"""Names that modules of the published client have because they import them, which programs may import from there."""

from importlib import import_module
from typing import Any

# Messages come first: `LHTaskException` is one, as in the published client.
_HOMES = ("model", "config", "utils", "lh_struct", "exceptions")


def imported_name(module: str, name: str) -> Any:
    """The object that a program means by `from <module> import <name>`; raises AttributeError if there is none."""
    if not name.startswith("_"):
        for home in _HOMES:
            names = vars(import_module(f"littlehorse.{home}"))
            if name in names:
                return names[name]
    raise AttributeError(f"module '{module}' has no attribute '{name}'")
