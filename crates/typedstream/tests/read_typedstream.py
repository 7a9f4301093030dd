"""Prints what pytypedstream reads: one line an event, or with --decode one line an archive.

Octets are printed in hexadecimal digits, and doubles as their octets, so that lines can be compared.
"""

import struct
import sys

import typedstream
from typedstream import stream
from typedstream.types import foundation


def hexadecimal(octets):
    return "nil" if octets is None else "." + octets.hex()


def line(event):
    if event is None:
        return "nil"
    if isinstance(event, bool):
        return f"bool {int(event)}"
    if isinstance(event, int):
        return f"int {event}"
    if isinstance(event, float):
        return "float " + struct.pack(">d", event).hex()
    if isinstance(event, bytes):
        return "bytes " + hexadecimal(event)
    if isinstance(event, stream.BeginTypedValues):
        return "group " + hexadecimal(b"".join(event.encodings))
    if isinstance(event, stream.SingleClass):
        return f"class {hexadecimal(event.name)} {event.version}"
    if isinstance(event, stream.ObjectReference):
        return f"reference {event.referenced_type.value} {event.number}"
    if isinstance(event, stream.CString):
        return "C string " + hexadecimal(event.contents)
    if isinstance(event, stream.Atom):
        return "atom " + hexadecimal(event.contents)
    if isinstance(event, stream.Selector):
        return "selector " + hexadecimal(event.name)
    if isinstance(event, stream.ByteArray):
        return f"octets {hexadecimal(event.element_encoding)} {hexadecimal(event.data)}"
    if isinstance(event, stream.BeginArray):
        return f"array {event.length} {hexadecimal(event.element_encoding)}"
    if isinstance(event, stream.BeginStruct):
        fields = b"".join(event.field_encodings)
        return f"struct {hexadecimal(event.name)} {hexadecimal(fields)}"
    return {
        stream.EndTypedValues: "group ends",
        stream.BeginObject: "object",
        stream.EndObject: "object ends",
        stream.EndArray: "array ends",
        stream.EndStruct: "struct ends",
    }[type(event)]


def shown(value):
    if isinstance(value, foundation.NSString):
        return f"{type(value).__name__} {value.value}"
    if isinstance(value, foundation.NSNumber):
        return f"NSNumber {value.type_encoding.decode()} {value.value}"
    if isinstance(value, foundation.NSData):
        return f"{type(value).__name__} {value.data.hex()}"
    if isinstance(value, foundation.NSDate):
        return f"NSDate {value.value.isoformat()}"
    if isinstance(value, foundation.NSURL):
        base = "" if value.relative_to is None else f" ({shown(value.relative_to)})"
        return f"NSURL {value.value}{base}"
    if isinstance(value, foundation.NSDictionary):
        entries = (f"{shown(k)}: {shown(v)}" for k, v in value.contents.items())
        return f"{type(value).__name__} {{{', '.join(entries)}}}"
    if isinstance(value, (foundation.NSArray, foundation.NSSet)):
        return f"{type(value).__name__} [{', '.join(map(shown, value.elements))}]"
    if isinstance(value, foundation.NSRect):
        return f"NSRect {value}"
    if isinstance(value, foundation.NSValue):
        return f"NSValue {value.type_encoding.decode()} {shown(value.value)}"
    return repr(value)


for path in sys.argv[1:]:
    if path == "--decode":
        continue
    if sys.argv[1] == "--decode":
        print(shown(typedstream.unarchive_from_file(path)))
        continue
    with stream.TypedStreamReader.open(path) as reader:
        print(f"archive {reader.streamer_version} {reader.byte_order} {reader.system_version}")
        for event in reader:
            print(line(event))
