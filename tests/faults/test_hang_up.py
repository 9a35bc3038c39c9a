"""Clients that hang up in mid-body, and a stop while transfers are under way: nothing is left."""

from __future__ import annotations

import os
import re
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.conftest import StartServer
from tests.faults.client import Client, chance, digest_of, pieces
from tests.faults.forked import processes
from tests.faults.stocktaking import take_stock
from tests.server_process import ServerProcess

HANG_UPS = 100
SIZE = 3_000_000
REPOSITORY = "team/hang-up"
_KEPT = re.compile(r"(?:moorage|ecs|logs)\.db|/audit/")


def holdings(server: ServerProcess) -> tuple[int, int]:
    """Open files and threads of the server.

    Not the databases' files, whose pools grow by themselves, nor that of the audit log, which is
    opened up to a second after the first event.
    """
    pids = processes(server.process.pid)
    files = [each for pid in pids for each in Path(f"/proc/{pid}/fd").iterdir()]
    kept = sum(not _KEPT.search(_target(each)) for each in files)
    return kept, sum(len(list(Path(f"/proc/{pid}/task").iterdir())) for pid in pids)


def _target(descriptor: Path) -> str:
    try:
        return str(descriptor.readlink())
    except FileNotFoundError:
        return "closed while we looked"


def settled(look: Callable[[], bool], seconds: float = 15) -> bool:
    """Whether it becomes true in time."""
    deadline = time.monotonic() + seconds
    while not look():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def half_request(server: ServerProcess, head: str, body: bytes, *, reset: bool) -> None:
    """Send a request up to the middle of its body and go, politely or not."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(head.encode() + b"\r\n\r\n" + body)
        if reset:
            linger = (1).to_bytes(4, "little") + bytes(4)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


def drafts(server: ServerProcess) -> list[Path]:
    return list((server.data / "storage" / ".tmp").iterdir())


@pytest.mark.slow
def test_a_hundred_hang_ups_leave_nothing(start_server: StartServer) -> None:
    server = start_server()
    server.ecr.create_repository(repositoryName=REPOSITORY)
    authorization, random_ = f"Basic {server.token()}", chance(5)
    content = random_.randbytes(SIZE)
    digest = digest_of(content)
    with Client(server.port, authorization) as client:
        other = random_.randbytes(SIZE)
        assert client.put_blob(REPOSITORY, other).status == 201
        assert client.blob(REPOSITORY, digest_of(other)).status == 200
        time.sleep(0.5)
        before = holdings(server)
        for number in range(HANG_UPS):
            method = ("PUT", "PATCH", "POST", "GET")[number % 4]
            head, body = _request(client, method, digest, content, digest_of(other))
            cut = int(random_.random() ** 2 * (len(body) - 1))
            common = f"Host: {server.address}\r\nAuthorization: {authorization}"
            half_request(server, f"{head}\r\n{common}", body[:cut], reset=bool(number & 4))
        assert settled(lambda: not drafts(server)), "temporary files are still there"
        assert client.blob(REPOSITORY, digest).status == 404
        assert settled(lambda: _no_more(holdings(server), before)), (before, holdings(server))
        assert client.put_blob(REPOSITORY, content).status == 201
        assert client.blob(REPOSITORY, digest).body == content
    server.stop()
    take_stock(server.data).check_tidy()


def _no_more(now: tuple[int, int], before: tuple[int, int]) -> bool:
    """No more files; threads as before, but for the pool's own, which are few."""
    return now[0] <= before[0] and now[1] <= before[1] + 8


def _request(
    client: Client, method: str, digest: str, content: bytes, other: str
) -> tuple[str, bytes]:
    """Request line and framing headers, and the body as it goes over the wire."""
    length = f"Content-Length: {len(content)}"
    if method == "GET":
        return f"GET /v2/{REPOSITORY}/blobs/{other} HTTP/1.1", b"."
    if method == "POST":
        path = f"/v2/{REPOSITORY}/blobs/uploads/?digest={digest}"
        return f"POST {path} HTTP/1.1\r\n{length}", content
    location = client.start(REPOSITORY)
    if method == "PUT":
        return f"PUT {location}?digest={digest} HTTP/1.1\r\n{length}", content
    framed = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces(content))
    return f"PATCH {location} HTTP/1.1\r\nTransfer-Encoding: chunked", framed + b"0\r\n\r\n"


@pytest.mark.parametrize("workers", [1, 2])
def test_a_stop_lets_transfers_finish(start_server: StartServer, workers: int) -> None:
    """A push that goes on after SIGTERM is answered; new requests are refused; status 0."""
    server = start_server("--workers", str(workers), "--grace-seconds", "20")
    server.ecr.create_repository(repositoryName=REPOSITORY)
    content = chance(6).randbytes(SIZE)
    with Client(server.port, f"Basic {server.token()}", timeout=30) as client:
        location = client.start(REPOSITORY)

        def halting() -> Iterator[bytes]:
            for at, piece in enumerate(pieces(content)):
                if at == 20:
                    os.kill(server.process.pid, signal.SIGTERM)
                    assert settled(lambda: refused(server))
                yield piece

        body = halting()
        headers = {"Content-Length": str(SIZE)}
        path = f"{location}?digest={digest_of(content)}"
        answer = client.ask("PUT", path, body, headers)
        assert answer.status == 201, answer
    assert server.process.wait(20) == 0
    server.stop()
    server.start()
    with Client(server.port, f"Basic {server.token()}") as client:
        assert client.blob(REPOSITORY, digest_of(content)).body == content


@pytest.mark.parametrize("workers", [1, 2])
def test_a_stop_cuts_what_stands_still(start_server: StartServer, workers: int) -> None:
    """Push and pull that do not go on are cut when the grace is over; nothing is left of them."""
    server = start_server("--workers", str(workers), "--grace-seconds", "2")
    server.ecr.create_repository(repositoryName=REPOSITORY)
    content, authorization = chance(7).randbytes(8 << 20), f"Basic {server.token()}"
    with Client(server.port, authorization) as client:
        assert client.put_blob(REPOSITORY, content).status == 201
        location = client.start(REPOSITORY)
    common = f"Host: {server.address}\r\nAuthorization: {authorization}\r\n"
    with (
        socket.create_connection(("127.0.0.1", server.port)) as push,
        socket.create_connection(("127.0.0.1", server.port)) as pull,
    ):
        push.sendall(
            f"PATCH {location} HTTP/1.1\r\n{common}Content-Length: 9000000\r\n\r\n".encode()
        )
        push.sendall(content[:5_000_000])
        path = f"/v2/{REPOSITORY}/blobs/{digest_of(content)}"
        pull.sendall(f"GET {path} HTTP/1.1\r\n{common}\r\n".encode())
        assert pull.recv(12) == b"HTTP/1.1 200"
        assert settled(lambda: bool(drafts(server)))
        begun = time.monotonic()
        os.kill(server.process.pid, signal.SIGTERM)
        assert server.process.wait(20) == 0
        assert time.monotonic() - begun < 12
    assert not drafts(server)
    server.stop()
    take_stock(server.data).check_tidy()


def refused(server: ServerProcess) -> bool:
    try:
        httpx.get(f"{server.url}/healthz", timeout=5, trust_env=False)
    except httpx.TransportError:
        return True
    return False
