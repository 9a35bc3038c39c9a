"""The AWS query protocol: a form in, XML out.

Source: "AWS query protocol" in the Smithy specification. A form such as
`Tags.member.1.Key=a&Tags.member.1.Value=b` is first folded into a tree along the dots, then
given the shape of a JSON document, and from there on walked like one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape

from registry.aws.errors import Fault, RequestError, ServiceError, service_error
from registry.aws.protocol import Incoming, Message, Reply, reply
from registry.aws.scalars import read_text, write_text
from registry.aws.shapes import decode, encode, wire_name

FORM = "application/x-www-form-urlencoded"
MAX_BODY = 1024 * 1024
_MAX_FIELDS = 10_000
_MAX_DEPTH = 32
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

Tree = dict[str, Any]


class QueryProtocol:
    """Forms in, XML out; the operation is the form's Action."""

    max_body = MAX_BODY

    def read(self, incoming: Incoming) -> Message:
        """The form of the query string and the body together. Raises RequestError."""
        fields = form_fields(incoming.query) + form_fields(incoming.take_body())
        form = dict(fields)
        if len(form) != len(fields):
            raise RequestError(Fault.MALFORMED_QUERY, "a parameter is given more than once")
        if not form.get("Action"):
            raise RequestError(Fault.MISSING_ACTION, "the request has no 'Action' parameter")
        return Message(form["Action"], form)

    def parameters(self, operation: OperationModel, document: Any) -> dict[str, Any]:
        """The input by the model's member names. Raises RequestError (MALFORMED)."""
        version = operation.service_model.api_version
        if document.get("Version", version) != version:
            name, given = operation.name, document["Version"]
            message = f"Could not find operation {name} for version {given}"
            raise RequestError(Fault.UNKNOWN_OPERATION, message)
        shape = operation.input_shape
        if shape is None:
            return {}
        members: dict[str, Any] = decode(shape, _document(shape, _tree(document)), read_text)
        return members

    def result(self, operation: OperationModel, value: Mapping[str, Any], request_id: str) -> Reply:
        """`<XResponse><XResult>…`. Raises shapes.Unfit."""
        name, shape = operation.name, operation.output_shape
        inner = ""
        if shape is not None:
            wrapper = str(shape.serialization.get("resultWrapper", f"{name}Result"))
            inner = _element(wrapper, _content(shape, encode(shape, value, write_text)))
        metadata = _element("ResponseMetadata", _text("RequestId", request_id))
        return self._reply(
            200, operation.service_model, request_id, f"{name}Response", inner + metadata
        )

    def error(self, error: ServiceError, model: ServiceModel | None, request_id: str) -> Reply:
        """`<ErrorResponse><Error><Type>Sender</Type><Code>…`."""
        first = {"Type": error.fault, "Code": error.code, "Message": error.message}
        members = first | {name: value for name, value in error.extra.items() if name not in first}
        inner = "".join(_text(name, str(value)) for name, value in members.items())
        body = _element("Error", inner) + _text("RequestId", request_id)
        return self._reply(error.status, model, request_id, "ErrorResponse", body)

    def translate(self, error: RequestError) -> ServiceError:
        """A fault under the query services' name for it."""
        return service_error(error.fault.value.query, error.message)

    def _reply(
        self, status: int, model: ServiceModel | None, request_id: str, root: str, inner: str
    ) -> Reply:
        space = model.metadata.get("xmlNamespace") if model else None
        opening = f'{root} xmlns="{escape(str(space))}"' if space else root
        body = f"<{opening}>{inner}</{root}>\n".encode()
        return reply(status, "text/xml", request_id, body)


def form_fields(text: str) -> list[tuple[str, str]]:
    """A form's or a query string's parameters. Raises RequestError (MALFORMED_QUERY)."""
    try:
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MAX_FIELDS)
    except ValueError:
        message = "the parameters are not a form in UTF-8, or there are too many"
        raise RequestError(Fault.MALFORMED_QUERY, message) from None


