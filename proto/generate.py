"""Generates the Python message modules from the proto files: `python proto/generate.py` (needs grpcio-tools).

proto/littlehorse/*.proto  ->  python/littlehorse/model/             the public contract, with stubs and service
proto/internal/*.proto     ->  python/littlehorse/server/internal/   commands and records of the server

protoc registers files and classes under bare names (PY-4: `object_id.proto`, `object_id_pb2`), which existing programs
can observe, so those stay. Only the `import` statements between generated modules are rewritten to their real package,
so that `sys.path` needs no entry.
"""

import re
import tempfile
from pathlib import Path

import grpc_tools
from google.protobuf.descriptor_pb2 import FileDescriptorSet, MethodDescriptorProto
from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
MODEL_PROTOS = ROOT / "proto" / "littlehorse"
INTERNAL_PROTOS = ROOT / "proto" / "internal"
MODEL_OUT = ROOT / "python" / "littlehorse" / "model"
INTERNAL_OUT = ROOT / "python" / "littlehorse" / "server" / "internal"
WELL_KNOWN_PROTOS = Path(grpc_tools.__file__).parent / "_proto"

# Programs import `Struct` and its relatives from here although they live in type_definition_pb2 (PY-5).
VARIABLE_REEXPORTS = ("Array", "Map", "Struct", "TypeDefinition", "VariableValue")

# protoc writes `Mapping` without parameters, and VariableValue has fields called `str`, `int`, `bool` and `bytes`.
STUB_HEADER = '# mypy: disable-error-code="type-arg, valid-type"\n'

GENERATED_IMPORT = re.compile(r"^import (\w+_pb2) as (\w+)$", re.MULTILINE)


class GenerationError(RuntimeError):
    """protoc refused the files; its own output says why."""


def main() -> None:
    """Generates both packages; raises GenerationError if protoc fails."""
    package_of = {f"{path.stem}_pb2": "littlehorse.model" for path in MODEL_PROTOS.glob("*.proto")}
    package_of |= {f"{path.stem}_pb2": "littlehorse.server.internal" for path in INTERNAL_PROTOS.glob("*.proto")}
    with tempfile.TemporaryDirectory() as scratch:
        descriptors = run_protoc(MODEL_PROTOS, [MODEL_PROTOS], Path(scratch) / "model", with_service=True)
        install(Path(scratch) / "model", MODEL_OUT, package_of)
        run_protoc(INTERNAL_PROTOS, [INTERNAL_PROTOS, MODEL_PROTOS], Path(scratch) / "internal", with_service=False)
        install(Path(scratch) / "internal", INTERNAL_OUT, package_of)
    write_if_changed(MODEL_OUT / "service_pb2_grpc.pyi", service_stub(descriptors))
    write_if_changed(
        INTERNAL_OUT / "__init__.py", '"""Generated messages of proto/internal; see proto/generate.py."""\n'
    )


def run_protoc(source: Path, includes: list[Path], out: Path, *, with_service: bool) -> FileDescriptorSet:
    """Compiles all proto files directly inside `source` into the new directory `out`; returns their descriptors."""
    out.mkdir()
    files = sorted(path.name for path in source.glob("*.proto"))
    descriptor_file = out.with_suffix(".bin")
    arguments = ["protoc", *(f"-I{include}" for include in includes), f"-I{WELL_KNOWN_PROTOS}"]
    arguments += [f"--python_out={out}", f"--pyi_out={out}", f"--descriptor_set_out={descriptor_file}"]
    if with_service:
        arguments.append(f"--grpc_python_out={out}")
    if protoc.main(arguments + files) != 0:
        raise GenerationError(f"protoc failed for {source}")
    return FileDescriptorSet.FromString(descriptor_file.read_bytes())


