"""How a cold RPC is refused: the gRPC status codes and the one exception that carries them to the front."""

from __future__ import annotations

from enum import IntEnum


class Code(IntEnum):
    """gRPC status codes by their wire numbers (08 section 13 says when each is used)."""

    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14


_NAMES = {int(code): code.name for code in Code}


class RpcError(Exception):
    """The answer to a refused request. `code` is a gRPC status number, `message` one sentence for the client.

    `may_retry`: the request was refused for the moment only, and the client is told when to send it again (08/Q-8).
    """

    def __init__(self, code: int, message: str, may_retry: bool = False) -> None:
        super().__init__(code, message)
        self.code = int(code)
        self.message = message
        self.may_retry = may_retry

    def __str__(self) -> str:
        return f"{_NAMES.get(self.code, self.code)}: {self.message}"


def invalid(message: str) -> RpcError:
    """INVALID_ARGUMENT: the request itself is wrong."""
    return RpcError(Code.INVALID_ARGUMENT, message)


def not_found(message: str) -> RpcError:
    """NOT_FOUND: the object that a Get or Delete names does not exist."""
    return RpcError(Code.NOT_FOUND, message)


class StartError(Exception):
    """The server cannot start; the message is one sentence that says why and what to do."""
