"""A server without the internet: its Trivy takes its databases out of the server itself."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.commands.running import moorage
from tests.conftest import StartServer
from tests.images import layer, oci_image
from tests.scanners.served import (
    JAR,
    NAME,
    create,
    nameless_jar,
    options,
    pushed,
    python_package,
    until,
)
from tests.scanners.trivydb import MADE, build_database, build_java_database
from tests.server_process import ServerProcess

LOG4J = ("org.apache.logging.log4j", "log4j-core", "2.14.1")
RULE: Any = {
    "scanFrequency": "CONTINUOUS_SCAN",
    "repositoryFilters": [{"filter": "team/*", "filterType": "WILDCARD"}],
}


CLEAN = oci_image(layer(python_package("requests", "2.30.0")))


def push(server: ServerProcess, cache: Path, folder: Path) -> str:
    """Push a database, and see the server take it as if half a minute had passed; its digest."""
    digest = moorage(server.data, "scan", "db", "push", folder).split()[1]
    source = cache / folder.name / "moorage-source"

    def look() -> str:
        with closing(sqlite3.connect(server.data / "moorage.db", timeout=30)) as database:
            database.execute("UPDATE tasks SET finished_at = 0 WHERE name = 'scanner'")
            database.commit()
        return source.read_text() if source.exists() else ""

    until(look, lambda told: told == digest)
    return digest


def found(server: ServerProcess, tag: str) -> set[tuple[str, str, str]]:
    """Name, package and fixed version of each finding of an image that is scanned continuously."""
    told = until(
        lambda: server.ecr.describe_image_scan_findings(
            repositoryName=NAME, imageId={"imageTag": tag}
        ),
        lambda told: told["imageScanStatus"]["status"] not in {"PENDING", "IN_PROGRESS"},
    )
    assert told["imageScanStatus"]["status"] == "ACTIVE", told["imageScanStatus"]
    details = [each["packageVulnerabilityDetails"] for each in enhanced(told)]
    return {
        (detail["vulnerabilityId"], package["name"], package["fixedInVersion"])
        for detail in details
        for package in detail["vulnerablePackages"]
    }


def enhanced(told: Any) -> list[Any]:
    found: list[Any] = told["imageScanFindings"].get("enhancedFindings", [])
    return found


def events(server: ServerProcess, tag: str) -> list[Any]:
    """What was told of an image's scans, oldest first."""
    lines = "".join(each.read_text() for each in sorted((server.data / "events").glob("*.jsonl")))
    told = [json.loads(line) for line in lines.splitlines()]
    scans = [each["detail"] for each in told if each["detail-type"] == "ECR Image Scan"]
    return [each for each in scans if each["image-tags"] == [tag]]


def test_a_pushed_database_is_taken_and_a_newer_one_finds_more(
    start_server: StartServer, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    server = start_server(*options(cache), "--event-log")
    server.ecr.put_registry_scanning_configuration(scanType="ENHANCED", rules=[RULE])
    sha1 = hashlib.sha1(nameless_jar(), usedforsecurity=False).hexdigest()
    older = build_database(tmp_path / "older", without=("requests",))
    digest = push(server, cache, older)
    java = build_java_database(tmp_path / "java", {sha1: LOG4J})
    push(server, cache, java)
    create(server, NAME)
    pushed(server, CLEAN, "clean")
    pushed(server, JAR, "jar")
    (log4j,) = found(server, "jar")
    assert log4j[:2] == ("CVE-2021-44228", "org.apache.logging.log4j:log4j-core")
    assert found(server, "clean") == set()

    newer = build_database(tmp_path / "newer", MADE + timedelta(days=1))
    push(server, cache, newer)
    until(lambda: found(server, "clean"), bool)
    assert found(server, "clean") == {("CVE-2023-32681", "requests", "2.31.0")}
    said = moorage(server.data, "scan", "status", f"{NAME}:clean")
    assert "its database of 2026-11-02 00:00 UTC" in said
    before, after = until(lambda: events(server, "clean"), lambda it: len(it) == 2)
    assert before["finding-severity-counts"] == {}
    assert (after["scan-status"], after["finding-severity-counts"]) == (
        "COMPLETE",
        {"MEDIUM": 1},
    )

    def audited() -> str:  # a running server writes within a second
        return "".join(each.read_text() for each in (server.data / "audit").iterdir())

    until(audited, lambda it: digest in it)
