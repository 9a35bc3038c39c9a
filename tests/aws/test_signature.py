"""The canonical form against botocore's signer: what it signs is what we compute."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlsplit

from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.aws import signature as sigv4
from registry.aws.claims import read_claim
from registry.aws.context import Caller
from registry.aws.protocol import Incoming
from registry.aws.sigv4 import SigningCredential, Verifier

KEY, SECRET, TOKEN = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "a+b/c=="
CALLER = Caller("arn:aws:iam::123456789012:user/ada", "123456789012", "AIDAEXAMPLE")


class OneKey:
    def find(self, access_key_id: str, session_token: str | None) -> SigningCredential | None:
        known = access_key_id == KEY and session_token in (None, TOKEN)
        return SigningCredential(SECRET, CALLER) if known else None


def received(request: AWSRequest) -> Incoming:
    """The request as a server gets it: the URL's parts, and a Host header."""
    prepared = request.prepare()
    parts = urlsplit(str(prepared.url))
    headers = [("host", parts.netloc)]
    for name, value in request.headers.items():
        headers.append((name.lower(), value))
    body: Any = prepared.body or b""
    content = bytearray(body.encode() if isinstance(body, str) else body)
    return Incoming("POST", parts.path, parts.query, headers, False, "", "id", content)


def accepted(incoming: Incoming) -> bool:
    verifier = Verifier(OneKey(), lambda: datetime.now(UTC))
    identified = verifier.identify(incoming, read_claim(incoming), "ecr", ["us-east-1"])
    return verifier.verify(incoming, identified) is CALLER


segments = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=8)
paths = st.lists(segments | st.sampled_from([".", "..", "", "a b", "%2F"]), max_size=5).map(
    lambda parts: "/" + "/".join(quote(part, safe="~") for part in parts)
)
queries = st.dictionaries(
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=6).filter(
        lambda name: not name.startswith("X-Amz-")
    ),
    st.text(st.characters(codec="utf-8"), max_size=8),
    max_size=4,
).map(
    lambda pairs: "&".join(
        f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in pairs.items()
    )
)
header_names = st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=8).map(
    lambda name: f"X-Test-{name}"
)
header_values = st.text("ab,;= \t~é", max_size=12)
headers = st.lists(st.tuples(header_names, header_values), max_size=5)


@settings(deadline=None)
@given(paths, queries, headers, st.binary(max_size=64), st.none() | st.just(TOKEN))
def test_what_botocore_signs_in_a_header_is_accepted(
    path: str, query: str, given_headers: list[tuple[str, str]], body: bytes, token: str | None
) -> None:
    url = f"http://registry.test:5000{path}" + (f"?{query}" if query else "")
    request = AWSRequest(method="POST", url=url, data=body)
    for name, value in given_headers:
        request.headers.add_header(name, value)
    SigV4Auth(Credentials(KEY, SECRET, token), "ecr", "us-east-1").add_auth(request)
    assert accepted(received(request))


@settings(deadline=None)
@given(paths, queries, st.none() | st.just(TOKEN))
def test_what_botocore_presigns_is_accepted(path: str, query: str, token: str | None) -> None:
    url = f"http://registry.test:5000{path}" + (f"?{query}" if query else "")
    request = AWSRequest(method="POST", url=url)
    SigV4QueryAuth(Credentials(KEY, SECRET, token), "ecr", "us-east-1", expires=60).add_auth(
        request
    )
    assert accepted(received(request))


def test_a_date_header_will_do() -> None:
    request = AWSRequest(method="POST", url="http://registry.test:5000/", data=b"{}")
    request.headers["Date"] = "to be replaced by the signer"
    SigV4Auth(Credentials(KEY, SECRET), "ecr", "us-east-1").add_auth(request)
    assert "X-Amz-Date" not in request.headers
    assert accepted(received(request))


def test_the_vector_of_the_documentation() -> None:
    """The example of the IAM User Guide, "Create a signed AWS API request" (ListUsers)."""
    headers = [
        ("content-type", "application/x-www-form-urlencoded; charset=utf-8"),
        ("host", "iam.amazonaws.com"),
        ("x-amz-date", "20150830T123600Z"),
    ]
    incoming = Incoming("GET", "/", "Action=ListUsers&Version=2010-05-08", headers, True, "", "id")
    empty = hashlib.sha256(b"").hexdigest()
    canonical = sigv4.canonical_request(incoming, [name for name, _ in headers], empty)
    assert hashlib.sha256(canonical.encode()).hexdigest() == (
        "f536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59"
    )
    scope = sigv4.Scope("20150830", "us-east-1", "iam")
    text = sigv4.string_to_sign("20150830T123600Z", scope, canonical)
    secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
    assert sigv4.signature(secret, scope, text) == (
        "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
    )
