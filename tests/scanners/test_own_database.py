"""A server without the internet: its Trivy takes its database out of the server itself."""

from __future__ import annotations

import json
from pathlib import Path

from tests.commands.running import moorage
from tests.conftest import StartServer
from tests.scanners.test_scanning import NAME, PYTHON, pushed, until
from tests.scanners.trivydb import build_database
from tests.tools import require_tool


def test_from_a_pushed_database_to_findings(start_server: StartServer, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    trivy = str(require_tool("trivy"))
    options = ["--trivy", trivy, "--trivy-cache", str(cache), "--trivy-offline"]
    server = start_server(*options)
    told = moorage(server.data, "scan", "db", "push", build_database(tmp_path / "made"))
    server.stop()
    server.start()
    server.ecr.create_repository(
        repositoryName=NAME, imageScanningConfiguration={"scanOnPush": True}
    )
    pushed(server, PYTHON, "v1")
    said = until(
        lambda: moorage(server.data, "scan", "status", f"{NAME}:v1"), lambda it: "trivy" in it
    )
    assert "1 critical" in said
    assert "its database of 2026-11-01 00:00 UTC" in said
    found = json.loads(moorage(server.data, "scan", "report", f"{NAME}:v1"))
    assert {(each["id"], each["fixed"]) for each in found["findings"]} == {
        ("CVE-2020-14343", "5.4"), ("CVE-2024-22195", "3.1.3"),
    }  # fmt: skip
    assert (cache / "db" / "trivy.db").exists()

    def audited() -> str:  # a running server writes within a second
        return "".join(each.read_text() for each in (server.data / "audit").iterdir())

    until(audited, lambda it: told.split()[1] in it)
