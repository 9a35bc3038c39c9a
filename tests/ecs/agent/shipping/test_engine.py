"""A real container on a real engine, its output in the CloudWatch Logs of a real server."""

from __future__ import annotations

import io
import os
import random
import subprocess
import sys
import tarfile
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import docker
import docker.types
import pytest

from tests.ecs.agent.shipping.child import GROUP, follow, shipper
from tests.server_process import ServerProcess
from tests.tools import PROJECT, require_tool

pytestmark = pytest.mark.clients

IMAGE = "moorage-shipping:1"
LINES = 3_000
SCRIPT = (
    f"i=0; while [ $i -lt {LINES} ]; do echo line $i; i=$((i+1));"
    " [ $((i % 50)) = 0 ] && sleep 0.05; done; head -c 40000 /dev/zero | tr '\\0' x; echo;"
    " echo last >&2"
)


@pytest.fixture(scope="module")
def client(engine: str) -> Iterator[docker.APIClient]:
    found = docker.APIClient(engine)
    content = require_tool("busybox").read_bytes()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        member = tarfile.TarInfo("bin/busybox")
        member.size, member.mode = len(content), 0o755
        archive.addfile(member, io.BytesIO(content))
    repository, _, tag = IMAGE.partition(":")
    found.import_image_from_data(packed.getvalue(), repository=repository, tag=tag)
    yield found
    found.remove_image(IMAGE, force=True)
    found.close()


@pytest.fixture
def made(client: docker.APIClient) -> Iterator[list[str]]:
    ids: list[str] = []
    yield ids
    for each in ids:
        client.remove_container(each, force=True, v=True)


def container(client: docker.APIClient, made: list[str], script: str, *, tty: bool = False) -> str:
    busybox = 'export PATH=/bin; for c in sleep head tr echo; do alias $c="busybox $c"; done\n'
    found: str = client.create_container(
        IMAGE,
        ["/bin/busybox", "ash", "-c", busybox + script],
        name=f"shipping-{uuid.uuid4().hex[:8]}",
        tty=tty,
        host_config=client.create_host_config(
            network_mode="none", log_config=docker.types.LogConfig(type="json-file")
        ),
    )["Id"]
    made.append(found)
    return found


@pytest.fixture
def logs(server: ServerProcess, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in server.aws_environment().items():
        monkeypatch.setenv(name, value)
    return boto3.client("logs")


def messages(logs: Any, stream: str) -> list[str]:
    found: list[str] = []
    token: dict[str, str] = {}
    while True:
        page = logs.get_log_events(
            logGroupName=GROUP, logStreamName=stream, startFromHead=True, **token
        )
        found += [each["message"] for each in page["events"]]
        if page["nextForwardToken"] == token.get("nextToken"):
            return found
        token = {"nextToken": page["nextForwardToken"]}


def test_killed_at_any_moment_no_line_is_lost(
    client: docker.APIClient, made: list[str], engine: str, logs: Any, tmp_path: Path
) -> None:
    runtime_id = container(client, made, SCRIPT)
    chance = random.Random(7)  # noqa: S311 - repeatable, on purpose
    kills = 4
    for number in range(kills):
        command = [sys.executable, "-m", "tests.ecs.agent.shipping.child"]
        process = subprocess.Popen(
            [*command, engine, str(tmp_path / "logs"), runtime_id],
            cwd=PROJECT, env=dict(os.environ), stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "following\n"
        if number == 0:
            client.start(runtime_id)
        time.sleep(0.3 + chance.random())
        process.kill()
        process.communicate(timeout=60)
    client.wait(runtime_id, timeout=60)
    last = shipper(engine, tmp_path / "logs")
    assert last.finish(runtime_id, 60)
    last.close()
    counted = Counter(messages(logs, runtime_id))
    expected = [*(f"line {number}" for number in range(LINES)), "x" * 40_000, "last"]
    assert set(counted) == set(expected)
    doubled = sum(times - 1 for times in counted.values())
    assert doubled <= kills * 1_000  # of each kill, the one batch that was on its way


def test_a_terminals_output_and_a_second_start(
    client: docker.APIClient, made: list[str], engine: str, logs: Any, tmp_path: Path
) -> None:
    runtime_id = container(
        client, made, "echo hello; head -c 40000 /dev/zero | tr '\\0' y", tty=True
    )
    mine = shipper(engine, tmp_path / "logs")
    for _ in range(2):
        follow(mine, runtime_id)
        client.start(runtime_id)
        client.wait(runtime_id, timeout=60)
    assert mine.finish(runtime_id, 60)
    mine.close()
    found = messages(logs, runtime_id)
    assert [(len(each), set(each)) for each in found] == [
        (5, set("hello")),
        (40_000, {"y"}),
    ] * 2
