"""The messages of Argo CD's plugin service, made from the tables below.

Source: cmpserver/plugin/plugin.proto and, for ParameterAnnouncement, reposerver/repository/
repository.proto of Argo CD v3.2.1. protobuf makes the classes from descriptors, so no compiler of
.proto files is needed, and there are no generated files.
"""

from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, empty_pb2, message_factory

SERVICE: Final = "plugin.ConfigManagementPluginService"

# A field is its number, type and name, after "repeated" where it is a list. What the source calls
# a oneof is two fields of which one is sent, and a map is a list of keys and values: the bytes are
# the same.
_MESSAGES: Final = {
    "AppStreamRequest": ("1 ManifestRequestMetadata metadata", "2 File file"),
    "ManifestRequestMetadata": (
        "1 string appName",
        "2 string appRelPath",
        "3 string checksum",
        "4 int64 size",
        "5 repeated EnvEntry env",
    ),
    "EnvEntry": ("1 string name", "2 string value"),
    "File": ("1 bytes chunk",),
    "ManifestResponse": ("1 repeated string manifests", "2 string sourceType"),
    "RepositoryResponse": ("1 bool isSupported", "2 bool isDiscoveryEnabled"),
    "CheckPluginConfigurationResponse": ("1 bool isDiscoveryConfigured", "2 bool provideGitCreds"),
    "ParametersAnnouncementResponse": ("1 repeated ParameterAnnouncement parameterAnnouncements",),
    "ParameterAnnouncement": (
        "1 string name",
        "2 string title",
        "3 string tooltip",
        "4 bool required",
        "5 string itemType",
        "6 string collectionType",
        "7 string string",
        "8 repeated string array",
        "9 repeated MapEntry map",
    ),
    "MapEntry": ("1 string key", "2 string value"),
}

_Proto = descriptor_pb2.FieldDescriptorProto
_SCALARS: Final = {
    "string": _Proto.TYPE_STRING,
    "bytes": _Proto.TYPE_BYTES,
    "bool": _Proto.TYPE_BOOL,
    "int64": _Proto.TYPE_INT64,
}


def _classes() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(
        name="plugin.proto", package="plugin", syntax="proto3"
    )
    for name, rows in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for row in rows:
            number, *repeated, kind, field_name = row.split()
            field = message.field.add(name=field_name, number=int(number))
            field.label = _Proto.LABEL_REPEATED if repeated else _Proto.LABEL_OPTIONAL
            field.type = _SCALARS.get(kind, _Proto.TYPE_MESSAGE)
            if kind not in _SCALARS:
                field.type_name = f".plugin.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"plugin.{name}"))
        for name in _MESSAGES
    }


_CLASSES: Final = _classes()

AppStreamRequest: Final = _CLASSES["AppStreamRequest"]
ManifestResponse: Final = _CLASSES["ManifestResponse"]
RepositoryResponse: Final = _CLASSES["RepositoryResponse"]
CheckPluginConfigurationResponse: Final = _CLASSES["CheckPluginConfigurationResponse"]
ParametersAnnouncementResponse: Final = _CLASSES["ParametersAnnouncementResponse"]
Empty: Final = empty_pb2.Empty
