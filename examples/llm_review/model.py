"""What the process asks of a language model, and a stand-in that needs no network."""

from typing import Protocol


class TextModel(Protocol):
    """Anything that writes text: put a client of your provider behind it."""

    async def write(self, topic: str, feedback: list[str]) -> str:
        """A text on the topic that heeds all feedback so far; may raise ConnectionError, then the task is retried."""


class OfflineModel:
    """Writes the same text for the same request; its first call fails, as networks do."""

    def __init__(self) -> None:
        self.calls = 0

    async def write(self, topic: str, feedback: list[str]) -> str:
        """See TextModel."""
        self.calls += 1
        if self.calls == 1:
            raise ConnectionError("the model is overloaded")
        return " ".join([f"All about {topic}.", *(f"({remark})" for remark in feedback)])
