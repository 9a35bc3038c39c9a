from __future__ import annotations

import hashlib
import logging
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.http.application import PATTERN, pattern
from tests.http.certificate import certificate
from tests.http.serving import QUICK, Client, Serving, serving, until

LARGE = 40_000_000


@pytest.fixture(scope="module", params=["fast", "plain"])
def server(request: pytest.FixtureRequest) -> Iterator[Serving]:
    with serving(plain=request.param == "plain") as running:
        yield running


@pytest.fixture(scope="module")
def fast() -> Iterator[Serving]:
    with serving() as running:
        yield running


def read_to_the_end(client: Client) -> int:
    """How many bytes come before the server closes the connection."""
    total = 0
    try:
        while data := client.socket.recv(1 << 20):
            total += len(data)
    except ConnectionResetError:
        return total
    return total


def threads(name: str) -> int:
    return sum(thread.name == name for thread in threading.enumerate())


@settings(max_examples=40, deadline=None)
@given(lengths=st.lists(st.integers(0, 3 * len(PATTERN)), min_size=1, max_size=4))
def test_every_byte_arrives_and_the_connection_lives_on(
    server: Serving, lengths: list[int]
) -> None:
    client = server.connect()
    for length in lengths:
        answer = client.get(f"/pull?length={length}").answer()
        assert answer.status == 200
        assert answer.body == pattern(length)
        assert client.get("/hello").answer().status == 200


def test_pipelined_requests_are_answered_in_order(server: Serving) -> None:
    client = server.connect()
    lengths = [LARGE, 3, 2_000_000, 0, 1_048_577]
    client.send(
        b"".join(b"GET /pull?length=%d HTTP/1.1\r\nHost: t\r\n\r\n" % length for length in lengths)
    )
    for length in lengths:
        assert client.answer().body == pattern(length)


def test_a_request_that_comes_in_mid_answer_waits_for_its_turn(server: Serving) -> None:
    client = server.connect().get(f"/pull?length={LARGE}&pause=0.005")
    time.sleep(0.05)
    client.get("/hello").get("/pull?length=5")
    assert client.answer().body == pattern(LARGE)
    assert client.answer().status == 200
    assert client.answer().body == pattern(5)


def test_a_connection_that_is_to_close_does_so_after_the_body(server: Serving) -> None:
    client = server.connect().get(f"/pull?length={LARGE}", more="Connection: close\r\n")
    assert client.answer().body == pattern(LARGE)
    assert client.closed()


def test_a_head_request_has_no_body(server: Serving) -> None:
    client = server.connect().get(f"/pull?length={LARGE}", method="HEAD")
    assert client.answer(head_only=True).headers["content-length"] == str(LARGE)
    assert client.get("/hello").answer().status == 200
    server.await_closed()


@pytest.mark.parametrize("query", ["given=30000000&fail=1", "given=30000000", "given=50000000"])
def test_a_source_that_fails_in_mid_body_never_looks_complete(server: Serving, query: str) -> None:
    client = server.connect().get(f"/pull?length={LARGE}&{query}")
    with pytest.raises((EOFError, ConnectionResetError)):
        client.answer()
    server.await_closed()
    assert server.connect().get("/hello").answer().status == 200


@pytest.mark.parametrize("reset", [False, True])
def test_a_client_that_leaves_in_mid_download_leaves_nothing_running(
    server: Serving, caplog: pytest.LogCaptureFixture, reset: bool
) -> None:
    client = server.connect().get("/pull?length=1000000000")
    client.exactly(1_000_000)
    if reset:
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.socket.close()
    server.await_closed()
    until(lambda: threads("moorage-transfer") + threads("moorage-stream") == 0)
    assert not [r for r in caplog.records if r.levelno >= logging.WARNING]


def test_a_slow_reader_gets_everything(server: Serving) -> None:
    client = server.connect(receive_buffer=65536).get("/pull?length=8000000")
    running = hashlib.sha256()
    head = client.answer(head_only=True)
    assert head.status == 200
    for _ in range(80):
        running.update(client.exactly(100_000))
        time.sleep(0.005)
    assert running.digest() == hashlib.sha256(pattern(8_000_000)).digest()


