"""The benchmark runs, against Debian's docker-registry, and tells a figure for each measure."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.server_process import free_port
from tests.tools import PROJECT, require_tool

pytestmark = pytest.mark.clients

CONFIGURATION = """
version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {root}}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""


def test_the_benchmark_compares_with_another_registry(tmp_path: Path) -> None:
    registry, _ = require_tool("docker-registry"), require_tool("wrk")
    port = free_port()
    file = tmp_path / "registry.yml"
    file.write_text(CONFIGURATION.format(root=tmp_path / "registry", port=port))
    with (tmp_path / "registry.log").open("wb") as log:
        other = subprocess.Popen([registry, "serve", file], stdout=log, stderr=log)
    try:
        url = f"http://127.0.0.1:{port}"
        with httpx.Client(transport=httpx.HTTPTransport(retries=20)) as client:
            client.get(f"{url}/v2/").raise_for_status()
        command = [sys.executable, "-m", "tests.bench", "--other", url, "--json"]
        command += ["--rounds", "1", "--size", "4", "--clients", "1,2", "--seconds", "1"]
        ran = subprocess.run(command, cwd=PROJECT, capture_output=True, timeout=120, check=False)
        assert ran.returncode == 0, ran.stderr.decode()
    finally:
        other.terminate()
        other.wait(10)
    rows = {row["measure"]: row for row in json.loads(ran.stdout)}
    assert set(rows) == {
        "push, 1 at once",
        "pull, 1 at once",
        "push, 2 at once",
        "pull, 2 at once",
        "manifest by tag",
    }
    assert all(row["moorage"] > 0 and row["other"] > 0 for row in rows.values())
