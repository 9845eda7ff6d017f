"""Exceptions of the SDK; each carries its text in `.message`."""

from littlehorse.model.type_definition_pb2 import VariableValue


class TaskSchemaMismatchException(Exception):
    """A task function does not fit the TaskDef it is to work for; raised when the worker starts."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class OAuthException(Exception):
    """An access token is needed but a setting for getting one is missing."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class SerdeException(Exception):
    """A value cannot be converted to or from a VariableValue; `__cause__` is the original error."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class LHTaskException(Exception):
    """Raised by a task function to report a business exception that the workflow can handle (PY-34).

    Parameters: `exception_name` is what handlers match on; `message` is for people; `content` is handed to the handler
    (None = an empty value). Not to be confused with the protobuf message `littlehorse.model.LHTaskException`.
    """

    def __init__(self, exception_name: str, message: str, content: VariableValue | None = None) -> None:
        super().__init__(message)
        self.exception_name = exception_name
        self.message = message
        self.content = VariableValue() if content is None else content
