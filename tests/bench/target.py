"""A registry under measurement, spoken to over plain sockets so that the client costs little."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

BUFFER = 1 << 20
REPOSITORY = "bench/image"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


@dataclass(frozen=True)
class Target:
    """Where a registry is, and the password for it, if it asks for one."""

    name: str
    host: str
    port: int
    password: str | None = None

    @property
    def headers(self) -> dict[str, str]:
        if self.password is None:
            return {}
        token = base64.b64encode(f"AWS:{self.password}".encode()).decode()
        return {"Authorization": f"Basic {token}"}

    def request(
        self, method: str, path: str, body: bytes | memoryview = b"", **headers: str
    ) -> http.client.HTTPResponse:
        """One request on a connection of its own; the answer, whose body was read."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=300)
        extra = {name.replace("_", "-"): value for name, value in headers.items()}
        length = {"Content-Length": str(len(body))}
        connection.request(method, path, body, {**self.headers, **length, **extra})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        if answer.status >= 400:
            raise RuntimeError(f"{self.name}: {method} {path}: {answer.status} {content[:300]!r}")
        return answer

    def push_blob(self, content: bytes | memoryview, digest: str) -> None:
        """As docker does it: POST, one PATCH with everything, PUT."""
        start = self.request("POST", f"/v2/{REPOSITORY}/blobs/uploads/")
        sent = self.request(
            "PATCH",
            _path(start.headers["Location"]),
            content,
            Content_Type="application/octet-stream",
        )
        location = _path(sent.headers["Location"])
        separator = "&" if "?" in location else "?"
        self.request("PUT", f"{location}{separator}digest={digest}")

    def push_image(self) -> str:
        """A small image with ten layers; the path of its manifest."""
        parts = [self._small(b"{}")] + [self._small(b"layer %d" % at) for at in range(10)]
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": parts[0],
            "layers": parts[1:],
        }
        path = f"/v2/{REPOSITORY}/manifests/v1"
        self.request("PUT", path, json.dumps(manifest).encode(), Content_Type=MANIFEST)
        return path

    def pull_blob(self, digest: str, size: int) -> None:
        """Read the whole blob into one buffer, over and over."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        head = f"GET /v2/{REPOSITORY}/blobs/{digest} HTTP/1.1\r\nHost: {self.host}\r\n{lines}\r\n"
        with socket.create_connection((self.host, self.port), timeout=300) as connection:
            connection.sendall(head.encode())
            buffer = bytearray(BUFFER)
            read = connection.recv_into(buffer)
            end = buffer.index(b"\r\n\r\n", 0, read) + 4
            if b" 200 " not in buffer[:16]:
                raise RuntimeError(f"{self.name}: {bytes(buffer[:read])!r}")
            left = size - (read - end)
            while left:
                read = connection.recv_into(buffer)
                if not read:
                    raise RuntimeError(f"{self.name}: cut off {left} bytes before the end")
                left -= read

    def _small(self, content: bytes) -> dict[str, object]:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self.push_blob(content, digest)
        return {"mediaType": "application/octet-stream", "digest": digest, "size": len(content)}


def _path(location: str) -> str:
    """A Location header without scheme and host."""
    parts = urlsplit(location)
    return parts.path + (f"?{parts.query}" if parts.query else "")
