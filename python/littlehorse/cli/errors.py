"""What goes wrong on the command line, told in one sentence with what to do."""

from __future__ import annotations

import grpc


class CliError(Exception):
    """The command cannot be carried out, for this reason. `exit_code` is 1, or 2 for a wrong command line."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def explain(error: grpc.RpcError, address: str) -> str:
    """One sentence for an error status that the server (or the way to it) answered."""
    code, details = error.code(), (error.details() or "").strip()
    if code is grpc.StatusCode.UNAVAILABLE and "shutting down" not in details and "Initializing" not in details:
        return (
            f"No server answers at {address}: start one with `lh server start`, "
            "or say where it is with LHC_API_HOST and LHC_API_PORT."
        )
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return f"The server at {address} did not answer in time: try again."
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return f"{details or 'The server does not know this call'}: it may be older than this command line."
    return f"{details or 'The server gave no reason'} ({code.name})"
