"""Prints the contract inside the importable `littlehorse` package, as JSON; runs under either virtual environment."""

import json
import sys
from typing import Any

from google.protobuf import descriptor_pb2
from google.protobuf.descriptor import FileDescriptor

import littlehorse.model.service_pb2 as service


def contract_files(root: FileDescriptor) -> dict[str, FileDescriptor]:
    """The file and all that it imports, but for Google's own."""
    found: dict[str, FileDescriptor] = {}
    waiting = [root]
    while waiting:
        file = waiting.pop()
        if file.name not in found and not file.name.startswith("google/"):
            found[file.name] = file
            waiting.extend(file.dependencies)
    return found


def message_facts(message: descriptor_pb2.DescriptorProto, prefix: str, facts: dict[str, Any]) -> None:
    """Adds one entry per field, oneof, enum value and reserved range of a message and of those inside it."""
    name = f"{prefix}.{message.name}"
    facts[name] = {"map_entry": message.options.map_entry, "deprecated": message.options.deprecated}
    oneofs = [oneof.name for oneof in message.oneof_decl]
    for field in message.field:
        facts[f"{name}.{field.name}"] = {
            "number": field.number,
            "type": field.type,
            "type_name": field.type_name,
            "label": field.label,
            "oneof": oneofs[field.oneof_index] if field.HasField("oneof_index") else None,
            "optional": field.proto3_optional,
            "json_name": field.json_name,
            "packed": field.options.packed,
        }
    for enum in message.enum_type:
        enum_facts(enum, name, facts)
    for nested in message.nested_type:
        message_facts(nested, name, facts)


def enum_facts(enum: descriptor_pb2.EnumDescriptorProto, prefix: str, facts: dict[str, Any]) -> None:
    """Adds the values of an enum."""
    facts[f"{prefix}.{enum.name}"] = {value.name: value.number for value in enum.value}


def file_facts(file: FileDescriptor) -> dict[str, Any]:
    """What a client can observe of one proto file."""
    proto = descriptor_pb2.FileDescriptorProto()
    file.CopyToProto(proto)
    facts: dict[str, Any] = {"package": proto.package, "syntax": proto.syntax}
    for message in proto.message_type:
        message_facts(message, proto.package, facts)
    for enum in proto.enum_type:
        enum_facts(enum, proto.package, facts)
    for service_proto in proto.service:
        for method in service_proto.method:
            facts[f"{proto.package}.{service_proto.name}/{method.name}"] = {
                "input": method.input_type,
                "output": method.output_type,
                "client_streaming": method.client_streaming,
                "server_streaming": method.server_streaming,
            }
    return facts


if __name__ == "__main__":
    files = contract_files(service.DESCRIPTOR)
    json.dump({name: file_facts(file) for name, file in files.items()}, sys.stdout)
