"""The demo services on a gateway, and clients whose requests go straight into it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config

from registry.aws.constraints import invalid_parameter
from registry.aws.context import Caller, Context
from registry.aws.errors import Fault
from registry.aws.gateway import Gateway
from registry.aws.service import Conditions, Service
from registry.aws.sigv4 import SigningCredential, Verifier
from registry.values.errors import Denied
from tests.aws.demo_services import Identity, Repositories, ecr, service_error_of, sts

ACCOUNT, REGION = "123456789012", "us-east-1"
KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
ADA = Caller(f"arn:aws:iam::{ACCOUNT}:user/ada", ACCOUNT, "AIDAEXAMPLE")


@dataclass
class Keys:
    """The lookup of the tests."""

    found: dict[tuple[str, str | None], SigningCredential] = field(
        default_factory=lambda: {(KEY, None): SigningCredential(SECRET, ADA)}
    )

    def find(self, access_key_id: str, session_token: str | None) -> SigningCredential | None:
        return self.found.get((access_key_id, session_token))


@dataclass
class Asked:
    """An authorizer that writes down what it was asked, and denies what it was told to."""

    asked: list[tuple[tuple[str, ...], tuple[str, ...]]] = field(default_factory=list)
    denied: set[str] = field(default_factory=set)

    def __call__(
        self,
        context: Context,
        actions: Sequence[str],
        resources: Sequence[str],
        _conditions: Conditions,
    ) -> None:
        self.asked.append((tuple(actions), tuple(resources)))
        for action in self.denied.intersection(actions):
            raise Denied(f"User: {context.caller.arn} is not authorized to perform: {action}")


@dataclass
class Demo:
    """A gateway with its parts in reach."""

    repositories: Repositories = field(default_factory=Repositories)
    keys: Keys = field(default_factory=Keys)
    authorize: Asked = field(default_factory=Asked)
    region: str = REGION
    refused: list[tuple[str, str, Fault]] = field(default_factory=list)
    now: datetime | None = None
    state: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        verifier = Verifier(self.keys, lambda: self.now or datetime.now(UTC))
        self.gateway = Gateway(
            self.services(),
            self.keys,
            self.authorize,
            regions=(self.region,),
            verifier=verifier,
            refused=lambda _incoming, action, key_id, error: self.refused.append(
                (action, key_id, error.fault)
            ),
        )

    def services(self) -> list[Service]:
        return [
            ecr.bind(self.repositories, errors=service_error_of, invalid=invalid_parameter),
            sts.bind(Identity(), global_region="us-east-1"),
        ]

    def client(
        self, service: Any, *, key: str = KEY, secret: str = SECRET, token: str | None = None,
        region: str = REGION, validate: bool = False,
    ) -> Any:  # fmt: skip
        """A boto3 client of the gateway; it sends what it is given, valid or not."""
        config = Config(retries={"total_max_attempts": 1}, parameter_validation=validate)
        client = boto3.client(
            service, region_name=region, endpoint_url="http://moorage.test:5000", config=config,
            aws_access_key_id=key, aws_secret_access_key=secret, aws_session_token=token,
        )  # fmt: skip
        client.meta.events.register("before-send", self._send)
        return client

    def _send(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        headers = [(name, _text(value)) for name, value in request.headers.items()]
        body: Any = request.body or b""
        content = body.encode() if isinstance(body, str) else bytes(body)
        answer = self.request(str(request.method), str(request.url), headers, content)
        received = HTTPHeaders.from_dict(answer.headers)
        return AWSResponse(str(request.url), answer.status, received, _Raw(answer.body))

    def request(
        self, method: str, url: str, headers: Sequence[tuple[str, str]], body: bytes = b"",
        *, chunk: int = 1 << 20,
    ) -> Answer:  # fmt: skip
        """Send one request; the Host comes from the URL unless it is among the headers."""
        given = [(name.lower(), value) for name, value in headers]
        if not {"content-length", "transfer-encoding"} & {name for name, _ in given}:
            given.append(("content-length", str(len(body))))
        pieces = [body[start : start + chunk] for start in range(0, len(body), chunk)] or [b""]
        messages: list[dict[str, Any]] = [
            {"type": "http.request", "body": piece, "more_body": number < len(pieces)}
            for number, piece in enumerate(pieces, 1)
        ]
        return asyncio.run(self._run(self._scope(method, url, given), messages))

    def hang_up(self, method: str, url: str, headers: Sequence[tuple[str, str]]) -> Answer:
        """Send one request whose client goes away in the middle of the body."""
        given = [(name.lower(), value) for name, value in headers]
        messages: list[dict[str, Any]] = [
            {"type": "http.request", "body": b"{", "more_body": True},
            {"type": "http.disconnect"},
        ]
        return asyncio.run(self._run(self._scope(method, url, given), messages))

    def _scope(self, method: str, url: str, headers: list[tuple[str, str]]) -> dict[str, Any]:
        parts = urlsplit(url)
        if "host" not in {name for name, _ in headers}:
            headers.append(("host", parts.netloc))
        self.state = {"request_id": "5f5c2c4e-3a52-4f0e-9d5f-0d8f2f6f5a11"}
        return {
            "type": "http", "method": method, "scheme": parts.scheme, "path": parts.path,
            "raw_path": parts.path.encode(), "query_string": parts.query.encode(),
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers],
            "client": ("192.0.2.7", 40000), "state": self.state,
        }  # fmt: skip

    async def _run(self, scope: dict[str, Any], messages: list[dict[str, Any]]) -> Answer:
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return messages.pop(0)

        async def send(message: Any) -> None:
            sent.append(message)

        await self.gateway(scope, receive, send)
        if not sent:
            return Answer(0, {}, b"", len(messages))
        start, *rest = sent
        headers = {name.decode(): value.decode() for name, value in start["headers"]}
        body = b"".join(message["body"] for message in rest)
        return Answer(start["status"], headers, body, len(messages))


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes
    unread: int
    """Pieces of the request's body that were not asked for."""


class _Raw:
    """What botocore reads a response from."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, **_: object) -> list[bytes]:
        return [self._body]


def kept_headers(client: Any) -> dict[str, str]:
    """Fills with the headers of what the client sends, names in lower case, Host among them."""
    kept: dict[str, str] = {"host": "moorage.test:5000"}

    def keep(request: AWSPreparedRequest, **_: object) -> None:
        kept.update({name.lower(): _text(value) for name, value in request.headers.items()})

    client.meta.events.register_first("before-send", keep)
    return kept


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
