"""Our trimmed messages are wire-compatible with Envoy's, gRPC's and Google's.

Each field of ours has, in the published descriptors, a field of the same name with the same
number, type, label, presence and oneof.  The one liberty: where the table says so, an enum that we
only pass on is an int32 here, which is the same on the wire.
"""

import importlib
import pkgutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from envoy.config.core.v3 import address_pb2, base_pb2
from envoy.data.accesslog.v3 import accesslog_pb2 as real_accesslog_pb2
from envoy.extensions.filters.http.ext_proc.v3 import processing_mode_pb2
from envoy.service.accesslog.v3 import als_pb2
from envoy.service.auth.v3 import attribute_context_pb2, external_auth_pb2
from envoy.service.ext_proc.v3 import external_processor_pb2
from envoy.type.v3 import http_status_pb2
from google.protobuf import descriptor_pb2, descriptor_pool, struct_pb2
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.wrappers_pb2 import UInt32Value
from google.rpc import status_pb2

import analytics.pb
import authsvc.extauthz.pb

EXTAUTHZ = "tollkeeper.envoy.extauthz.v1."
EXTPROC = "tollkeeper.envoy.extproc.v1."
BODIES = "tollkeeper.envoy.bodies.v1."
ACCESSLOG = "tollkeeper.envoy.accesslog.v1."
HEALTH = "tollkeeper.envoy.health.v1."

# Our package -> their package -> what we took of it, under the same name.
# A message or enum of ours that is not here fails.
TAKEN = {
    EXTAUTHZ: {
        "envoy.config.core.v3.": (
            *("SocketAddress", "Pipe", "Address", "Metadata"),
            *("HeaderValue", "HeaderMap", "HeaderValueOption"),
            "HeaderValueOption.HeaderAppendAction",
        ),
        "envoy.type.v3.": ("HttpStatus",),
        "google.rpc.": ("Status",),
        "envoy.service.auth.v3.": (
            *("AttributeContext", "AttributeContext.Peer", "AttributeContext.HttpRequest"),
            *("AttributeContext.Request", "AttributeContext.TLSSession"),
            *("CheckRequest", "DeniedHttpResponse", "OkHttpResponse", "CheckResponse"),
        ),
    },
    EXTPROC: {
        "envoy.config.core.v3.": (
            *("Metadata", "HeaderValue", "HeaderMap", "HeaderValueOption"),
            "HeaderValueOption.HeaderAppendAction",
        ),
        "envoy.type.v3.": ("HttpStatus",),
        "envoy.service.ext_proc.v3.": (
            *("HttpHeaders", "HttpBody", "HeaderMutation", "BodyMutation", "CommonResponse"),
            *("HeadersResponse", "BodyResponse", "ImmediateResponse"),
            *("ProcessingRequest", "ProcessingResponse"),
        ),
        "envoy.extensions.filters.http.ext_proc.v3.": ("ProcessingMode",),
    },
    BODIES: {
        "envoy.config.core.v3.": ("HeaderValue", "HeaderMap"),
        "envoy.service.ext_proc.v3.": (
            *("HttpHeaders", "HttpBody", "HttpTrailers", "ProcessingRequest"),
        ),
    },
    ACCESSLOG: {
        "envoy.config.core.v3.": (
            *("SocketAddress", "Pipe", "Address", "Metadata", "Locality", "Node"),
        ),
        "envoy.data.accesslog.v3.": (
            *("ResponseFlags", "ResponseFlags.Unauthorized", "TLSProperties", "AccessLogCommon"),
            "TLSProperties.CertificateProperties",
            "TLSProperties.CertificateProperties.SubjectAltName",
            *("HTTPRequestProperties", "HTTPResponseProperties", "HTTPAccessLogEntry"),
        ),
        "envoy.service.accesslog.v3.": (
            *("StreamAccessLogsMessage", "StreamAccessLogsMessage.Identifier"),
            "StreamAccessLogsMessage.HTTPAccessLogEntries",
            "StreamAccessLogsResponse",
        ),
    },
    HEALTH: {
        "grpc.health.v1.": (
            *("HealthCheckRequest", "HealthCheckResponse", "HealthCheckResponse.ServingStatus"),
        ),
    },
}
# What the entries of maps are read with: in theirs they are messages that have no names.
ENTRIES_OF_MAPS = {
    ACCESSLOG + "TextEntry": "envoy.data.accesslog.v3.HTTPRequestProperties.RequestHeadersEntry",
    ACCESSLOG + "StructEntry": "google.protobuf.Struct.FieldsEntry",
    ACCESSLOG + "StructEntries": "google.protobuf.Struct",
    ACCESSLOG + "MetadataEntry": "envoy.config.core.v3.Metadata.FilterMetadataEntry",
}
REAL_NAMES = {
    ours + name: theirs + name
    for ours, packages in TAKEN.items()
    for theirs, names in packages.items()
    for name in names
} | ENTRIES_OF_MAPS

