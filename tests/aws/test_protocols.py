"""Both protocols against botocore, both ways: its serializer to our reader, ours to its parser."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import urlencode

import pytest
from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.aws.errors import Fault, RequestError, ServiceError
from registry.aws.json_protocol import JsonProtocol
from registry.aws.protocol import Incoming, Reply, WireProtocol
from registry.aws.query_protocol import QueryProtocol
from registry.aws.shapes import Unfit
from tests.aws.shape_values import values

# The first six are what this server has or will have. SimpleDB is the one service with flattened
# lists in forms, and DynamoDB's values are recursive.
SERVICES = ["ecr", "ecr-public", "sts", "ecs", "iam", "kms", "sdb", "dynamodb"]
WIRES: dict[str, WireProtocol] = {"json": JsonProtocol(), "query": QueryProtocol()}


@cache
def model_of(name: str) -> ServiceModel:
    return ServiceModel(Loader().load_service_model(name, "service-2"), name)


def operations(name: str) -> st.SearchStrategy[OperationModel]:
    model = model_of(name)
    return st.sampled_from(model.operation_names).map(model.operation_model)


def incoming(serialized: Mapping[str, Any]) -> Incoming:
    body = serialized["body"]
    content = body if isinstance(body, bytes) else urlencode(body).encode()
    headers = [(name.lower(), value) for name, value in serialized["headers"].items()]
    return Incoming("POST", "/", "", headers, False, "192.0.2.7", "id", bytearray(content))


def parsed(reply: Reply, operation: OperationModel, shape: Any) -> Any:
    headers = {name.decode(): value.decode() for name, value in reply.headers}
    response = {"status_code": reply.status, "headers": headers, "body": reply.body}
    parser = create_parser(operation.service_model.protocol)
    return parser.parse(response, shape)


@pytest.mark.parametrize("name", SERVICES)
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_what_botocore_writes_is_read_back(name: str, data: st.DataObject) -> None:
    operation = data.draw(operations(name))
    protocol = operation.service_model.protocol
    given_members = data.draw(values(operation.input_shape, empty=protocol == "json"))
    serialized = create_serializer(protocol, False).serialize_to_request(given_members, operation)

    message = WIRES[protocol].read(incoming(serialized))

    assert message.operation == operation.name
    assert WIRES[protocol].parameters(operation, message.document) == given_members


@pytest.mark.parametrize("name", SERVICES)
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_what_is_written_botocore_reads_back(name: str, data: st.DataObject) -> None:
    operation = data.draw(operations(name))
    protocol = operation.service_model.protocol
    result = data.draw(values(operation.output_shape, empty=protocol == "json"))

    reply = WIRES[protocol].result(operation, result, "the-request")
    answer = parsed(reply, operation, operation.output_shape)

    metadata = answer.pop("ResponseMetadata")
    assert answer == result
    assert metadata["RequestId"] == "the-request"


@pytest.mark.parametrize("name", ["ecr", "sts"])
def test_an_error_is_what_botocore_reads(name: str) -> None:
    operation = model_of(name).operation_model(model_of(name).operation_names[0])
    wire = WIRES[operation.service_model.protocol]
    message = 'no <such> & "such"\r\x00'
    error = ServiceError("SomeException", message, 404, "Sender", {"extra": "more"})
    reply = wire.error(error, operation.service_model, "the-request")
    answer = parsed(reply, operation, operation.output_shape)
    expected = message if name == "ecr" else message.replace("\x00", "\ufffd")
    assert answer["Error"]["Code"] == "SomeException"
    assert answer["Error"]["Message"] == expected
    assert answer["ResponseMetadata"]["RequestId"] == "the-request"
    assert reply.status == 404
    assert b"more" in reply.body


def read_json(body: bytes) -> Any:
    headers = [("x-amz-target", "AmazonEC2ContainerRegistry_V20150921.CreateRepository")]
    request = Incoming("POST", "/", "", headers, False, "", "id", bytearray(body))
    operation = model_of("ecr").operation_model("CreateRepository")
    return WIRES["json"].parameters(operation, WIRES["json"].read(request).document)


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (b"{", "not a JSON document"),
        (b"nonsense", "not a JSON document"),
        (b'{"repositoryName": NaN}', "not a JSON document"),
        (b"[" * 100_000, "not a JSON document"),
        (b'{"repositoryName":"\xff"}', "not UTF-8"),
        (b"[]", "START_ARRAY can not be converted to a Structure"),
        (b'"x"', "STRING_VALUE can not be converted to a Structure"),
        (b'{"repositoryName": 5}', "NUMBER_VALUE can not be converted to a String"),
        (b'{"repositoryName": true}', "TRUE_VALUE can not be converted to a String"),
        (b'{"repositoryName": "\\ud800"}', "can not be converted to a String"),
        (b'{"repositoryName": ["a"]}', "START_ARRAY can not be converted to a String"),
        (b'{"tags": "x"}', "STRING_VALUE can not be converted to a List at 'tags'"),
        (b'{"tags": [null]}', "NULL_VALUE can not be an element of a List at 'tags.1'"),
        (b'{"tags": [{"Key": {}}]}', "can not be converted to a String at 'tags.1.key'"),
        (b'{"imageScanningConfiguration": {"scanOnPush": "true"}}', "to a Boolean"),
    ],
)
def test_json_of_the_wrong_form_is_refused(body: bytes, complaint: str) -> None:
    with pytest.raises(RequestError) as refused:
        read_json(body)
    assert refused.value.fault is Fault.MALFORMED
    assert complaint in refused.value.message


def test_unknown_members_and_nulls_are_left_out() -> None:
    body = b'{"repositoryName": "a/b", "unheardOf": {"x": 1}, "tags": null}'
    assert read_json(body) == {"repositoryName": "a/b"}
    assert read_json(b"") == {}


@pytest.mark.parametrize(
    ("name", "operation", "member", "value", "complaint"),
    [
        ("ecr", "UploadLayerPart", "partFirstByte", 2**63, "out of range for a Long"),
        ("ecr", "UploadLayerPart", "partFirstByte", 1.5, "DECIMAL_VALUE can not be converted"),
        ("ecr", "UploadLayerPart", "partFirstByte", True, "TRUE_VALUE can not be converted"),
        ("ecr", "UploadLayerPart", "layerPartBlob", "no base64!", "can not be converted to a Blob"),
        ("ecr", "DescribeImages", "maxResults", 2**31, "out of range for an Integer"),
        ("sts", "AssumeRole", "DurationSeconds", "9" * 5000, "can not be converted to an Integer"),
        ("sts", "AssumeRole", "DurationSeconds", "١٢", "can not be converted to an Integer"),
        ("sts", "AssumeRole", "DurationSeconds", " 5", "can not be converted to an Integer"),
        ("iam", "UpdateLoginProfile", "PasswordResetRequired", "yes", "to a Boolean"),
    ],
)
def test_leaves_of_the_wrong_form_are_refused(
    name: str, operation: str, member: str, value: object, complaint: str
) -> None:
    model = model_of(name).operation_model(operation)
    wire = WIRES[model.service_model.protocol]
    with pytest.raises(RequestError, match=complaint) as refused:
        wire.parameters(model, {member: value})
    assert refused.value.fault is Fault.MALFORMED
    assert member[1:] in refused.value.message


def read_form(query: str, body: str, operation: str = "AssumeRole") -> Any:
    request = Incoming("POST", "/", query, [], False, "", "id", bytearray(body.encode()))
    model = model_of("sts").operation_model(operation)
    return WIRES["query"].parameters(model, WIRES["query"].read(request).document)


def test_a_list_is_read_in_the_order_of_its_numbers() -> None:
    keys = "&".join(f"TransitiveTagKeys.member.{number}=k{number}" for number in (10, 9, 2))
    assert read_form("Action=AssumeRole", keys)["TransitiveTagKeys"] == ["k2", "k9", "k10"]


@pytest.mark.parametrize(
    ("query", "body", "fault"),
    [
        ("", "RoleArn=x", Fault.MISSING_ACTION),
        ("Action=AssumeRole", "Action=AssumeRole", Fault.MALFORMED_QUERY),
        ("", "Action=AssumeRole&RoleArn=%ff", Fault.MALFORMED_QUERY),
        ("", "&".join(["a=b"] * 10_001), Fault.MALFORMED_QUERY),
        ("", "Action=AssumeRole&Tags=x&Tags.member.1.Key=y", Fault.MALFORMED_QUERY),
        ("", "Action=AssumeRole&Tags.member.1.Key=y&Tags.member=x", Fault.MALFORMED_QUERY),
        ("", "Action=AssumeRole&Tags.member.one.Key=y", Fault.MALFORMED),
        ("", "Action=AssumeRole&Tags=x", Fault.MALFORMED),
        ("", "Action=AssumeRole&Tags.member.1=x", Fault.MALFORMED),
        ("", "Action=AssumeRole&RoleArn.member.1=x", Fault.MALFORMED),
        ("", "Action=AssumeRole&RoleArn" + ".a" * 5_000 + "=x", Fault.MALFORMED),
        ("", "Action=AssumeRole&Version=2010-05-08", Fault.UNKNOWN_OPERATION),
    ],
)
def test_forms_of_the_wrong_form_are_refused(query: str, body: str, fault: Fault) -> None:
    with pytest.raises(RequestError) as refused:
        read_form(query, body)
    assert refused.value.fault is fault


@pytest.mark.parametrize(
    ("result", "complaint"),
    [
        ({"repositorys": []}, "unknown members"),
        ({"repositories": {}}, "dict for a list"),
        ({"repositories": [[]]}, "list for a structure"),
        ({"repositories": [{"repositoryName": 5}]}, "repositories.1.repositoryName: int"),
        ({"repositories": [{"createdAt": "today"}]}, "str for a Timestamp"),
        ({"repositories": [{"encryptionConfiguration": {}}]}, "missing members"),
    ],
)
def test_a_result_that_does_not_fit_is_our_fault(result: Any, complaint: str) -> None:
    operation = model_of("ecr").operation_model("DescribeRepositories")
    with pytest.raises(Unfit, match=complaint):
        WIRES["json"].result(operation, result, "id")


def test_none_members_are_left_out_of_a_result() -> None:
    operation = model_of("ecr").operation_model("DescribeRepositories")
    result = {"repositories": [{"repositoryName": "a", "createdAt": None}], "nextToken": None}
    reply = WIRES["json"].result(operation, result, "id")
    assert reply.body == b'{"repositories":[{"repositoryName":"a"}]}'


def test_an_empty_flattened_list_goes_by_the_members_name() -> None:
    model = model_of("sdb").operation_model("GetAttributes")
    form = {"DomainName": "d", "ItemName": "i", "AttributeNames": ""}
    assert WIRES["query"].parameters(model, form)["AttributeNames"] == []


def test_an_error_keeps_its_code_whatever_else_it_holds() -> None:
    error = ServiceError("Real", "real", extra={"__type": "Other", "Code": "Other", "more": [1]})
    assert b'"__type":"Real"' in WIRES["json"].error(error, None, "id").body
    body = WIRES["query"].error(error, None, "id").body
    assert b"<Code>Real</Code>" in body
    assert b"Other</Code>" not in body
