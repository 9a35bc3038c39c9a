"""One delivery: signed, bounded in time, only where it may go."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from registry.domain.events.webhook import DeliveryFailed, Webhook, signature
from tests.domain.events.hook import SECRET, Hook, hook
from tests.http.certificate import certificate

TLS = ssl.create_default_context()
BODY = '{"detail":"é"}'


def webhook(url: str, *, local: bool = True, tls: ssl.SSLContext = TLS) -> Webhook:
    return Webhook(url, SECRET, tls, local=local, seconds=10)


@pytest.fixture
def ear() -> Iterator[Hook]:
    with hook() as found:
        yield found


@contextmanager
def speaking(*parts: bytes, pause: float) -> Iterator[str]:
    """The URL of a server that answers everybody with these bytes, one after the other."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve() -> None:
        with suppress(OSError):
            connection, _ = listener.accept()
            with connection:
                for part in parts:
                    connection.sendall(part)
                    if over.wait(pause):
                        return
                over.wait(20)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    over.set()
    listener.close()
    thread.join(10)


def test_the_signature_is_that_of_a_known_vector() -> None:
    """HMAC-SHA256 by `printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac secret`."""
    expected = "t=1700000000,v1=49f24e537407743fa4a0242bb63b94b9a47ee99cbbe071ccd8a22550ae411686"
    assert signature("secret", 1_700_000_000, b'{"a":1}') == expected


def test_a_delivery_is_signed_and_says_what_it_is(ear: Hook) -> None:
    before = int(time.time())
    with webhook(ear.url) as target:
        target.send("some-id", BODY, 3)
    (received,) = ear.received
    assert received.path == "/in?from=here"
    assert received.body == BODY.encode()
    assert before <= received.verify() <= time.time()
    sent = {name: received.headers[name] for name in ("content-type", "moorage-event-id")}
    assert sent == {"content-type": "application/json", "moorage-event-id": "some-id"}
    assert received.headers["moorage-attempt"] == "3"
    assert received.headers["host"] == f"127.0.0.1:{ear.port}"
    with pytest.raises(AssertionError):
        received.verify("another secret")


def test_a_connection_is_kept_and_made_anew_where_it_has_ended(ear: Hook) -> None:
    with webhook(ear.url) as target:
        target.send("1", BODY, 1)
        target.send("2", BODY, 1)
        assert len({each.client for each in ear.received}) == 1
        ear.answer = lambda _received: 0 if len(ear.received) == 3 else 200
        target.send("3", BODY, 1)
    assert [each.headers["moorage-event-id"] for each in ear.received] == ["1", "2", "3", "3"]
    assert len({each.client for each in ear.received}) == 2


@pytest.mark.parametrize(
    ("status", "refused"),
    [(301, False), (307, False), (400, True), (401, False), (404, False), (410, True),
     (422, True), (429, False), (500, False), (503, False)],
)  # fmt: skip
def test_only_a_status_of_success_is_one(ear: Hook, status: int, refused: bool) -> None:
    ear.answer = lambda _received: status
    with webhook(ear.url) as target, pytest.raises(DeliveryFailed) as failure:
        target.send("id", BODY, 1)
    assert failure.value.refused is refused
    assert len(ear.received) == 1, "a redirect is not followed"


def test_nobody_there_is_a_failure_in_plain_words() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    for url, words in (
        (f"http://127.0.0.1:{port}/", "Connection refused"),
        ("http://no-such-host.invalid/", "[Nn]ame"),
        ("http://" + "a" * 300 + "/", "no host"),
    ):
        with webhook(url) as target, pytest.raises(DeliveryFailed, match=words) as failure:
            target.send("id", BODY, 1)
        assert str(failure.value)
        assert SECRET not in str(failure.value)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "169.254.169.254", "[::ffff:127.0.0.1]",
     "[fe80::1]", "224.0.0.1", "127.1"],
)  # fmt: skip
def test_what_is_local_is_out_of_reach_unless_it_is_allowed(ear: Hook, host: str) -> None:
    target = webhook(f"http://{host}:{ear.port}/", local=False)
    with target, pytest.raises(DeliveryFailed, match=r"may not reach|not known|not supported"):
        target.send("id", BODY, 1)
    assert ear.received == []


@pytest.mark.parametrize(
    "parts",
    [(), (b"HTTP/1.1 200 OK\r\n",), (b"HTTP/1.1 200 OK\r\nx: ", *[b"y"] * 1000),
     (b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n", *[b"y"] * 1000)],
    ids=["silent", "half", "slow headers", "slow body"],
)  # fmt: skip
def test_a_slow_answer_ends_in_time(parts: tuple[bytes, ...]) -> None:
    begun = time.monotonic()
    with (
        speaking(*parts, pause=0.05) as url,
        Webhook(url, SECRET, TLS, local=True, seconds=0.4) as target,
        pytest.raises(DeliveryFailed, match=r"no answer within 0\.4 s"),
    ):
        target.send("id", BODY, 1)
    assert time.monotonic() - begun < 20


def test_an_answer_that_is_none_is_a_failure() -> None:
    with (
        speaking(b"SSH-2.0-x\r\n\r\n", pause=0) as url,
        webhook(url) as target,
        pytest.raises(DeliveryFailed, match="BadStatusLine"),
    ):
        target.send("id", BODY, 1)


def test_tls_is_verified(tmp_path: Path) -> None:
    authority, pair = certificate(tmp_path)
    with hook(pair) as ear:
        url = f"https://localhost:{ear.port}/"
        with webhook(url) as target, pytest.raises(DeliveryFailed, match=r"TLS: .*self.signed"):
            target.send("id", BODY, 1)
        assert ear.received == []
        trusting = ssl.create_default_context(cafile=authority)
        with webhook(url, tls=trusting) as target:
            target.send("1", BODY, 1)
            target.send("2", BODY, 1)
        assert len({each.client for each in ear.received}) == 1
    with hook(pair) as ear:
        named = f"https://127.0.0.1:{ear.port}/"
        strict = ssl.create_default_context(cafile=authority)
        with webhook(named, tls=strict) as target:
            target.send("1", BODY, 1)
        target = webhook(f"https://127.1:{ear.port}/", tls=strict)
        with target, pytest.raises(DeliveryFailed, match=r"TLS: .*(mismatch|not valid)"):
            target.send("2", BODY, 1)
