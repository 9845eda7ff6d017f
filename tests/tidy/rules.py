"""Which rules of docs/spec no test cites. Run as a script: prints them; with --write renews rules_without_test.txt.

A test cites a rule by chapter and rule, as in `03/E-301`; further rules of the chapter may follow: `04/TW-22, TW-23`.
Rules that no test can prove are in rules_with_reason.txt, each with why: `06/U-81: about another program`.
"""

import re
import sys
from collections.abc import Iterable
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.tidy.source import ROOT, rust_test_code, text, tracked

ALLOWED = Path(__file__).with_name("rules_without_test.txt")
REASONS = Path(__file__).with_name("rules_with_reason.txt")
_RULE = r"[A-Z]{1,4}-\d+[a-z]?"
# A rule is defined by a bold id, or by an id in the first cell of a table.
_DEFINED = re.compile(rf"\*\*({_RULE})\b|^\|\s*\**({_RULE})\**\s*\|", re.MULTILINE)
_CITED = re.compile(rf"\b(0\d)/({_RULE}(?:(?:,? and |, ?| )(?:{_RULE})\b)*)")


def defined_rules() -> set[str]:
    """All rules of the specification, as `chapter/rule`."""
    rules = set()
    for chapter in sorted((ROOT / "docs" / "spec").glob("0*.md")):
        for match in _DEFINED.finditer(text(chapter)):
            rules.add(f"{chapter.name[:2]}/{match[1] or match[2]}")
    return rules


def citations(source: str) -> set[str]:
    """The rules that a piece of test source cites."""
    return {f"{match[1]}/{rule}" for match in _CITED.finditer(source) for rule in re.findall(_RULE, match[2])}


def cited_rules() -> set[str]:
    """All rules cited by tests: Python tests, Rust test code, scripts of the machine."""
    cited: set[str] = set()
    for path in tracked(".py", ".txt"):
        parts = path.relative_to(ROOT).parts
        if "tests" in parts and "tidy" not in parts:
            cited |= citations(text(path))
    for path in tracked(".rs"):
        cited |= citations(rust_test_code(path))
    return cited


def in_order(rules: Iterable[str]) -> list[str]:
    """Rules by chapter, then as a reader counts."""
    return sorted(rules, key=lambda rule: [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", rule)])


def allowed_rules() -> set[str]:
    """The rules that may still be without a test."""
    return (
        {line for line in text(ALLOWED).splitlines() if line and not line.startswith("#")}
        if ALLOWED.exists()
        else set()
    )


def reasons() -> dict[str, str]:
    """The rules that no test can prove, each with its reason."""
    lines = [line for line in text(REASONS).splitlines() if line and not line.startswith("#")]
    return dict(line.split(": ", 1) for line in lines)


def main() -> int:
    """Prints the rules without a test, or writes them down; returns the exit code."""
    missing = in_order(defined_rules() - cited_rules() - reasons().keys())
    if sys.argv[1:] == ["--write"]:
        head = "# Rules of docs/spec that no test cites. May only shrink; renewed by `tests/tidy/rules.py --write`.\n"
        ALLOWED.write_text(head + "".join(f"{rule}\n" for rule in missing), encoding="utf-8")
    else:
        print("\n".join(missing))
    print(f"{len(missing)} of {len(defined_rules())} rules have no test", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
