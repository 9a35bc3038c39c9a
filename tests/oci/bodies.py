"""What the tests of the protocol send, and how they read refusals."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import httpx

from tests import images
from tests.application import Registry

NAME = "team/app"
ACCESS = {"docker-distribution-api-version": "registry/2.0"}


def error(answer: httpx.Response) -> tuple[int, str, str]:
    """Status, code and message of a refusal in the protocol's form."""
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["docker-distribution-api-version"] == "registry/2.0"
    (found,) = answer.json()["errors"]
    assert found["message"]
    assert "Traceback" not in answer.text
    return answer.status_code, found["code"], found["message"]


def refused(answer: httpx.Response, status: int, code: str, named: str) -> None:
    """Fail unless it is that refusal, and its message names what was wrong."""
    got = error(answer)
    assert got[:2] == (status, code), got
    assert named in got[2], got


def start(client: httpx.Client, name: str = NAME) -> str:
    """The location of a new upload."""
    answer = client.post(f"/v2/{name}/blobs/uploads/")
    assert answer.status_code == 202, answer.text
    return answer.headers["location"]


def put_blob(client: httpx.Client, content: bytes, name: str = NAME) -> str:
    """Store a blob; its digest."""
    return images.push_blob(client, name, content)


def put(
    client: httpx.Client,
    content: bytes,
    reference: str = "v1",
    name: str = NAME,
    media_type: str = images.OCI_MANIFEST,
) -> httpx.Response:
    """Push a manifest as these bytes."""
    return client.put(
        f"/v2/{name}/manifests/{reference}", content=content, headers={"content-type": media_type}
    )


def sha512(content: bytes) -> str:
    return f"sha512:{hashlib.sha512(content).hexdigest()}"


def image(seed: str = "a", **extra: Any) -> images.Image:
    """A small image."""
    return images.oci_image(images.Blob(seed.encode() * 3, images.OCI_LAYER, "x"), **extra)


def raw_json(value: object) -> bytes:
    return json.dumps(value).encode()


class Unchanged:
    """Fails unless everything stored is as it was at the block's start."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def __enter__(self) -> None:
        self._before = self._registry.stored()

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            assert self._registry.stored() == self._before
