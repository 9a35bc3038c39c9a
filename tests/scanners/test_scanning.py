"""A server with the real Trivy and a small true database: from a push to findings."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import httpx

from tests.conftest import StartServer
from tests.scanners.served import (
    IN_PYTHON,
    NAME,
    PYTHON,
    create,
    ended,
    findings,
    options,
    pushed,
    until,
)
from tests.server_process import ServerProcess
from tests.tools import require_tool


def scanned(server: ServerProcess) -> None:
    create(server, NAME)
    pushed(server, PYTHON, "v1")


def test_a_killed_server_goes_on_and_takes_its_scanner_along(
    start_server: StartServer, tmp_path: Path, trivy_cache: Path, program: Callable[[str], str]
) -> None:
    marker = tmp_path / "pid"
    real = require_tool("trivy")
    script = f'if [ ! -e {marker} ]; then echo $$ > {marker}; sleep 600; fi\nexec {real} "$@"'
    server = start_server(*options(trivy_cache, program(script)))
    scanned(server)
    until(lambda: marker.exists() and marker.read_text().strip(), bool)
    pid = int(marker.read_text())
    server.kill()
    until(lambda: alive(pid), lambda there: not there)
    server.start()
    assert findings(ended(server, "v1")) == IN_PYTHON


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_stop_does_not_wait_for_a_scan(
    start_server: StartServer, tmp_path: Path, program: Callable[[str], str]
) -> None:
    marker = tmp_path / "begun"
    server = start_server(
        *options(tmp_path / "cache", program(f"touch {marker}; sleep 600")), "--workers", "2"
    )
    scanned(server)
    until(marker.exists, bool)
    begun = time.monotonic()
    server.stop()
    assert time.monotonic() - begun < 20
    assert "longer" not in server.log


def test_without_trivy_everything_else_works(start_server: StartServer) -> None:
    server = start_server("--trivy", "no-such-trivy")
    scanned(server)
    told = ended(server, "v1")
    assert told["imageScanStatus"]["status"] == "FAILED"
    assert "Install Trivy" in told["imageScanStatus"]["description"]
    until(lambda: "images cannot be scanned" in server.log, bool)
    metrics = until(
        lambda: httpx.get(f"{server.url}/metrics", trust_env=False).text,
        lambda text: "moorage_scanner_available 0.0" in text,
    )
    assert 'moorage_scans_total{outcome="failed"} 1.0' in metrics
    assert server.log.count("images cannot be scanned") == 1
