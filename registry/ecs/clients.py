"""Clients of AWS's services for ECS itself: at one endpoint, with whichever credentials.

By default the endpoint is this very server. botocore's sessions are not for several threads at
once (boto3, "Multithreading or multiprocessing with sessions"), its clients are.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import botocore.session
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.httpsession import URLLib3Session

_PASSING = Config(
    connect_timeout=5,
    read_timeout=30,
    retries={"total_max_attempts": 3, "mode": "standard"},
    s3={"addressing_style": "path"},
)
_TIMEOUT = 10
"""Seconds to connect, and to wait for an answer."""
_OK = 200


class Refused(Exception):
    """The server answered, and not with success."""


class Keys(Protocol):
    """Anything with credentials in it, such as those of a role."""

    @property
    def access_key_id(self) -> str:
        """The access key's id."""
        ...

    @property
    def secret_access_key(self) -> str:
        """The secret."""
        ...

    @property
    def session_token(self) -> str | None:
        """The token of temporary ones."""
        ...


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where services answer."""

    url: str
    """Such as `http://127.0.0.1:5000`."""
    verify: bool = True
    """Whether its certificate must be right. Over the loopback it may be for another name."""


class Clients:
    """Makes botocore clients."""

    def __init__(self, endpoint: Endpoint, services: Mapping[str, Endpoint] | None = None) -> None:
        """`services` are those that answer elsewhere, by botocore's names of them."""
        self._endpoint = endpoint
        self._services = services or {}
        self._session = botocore.session.Session()
        self._lock = threading.Lock()

    def of(self, service: str, region: str, keys: Keys) -> Any:
        """A client that signs with these keys."""
        endpoint = self._services.get(service, self._endpoint)
        with self._lock:
            return self._session.create_client(
                service,
                region_name=region,
                endpoint_url=endpoint.url,
                verify=endpoint.verify,
                aws_access_key_id=keys.access_key_id,
                aws_secret_access_key=keys.secret_access_key,
                aws_session_token=keys.session_token,
                config=_PASSING,
            )

    def put(
        self, path: str, document: Mapping[str, Any], region: str, keys: Keys
    ) -> Mapping[str, Any]:
        """The answer of the registry's own interface, below `/api/v1/`.

        Raises Refused, and botocore's HTTPClientError where nothing answers.
        """
        body = json.dumps(document).encode()
        url = f"{self._endpoint.url}/api/v1/{path}"
        request = AWSRequest("PUT", url, {"content-type": "application/json"}, body)
        held = Credentials(keys.access_key_id, keys.secret_access_key, keys.session_token)
        SigV4Auth(held, "ecr", region).add_auth(request)
        http = URLLib3Session(verify=self._endpoint.verify, timeout=_TIMEOUT)
        try:
            answer = http.send(request.prepare())
            if answer.status_code != _OK:
                raise Refused(f"{answer.status_code}: {answer.text[:500]}")
            found: Mapping[str, Any] = json.loads(answer.text)
        finally:
            http.close()
        return found


@dataclass(frozen=True, slots=True)
class PlainKeys:
    """Keys as values."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)
