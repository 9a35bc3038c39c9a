"""An object store that answers 500, 503 or nothing: a refusal in the protocol's form, then work."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from tests.conftest import StartServer
from tests.faults.client import Answer, Client, chance, digest_of
from tests.server_process import ServerProcess
from tests.storage.conftest import ACCESS_KEY, SECRET_KEY
from tests.storage.fault_proxy import Fault, FaultProxy

REPOSITORY = "team/s3"
KEPT, NEW = (chance(seed).randbytes(300_000) for seed in (9, 10))


@pytest.fixture
def server(start_server: StartServer, proxy: FaultProxy, bucket: str) -> ServerProcess:
    return start_server(
        *("--storage", "s3", "--s3-bucket", bucket, "--s3-region", "us-east-1"),
        *("--s3-endpoint", f"http://127.0.0.1:{proxy.port}", "--s3-path-style"),
        AWS_ACCESS_KEY_ID=ACCESS_KEY,
        AWS_SECRET_ACCESS_KEY=SECRET_KEY,
    )


@pytest.fixture
def client(server: ServerProcess) -> Iterator[Client]:
    server.ecr.create_repository(repositoryName=REPOSITORY)
    with Client(server.port, f"Basic {server.token()}", timeout=90) as made:
        assert made.put_blob(REPOSITORY, KEPT).status == 201
        yield made


def check_refused(answer: Answer) -> None:
    assert answer.status == 503, answer
    (error,) = json.loads(answer.body)["errors"]
    assert error["code"] == "UNAVAILABLE"
    assert SECRET_KEY not in error["message"]
    assert "127.0.0.1" not in error["message"]


def push(client: Client) -> Answer:
    path = f"/v2/{REPOSITORY}/blobs/uploads/?digest={digest_of(NEW)}"
    return client.ask("POST", path, NEW)


def check_recovered(client: Client) -> None:
    """What was there is there, what was refused is not, and can be pushed now."""
    assert client.blob(REPOSITORY, digest_of(KEPT)).body == KEPT
    assert client.blob(REPOSITORY, digest_of(NEW)).status == 404
    assert push(client).status == 201
    assert client.blob(REPOSITORY, digest_of(NEW)).body == NEW


@pytest.mark.parametrize(
    ("fault", "seconds"),
    [
        (Fault(code=500), 45),
        (Fault(code=503), 45),
        (Fault(lost=True), 45),
        # Three attempts, as often as the proxy keeps silent for its ten seconds.
        pytest.param(Fault(silent=True), 75, marks=pytest.mark.slow),
    ],
    ids=["500", "503", "hangs up", "nothing"],
)
def test_a_store_that_fails_every_request(
    client: Client, proxy: FaultProxy, fault: Fault, seconds: float
) -> None:
    proxy.decide = lambda _method, _path: fault
    begun = time.monotonic()
    check_refused(push(client))
    assert time.monotonic() - begun < seconds
    if not fault.silent:
        check_refused(client.blob(REPOSITORY, digest_of(KEPT)))
    assert client.ask("GET", "/v2/").status == 200
    proxy.reset()
    check_recovered(client)


@pytest.mark.parametrize("method", ["PUT", "HEAD", "DELETE"])
def test_a_store_that_fails_one_kind_of_request(
    client: Client, proxy: FaultProxy, method: str
) -> None:
    """Wherever in a push it fails, the push is whole afterwards, or it is not there."""
    proxy.decide = lambda asked, _path: Fault(code=500) if asked == method else None
    answer = push(client)
    if answer.status != 201:
        check_refused(answer)
    held = client.blob(REPOSITORY, digest_of(NEW))
    proxy.reset()
    if answer.status == 201:
        assert held.body == NEW
    else:
        check_recovered(client)


def test_an_answer_that_breaks_off_is_taken_up_again(client: Client, proxy: FaultProxy) -> None:
    broken = 0

    def once(method: str, _path: str) -> Fault | None:
        nonlocal broken
        broken += method == "GET"
        return Fault(cut=100_000) if method == "GET" and broken == 1 else None

    proxy.decide = once
    assert client.blob(REPOSITORY, digest_of(KEPT)).body == KEPT
    assert broken > 1


def test_a_silent_store_is_given_up_when_the_settings_say(
    start_server: StartServer, proxy: FaultProxy, bucket: str
) -> None:
    """Twice a second, where the default is three times ten."""
    server = start_server(
        *("--storage", "s3", "--s3-bucket", bucket, "--s3-region", "us-east-1"),
        *("--s3-endpoint", f"http://127.0.0.1:{proxy.port}", "--s3-path-style"),
        *("--s3-read-timeout", "1", "--s3-attempts", "2"),
        AWS_ACCESS_KEY_ID=ACCESS_KEY,
        AWS_SECRET_ACCESS_KEY=SECRET_KEY,
    )
    server.ecr.create_repository(repositoryName=REPOSITORY)
    with Client(server.port, f"Basic {server.token()}", timeout=90) as client:
        assert client.put_blob(REPOSITORY, KEPT).status == 201
        proxy.decide = lambda _method, _path: Fault(silent=True)
        begun = time.monotonic()
        check_refused(push(client))
        assert 1.9 < time.monotonic() - begun < 10  # the proxy itself would be silent for so long
        proxy.reset()
        check_recovered(client)


def test_health_tells_of_a_store_that_fails(client: Client, proxy: FaultProxy) -> None:
    assert client.ask("GET", "/healthz").status == 200
    proxy.decide = lambda _method, _path: Fault(code=503)
    assert client.ask("GET", "/healthz").status == 503
    proxy.reset()
    assert client.ask("GET", "/healthz").status == 200
