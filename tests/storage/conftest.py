"""A real S3 server, buckets in it, and a proxy that breaks what it is told to."""

from __future__ import annotations

import itertools
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from registry.storage.s3 import S3Driver
from registry.storage.s3_client import s3_client
from tests.storage.fault_proxy import FaultProxy
from tests.tools import require_tool

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

pytest.register_assert_rewrite("tests.storage.driver_suite")

ACCESS_KEY, SECRET_KEY = "moorage-tests", "not-a-secret-of-anybody"
START_SECONDS = 20
_numbers = itertools.count()


def make_client(
    port: int, *, attempts: int = 2, read_timeout: float = 20, secret_key: str = SECRET_KEY
) -> S3Client:
    return s3_client(
        endpoint=f"http://127.0.0.1:{port}",
        region="us-east-1",
        path_style=True,
        access_key=ACCESS_KEY,
        secret_key=secret_key,
        attempts=attempts,
        read_timeout=read_timeout,
        connect_timeout=5,
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    pytest.fail(f"versitygw did not start: {log.read_text()[-2000:]}")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 4 MiB. Where none can be mounted, the test of a size limit must be enough."""
    place = tmp_path / "small"
    place.mkdir()
    options = ["-t", "tmpfs", "-o", "size=4m", "none", str(place)]
    try:
        subprocess.run(["mount", *options], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no disk can be mounted here: {error}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.fixture(scope="session")
def s3_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Port on 127.0.0.1 of a versitygw of our own."""
    program = require_tool("versitygw")
    home, port = tmp_path_factory.mktemp("versitygw"), free_port()
    (home / "store").mkdir()
    command = [str(program), "--port", f"127.0.0.1:{port}", "posix", str(home / "store")]
    secrets = {"ROOT_ACCESS_KEY_ID": ACCESS_KEY, "ROOT_SECRET_ACCESS_KEY": SECRET_KEY}
    log = home / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, env={**os.environ, **secrets}
        )
    try:
        wait_for(port, process, log)
        yield port
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


@pytest.fixture(scope="session")
def s3(s3_port: int) -> Iterator[S3Client]:
    client = make_client(s3_port)
    yield client
    client.close()


@pytest.fixture
def bucket(s3: S3Client) -> str:
    """A fresh bucket."""
    name = f"bucket-{next(_numbers)}"
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def s3_driver(s3: S3Client, bucket: str, tmp_path: Path) -> S3Driver:
    """A driver on a fresh bucket, with parts and copied pieces as small as S3 allows."""
    size = 5 << 20
    return S3Driver(
        s3, bucket, "some/prefix", spool=tmp_path / "spool", part_size=size, copy_size=size
    )


@pytest.fixture(scope="session")
def standing_proxy(s3_port: int) -> Iterator[FaultProxy]:
    with FaultProxy(s3_port) as standing:
        yield standing


@pytest.fixture
def proxy(standing_proxy: FaultProxy) -> Iterator[FaultProxy]:
    """What stands between a driver and the server, and may break."""
    standing_proxy.seen.clear()
    standing_proxy.headers.clear()
    yield standing_proxy
    standing_proxy.reset()


@pytest.fixture(scope="session")
def proxy_clients(standing_proxy: FaultProxy) -> Iterator[Callable[[int, float], S3Client]]:
    """Makes clients for given attempts and timeout, each but once, for they take their time."""
    make = lru_cache(
        lambda attempts, timeout: make_client(
            standing_proxy.port, attempts=attempts, read_timeout=timeout
        )
    )
    made = []

    def client(attempts: int, timeout: float) -> S3Client:
        made.append(make(attempts, timeout))
        return made[-1]

    yield client
    for each in made:
        each.close()


@pytest.fixture
def faulty(
    proxy: FaultProxy,
    proxy_clients: Callable[[int, float], S3Client],
    bucket: str,
    tmp_path: Path,
) -> Callable[..., S3Driver]:
    """Makes drivers that reach the fresh bucket through the proxy."""
    size = 5 << 20

    def make(*, attempts: int = 1, read_timeout: float = 1) -> S3Driver:
        client = proxy_clients(attempts, read_timeout)
        return S3Driver(client, bucket, spool=tmp_path / "spool", part_size=size, copy_size=size)

    return make
