from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from registry.http.limits import Limits
from registry.server import ServerSettings
from tests.http.application import pattern
from tests.http.serving import serving, until
from tests.server.process import ROOT, Process, command, started

ONE = ServerSettings(port=0, grace=8).to_json()
TWO = ServerSettings(port=0, grace=8, workers=2).to_json()


def gone(pid: int) -> bool:
    """Whether a process has ended, though nobody may have waited for it yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.mark.parametrize("settings", [ONE, TWO])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly_with_transfers_in_flight(
    settings: str, number: int, tmp_path: Path
) -> None:
    length = 20_000_000
    with started(settings, tmp_path) as server:
        pull = server.connect().get(f"/pull?length={length}&pause=0.05")
        assert pull.answer(head_only=True).status == 200
        push = server.connect().get("/push", method="PUT", more="Content-Length: 10\r\n")
        push.send(b"hello")
        time.sleep(0.2)
        server.popen.send_signal(number)
        until(lambda: refuses(server.port))
        push.send(b"world")
        assert push.answer().status == 201
        assert pull.exactly(length) == pattern(length)
        assert server.popen.wait(20) == 0
        assert "Traceback" not in server.log.read_text()


def refuses(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return True
    return False


@pytest.mark.parametrize("workers", [1, 2])
def test_what_outlasts_the_grace_period_is_cut(workers: int, tmp_path: Path) -> None:
    settings = ServerSettings(port=0, grace=0.5, workers=workers).to_json()
    with started(settings, tmp_path) as server:
        pull = server.connect().get("/pull?length=1000000000&pause=0.1")
        push = server.connect().get("/push", method="PUT", more="Content-Length: 10\r\n")
        assert pull.answer(head_only=True).status == 200
        time.sleep(0.2)
        start = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - start < 30
        with pytest.raises((EOFError, ConnectionResetError)):
            push.answer()
        log = server.log.read_text()
        assert log.count('"outcome": "cancelled"') == 2
        assert "Traceback" not in log


@pytest.mark.parametrize("settings", [ONE, TWO])
def test_a_taken_port_is_a_clear_error(settings: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        wanted = settings.replace('"port": 0', f'"port": {port}')
        done = subprocess.run(
            command(wanted), capture_output=True, text=True, cwd=ROOT, timeout=30, check=False
        )
    assert done.returncode == 1
    assert done.stderr == (
        f"failed: cannot listen on 127.0.0.1:{port}: the port is taken by another program\n"
    )


@pytest.mark.parametrize("settings", [ONE, TWO])
@pytest.mark.parametrize(
    ("factory", "said"),
    [("tests.http.nowhere:create", "no application factory 'tests.http.nowhere:create'"),
     ("tests.server.broken:create", "the database is locked")],
)  # fmt: skip
def test_an_application_that_cannot_start_ends_the_server(
    settings: str, factory: str, said: str
) -> None:
    done = subprocess.run(
        command(settings, factory),
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=30,
        check=False,
    )
    assert done.returncode != 0
    assert said in done.stderr
    assert done.stdout == ""


def test_a_worker_that_crashes_is_started_again(tmp_path: Path) -> None:
    with started(TWO, tmp_path) as server:
        until(lambda: len(server.children()) == 2)
        before = set(server.children())
        os.kill(min(before), signal.SIGKILL)
        until(lambda: len(set(server.children()) - {min(before)}) == 2, 20)
        assert server.get("/hello").status_code == 200
        assert server.stop() == 0
        assert "another one will be started" in server.log.read_text()


def test_workers_end_with_their_supervisor(tmp_path: Path) -> None:
    with started(TWO, tmp_path) as server:
        until(lambda: len(server.children()) == 2)
        workers = server.children()
        time.sleep(1)
        server.popen.kill()
        server.popen.wait()
        until(lambda: all(gone(pid) for pid in workers))


def test_metrics_of_all_workers_add_up(tmp_path: Path) -> None:
    with started(TWO, tmp_path) as server:
        until(lambda: len(server.children()) == 2)
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(server.get, ["/hello"] * 60))
        assert {answer.status_code for answer in answers} == {200}
        text = server.get("/metrics").text
        labels = 'operation="none",outcome="success",repository_kind="none",surface="none"'
        assert f"moorage_http_requests_total{{{labels}}} 60.0" in text


def test_forwarded_headers_are_believed_only_from_named_addresses() -> None:
    headers = "X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\n"
    with serving() as server:
        body = server.connect().get("/hello", more=headers).answer().body
        assert b'"scheme": "http", "client": "127.0.0.1"' in body
    with serving(proxies=("127.0.0.0/8",)) as server:
        body = server.connect().get("/hello", more=headers).answer().body
        assert b'"scheme": "https", "client": "203.0.113.9"' in body
    with serving(proxies=("192.0.2.1",)) as server:
        body = server.connect().get("/hello", more=headers).answer().body
        assert b'"scheme": "http", "client": "127.0.0.1"' in body


@pytest.mark.parametrize(("what", "most"), [("pull", 64), ("plain pull", 72), ("push", 64)])
def test_memory_stays_flat_with_32_transfers(what: str, most: int, tmp_path: Path) -> None:
    settings = ServerSettings(port=0, limits=Limits()).to_json()
    with started(settings, tmp_path, "plain" if "plain" in what else "") as server:
        one(server, what)
        before = peak(server)
        gate = threading.Barrier(32)
        with ThreadPoolExecutor(32) as pool:
            list(pool.map(lambda _: one(server, what, gate), range(32)))
        added = (peak(server) - before) / 1024
        print(f"32 x {what}: {added:.1f} MiB")
        assert added < most
        assert server.stop() == 0


def peak(server: Process) -> int:
    """The most memory the process has had, in KiB."""
    status = Path(f"/proc/{server.popen.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


def one(server: Process, what: str, gate: threading.Barrier | None = None) -> None:
    """Move 16 MiB, slowly enough that all the transfers run at once."""
    client, length = server.connect(), 16 << 20
    if gate is not None:
        gate.wait(20)
    if what == "push":
        client.get("/push", method="PUT", more=f"Content-Length: {length}\r\n")
        for _ in range(32):
            client.send(bytes(length // 32))
            time.sleep(0.01)
        assert client.answer().status == 201
    else:
        client.get(f"/pull?length={length}&fresh=1")
        assert client.answer(head_only=True).status == 200
        for _ in range(32):
            client.exactly(length // 32)
            time.sleep(0.01)
    client.socket.close()
