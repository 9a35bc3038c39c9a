"""A small registry that can be told to fail, to lie, to be slow and to ask for credentials."""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

from tests.images import Image, digest_of

_PATH = re.compile(r"/v2/(?P<name>.+)/(?P<kind>manifests|blobs)/(?P<reference>[^/]+)")
SECONDS = 30


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that came in."""

    method: str
    path: str
    headers: Mapping[str, str]

    @property
    def authorization(self) -> str:
        return self.headers.get("authorization", "")


Special = Callable[["Handler"], bool]
"""Answers a request in its own way; False leaves it to the registry."""


@dataclass
class FakeRegistry:
    """What it holds, how it behaves, and what it was asked."""

    manifests: dict[tuple[str, str], Image] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    username: str = ""
    """With a password, it asks for credentials: by a token, or with `basic` directly."""
    password: str = ""
    basic: bool = False
    status: int = 0
    """What it answers to everything, where it is not 0."""
    special: Special | None = None
    gate: threading.Event | None = None
    """The second half of each blob waits for it."""
    half_sent: threading.Event = field(default_factory=threading.Event)
    port: int = 0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    def hold(self, name: str, image: Image, tag: str | None = None) -> Image:
        """Hold an image and all below it."""
        for child in image.children:
            self.hold(name, child)
        self.blobs |= {blob.digest: blob.content for blob in image.blobs}
        self.manifests[name, image.digest] = image
        if tag is not None:
            self.manifests[name, tag] = image
        return image

    def requests(self, method: str, part: str = "") -> list[Asked]:
        """Those of a method whose path has a part."""
        return [each for each in self.asked if each.method == method and part in each.path]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def registry(self) -> FakeRegistry:
        return cast("Any", self.server).registry  # type: ignore[no-any-return]  # set by `serving`

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        headers = {name.lower(): text for name, text in self.headers.items()}
        self.registry.asked.append(Asked(self.command, self.path, headers))
        special = self.registry.special
        if special is not None and special(self):
            return
        if self.registry.status:
            self.answer(self.registry.status)
        elif self.path.startswith("/token"):
            self._token()
        elif not self._known():
            self._challenge()
        elif self.path == "/v2/":
            self.answer(200, b"{}")
        else:
            self._serve()

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        """A whole answer; underscores in the names of headers stand for dashes."""
        self.send_response(status)
        for name, text in {"Content_Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), text)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _serve(self) -> None:
        match = _PATH.fullmatch(urlsplit(self.path).path)
        if match is None:
            self.answer(404)
            return
        name, kind, reference = match.groups()
        if kind == "blobs":
            self._blob(reference)
            return
        image = self.registry.manifests.get((name, reference))
        if image is None:
            self.answer(404)
            return
        named = {"Docker_Content_Digest": image.digest, "Content_Type": image.media_type}
        self.answer(200, image.manifest, **named)

    def _blob(self, digest: str) -> None:
        content = self.registry.blobs.get(digest)
        if content is None:
            self.answer(404)
            return
        start = int(self.headers.get("range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        rest = content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        half = len(rest) // 2
        self.wfile.write(rest[:half])
        self.wfile.flush()
        self.registry.half_sent.set()
        if self.registry.gate is not None:
            self.registry.gate.wait(SECONDS)
        self.wfile.write(rest[half:])

    def _known(self) -> bool:
        if not self.registry.password:
            return True
        wanted = self._basic() if self.registry.basic else "Bearer the-token"
        return self.headers.get("authorization") == wanted

    def _basic(self) -> str:
        pair = f"{self.registry.username}:{self.registry.password}".encode()
        return "Basic " + base64.b64encode(pair).decode()

    def _challenge(self) -> None:
        realm = f'Bearer realm="{self.registry.url}/token",service="fake"'
        name = urlsplit(self.path).path.removeprefix("/v2/").partition("/manifests")[0]
        scoped = f'{realm},scope="repository:{name.partition("/blobs")[0]}:pull"'
        self.answer(401, WWW_Authenticate='Basic realm="x"' if self.registry.basic else scoped)

    def _token(self) -> None:
        if self.headers.get("authorization") != self._basic():
            self.answer(401)
            return
        query = parse_qs(urlsplit(self.path).query)
        assert query["service"] == ["fake"]
        self.answer(200, json.dumps({"token": "the-token", "expires_in": 300}).encode())


@contextmanager
def serving(port: int = 0) -> Iterator[FakeRegistry]:
    """A registry on a port of its own, until the block ends."""
    registry = FakeRegistry()
    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    cast("Any", server).registry = registry
    registry.port = server.server_address[1]
    thread = threading.Thread(target=lambda: server.serve_forever(0.02), daemon=True)
    thread.start()
    try:
        yield registry
    finally:
        if registry.gate is not None:
            registry.gate.set()
        server.shutdown()
        server.server_close()
        thread.join()


def other_bytes(content: bytes) -> bytes:
    """As many, and none of them right."""
    wrong = bytes(byte ^ 0xFF for byte in content)
    assert digest_of(wrong) != digest_of(content)
    return wrong
