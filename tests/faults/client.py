"""A quick client of the OCI protocol over one connection, that hides no answer and no failure."""

from __future__ import annotations

import hashlib
import http.client
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Self

PIECE = 64 * 1024
Body = bytes | Iterable[bytes] | None


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer."""

    status: int
    headers: Mapping[str, str]
    """By lower-case name."""
    body: bytes

    def __repr__(self) -> str:
        return f"{self.status} {self.body[:300]!r}"


class Gone(Exception):
    """The connection ended before the answer was complete: whether it was done is not known."""


class Client:
    """One connection, made again after it was lost. Not for several threads."""

    def __init__(self, port: int, authorization: str, timeout: float = 60) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
        self._headers = {"Authorization": authorization}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._connection.close()

    def ask(
        self, method: str, path: str, body: Body = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One request; an iterable body is sent with chunked encoding. Raises Gone."""
        try:
            self._connection.request(method, path, body, {**self._headers, **(headers or {})})
            got = self._connection.getresponse()
            content = got.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise Gone(f"{method} {path}: {type(error).__name__}: {error}") from error
        return Answer(got.status, {k.lower(): v for k, v in got.getheaders()}, content)

    def start(self, repository: str) -> str:
        """Begin an upload; its location."""
        answer = self.ask("POST", f"/v2/{repository}/blobs/uploads/")
        assert answer.status == 202, answer
        return answer.headers["location"]

    def put_blob(self, repository: str, content: bytes) -> Answer:
        """POST, then everything in one PUT."""
        return self.ask("PUT", f"{self.start(repository)}?digest={digest_of(content)}", content)

    def blob(self, repository: str, digest: str) -> Answer:
        return self.ask("GET", f"/v2/{repository}/blobs/{digest}")

    def manifest(self, repository: str, reference: str) -> Answer:
        return self.ask("GET", f"/v2/{repository}/manifests/{reference}")

    def put_manifest(
        self, repository: str, reference: str, manifest: bytes, media_type: str
    ) -> Answer:
        path = f"/v2/{repository}/manifests/{reference}"
        return self.ask("PUT", path, manifest, {"Content-Type": media_type})


def pieces(content: bytes, size: int = PIECE) -> Iterator[bytes]:
    """The content in pieces, which `ask` sends with chunked encoding."""
    for start in range(0, len(content), size):
        yield content[start : start + size]


def digest_of(content: bytes) -> str:
    """The sha256 digest, `sha256:hex`."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def chance(seed: int) -> random.Random:
    """Random choices that are the same in every run."""
    return random.Random(seed)  # noqa: S311 - test data, not secrets
