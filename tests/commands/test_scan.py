"""`moorage scan`: reports into files, and how scans stand."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from registry.values.digest import Digest
from tests import images
from tests.application import SCOPE, Registry
from tests.commands.running import moorage, result_of
from tests.domain.scan_reports.scanned import scanned
from tests.tools import require_tool

NAME = "team/app"
IMAGE = images.oci_image(images.layer({"a": b"a"}))
PLAIN = images.oci_image(images.layer({"b": b"b"}))


@pytest.fixture
def data(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = require_tool("trivy").parent
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    registry.create(NAME)
    registry.hold(NAME, IMAGE, "v1")
    registry.hold(NAME, PLAIN)
    scanned(registry, NAME, IMAGE)
    return registry.settings.data


def test_a_report_in_each_form(data: Path, tmp_path: Path) -> None:
    plain = json.loads(moorage(data, "scan", "report", f"{NAME}:v1"))
    assert [each["id"] for each in plain["findings"]] == ["CVE-2020-14343", "CVE-2024-22195"]
    target = tmp_path / "report.html"
    said = moorage(data, "scan", "report", f"{NAME}@{IMAGE.digest}", "--format", "html",
                   "--output", str(target))  # fmt: skip
    assert said == ""
    assert target.read_text().startswith("<!doctype html>")
    sbom = json.loads(moorage(data, "scan", "report", f"{NAME}:v1", "--format", "cyclonedx"))
    assert sbom["bomFormat"] == "CycloneDX"


def test_attaching(registry: Registry, data: Path) -> None:
    told = moorage(data, "scan", "attach", f"{NAME}:v1", "--format", "sarif", "--format", "spdx")
    first, second = told.splitlines()
    assert first.startswith("sarif  sha256:")
    assert second.endswith(f"attached to {IMAGE.digest}")
    again = moorage(data, "scan", "attach", f"{NAME}:v1", "--format", "sarif")
    assert again.split()[1] == first.split()[1]
    assert "is attached already" in again
    registry.check_whole()


def test_how_scans_stand(data: Path) -> None:
    lines = moorage(data, "scan", "list").splitlines()
    assert lines == [
        f"{NAME}@{IMAGE.digest} (v1)  1 critical and 1 medium  2026-11-23 01:02 UTC",
        f"{NAME}@{PLAIN.digest} (untagged)  never scanned",
    ]
    assert moorage(data, "scan", "list", NAME).splitlines() == lines
    told = moorage(data, "scan", "status", f"{NAME}:v1")
    assert "trivy 0.70.0, its database of 2026-11-22 12:00 UTC" in told


def test_asking_for_a_scan(registry: Registry, data: Path) -> None:
    told = moorage(data, "scan", "start", f"{NAME}@{PLAIN.digest}")
    assert told == f"{PLAIN.digest} is to be scanned\n"
    repository = registry.repositories.get(SCOPE, NAME)
    state = registry.stores.scans.state(repository, Digest.parse(PLAIN.digest))
    assert state is not None
    assert state.status == "PENDING"
    assert "PENDING" in moorage(data, "scan", "status", f"{NAME}@{PLAIN.digest}")


def test_what_cannot_be(registry: Registry, data: Path) -> None:
    chart = images.artifact("application/vnd.example", b"payload")
    registry.hold(NAME, chart, "chart")
    for arguments, said in (
        (("report", NAME), "NAME:TAG or NAME@DIGEST"),
        (("report", f"{NAME}@{PLAIN.digest}"), "Image scan does not exist"),
        (("report", f"{NAME}:v1", "--platform", "linux/amd64"), "no index"),
        (("start", f"{NAME}:chart"), "is an artifact"),
        (("status", f"{NAME}:none"), "none"),
        (("list", "none"), "none"),
    ):
        refused = result_of(data, "scan", *arguments)
        assert refused.exit_code == 1, arguments
        assert said in refused.output
        assert "Traceback" not in refused.output