def test_a_slow_source_does_not_hold_up_others(server: Serving) -> None:
    slow = server.connect().get("/pull?length=4000000&pause=0.4")
    until(lambda: server.application.open == 1)
    for _ in range(5):
        assert b'"open": 1' in server.connect().get("/hello").answer().body
    assert slow.answer().body == pattern(4_000_000)


def test_many_transfers_at_once_keep_apart(server: Serving) -> None:
    def one(number: int) -> bool:
        length = 3_000_000 + number
        return server.connect().get(f"/pull?length={length}").answer().body == pattern(length)

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(one, range(32)))


def test_the_thread_writes_only_where_nothing_is_unusual(fast: Serving) -> None:
    assert b'"fast": true' in fast.connect().get("/hello").answer().body
    old = fast.connect().send(b"GET /hello HTTP/1.0\r\nHost: t\r\n\r\n")
    assert b'"fast": false' in old.answer().body
    old = fast.connect().send(b"GET /pull?length=3000000 HTTP/1.0\r\nHost: t\r\n\r\n")
    assert old.answer().body == pattern(3_000_000)
    assert old.closed()


def test_the_fast_path_is_the_one_taken(fast: Serving) -> None:
    until(lambda: threads("moorage-transfer") + threads("moorage-stream") == 0)
    client = fast.connect().get("/pull?length=1000000000")
    client.exactly(1000)
    assert (threads("moorage-transfer"), threads("moorage-stream")) == (1, 0)
    client.socket.close()
    fast.await_closed()


def test_over_tls_the_loop_writes(tmp_path: Path) -> None:
    trusted, paths = certificate(tmp_path)
    context = ssl.create_default_context(cafile=trusted)
    with serving(tls=paths) as server:
        opened = socket.create_connection(("127.0.0.1", server.port))
        with context.wrap_socket(opened, server_hostname="localhost") as wrapped:
            client = Client(wrapped)
            hello = client.get("/hello").answer()
            assert b'"scheme": "https"' in hello.body
            assert b'"fast": false' in hello.body
            assert client.get(f"/pull?length={LARGE}").answer().body == pattern(LARGE)
            client.get("/push", method="PUT", more=f"Content-Length: {LARGE}\r\n")
            client.send(pattern(LARGE))
            digest = hashlib.sha256(pattern(LARGE)).hexdigest().encode()
            assert client.answer().body == digest
            client.get("/refuse?" + "a" * 9000)
            assert client.answer().status == 414


def test_a_tls_handshake_has_as_much_time_as_a_head(tmp_path: Path) -> None:
    _, paths = certificate(tmp_path)
    with serving(QUICK, tls=paths) as server:
        start = time.monotonic()
        assert server.connect().closed()
        assert 0.6 < time.monotonic() - start < 10


@pytest.mark.parametrize("chunked", [False, True])
def test_a_large_body_arrives_whole(fast: Serving, chunked: bool) -> None:
    client, body = fast.connect(), pattern(LARGE)
    if chunked:
        client.get("/push", method="PUT", more="Transfer-Encoding: chunked\r\n")
        for start in range(0, LARGE, 700_000):
            part = body[start : start + 700_000]
            client.send(b"%x\r\n%b\r\n" % (len(part), part))
        client.send(b"0\r\n\r\n")
    else:
        client.get("/push", method="PUT", more=f"Content-Length: {LARGE}\r\n").send(body)
    assert client.answer().body == hashlib.sha256(body).hexdigest().encode()


def test_a_stop_lets_transfers_finish() -> None:
    with serving(grace=10) as server:
        client = server.connect().get(f"/pull?length={LARGE}&pause=0.01")
        client.answer(head_only=True)
        idle = server.connect()
        assert idle.get("/hello").answer().status == 200
        server.stop()
        assert idle.closed()
        assert client.exactly(LARGE) == pattern(LARGE)
        assert client.closed()


@pytest.mark.parametrize("target", ["/pull?length=4000000000&pause=0.01", "/sleep?seconds=60"])
def test_a_stop_cuts_what_takes_longer_than_the_grace_period(
    target: str, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(grace=0.3) as server:
        client = server.connect().get(target)
        until(lambda: server.application.open == 1)
        start = time.monotonic()
        server.stop()
        assert read_to_the_end(client) < 4_000_000_000
        server.await_closed()
        assert time.monotonic() - start < 30
    assert not [record for record in caplog.records if record.exc_info]
