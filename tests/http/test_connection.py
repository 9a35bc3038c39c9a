from __future__ import annotations

import json
import logging
import socket
import time
from collections.abc import Iterator

import pytest

from registry.http.limits import Limits
from tests.http.serving import QUICK, Client, Serving, serving, until

HOST = b"Host: test\r\n"


@pytest.fixture(scope="module")
def server() -> Iterator[Serving]:
    with serving() as running:
        yield running


@pytest.fixture(scope="module")
def quick() -> Iterator[Serving]:
    with serving(QUICK) as running:
        yield running


@pytest.fixture(autouse=True)
def _no_traceback(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    found = [r for when in ("call", "teardown") for r in caplog.get_records(when) if r.exc_info]
    assert not found


def refused(client: Client) -> int:
    """The status of a refusal, which is JSON that says why, and after which comes nothing."""
    answer = client.answer()
    assert answer.headers["connection"] == "close"
    assert json.loads(answer.body)["errors"][0]["message"]
    assert client.closed()
    return answer.status


def pushed_away(client: Client) -> bool:
    """Whether the server stops taking what the client keeps sending."""
    try:
        for _ in range(1500):
            client.send(b"a" * 90_000)
            time.sleep(0.002)
    except ConnectionError:
        return True
    return False


def test_a_long_request_line_is_refused(server: Serving) -> None:
    longest = "/hello?" + "a" * (8192 - len("/hello?"))
    assert server.connect().get(longest).answer().status == 200
    assert refused(server.connect().get(longest + "a")) == 414
    assert refused(server.connect().send(b"GET /" + b"a" * 500_000)) == 414


def test_many_header_lines_are_refused(server: Serving) -> None:
    assert server.connect().get("/hello", more="A: b\r\n" * 99).answer().status == 200
    assert refused(server.connect().get("/hello", more="A: b\r\n" * 100)) == 431


@pytest.mark.parametrize("lines", [1, 70])
def test_large_headers_are_refused(server: Serving, lines: int) -> None:
    def header(total: int) -> str:
        size = total // lines
        return f"A: {'b' * (size - 5)}\r\n" * lines

    assert server.connect().get("/hello", more=header(65_000)).answer().status == 200
    assert refused(server.connect().get("/hello", more=header(66_000))) == 431


def test_a_head_without_end_is_refused(server: Serving) -> None:
    client = server.connect().send(b"GET /hello HTTP/1.1\r\nA: ")
    assert pushed_away(client)


def test_empty_lines_without_end_are_refused(server: Serving) -> None:
    assert refused(server.connect().send(b"\r\n" * 40_000)) == 431


@pytest.mark.parametrize(
    "request_",
    [
        b"nonsense\r\n\r\n",
        b"GET /hello HTTP/1.1\r\n" + HOST + b"A b: c\r\n\r\n",
        b"GET /hello HTTP/1.1\r\n" + HOST + b"A: b\r\n c\r\n\r\n",
        b"GET /hello HTTP/1.1\r\n\r\n",
        b"GET /hello HTTP/1.1\r\n" + HOST + HOST + b"\r\n",
        b"PUT /push HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"PUT /push HTTP/1.1\r\n" + HOST + b"Content-Length: -5\r\n\r\nhello",
        b"PUT /push HTTP/1.1\r\n" + HOST + b"Content-Length: 5, 5\r\n\r\nhello",
        b"PUT /push HTTP/1.1\r\n" + HOST
        + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"PUT /push HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n",
        b"PUT /push HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhelloX",
        b"PUT /push HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip, identity\r\n\r\n5\r\n",
        b"CONNECT host:443 HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET /\xff HTTP/1.1\r\n" + HOST + b"\r\n",
    ],
)  # fmt: skip
def test_a_malformed_request_is_refused(server: Serving, request_: bytes) -> None:
    assert refused(server.connect().send(request_)) == 400
    server.await_closed()


def test_an_answer_does_not_say_what_serves_it(server: Serving) -> None:
    headers = server.connect().get("/hello").answer().headers
    assert "server" not in headers
    assert "date" in headers


def test_trailers_do_not_become_headers(server: Serving) -> None:
    client = server.connect()
    client.get("/push", method="PUT", more="Transfer-Encoding: chunked\r\n")
    client.send(b"5\r\nhello\r\n0\r\nHost: evil\r\nX-Other: evil\r\n\r\n")
    assert client.answer().status == 201
    assert len(server.application.headers) == 2
    assert client.get("/hello").answer().status == 200


def test_an_upgrade_is_answered_in_http_and_closed(server: Serving) -> None:
    client = server.connect().get("/hello", more="Connection: upgrade\r\nUpgrade: h2c\r\n")
    assert client.answer().status == 200
    assert client.closed()


def test_a_silent_client_is_closed(quick: Serving) -> None:
    start = time.monotonic()
    assert quick.connect().closed()
    assert 0.7 < time.monotonic() - start < 10  # by default it would be 20


def test_a_slow_loris_is_told_and_closed(quick: Serving) -> None:
    client = quick.connect()
    start = time.monotonic()
    answer = None
    for byte in b"GET /hello HTTP/1.1\r\nHost: test\r\nX: " + b"x" * 1000:
        client.send(bytes([byte]))
        client.socket.settimeout(0.03)
        try:
            answer = client.answer()
            break
        except TimeoutError:
            continue
    assert answer is not None
    assert answer.status == 408
    assert time.monotonic() - start < 10


def test_the_time_for_a_head_counts_anew_for_each_request(quick: Serving) -> None:
    client = quick.connect()
    for _ in range(7):
        time.sleep(0.15)
        assert client.get("/hello").answer().status == 200
    client.send(b"GET /hel")
    assert client.answer().status == 408


def test_a_request_may_take_longer_than_its_head(quick: Serving) -> None:
    client = quick.connect().get("/sleep?seconds=1").send(b"GET /hello HTTP/1.1\r\n")
    assert client.answer().body == b"awake"
    assert client.send(HOST + b"\r\n").answer().status == 200


@pytest.mark.parametrize("framing", ["Content-Length: 1000\r\n", "Transfer-Encoding: chunked\r\n"])
def test_a_body_that_stands_still_is_cut(quick: Serving, framing: str) -> None:
    client = quick.connect().get("/push", method="PUT", more=framing).send(b"5\r\nhello\r\n")
    until(lambda: quick.application.open == 1)
    assert client.closed()
    quick.await_closed()


def test_a_slow_body_that_moves_is_not_cut(quick: Serving) -> None:
    client = quick.connect().get("/push", method="PUT", more="Content-Length: 8\r\n")
    for byte in b"progress":
        time.sleep(0.12)
        client.send(bytes([byte]))
    assert client.answer().status == 201


@pytest.mark.parametrize("target", ["/pull?length=100000000", "/unread?length=100000000"])
def test_an_answer_that_nobody_reads_is_cut(quick: Serving, target: str) -> None:
    client = quick.connect(receive_buffer=8192).get(target)
    time.sleep(1.5)
    quick.await_closed()
    with pytest.raises((EOFError, ConnectionResetError)):
        client.answer()


def test_one_connection_too_many_is_refused() -> None:
    with serving(Limits(connections=2)) as server:
        first, second, third = (server.connect() for _ in range(3))
        assert first.get("/hello").answer().status == 200
        assert second.get("/hello").answer().status == 200
        assert refused(third.get("/hello")) == 503
        first.socket.close()
        third.socket.close()
        until(lambda: len(server.connections()) == 1)
        assert server.connect().get("/hello").answer().status == 200


def test_far_too_many_connections_are_not_even_refused() -> None:
    with serving(Limits(connections=1)) as server:
        kept = [server.connect() for _ in range(2)]
        until(lambda: len(server.connections()) == 2)
        assert server.connect().closed()
        assert kept[0].get("/hello").answer().status == 200


def test_the_rest_of_a_body_answered_early_is_dropped_up_to_a_bound() -> None:
    with serving(Limits(discard=100_000)) as server:
        client = server.connect()
        client.get("/refuse", method="PUT", more="Content-Length: 90000\r\n")
        assert client.answer().status == 401
        client.send(bytes(90_000))
        assert client.get("/hello").answer().status == 200
        client.get("/refuse", method="PUT", more="Content-Length: 90000000\r\n")
        assert client.answer().status == 401
        assert pushed_away(client)


def test_a_client_that_stops_in_a_dropped_body_is_cut(quick: Serving) -> None:
    client = quick.connect().get("/refuse", method="PUT", more="Content-Length: 90000\r\n")
    assert client.answer().status == 401
    client.send(b"half")
    assert client.closed()


def test_work_that_fails_early_is_answered_while_the_client_sends(server: Serving) -> None:
    client = server.connect().get("/push?full=1", method="PUT", more="Content-Length: 3000000\r\n")
    client.send(bytes(3_000_000))
    answer = client.answer()
    assert (answer.status, answer.body) == (503, b"no room")
    assert client.get("/hello").answer().status == 200


@pytest.mark.parametrize("plain", [False, True])
def test_a_malformed_pipelined_request_does_not_spoil_an_answer(plain: bool) -> None:
    with serving(plain=plain) as server:
        client = server.connect().get("/sleep?seconds=0.3").send(b"nonsense\r\n\r\n")
        with pytest.raises((EOFError, ConnectionResetError)):
            client.answer()
        server.await_closed()


def test_a_small_body_over_its_limit_is_answered(server: Serving) -> None:
    client = server.connect().get("/small", method="PUT", more="Content-Length: 1001\r\n")
    assert client.send(bytes(1001)).answer().status == 413
    assert client.get("/hello").answer().status == 200


def test_a_client_that_waits_to_continue_is_told_to(server: Serving) -> None:
    client = server.connect()
    client.get("/push", method="PUT", more="Content-Length: 5\r\nExpect: 100-continue\r\n")
    assert client.answer().status == 100
    assert client.send(b"hello").answer().status == 201


def test_a_client_that_hangs_up_in_mid_upload_leaves_nothing_running(
    server: Serving, caplog: pytest.LogCaptureFixture
) -> None:
    for framing in ("Content-Length: 900000\r\n", "Transfer-Encoding: chunked\r\n"):
        client = server.connect().get("/push", method="PUT", more=framing).send(b"5\r\nhel")
        until(lambda: server.application.open == 1)
        client.socket.close()
        server.await_closed()
    assert not [r for r in caplog.records if r.levelno >= logging.WARNING]


def test_a_connection_over_the_loopback_is_unpaced() -> None:
    with serving() as server:
        assert server.connect().get("/hello").answer().status == 200
        [connection] = server.connections()
        accepted = connection.transport.get_extra_info("socket")
        found = accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16)
        assert found.partition(b"\0")[0] == b"reno"
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