def install(generated: Path, destination: Path, package_of: dict[str, str]) -> None:
    """Moves generated modules to their package with imports rewritten; modules whose proto file is gone are removed."""
    destination.mkdir(parents=True, exist_ok=True)
    wanted = set()
    for path in sorted(generated.rglob("*.py*")):
        if path.name.endswith("_pb2_grpc.py") and path.name != "service_pb2_grpc.py":
            continue  # protoc writes an empty service module for every file without a service
        wanted.add(path.name)
        text = rewrite_imports(path.read_text("utf-8"), package_of) + variable_reexports(path.name)
        if path.suffix == ".pyi":
            text = STUB_HEADER + text
        write_if_changed(destination / path.name, text)
    for stale in destination.glob("*_pb2*.py*"):
        if stale.name not in wanted and stale.name != "service_pb2_grpc.pyi":
            stale.unlink()


def rewrite_imports(text: str, package_of: dict[str, str]) -> str:
    """Replaces `import a_pb2 as x` by an import from the package that `a_pb2` really lives in."""

    def replace(match: re.Match[str]) -> str:
        module, alias = match.groups()
        package = package_of.get(module)
        return match.group() if package is None else f"from {package} import {module} as {alias}"

    return GENERATED_IMPORT.sub(replace, text)


def variable_reexports(file_name: str) -> str:
    """The line that makes VARIABLE_REEXPORTS importable from variable_pb2 too (PY-5); empty for other modules."""
    if file_name == "variable_pb2.py":
        names = ", ".join(VARIABLE_REEXPORTS)
    elif file_name == "variable_pb2.pyi":
        names = ", ".join(f"{name} as {name}" for name in VARIABLE_REEXPORTS)
    else:
        return ""
    return f"from littlehorse.model.type_definition_pb2 import {names}\n"


def service_stub(descriptors: FileDescriptorSet) -> str:
    """Type stub of service_pb2_grpc: the client, its asyncio twin (known to type checkers only) and the servicer."""
    module_of = {
        f".{file.package}.{message.name}": f"{file.name.removesuffix('.proto')}_pb2"
        for file in descriptors.file
        for message in file.message_type
    }
    module_of[".google.protobuf.Empty"] = "empty_pb2"
    methods = [method for file in descriptors.file for service in file.service for method in service.method]

    def python_type(proto_name: str) -> str:
        return f"{module_of[proto_name]}.{proto_name.rpartition('.')[2]}"

    def multi_callable(package: str, method: MethodDescriptorProto) -> str:
        direction = ("Stream" if method.client_streaming else "Unary") + (
            "Stream" if method.server_streaming else "Unary"
        )
        types = f"{python_type(method.input_type)}, {python_type(method.output_type)}"
        return f"    {method.name}: {package}.{direction}MultiCallable[{types}]\n"

    modules = sorted({module_of[name] for method in methods for name in (method.input_type, method.output_type)})
    lines = ["from typing import Any, type_check_only\n\n", "import grpc\n", "import grpc.aio\n"]
    lines += [
        f"from {'google.protobuf' if module == 'empty_pb2' else 'littlehorse.model'} import {module}\n"
        for module in modules
    ]
    lines += ["\nclass LittleHorseStub:\n    def __init__(self, channel: grpc.Channel) -> None: ...\n"]
    lines += [multi_callable("grpc", method) for method in methods]
    lines += [
        "\n@type_check_only\nclass LittleHorseAsyncStub:\n"
        "    def __init__(self, channel: grpc.aio.Channel) -> None: ...\n"
    ]
    lines += [multi_callable("grpc.aio", method) for method in methods]
    lines += ["\nclass LittleHorse: ...\n"]
    lines += ["\nclass LittleHorseServicer:\n"]
    lines += [f"    def {method.name}(self, request: Any, context: Any) -> Any: ...\n" for method in methods]
    lines += ["\ndef add_LittleHorseServicer_to_server(servicer: LittleHorseServicer, server: Any) -> None: ...\n"]
    return "".join(lines)


def write_if_changed(path: Path, text: str) -> None:
    """Leaves the file's time stamp alone when nothing changed, so that builds after the first are quick."""
    if not path.exists() or path.read_text("utf-8") != text:
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
