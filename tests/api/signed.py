"""Requests to `/api/v1/`, signed by botocore's own signer."""

from __future__ import annotations

import json
from typing import Any

import httpx
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from registry.domain.identities.directory import AccessKey
from tests.application import REGION, URL, Registry
from tests.identities import Temporary


def send(
    registry: Registry,
    method: str,
    path: str,
    document: Any = None,
    key: AccessKey | Temporary | None = None,
    *,
    region: str = REGION,
) -> httpx.Response:
    """The answer to a request of the key's, the administrator's by default."""
    key = key or registry.admin
    body = b"" if document is None else json.dumps(document).encode()
    token = key.token if isinstance(key, Temporary) else None
    request = AWSRequest(method, f"{URL}/api/v1/{path}", data=body)
    SigV4Auth(Credentials(key.id, key.secret, token), "ecr", region).add_auth(request)
    with registry.anyone(dict(request.headers.items())) as client:
        return client.request(method, f"/api/v1/{path}", content=body)


def refused(answer: httpx.Response) -> tuple[int, str, str]:
    """Status, code and message of a refusal in the interface's form."""
    document = answer.json()
    assert set(document) == {"code", "message"}, document
    assert "Traceback" not in document["message"]
    return answer.status_code, document["code"], document["message"]
