"""The generated messages and the names that programs import (spec 09 section 1)."""

import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import littlehorse
import littlehorse.model
from littlehorse.model import type_definition_pb2, variable_pb2


def test_everything_in_one_namespace(repository: Path) -> None:
    """09/PY-3: messages, enums, enum values and the service of every proto file."""
    protos = sorted((repository / "proto" / "littlehorse").glob("*.proto"))
    assert protos
    for proto in protos:
        module = importlib.import_module(f"littlehorse.model.{proto.stem}_pb2")
        names = [*module.DESCRIPTOR.message_types_by_name, *module.DESCRIPTOR.enum_types_by_name]
        for enum in module.DESCRIPTOR.enum_types_by_name.values():
            names += enum.values_by_name
        for name in names:
            assert getattr(littlehorse.model, name) == getattr(module, name), name
    for name in ("LittleHorseStub", "LittleHorseServicer", "add_LittleHorseServicer_to_server"):
        assert callable(getattr(littlehorse.model, name))


def test_bare_names() -> None:
    """09/PY-4: files and classes are registered as in the published client."""
    assert littlehorse.model.WfRunId.DESCRIPTOR.file.name == "object_id.proto"
    assert littlehorse.model.WfRunId.__module__ == "object_id_pb2"
    assert littlehorse.model.WfRunId.DESCRIPTOR.full_name == "littlehorse.WfRunId"


@pytest.mark.parametrize("name", ["Array", "Map", "Struct", "TypeDefinition", "VariableValue"])
def test_value_messages_are_found_beside_variables_too(name: str) -> None:
    """09/PY-5: published examples import them from there."""
    assert getattr(variable_pb2, name) is getattr(type_definition_pb2, name)


def test_public_names() -> None:
    """09/PY-1 and section 1.1: what `littlehorse` offers, and that a bare import makes the submodules reachable."""
    program = """
import sys, littlehorse
assert "grpc" not in sys.modules, "only what is used is imported"
assert littlehorse.model.WfRun and littlehorse.workflow.Workflow and littlehorse.worker.LHTaskWorker
assert set(littlehorse.__all__) <= set(dir(littlehorse))
for name in littlehorse.__all__:
    getattr(littlehorse, name)
from littlehorse import create_workflow_spec, start, to_variable_value
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        littlehorse.nonsense  # noqa: B018


PUBLISHED_NAMES = {
    "config": "ALLOWED_PROTOCOLS API_HOST API_PORT API_PROTOCOL CA_CERT CLIENT_CERT CLIENT_KEY ChannelId "
    "GRPC_KEEPALIVE_TIMEOUT_MS GRPC_KEEPALIVE_TIME_MS GRPC_RESOURCE_EXHAUSTED_RETRY LHConfig NUM_WORKER_THREADS "
    "OAUTH_CLIENT_ID OAUTH_CLIENT_SECRET OAUTH_TOKEN_ENDPOINT_URL PLAINTEXT_PROTOCOL PREFIXES TASK_WORKER_ID "
    "TASK_WORKER_VERSION TENANT_ID TLS_PROTOCOL",
    "exceptions": "LHTaskException OAuthException SerdeException TaskSchemaMismatchException",
    "utils": "NEGATE_COMPARATOR_MAP TYPE_TO_VARIABLE_TYPE_MAP VARIABLE_TYPE_TO_TYPE_MAP extract_value "
    "get_event_loop_is_deprecated negate_comparator read_binary to_type to_variable_type to_variable_value",
    "client_interceptors": "AccessToken AsyncStreamStreamMetadataInterceptor AsyncStreamUnaryMetadataInterceptor "
    "AsyncUnaryStreamMetadataInterceptor AsyncUnaryUnaryMetadataInterceptor AsyncUnaryUnaryRetryInterceptor "
    "MetadataInterceptor OAuthCredentialsProvider RetryInterceptor STATUS_DETAILS_HEADER TENANT_ID_HEADER "
    "retry_delay_seconds",
    "lh_struct": "LHStructField LHStructIgnore class_to_inline_struct_def class_to_put_struct_def_request "
    "create_struct_def deserialize_struct get_struct_def_info get_struct_def_name is_lh_struct lh_struct_def "
    "serialize_to_struct",
    "worker": "CheckpointContext GRPC_UNARY_CALL_TIMEOUT_SECONDS HEARTBEAT_INTERVAL_SECONDS LHConnection "
    "LHLivenessController LHTask LHTaskWorker LHTaskWorkerHealth LHType POLL_TASK_INTERVAL_SECONDS "
    "REPORT_TASK_FAIL_RETRIES REPORT_TASK_RETRIES_INTERVAL_SECONDS TaskWorkerHealthReason WorkerContext "
    "shutdown_hook start",
    "workflow": "CastExpression ComparatorExpression ENTRYPOINT ExternalEventDefRegistration ExternalEventNodeOutput "
    "InterruptExternalEventDefRegistration InterruptHandler LHExpression LHFormatString NodeCase NodeOutput NodeType "
    "SpawnedChildWf SpawnedThread SpawnedThreads ThreadInitializer ThrowEventNodeOutput UserTaskOutput "
    "WaitForConditionNodeOutput WaitForThreadsNodeOutput WfRunVariable Workflow WorkflowIfStatement "
    "WorkflowInterruption WorkflowNode WorkflowThread create_external_event_def create_struct_def create_task_def "
    "create_workflow_event_def create_workflow_spec python_type_to_return_type to_json to_variable_assignment",
}


@pytest.mark.parametrize("module", PUBLISHED_NAMES)
def test_published_names(module: str) -> None:
    """09/PY-1: every public name of the published client is there."""
    own = vars(importlib.import_module(f"littlehorse.{module}"))
    assert [name for name in PUBLISHED_NAMES[module].split() if name not in own] == []


def test_every_generated_module_is_reexported(repository: Path) -> None:
    """09/PY-3: a new proto file needs a line in `littlehorse/model/__init__.py`."""
    text = (repository / "python" / "littlehorse" / "model" / "__init__.py").read_text("utf-8")
    for module in pkgutil.iter_modules(littlehorse.model.__path__):
        assert f"from littlehorse.model.{module.name} import *" in text