# An int32 of ours that is an enum of theirs: we pass the number on, or compare it with a constant.
ENUMS_AS_INT32 = {
    EXTAUTHZ + "SocketAddress.protocol",
    EXTAUTHZ + "HttpStatus.code",
    EXTPROC + "HttpStatus.code",
    EXTPROC + "ProcessingMode.request_header_mode",
    EXTPROC + "ProcessingMode.response_header_mode",
    EXTPROC + "ProcessingMode.request_body_mode",
    EXTPROC + "ProcessingMode.response_body_mode",
    EXTPROC + "ProcessingMode.request_trailer_mode",
    EXTPROC + "ProcessingMode.response_trailer_mode",
    EXTPROC + "HttpStatus.code",
    EXTPROC + "ProcessingMode.request_header_mode",
    EXTPROC + "ProcessingMode.response_header_mode",
    EXTPROC + "ProcessingMode.request_body_mode",
    EXTPROC + "ProcessingMode.response_body_mode",
    EXTPROC + "ProcessingMode.request_trailer_mode",
    EXTPROC + "ProcessingMode.response_trailer_mode",
    ACCESSLOG + "SocketAddress.protocol",
    ACCESSLOG + "ResponseFlags.Unauthorized.reason",
    ACCESSLOG + "TLSProperties.tls_version",
    ACCESSLOG + "AccessLogCommon.access_log_type",
    ACCESSLOG + "HTTPRequestProperties.request_method",
    ACCESSLOG + "HTTPAccessLogEntry.protocol_version",
}

# A field of ours with bytes, which are a message of theirs -> the message that we read them with.
PIECES = {
    ACCESSLOG + "AccessLogCommon.downstream_remote_address": "Address",
    ACCESSLOG + "AccessLogCommon.downstream_local_address": "Address",
    ACCESSLOG + "AccessLogCommon.downstream_direct_remote_address": "Address",
    ACCESSLOG + "AccessLogCommon.upstream_remote_address": "Address",
    ACCESSLOG + "AccessLogCommon.tls_properties": "TLSProperties",
    ACCESSLOG + "AccessLogCommon.response_flags": "ResponseFlags",
    ACCESSLOG + "AccessLogCommon.custom_tags": "TextEntry",
    ACCESSLOG + "HTTPRequestProperties.request_headers": "TextEntry",
    ACCESSLOG + "HTTPResponseProperties.response_code": "UInt32Value",
    ACCESSLOG + "HTTPResponseProperties.response_headers": "TextEntry",
    ACCESSLOG + "HTTPResponseProperties.response_trailers": "TextEntry",
    ACCESSLOG + "StructEntries.fields": "StructEntry",
    ACCESSLOG + "StreamAccessLogsMessage.HTTPAccessLogEntries.log_entry": "HTTPAccessLogEntry",
    ACCESSLOG + "StreamAccessLogsMessage.identifier": "StreamAccessLogsMessage.Identifier",
}


def grpc_health() -> list[Descriptor | EnumDescriptor]:
    """Return the descriptors of grpc.health.v1, as gRPC's health checking protocol prints them."""
    file = descriptor_pb2.FileDescriptorProto(
        name="grpc/health/v1/health.proto", package="grpc.health.v1", syntax="proto3"
    )
    request = file.message_type.add(name="HealthCheckRequest")
    request.field.add(name="service", number=1, type=FieldDescriptor.TYPE_STRING, label=1)
    response = file.message_type.add(name="HealthCheckResponse")
    response.field.add(
        name="status",
        number=1,
        label=1,
        type=FieldDescriptor.TYPE_ENUM,
        type_name=".grpc.health.v1.HealthCheckResponse.ServingStatus",
    )
    status = response.enum_type.add(name="ServingStatus")
    for number, name in enumerate(("UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN")):
        status.value.add(name=name, number=number)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    parsed = pool.FindFileByName(file.name)
    return list(all_types(parsed.message_types_by_name.values()))


def all_types(messages: Iterable[Descriptor]) -> Iterator[Descriptor | EnumDescriptor]:
    """Yield messages and all that is declared in them, map entries left out."""
    for message in messages:
        if message.GetOptions().map_entry:
            continue
        yield message
        yield from message.enum_types
        yield from all_types(message.nested_types)


def our_types() -> dict[str, Any]:
    """Return every message and enum of every generated module, by full name."""
    found: dict[str, Any] = {}
    for package in (authsvc.extauthz.pb, analytics.pb):
        for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
            file = importlib.import_module(module.name).DESCRIPTOR
            found |= {t.full_name: t for t in all_types(file.message_types_by_name.values())}
            found |= {e.full_name: e for e in file.enum_types_by_name.values()}
    return found


