#!/bin/sh
# protoc out of the grpcio-tools wheel: of the project's virtual environment if there is one, else of the active Python.
root=$(dirname "$0")/..
if [ -x "$root/.venv/bin/python" ]; then python="$root/.venv/bin/python"; else python=${PYTHON:-python3}; fi
exec "$python" -m grpc_tools.protoc "$@"
