"""Whatever arrives, the answer is a value or a clear error: never a fault of ours."""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

import pytest
from botocore.model import ListShape, MapShape, Shape, StructureShape
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.aws.claims import read_claim
from registry.aws.constraints import invalid_parameter, validation_error, violations
from registry.aws.errors import RequestError
from registry.aws.protocol import Incoming
from tests.aws.demo import Demo
from tests.aws.test_protocols import SERVICES, WIRES, operations

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
    | st.sampled_from(["NaN", "true", "1e999", "2026-11-22T10:10:10Z", "\ud800", "AAAA", -1, 2**70])
)  # fmt: skip
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner)
)


def nearly(shape: Shape, depth: int = 4) -> st.SearchStrategy[Any]:
    """Documents that mostly have the right members and often the wrong types below them."""
    if isinstance(shape, StructureShape) and depth:
        members = {name: nearly(member, depth - 1) for name, member in shape.members.items()}
        return st.fixed_dictionaries({}, optional=members) | JSON
    if isinstance(shape, ListShape) and depth:
        return st.lists(nearly(shape.member, depth - 1), max_size=2) | JSON
    if isinstance(shape, MapShape) and depth:
        values = nearly(shape.value, depth - 1)
        return st.dictionaries(st.text(max_size=3), values, max_size=2) | JSON
    return JSON


QUIET = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("name", SERVICES)
@QUIET
@given(data=st.data())
def test_any_document_is_read_or_refused(name: str, data: st.DataObject) -> None:
    operation = data.draw(operations(name))
    shape = operation.input_shape
    if shape is None:
        return
    wire = WIRES[operation.service_model.protocol]
    document = data.draw(nearly(shape))
    if operation.service_model.protocol == "query":
        document = dict(flat("", document)) | {"Action": operation.name}
    with suppress(RequestError):
        found = list(violations(shape, wire.parameters(operation, document)))
        if found:
            assert validation_error(found).message
            assert invalid_parameter(found).message


def flat(prefix: str, document: Any) -> list[tuple[str, str]]:
    if isinstance(document, dict):
        return [pair for name, item in document.items() for pair in flat(f"{prefix}.{name}", item)]
    if isinstance(document, list):
        numbered = enumerate(document, 1)
        return [pair for n, item in numbered for pair in flat(f"{prefix}.member.{n}", item)]
    return [(prefix.removeprefix("."), str(document))]


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_body_is_read_or_refused(body: bytes) -> None:
    for wire in WIRES.values():
        with suppress(RequestError):
            wire.read(Incoming("POST", "/", "", [], False, "", "id", bytearray(body)))


PARTS = st.sampled_from(
    ["AWS4-HMAC-SHA256", " ", ",", "=", "/", ";", "Credential", "SignedHeaders", "Signature",
     "host", "AKIA/20261122/us-east-1/ecr/aws4_request", "x-amz-date", "é", "\x00"]
)  # fmt: skip
TEXTS = st.lists(PARTS, max_size=14).map("".join)
DATES = st.sampled_from(["20261122T101010Z", "20269999T999999Z", "Sun, 06 Nov 1994 08:49:37 GMT"])


@settings(deadline=None)
@given(TEXTS, DATES | TEXTS, st.sampled_from(["x-amz-date", "date"]))
def test_any_authorization_is_read_or_refused(text: str, date: str, name: str) -> None:
    headers = [("authorization", text), (name, date)]
    with suppress(RequestError):
        read_claim(Incoming("POST", "/", "", headers, False, "", "id"))


@settings(deadline=None)
@given(st.dictionaries(
    st.sampled_from([f"X-Amz-{name}" for name in ("Algorithm", "Credential", "Signature",
                     "SignedHeaders", "Date", "Expires", "Security-Token")]),
    TEXTS | DATES, min_size=3,
))  # fmt: skip
def test_any_presigned_query_is_read_or_refused(parameters: dict[str, str]) -> None:
    query = urlencode(parameters)
    with suppress(RequestError):
        read_claim(Incoming("GET", "/", query, [], False, "", "id"))


@settings(deadline=None, max_examples=50)
@given(
    st.sampled_from(["GET", "POST", "HEAD", "DELETE"]),
    st.dictionaries(
        st.sampled_from(["x-amz-target", "authorization", "content-type", "x-amz-date"]),
        st.text(st.characters(codec="latin-1", exclude_characters="\r\n\x00"), max_size=30),
    ),
    st.binary(max_size=40),
)
def test_any_request_is_answered(method: str, headers: dict[str, str], body: bytes) -> None:
    answer = Demo().request(method, "http://moorage.test/?a=%ff", list(headers.items()), body)
    assert 400 <= answer.status < 500
    assert "x-amzn-requestid" in answer.headers
