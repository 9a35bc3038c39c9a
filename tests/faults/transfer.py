"""A client program that pushes and pulls blobs of any size without holding one.

    transfer.py PORT AUTHORIZATION REPOSITORY BYTES SEED HOW...

Each HOW is done in turn: `patch` pushes in one streamed PATCH with chunked encoding, `put` in
one PUT, `chunks` in three PATCH requests, `pull` pulls what the seed makes and compares the
digest. A line is printed for each: the seconds it took. Any surprise ends it with status 1.
"""

from __future__ import annotations

import hashlib
import http.client
import sys
import time
from collections.abc import Iterator

PIECE = 1 << 20


def content(seed: int, size: int, start: int = 0) -> Iterator[bytes]:
    """`size` bytes from `start` on: a block that no compression makes small, numbered."""
    block = bytearray(hashlib.shake_256(str(seed).encode()).digest(PIECE))
    at, end = start, start + size
    while at < end:
        number, skip = divmod(at, PIECE)
        block[:8] = number.to_bytes(8, "little")
        piece = bytes(memoryview(block)[skip : skip + end - at])
        yield piece
        at += len(piece)


def digest(seed: int, size: int) -> str:
    """The digest of all of it."""
    running = hashlib.sha256()
    for piece in content(seed, size):
        running.update(piece)
    return f"sha256:{running.hexdigest()}"


class Transfer:
    """One client."""

    def __init__(self, port: int, authorization: str, repository: str, size: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=240)
        self._authorization = {"Authorization": authorization}
        self._repository = repository
        self._size = size

    def patch(self, seed: int) -> None:
        """One PATCH of unknown length, then an empty PUT."""
        location = self._ask("PATCH", self._start(), 202, content(seed, self._size))
        self._finish(location, seed)

    def chunks(self, seed: int) -> None:
        """Three PATCH requests, then an empty PUT."""
        location, step = self._start(), -(-self._size // 3)
        for start in range(0, self._size, step):
            size = min(step, self._size - start)
            headers = {
                "Content-Length": str(size),
                "Content-Range": f"{start}-{start + size - 1}",
            }
            location = self._ask("PATCH", location, 202, content(seed, size, start), headers)
        self._finish(location, seed)

    def put(self, seed: int) -> None:
        """One PUT of known length."""
        headers = {"Content-Length": str(self._size)}
        location = f"{self._start()}?digest={digest(seed, self._size)}"
        self._ask("PUT", location, 201, content(seed, self._size), headers)

    def pull(self, seed: int) -> None:
        """The whole blob, hashed as it comes."""
        wanted = digest(seed, self._size)
        path = f"/v2/{self._repository}/blobs/{wanted}"
        self._connection.request("GET", path, headers=self._authorization)
        answer = self._connection.getresponse()
        assert answer.status == 200, answer.read()
        running, size, buffer = hashlib.sha256(), 0, memoryview(bytearray(PIECE))
        while count := answer.readinto(buffer):
            running.update(buffer[:count])
            size += count
        assert size == self._size
        assert f"sha256:{running.hexdigest()}" == wanted

    def _start(self) -> str:
        return self._ask("POST", f"/v2/{self._repository}/blobs/uploads/", 202)

    def _finish(self, location: str, seed: int) -> None:
        self._ask("PUT", f"{location}?digest={digest(seed, self._size)}", 201)

    def _ask(
        self,
        method: str,
        path: str,
        status: int,
        body: Iterator[bytes] | None = None,
        headers: dict[str, str] | None = None,
    ) -> str:
        """One request; the location in its answer."""
        sent = {**self._authorization, **(headers or {})}
        self._connection.request(method, path, body, sent)
        answer = self._connection.getresponse()
        said = answer.read()
        assert answer.status == status, f"{method} {path}: {answer.status} {said!r}"
        return answer.headers["Location"]


def main() -> None:
    """Do what the arguments say."""
    port, authorization, repository, size, seed, *ways = sys.argv[1:]
    transfer = Transfer(int(port), authorization, repository, int(size))
    for way in ways:
        begun = time.monotonic()
        getattr(transfer, way)(int(seed))
        print(way, round(time.monotonic() - begun, 3), flush=True)


if __name__ == "__main__":
    main()