def _tree(form: Mapping[str, str]) -> Tree:
    """The form folded along its dots; leaves are texts."""
    root: Tree = {}
    for name, value in form.items():
        *path, leaf = name.split(".", _MAX_DEPTH)
        node: Any = root
        for part in path:
            node = node.setdefault(part, {}) if isinstance(node, dict) else None
        if not isinstance(node, dict) or leaf in node:
            message = f"the parameter '{name[:160]}' contradicts another one"
            raise RequestError(Fault.MALFORMED_QUERY, message)
        node[leaf] = value
    return root


def _document(shape: Shape, node: Any) -> Any:
    """The tree in the shape of a JSON document: lists for lists, maps for maps."""
    if isinstance(shape, StructureShape) and isinstance(node, dict):
        return _structure(shape, node)
    if isinstance(shape, ListShape):
        inner = str(shape.member.serialization.get("name", "member"))
        return [_document(shape.member, item) for item in _numbered(shape, node, inner)]
    if isinstance(shape, MapShape):
        key, value = _entry_names(shape)
        entries = [item for item in _numbered(shape, node, "entry") if isinstance(item, dict)]
        return {
            item[key]: _document(shape.value, item[value])
            for item in entries
            if isinstance(item.get(key), str) and value in item
        }
    return node


def _structure(shape: StructureShape, node: Tree) -> Tree:
    members = {}
    for name, member in shape.members.items():
        key = wire_name(member, name)
        item = node.get(key)
        if isinstance(member, ListShape) and member.serialization.get("flattened"):
            # Items go by the name of the element, an empty list by that of the member.
            item = node.get(str(member.member.serialization.get("name", key)), item)
        if item is not None:
            members[key] = _document(member, item)
    return members


def _numbered(shape: Shape, node: Any, inner: str) -> list[Any]:
    """The items `….1`, `….2`, … in the order of their numbers; none for the empty text."""
    if isinstance(node, dict) and not shape.serialization.get("flattened"):
        node = node.get(inner, "")
    if node == "":
        return []
    if not isinstance(node, dict) or not all(re.fullmatch("[1-9][0-9]{0,5}", key) for key in node):
        raise RequestError(Fault.MALFORMED, f"a list is given by numbers, as in '{inner}.1'")
    return [node[key] for key in sorted(node, key=int)]


def _entry_names(shape: MapShape) -> tuple[str, str]:
    key = str(shape.key.serialization.get("name", "key"))
    return key, str(shape.value.serialization.get("name", "value"))


def _content(shape: Shape, wire: Any) -> str:
    """An encoded value as the content of its element."""
    if isinstance(shape, StructureShape):
        return "".join(
            _member(member, wire_name(member, name), wire[wire_name(member, name)])
            for name, member in shape.members.items()
            if wire_name(member, name) in wire
        )
    if isinstance(shape, ListShape):
        inner = str(shape.member.serialization.get("name", "member"))
        return "".join(_element(inner, _content(shape.member, item)) for item in wire)
    if isinstance(shape, MapShape):
        return "".join(_element("entry", entry) for entry in _entries(shape, wire))
    return _escaped(wire)


def _member(shape: Shape, name: str, wire: Any) -> str:
    """A structure's member: one element, or one for each item where it is flattened."""
    if not shape.serialization.get("flattened"):
        return _element(name, _content(shape, wire))
    if isinstance(shape, MapShape):
        return "".join(_element(name, entry) for entry in _entries(shape, wire))
    if isinstance(shape, ListShape):
        inner = str(shape.member.serialization.get("name", name))
        return "".join(_element(inner, _content(shape.member, item)) for item in wire)
    return _element(name, _content(shape, wire))


def _entries(shape: MapShape, wire: Mapping[str, Any]) -> Iterator[str]:
    key_name, value_name = _entry_names(shape)
    for key, value in wire.items():
        yield _text(key_name, key) + _element(value_name, _content(shape.value, value))


def _text(name: str, text: str) -> str:
    return _element(name, _escaped(text))


def _element(name: str, content: str) -> str:
    return f"<{name}>{content}</{name}>"


def _escaped(text: str) -> str:
    # XML has no way to write most control characters; a bare return would be read as a newline.
    return escape(_NOT_XML.sub("\ufffd", text), {"\r": "&#13;"})
