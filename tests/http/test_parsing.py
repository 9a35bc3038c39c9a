"""However the bytes are cut, and whatever they are, the server answers or closes, and lives on."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.http.application import pattern
from tests.http.serving import Client, Serving, serving

BODY = pattern(5000)
DIGEST = hashlib.sha256(BODY).hexdigest().encode()
STREAM = (
    b"GET /pull?length=70000 HTTP/1.1\r\nHost: t\r\nX-Padding: " + b"x" * 300 + b"\r\n\r\n"
    b"PUT /push HTTP/1.1\r\nHost: t\r\nContent-Length: 5000\r\n\r\n" + BODY
    + b"PUT /push HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3e8\r\n" + BODY[:1000] + b"\r\nFA0;extension=1\r\n" + BODY[1000:] + b"\r\n0\r\n\r\n"
    b"GET /pull?length=3 HTTP/1.1\r\nHost: t\r\n\r\n"
)  # fmt: skip

TOKENS = st.sampled_from(
    [b"GET", b"PUT", b" ", b"/hello", b"/push", b"HTTP/1.1", b"HTTP/1.0", b"\r\n", b"\n", b"\r",
     b"Host: t", b"Content-Length: 5", b"Content-Length: -1", b"Transfer-Encoding: chunked",
     b"Connection: close", b"Upgrade: h2c", b"Connection: upgrade", b"Expect: 100-continue",
     b":", b"\0", b"\xff", b"5\r\nhello\r\n", b"0\r\n\r\n", b"ffffffffffffffffff\r\n", b"%zz", b"?"]
)  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Iterator[Serving]:
    with serving() as running:
        yield running


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, len(STREAM) - 1), max_size=12, unique=True).map(sorted))
def test_where_the_bytes_are_cut_makes_no_difference(server: Serving, cuts: list[int]) -> None:
    client = server.connect()
    for start, end in zip([0, *cuts], [*cuts, len(STREAM)], strict=True):
        client.send(STREAM[start:end])
    assert client.answer().body == pattern(70_000)
    assert client.answer().body == DIGEST
    assert client.answer().body == DIGEST
    assert client.answer().body == pattern(3)
    client.socket.close()


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(TOKENS | st.binary(max_size=20), max_size=25).map(b"".join))
def test_no_bytes_make_the_server_stumble(
    server: Serving, caplog: pytest.LogCaptureFixture, data: bytes
) -> None:
    client = server.connect()
    try:
        client.send(data)
        client.socket.shutdown(1)
        found = drained(client)
        assert not found or found.startswith(b"HTTP/1.1 ")
    except ConnectionError:
        pass  # it was cut in the middle, which is an answer too
    finally:
        client.socket.close()
    again = server.connect()
    assert again.get("/hello").answer().status == 200
    again.socket.close()
    server.await_closed()
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def drained(client: Client) -> bytes:
    """Everything until the server closes."""
    parts = []
    while part := client.socket.recv(65536):
        parts.append(part)
    return b"".join(parts)
