"""Messages of any type out of arbitrary bytes: few names and small numbers, so that definitions meet each other."""

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

DEPTH_MAX = 12
REPEATED_MAX = 3
NAMES = (
    "a",
    "a",
    "a",
    "b",
    "entrypoint",
    "0-entrypoint",
    "1-exit",
    "2-task",
    "input",
    "a-b",
    "",
    "A b",
    "ü",
    "x" * 300,
)
NUMBERS = (0, 1, 2, 3, -1, 100, 2**31 - 1, -(2**31))
INTEGERS = (FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_INT64)
UNSIGNED = (FieldDescriptor.CPPTYPE_UINT32, FieldDescriptor.CPPTYPE_UINT64)
FLOATS = (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT)


class MessageSource:
    """Reads decisions from bytes; zeros when there are no more, which leaves everything unset."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def is_empty(self) -> bool:
        """Whether all bytes were read."""
        return self._at >= len(self._data)

    def number(self, below: int) -> int:
        """A number from 0 to `below` - 1, at most 256 of them."""
        if self.is_empty:
            return 0
        self._at += 1
        return self._data[self._at - 1] % below

    def take(self, size: int) -> bytes:
        """The next bytes, as far as there are any."""
        found = self._data[self._at : self._at + size]
        self._at += size
        return found

    def message(self, descriptor: Descriptor, depth: int = 0) -> Message:
        """A message of this type. One byte says how many of its fields are set, one each says which."""
        message = GetMessageClass(descriptor)()
        if depth < DEPTH_MAX and descriptor.fields:
            for _ in range(self.number(len(descriptor.fields) + 1)):
                self._fill(message, descriptor.fields[self.number(len(descriptor.fields))], depth)
        return message

    def _fill(self, message: Message, field: FieldDescriptor, depth: int) -> None:
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            entries = getattr(message, field.name)
            value = field.message_type.fields_by_name["value"]
            for _ in range(self.number(REPEATED_MAX) + 1):
                key = self._scalar(field.message_type.fields_by_name["key"])
                if value.message_type is None:
                    entries[key] = self._scalar(value)
                else:
                    entries[key].CopyFrom(self.message(value.message_type, depth + 1))
        elif field.is_repeated:
            for _ in range(self.number(REPEATED_MAX) + 1):
                getattr(message, field.name).append(self._value(field, depth))
        elif field.message_type is not None:
            getattr(message, field.name).CopyFrom(self.message(field.message_type, depth + 1))
        else:
            setattr(message, field.name, self._scalar(field))

    def _value(self, field: FieldDescriptor, depth: int) -> object:
        return self._scalar(field) if field.message_type is None else self.message(field.message_type, depth + 1)

    def _scalar(self, field: FieldDescriptor) -> object:
        if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
            return self.take(self.number(16)) if field.type == FieldDescriptor.TYPE_BYTES else self._name()
        if field.cpp_type == FieldDescriptor.CPPTYPE_ENUM:
            values = field.enum_type.values
            return values[self.number(len(values))].number
        if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
            return bool(self.number(2))
        number = NUMBERS[self.number(len(NUMBERS))]
        if field.cpp_type in FLOATS:
            return number / 2
        assert field.cpp_type in (*INTEGERS, *UNSIGNED)
        return abs(number) if field.cpp_type in UNSIGNED else number

    def _name(self) -> str:
        return NAMES[self.number(len(NAMES))]