def real_types() -> dict[str, Any]:
    """Return the published messages and enums that the table can name, by full name."""
    modules = (
        address_pb2,
        base_pb2,
        http_status_pb2,
        external_auth_pb2,
        attribute_context_pb2,
        real_accesslog_pb2,
        als_pb2,
        external_processor_pb2,
        processing_mode_pb2,
        external_processor_pb2,
        processing_mode_pb2,
        status_pb2,
    )
    published = {
        found.full_name: found
        for module in modules
        for found in all_types(module.DESCRIPTOR.message_types_by_name.values())
    }
    named = [
        *grpc_health(),
        struct_pb2.Struct.DESCRIPTOR,
        struct_pb2.Struct.DESCRIPTOR.nested_types_by_name["FieldsEntry"],
        real_accesslog_pb2.HTTPRequestProperties.RequestHeadersEntry.DESCRIPTOR,
        base_pb2.Metadata.FilterMetadataEntry.DESCRIPTOR,
    ]
    return published | {found.full_name: found for found in named}


OURS = our_types()
REAL = real_types()
FIELDS = {
    field.full_name: field
    for found in OURS.values()
    if isinstance(found, Descriptor)
    for field in found.fields
}
ENUMS = {name: found for name, found in OURS.items() if isinstance(found, EnumDescriptor)}


@dataclass(frozen=True)
class Shape:
    """What two fields must share to be the same on the wire and to mean the same when absent."""

    number: int
    holds: Any
    repeated: bool
    presence: bool
    oneof: str | None


def shape_of(field: FieldDescriptor) -> Shape:
    """Describe a field, its type in the published names."""
    return Shape(
        number=field.number,
        holds=type_of(field),
        repeated=field.is_repeated,
        presence=field.has_presence,
        oneof=field.containing_oneof.name if field.containing_oneof else None,
    )


def type_of(field: FieldDescriptor) -> Any:
    """Return what a field holds; a map as what its key and its value hold."""
    held = field.message_type or field.enum_type
    if held is not None and _is_entry(held):
        return tuple(type_of(part) for part in held.fields)
    return (field.type, REAL_NAMES.get(held.full_name, held.full_name) if held else None)


def _is_entry(held: Descriptor | EnumDescriptor) -> bool:
    """Tell whether this is what a map is made of, or stands for it here."""
    name = ENTRIES_OF_MAPS.get(held.full_name)
    return (
        bool((REAL[name] if name else held).GetOptions().map_entry)
        if isinstance(held, Descriptor)
        else False
    )


def counterpart(field: FieldDescriptor) -> Any:
    """Return the published field of the same name."""
    return REAL[REAL_NAMES[field.containing_type.full_name]].fields_by_name[field.name]


def test_the_table_names_every_message_and_enum_of_ours_and_nothing_else() -> None:
    assert set(REAL_NAMES) == set(OURS)


def test_the_listed_exceptions_are_fields_of_ours() -> None:
    assert set(FIELDS) >= ENUMS_AS_INT32 | set(PIECES)


@pytest.mark.parametrize("name", sorted(set(FIELDS) - ENUMS_AS_INT32 - set(PIECES)))
def test_a_field_is_as_published(name: str) -> None:
    assert shape_of(FIELDS[name]) == shape_of(counterpart(FIELDS[name]))


@pytest.mark.parametrize("name", sorted(ENUMS_AS_INT32))
def test_an_enum_that_we_only_pass_on_is_an_int32_and_otherwise_as_published(name: str) -> None:
    theirs = shape_of(counterpart(FIELDS[name]))
    assert theirs.holds[0] == FieldDescriptor.TYPE_ENUM
    assert shape_of(FIELDS[name]) == replace(theirs, holds=(FieldDescriptor.TYPE_INT32, None))


@pytest.mark.parametrize("name", sorted(PIECES))
def test_a_piece_is_bytes_of_the_message_that_it_is_read_with(name: str) -> None:
    ours, theirs = FIELDS[name], counterpart(FIELDS[name])
    assert (ours.number, ours.is_repeated) == (theirs.number, theirs.is_repeated)
    assert ours.type == FieldDescriptor.TYPE_BYTES
    read_with = OURS.get(ACCESSLOG + PIECES[name], UInt32Value.DESCRIPTOR)
    if theirs.message_type.GetOptions().map_entry:
        assert [*map(type_of, theirs.message_type.fields)] == [*map(type_of, read_with.fields)]
    else:
        full_name = read_with.full_name
        assert theirs.message_type.full_name == REAL_NAMES.get(full_name, full_name)


@pytest.mark.parametrize("name", sorted(ENUMS))
def test_an_enum_has_the_published_numbers(name: str) -> None:
    theirs = REAL[REAL_NAMES[name]].values_by_name
    ours = ENUMS[name].values_by_name
    assert {value: ours[value].number for value in ours} == {
        value: theirs[value].number for value in ours
    }
