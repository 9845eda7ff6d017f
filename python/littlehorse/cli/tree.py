"""Trees of text, drawn with lines."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Branch:
    """A text of one or more lines and what hangs below it."""

    text: str
    below: list[Branch] = field(default_factory=list)

    def add(self, text: str) -> Branch:
        """Hangs a new branch below this one; returns the new one."""
        branch = Branch(text)
        self.below.append(branch)
        return branch

    def render(self) -> str:
        """The whole tree as text."""
        lines: list[str] = []
        # Depth first with a stack of our own: threads may be nested deeper than Python calls may.
        waiting: list[tuple[Branch, str, str]] = [(self, "", "")]
        while waiting:
            branch, first, others = waiting.pop()
            beside = others + ("│  " if branch.below else "   ")
            head, *more = branch.text.splitlines() or [""]
            lines.append((first + head).rstrip())
            lines.extend((beside + line).rstrip() for line in more)
            for number, child in enumerate(reversed(branch.below)):
                is_last = number == 0
                waiting.append((child, others + ("└─ " if is_last else "├─ "), others + ("   " if is_last else "│  ")))
        return "\n".join(lines)
