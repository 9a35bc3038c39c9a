"""What is refused, with AWS's words for it, in both protocols."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.aws.errors import Fault, RequestError
from registry.aws.protocol import Incoming
from registry.aws.sigv4 import SigningCredential
from tests.aws.demo import ADA, KEY, REGION, SECRET, Answer, Demo, kept_headers
from tests.aws.test_gateway import URL, refused

SIGNED_AT = datetime(2026, 11, 22, 10, 10, 10, tzinfo=UTC)
MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your"
    " AWS Secret Access Key and signing method. Consult the service documentation for details."
)


@pytest.fixture
def demo() -> Demo:
    return Demo()


def both(demo: Demo, **options: Any) -> list[tuple[str, str, int]]:
    """How the JSON and the query protocol refuse a client."""
    return [
        refused(demo.client("ecr", **options).describe_repositories),
        refused(demo.client("sts", **options).get_caller_identity),
    ]


def test_an_unknown_key(demo: Demo) -> None:
    message = "The security token included in the request is invalid."
    expected = [
        ("UnrecognizedClientException", message, 400),
        ("InvalidClientTokenId", message, 403),
    ]
    assert both(demo, key="AKIAUNKNOWNUNKNOWN00") == expected
    assert both(demo, token="made-up") == expected
    demo.keys.found[KEY, None] = SigningCredential(SECRET, ADA, active=False)
    assert both(demo) == expected


def test_a_wrong_secret(demo: Demo) -> None:
    assert both(demo, secret="wrong") == [
        ("InvalidSignatureException", MISMATCH, 400),
        ("SignatureDoesNotMatch", MISMATCH, 403),
    ]


def test_an_expired_session(demo: Demo) -> None:
    demo.keys.found["ASIAEXAMPLE", "token"] = SigningCredential("secret", ADA, expired=True)
    message = "The security token included in the request is expired"
    assert both(demo, key="ASIAEXAMPLE", secret="secret", token="token") == [
        ("ExpiredTokenException", message, 400),
        ("ExpiredToken", message, 403),
    ]
    # Who has not got the secret does not learn that the key once was good.
    wrong = both(demo, key="ASIAEXAMPLE", secret="wrong", token="token")
    assert [message for _, message, _ in wrong] == [MISMATCH, MISMATCH]


def test_a_session_in_good_time(demo: Demo) -> None:
    demo.keys.found["ASIAEXAMPLE", "token"] = SigningCredential("secret", ADA)
    client = demo.client("sts", key="ASIAEXAMPLE", secret="secret", token="token")
    assert client.get_caller_identity()["Arn"] == ADA.arn


def test_another_region(demo: Demo) -> None:
    message = "Credential should be scoped to a valid region, not 'eu-west-1'."
    assert both(demo, region="eu-west-1") == [
        ("InvalidSignatureException", message, 400),
        ("SignatureDoesNotMatch", message, 403),
    ]


@pytest.fixture
def signed(demo: Demo) -> list[tuple[str, str]]:
    """The headers of a good request for DescribeRepositories with the body `{}`."""
    client = demo.client("ecr")
    kept = kept_headers(client)
    client.describe_repositories()
    return list(kept.items())


def changed(
    headers: list[tuple[str, str]], name: str, change: Callable[[str], str]
) -> list[tuple[str, str]]:
    assert name in dict(headers)
    return [(key, change(value) if key == name else value) for key, value in headers]


def code(answer: Answer) -> str:
    return answer.headers.get("x-amzn-errortype", "")


def test_the_untouched_request_is_accepted(demo: Demo, signed: list[tuple[str, str]]) -> None:
    assert demo.request("POST", URL, signed, b"{}").status == 200


def test_anything_tampered_with_is_refused(demo: Demo, signed: list[tuple[str, str]]) -> None:
    tampered = [
        demo.request("GET", URL, signed, b"{}"),
        demo.request("POST", URL + "other", signed, b"{}"),
        demo.request("POST", URL + "?a=b", signed, b"{}"),
        demo.request("POST", URL, changed(signed, "content-length", lambda _: "3"), b"{ }"),
        demo.request("POST", URL, changed(signed, "host", lambda _: "moorage.test:5001"), b"{}"),
        demo.request(
            "POST", URL,
            changed(signed, "x-amz-target", lambda v: v.replace("Describe", "Create")), b"{}",
        ),
        demo.request("POST", URL, changed(signed, "content-type", str.upper), b"{}"),
        demo.request("POST", URL, [*signed, ("x-amz-extra", "1")], b"{}"),
        demo.request("POST", URL, [pair for pair in signed if pair[0] != "content-type"], b"{}"),
    ]  # fmt: skip
    assert [(each.status, code(each)) for each in tampered] == [
        (400, "InvalidSignatureException")
    ] * len(tampered)


@settings(deadline=None)
@given(data=st.data())
def test_any_other_signature_is_refused(data: st.DataObject) -> None:
    headers = [("x-amz-target", "AmazonEC2ContainerRegistry_V20150921.DescribeRepositories")]
    now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    text = data.draw(
        st.text("0123456789abcdef", min_size=64, max_size=64) | st.text("aé", min_size=1)
    )
    credential = f"{KEY}/{now[:8]}/{REGION}/ecr/aws4_request"
    value = (
        f"AWS4-HMAC-SHA256 Credential={credential},"
        f" SignedHeaders=host;x-amz-date;x-amz-target, Signature={text}"
    )
    answer = Demo().request(
        "POST", URL, [*headers, ("x-amz-date", now), ("authorization", value)], b"{}"
    )
    assert code(answer) == "InvalidSignatureException"


@pytest.mark.parametrize(
    ("name", "change", "expected", "complaint"),
    [
        ("authorization", lambda v: v.replace("host;", ""), "InvalidSignatureException",
         "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."),
        ("authorization", lambda v: v.replace(";x-amz-target", ""), "InvalidSignatureException",
         "not signed: x-amz-target"),
        ("authorization", lambda v: v.replace("host;", "host;x-other;"), "IncompleteSignature",
         "must be sorted"),
        ("authorization", lambda v: v.replace("host;", "host;other;"), "InvalidSignatureException",
         "not all there: other"),
        ("authorization", lambda v: v.replace("Credential=", "Cred="), "IncompleteSignature",
         "Authorization header requires 'Credential' parameter."),
        ("authorization", lambda v: v.replace("Signature=", "Sig="), "IncompleteSignature",
         "Authorization header requires 'Signature' parameter."),
        ("authorization", lambda v: v.split(",")[0], "IncompleteSignature",
         "Authorization header requires 'Signature' parameter."
         " Authorization header requires 'SignedHeaders' parameter."),
        ("authorization", lambda v: v + ", Signature=0", "IncompleteSignature", "malformed"),
        ("authorization", lambda v: v.replace("/ecr/", "/"), "IncompleteSignature",
         "exactly 5 slash-delimited elements"),
        ("authorization", lambda v: v.replace("aws4_", "aws5_"), "InvalidSignatureException",
         "valid terminator: 'aws4_request'"),
        ("authorization", lambda v: v.replace("/ecr/", "/sts/"), "InvalidSignatureException",
         "Credential should be scoped to correct service: 'ecr'."),
        ("authorization", lambda v: v.replace("SHA256", "SHA512"), "IncompleteSignature",
         "Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA512'."),
        ("authorization", lambda _: "Basic QVdTOng=", "IncompleteSignature",
         "Authorization header requires 'Credential' parameter."),
        ("authorization", lambda v: v + "," * 9000, "IncompleteSignature", "longer than 8192"),
        ("x-amz-date", lambda _: "Sun, 22 Nov 2026", "IncompleteSignature",
         "Date must be in ISO-8601 'basic format'. Got 'Sun, 22 Nov 2026'."),
        ("x-amz-date", lambda _: "20261399T000000Z", "InvalidSignatureException",
         "Date in Credential scope does not match YYYYMMDD"),
    ],
)  # fmt: skip
def test_a_claim_that_is_not_right(
    *,
    demo: Demo,
    signed: list[tuple[str, str]],
    name: str,
    change: Callable[[str], str],
    expected: str,
    complaint: str,
) -> None:
    answer = demo.request("POST", URL, changed(signed, name, change), b"{}")
    assert code(answer).removesuffix("Exception") == expected.removesuffix("Exception")
    assert complaint in answer.body.decode()
    assert answer.status == 400
    assert SECRET not in answer.body.decode()
    assert dict(signed)["authorization"][-64:] not in answer.body.decode()


@pytest.mark.parametrize("name", ["authorization", "x-amz-date", "host", "x-amz-target"])
def test_a_repeated_header_is_refused(demo: Demo, signed: list[tuple[str, str]], name: str) -> None:
    answer = demo.request("POST", URL, [*signed, (name, dict(signed)[name])], b"{}")
    assert code(answer) == "IncompleteSignatureException"
    assert f"'{name}' must not be repeated" in answer.body.decode()


def test_one_kind_of_signature_at_a_time(demo: Demo, signed: list[tuple[str, str]]) -> None:
    answer = demo.request("POST", URL + "?X-Amz-Signature=0", signed, b"{}")
    assert code(answer) == "IncompleteSignatureException"


@pytest.mark.parametrize("value", ["UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "0"])
def test_a_body_is_always_signed(demo: Demo, value: str) -> None:
    client = demo.client("ecr")
    client.meta.events.register(
        "before-sign.ecr",
        lambda request, **_: request.headers.__setitem__("X-Amz-Content-SHA256", value),
    )
    told = refused(client.describe_repositories)
    assert told[0] == "InvalidSignatureException"
    assert "'x-amz-content-sha256' is not the SHA-256 of the body" in told[1]


@pytest.mark.parametrize(
    ("minutes", "message"),
    [
        (
            -6,
            "Signature not yet current: {signed} is still later than {bound} ({now} + 5 min.)",
        ),
        (6, "Signature expired: {signed} is now earlier than {bound} ({now} - 5 min.)"),
    ],
)
def test_clocks_apart(
    demo: Demo, signed: list[tuple[str, str]], minutes: int, message: str
) -> None:
    form = "%Y%m%dT%H%M%SZ"
    stamp = dict(signed)["x-amz-date"]
    moment = datetime.strptime(stamp, form).replace(tzinfo=UTC)
    demo.now = moment + timedelta(minutes=minutes)
    bound = demo.now + timedelta(minutes=5 if minutes < 0 else -5)
    answer = demo.request("POST", URL, signed, b"{}")
    told = message.format(signed=stamp, bound=bound.strftime(form), now=demo.now.strftime(form))
    assert code(answer) == "InvalidSignatureException"
    assert told in answer.body.decode()
    for seconds in (-300, 300):
        demo.now = moment + timedelta(seconds=seconds)
        assert demo.request("POST", URL, signed, b"{}").status == 200


def test_a_header_is_read_once_or_not_at_all() -> None:
    incoming = Incoming("POST", "/", "", [("a", " 1 "), ("b", "1"), ("b", "2")], True, "", "id")
    assert (incoming.header("a"), incoming.header("c")) == ("1", None)
    with pytest.raises(RequestError) as raised:
        incoming.header("b")
    assert raised.value.fault is Fault.INCOMPLETE_SIGNATURE


def test_a_secret_is_not_shown() -> None:
    assert SECRET not in repr(SigningCredential(SECRET, ADA))
