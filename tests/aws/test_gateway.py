"""boto3 against the gateway, its requests handed straight to the ASGI app."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from registry.aws import gateway as gateway_module
from tests.aws.demo import ACCOUNT, ADA, REGION, SECRET, Demo, kept_headers

TARGET = "AmazonEC2ContainerRegistry_V20150921"
Headers = list[tuple[str, str]]
URL = "http://moorage.test:5000/"


@pytest.fixture
def demo() -> Demo:
    return Demo()


def refused(call: Any, **parameters: Any) -> tuple[str, str, int]:
    """Code, message and status of the error that the call raises."""
    with pytest.raises(ClientError) as raised:
        call(**parameters)
    response: Any = raised.value.response
    metadata = response["ResponseMetadata"]
    assert metadata["RequestId"] == "5f5c2c4e-3a52-4f0e-9d5f-0d8f2f6f5a11"
    return response["Error"]["Code"], response["Error"]["Message"], metadata["HTTPStatusCode"]


def test_an_operation_of_the_json_protocol(demo: Demo) -> None:
    answer = demo.client("ecr").create_repository(
        repositoryName="team/app", encryptionConfiguration={"encryptionType": "AES256"}
    )
    repository = answer["repository"]
    assert repository["createdAt"] == datetime(2026, 11, 22, 10, 30, 15, 250_000, UTC)
    assert repository["encryptionConfiguration"] == {"encryptionType": "AES256"}
    assert demo.state["operation"] == "ecr:CreateRepository"
    assert demo.state["principal"] == ADA.arn
    arn = f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/team/app"
    assert demo.authorize.asked == [(("ecr:CreateRepository",), (arn,))]
    assert answer["ResponseMetadata"]["RequestId"] == demo.state["request_id"]


def test_an_operation_of_the_query_protocol(demo: Demo) -> None:
    answer = demo.client("sts").get_caller_identity()
    assert (answer["Account"], answer["Arn"], answer["UserId"]) == (ACCOUNT, ADA.arn, ADA.user_id)
    assert demo.state["operation"] == "sts:GetCallerIdentity"
    assert demo.authorize.asked == []


def test_lists_and_texts_through_a_form(demo: Demo) -> None:
    answer = demo.client("sts").assume_role(
        RoleArn="arn:aws:iam::123456789012:role/r", RoleSessionName="me", DurationSeconds=900,
        Policy='{"a": "<&>\r\n"}', Tags=[{"Key": "ä", "Value": "1"}, {"Key": "b", "Value": ""}],
    )  # fmt: skip
    assert answer["SourceIdentity"] == "ä=1|b="
    assert answer["PackedPolicySize"] == 900
    assert answer["Credentials"]["SessionToken"] == '{"a": "<&>\r\n"}'
    assert demo.authorize.asked == [(("sts:AssumeRole", "sts:TagSession"), ("*",))]


def test_the_context_says_who_and_from_where(demo: Demo) -> None:
    demo.client("ecr").create_repository(repositoryName="team/app")
    (context,) = demo.repositories.contexts
    assert (context.caller, context.account, context.region) == (ADA, ACCOUNT, REGION)
    assert (context.host, context.secure) == ("moorage.test:5000", False)
    assert context.source_ip == "192.0.2.7"
    assert context.user_agent.startswith("Boto3/")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("trouble/conflict", ("RepositoryAlreadyExistsException", "taken", 400)),
        ("trouble/full", ("ServiceUnavailable", "no space left", 503)),
    ],
)
def test_a_domain_error_becomes_a_service_error(
    demo: Demo, name: str, expected: tuple[str, str, int]
) -> None:
    assert refused(demo.client("ecr").create_repository, repositoryName=name) == expected


@pytest.mark.parametrize("name", ["trouble/bug", "trouble/result", "trouble/missing"])
def test_our_own_fault_is_logged_and_tells_nothing(
    demo: Demo, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, logger="moorage.aws"):
        code, message, status = refused(demo.client("ecr").create_repository, repositoryName=name)
    assert (code, status) == ("InternalFailure", 500)
    assert message == f"an internal error, recorded as request {demo.state['request_id']}"
    (record,) = caplog.records
    assert "ecr:CreateRepository" in record.getMessage()
    assert record.exc_info is not None
    assert SECRET not in caplog.text


def test_a_denied_caller(demo: Demo) -> None:
    demo.authorize.denied = {"ecr:CreateRepository", "sts:TagSession"}
    told = f"User: {ADA.arn} is not authorized to perform:"
    assert refused(demo.client("ecr").create_repository, repositoryName="team/app") == (
        "AccessDeniedException", f"{told} ecr:CreateRepository", 400,
    )  # fmt: skip
    assert demo.repositories.names == {}
    role = {"RoleArn": "arn:aws:iam::123456789012:role/r", "RoleSessionName": "me"}
    assert refused(demo.client("sts").assume_role, **role) == (
        "AccessDenied", f"{told} sts:TagSession", 403,
    )  # fmt: skip


def test_an_input_that_fails_constraints(demo: Demo) -> None:
    assert refused(demo.client("ecr").create_repository, repositoryName="x") == (
        "InvalidParameterException",
        "Invalid parameter at 'repositoryName' failed to satisfy constraint:"
        " 'Member must have length greater than or equal to 2'",
        400,
    )
    assert refused(demo.client("sts").assume_role, RoleSessionName="me") == (
        "ValidationError",
        "1 validation error detected: Value null at 'roleArn' failed to satisfy constraint:"
        " Member must not be null",
        400,
    )
    assert demo.authorize.asked == []


def test_an_operation_that_is_not_here(demo: Demo) -> None:
    assert refused(demo.client("ecr").describe_registry) == (
        "UnknownOperationException",
        "the operation DescribeRegistry is not implemented by this server",
        400,
    )
    assert refused(demo.client("sts").get_session_token) == (
        "InvalidAction",
        "the operation GetSessionToken is not implemented by this server",
        400,
    )
    code, message, _ = refused(demo.client("kms").list_keys)
    assert code == "UnknownOperationException"
    assert "'TrentService.ListKeys'" in message


def test_a_service_that_is_not_here(demo: Demo) -> None:
    assert refused(demo.client("iam").list_users) == (
        "SignatureDoesNotMatch", "Credential should be scoped to correct service: 'sts'.", 403,
    )  # fmt: skip


def test_authentication_comes_before_validation(demo: Demo) -> None:
    client = demo.client("ecr", secret="wrong")
    assert refused(client.create_repository, repositoryName="x")[0] == "InvalidSignatureException"


def test_a_large_body(demo: Demo) -> None:
    blob = bytes(range(256)) * (20 * 1024 * 4)
    answer = demo.client("ecr").upload_layer_part(
        repositoryName="team/app", uploadId="5f5c2c4e-3a52-4f0e-9d5f-0d8f2f6f5a11",
        partFirstByte=0, partLastByte=len(blob) - 1, layerPartBlob=blob,
    )  # fmt: skip
    assert answer["lastByteReceived"] == len(blob) - 1
    assert demo.repositories.parts == [blob]


def test_a_large_body_is_not_read_for_an_unknown_key(demo: Demo) -> None:
    client = demo.client("ecr", key="AKIAUNKNOWNUNKNOWN00")
    signed = kept_headers(client)
    refused(client.create_repository, repositoryName="team/app")
    headers = [pair for pair in signed.items() if pair[0] != "content-length"]
    answer = demo.request("POST", URL, headers, b"x" * (4 << 20))
    assert answer.status == 400
    assert b"UnrecognizedClientException" in answer.body
    assert answer.unread == 4
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_beyond_the_limit(
    demo: Demo, announced: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = [("X-Amz-Target", f"{TARGET}.CreateRepository")]
    if announced:
        headers.append(("Content-Length", str(40 * 1024 * 1024 + 1)))
        answer = demo.request("POST", URL, headers, b"x" * 10)
    else:
        monkeypatch.setattr(demo.gateway._json, "max_body", 5 << 20)
        monkeypatch.setattr(gateway_module, "LARGE_BODY", 1 << 30)
        answer = demo.request("POST", URL, [*headers, ("Content-Length", "9")], b"x" * (9 << 20))
        assert answer.unread == 3
    assert answer.status == 413
    assert b'"__type":"RequestEntityTooLarge"' in answer.body
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize(
    ("method", "url", "headers", "status", "complaint"),
    [
        ("POST", URL, [], 400, "names no operation"),
        ("GET", URL, [], 400, "names no operation"),
        ("GET", URL + "?a=b", [], 400, "names no operation"),
        ("PUT", URL, [], 405, "POST"),
        ("POST", URL, [("X-Amz-Target", "Nonsense")], 400, "Nonsense"),
        ("POST", URL, [("X-Amz-Target", f"{TARGET}.PutImage")] * 2, 400, "must not be repeated"),
        ("POST", URL, [("X-Amz-Target", f"{TARGET}.PutImage")], 400, "Missing Authentication"),
        ("POST", URL, [("Content-Type", "application/x-www-form-urlencoded")], 403, "Missing"),
        ("GET", URL + "?Action=GetCallerIdentity", [], 403, "Missing Authentication Token"),
        ("POST", URL, [("Content-Length", "five")], 400, "Content-Length"),
    ],
)
def test_requests_that_are_no_aws_requests(
    *, demo: Demo, method: str, url: str, headers: Headers, status: int, complaint: str
) -> None:
    answer = demo.request(method, url, headers)
    assert answer.status == status
    assert complaint in answer.body.decode()
    assert answer.headers["x-amzn-requestid"] == demo.state["request_id"]


def test_the_form_of_errors(demo: Demo) -> None:
    json = demo.request("POST", URL, [("X-Amz-Target", f"{TARGET}.PutImage")])
    assert json.headers["content-type"] == "application/x-amz-json-1.1"
    assert json.headers["x-amzn-errortype"] == "MissingAuthenticationTokenException"
    xml = demo.request("GET", URL + "?Action=GetCallerIdentity", [])
    assert xml.headers["content-type"] == "text/xml"
    assert xml.body.startswith(b"<ErrorResponse><Error><Type>Sender</Type><Code>Missing")


def test_a_client_that_hangs_up_is_not_answered(demo: Demo) -> None:
    headers = [("X-Amz-Target", f"{TARGET}.CreateRepository"), ("Content-Length", "100")]
    assert demo.hang_up("POST", URL, headers).status == 0


def test_a_body_of_no_announced_length(demo: Demo) -> None:
    client = demo.client("ecr")
    signed = kept_headers(client)
    client.describe_repositories()
    headers = [pair for pair in signed.items() if pair[0] != "content-length"]
    answer = demo.request("POST", URL, [*headers, ("Transfer-Encoding", "chunked")], b"{}", chunk=1)
    assert (answer.status, answer.body) == (200, b'{"repositories":[]}')


def test_a_service_that_aws_has_in_one_place() -> None:
    demo = Demo(region="eu-west-1")
    assert demo.client("sts", region="us-east-1").get_caller_identity()["Account"] == ACCOUNT
    assert demo.client("sts", region="eu-west-1").get_caller_identity()["Account"] == ACCOUNT
    demo.client("ecr", region="eu-west-1").create_repository(repositoryName="team/app")
    assert demo.repositories.contexts[0].region == "eu-west-1"
    elsewhere = demo.client("ecr", region="us-east-1").describe_repositories
    assert refused(elsewhere)[0] == "InvalidSignatureException"


def test_a_presigned_request(demo: Demo) -> None:
    url = demo.client("sts").generate_presigned_url("get_caller_identity", HttpMethod="GET")
    answer = demo.request("GET", url, [])
    assert answer.status == 200
    assert f"<Arn>{ADA.arn}</Arn>" in answer.body.decode()
    demo.now = datetime.now(UTC) + timedelta(seconds=3599)
    assert demo.request("GET", url, []).status == 200
    demo.now = datetime.now(UTC) + timedelta(seconds=3602)
    late = demo.request("GET", url, [])
    assert late.status == 400
    assert b"<Code>RequestExpired</Code>" in late.body
    demo.now = None
    tampered = demo.request("GET", url.replace("GetCallerIdentity", "GetSessionToken"), [])
    assert tampered.status == 403
    assert b"<Code>SignatureDoesNotMatch</Code>" in tampered.body
