"""The real Trivy, with a small true database, on images in a real server; and programs like it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from registry.scanners.process import Bounds
from registry.scanners.scanner import Format, ScanFailed, ScannerMissing, Target
from registry.scanners.trivy import Trivy, TrivySettings
from tests.images import layer, oci_image, push
from tests.scanners.hostile import script as written
from tests.scanners.served import python_package
from tests.scanners.trivydb import MADE
from tests.server_process import ServerProcess
from tests.tools import require_tool

Program = Callable[[str], Trivy]


@pytest.fixture(scope="module")
def trivy(trivy_cache: Path) -> Trivy:
    return Trivy(TrivySettings(str(require_tool("trivy")), trivy_cache, offline=True))


@pytest.fixture(scope="module")
def target(server: ServerProcess) -> Target:
    server.ecr.create_repository(repositoryName="scanned")
    image = oci_image(
        layer(python_package("PyYAML", "5.3")), layer(python_package("Jinja2", "3.1.2"))
    )
    with httpx.Client(base_url=server.url, auth=("AWS", server.password())) as client:
        push(client, "scanned", image)
    return Target(f"{server.address}/scanned@{image.digest}", "AWS", server.password())


def findings(report: bytes) -> set[tuple[str, str, str, str]]:
    results: list[dict[str, Any]] = json.loads(report)["Results"]
    return {
        (each["VulnerabilityID"], each["PkgName"], each["InstalledVersion"], each["FixedVersion"])
        for result in results
        for each in result.get("Vulnerabilities", [])
    }


def test_its_version_and_the_age_of_its_database(trivy: Trivy) -> None:
    version = trivy.version()
    assert version.name == "trivy"
    assert version.version.startswith("0.")
    assert version.database == MADE


def test_a_scan_finds_what_is_there(trivy: Trivy, target: Target) -> None:
    assert findings(trivy.scan(target)) == {
        ("CVE-2020-14343", "PyYAML", "5.3", "5.4"),
        ("CVE-2024-22195", "Jinja2", "3.1.2", "3.1.3"),
    }


@pytest.mark.parametrize(
    ("form", "shown"),
    [
        (Format.SARIF, lambda it: it["runs"][0]["results"][0]["ruleId"].startswith("CVE-")),
        (Format.CYCLONEDX, lambda it: {part["name"] for part in it["components"]} >= {"PyYAML"}),
        (Format.SPDX, lambda it: {part["name"] for part in it["packages"]} >= {"PyYAML"}),
    ],
)
def test_a_report_can_be_converted(
    trivy: Trivy, target: Target, form: Format, shown: Callable[[Any], bool]
) -> None:
    assert shown(json.loads(trivy.convert(trivy.scan(target), form)))


def test_an_image_that_it_may_not_read(trivy: Trivy, target: Target) -> None:
    with pytest.raises(ScanFailed, match=r"^The scanner failed: .*(401|authentication|denied)"):
        trivy.scan(replace(target, password="wrong"))


def test_an_image_that_is_not_there(trivy: Trivy, target: Target) -> None:
    missing = target.reference[:-4] + "0000"
    with pytest.raises(ScanFailed, match=r"^The scanner failed: ") as caught:
        trivy.scan(replace(target, reference=missing))
    assert target.password not in str(caught.value)


def test_a_password_is_no_argument(tmp_path: Path, program: Program) -> None:
    trivy = program('echo "$*" > arguments; echo "$TRIVY_PASSWORD" > password; exit 1')
    with pytest.raises(ScanFailed):
        trivy.scan(TARGET)
    assert (tmp_path / "cache" / "password").read_text() == "secret\n"
    assert "secret" not in (tmp_path / "cache" / "arguments").read_text()
    assert "secret" not in repr(TARGET)


TARGET = Target("127.0.0.1:1/x@sha256:" + "0" * 64, "AWS", "secret")


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """A shell script in the place of Trivy."""

    def make(script: str, bounds: Bounds | None = None) -> Trivy:
        path = written(tmp_path / "trivy", script)
        bounds = bounds or Bounds(seconds=2, output=1 << 20)
        return Trivy(TrivySettings(path, tmp_path / "cache", bounds=bounds))

    return make


@pytest.mark.parametrize(
    ("script", "said", "again"),
    [
        ("kill -SEGV $$", "The scanner was ended by signal 11.", True),
        ("kill -KILL $$", "The scanner was ended by signal 9.", True),
        ("exit 1", "The scanner failed: it says nothing", True),
        (
            "echo '2026-11-01T00:00:00Z\tFATAL\tFatal error\tinit error: no\tspace' >&2; exit 1",
            "The scanner failed: Fatal error init error: no space",
            True,
        ),
        ("echo rubbish", "The scanner wrote something that is no report.", True),
        ("echo '[1]'", "The scanner wrote something that is no report.", True),
        ("sleep 600", "The scan was ended: it took longer than 2 s.", False),
        ("yes", "The scan was ended: it wrote more than 1 MiB.", False),
    ],
)
def test_a_scanner_that_goes_wrong(program: Program, script: str, said: str, again: bool) -> None:
    with pytest.raises(ScanFailed) as caught:
        program(script).scan(TARGET)
    assert (str(caught.value), caught.value.again) == (said, again)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo hello", "does not answer as Trivy does"),
        ("""echo '{"Version": "0.9.1"}'""", "Trivy 0.9.1 is too old: 0.55 or newer"),
        ("exit 1", "does not answer as Trivy does"),
    ],
)
def test_a_program_that_is_no_trivy(program: Program, script: str, said: str) -> None:
    with pytest.raises(ScannerMissing, match=said):
        program(script).version()


def test_no_trivy_at_all(tmp_path: Path) -> None:
    trivy = Trivy(TrivySettings("no-such-trivy", tmp_path))
    for call in (trivy.version, lambda: trivy.scan(TARGET), trivy.update):
        with pytest.raises(ScannerMissing, match="Install Trivy, or give its path"):
            call()


def test_without_a_database_yet(tmp_path: Path) -> None:
    trivy = Trivy(TrivySettings(str(require_tool("trivy")), tmp_path, offline=True))
    assert trivy.version().database is None
    trivy.update()  # nothing, as it is to stay offline
    assert not (tmp_path / "db").exists()


def test_a_stopped_scanner_stays_so(program: Program) -> None:
    trivy = program("sleep 600", Bounds())  # type: ignore[call-arg]  # has one more
    trivy.stop()
    with pytest.raises(ScanFailed, match="the server stopped"):
        trivy.scan(TARGET)


def test_nothing_of_the_servers_environment_reaches_it(
    tmp_path: Path, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-the-server")
    with pytest.raises(ScanFailed):
        program("env > environment; exit 1").scan(TARGET)
    assert "of-the-server" not in (tmp_path / "cache" / "environment").read_text()
    assert os.environ["PATH"] in (tmp_path / "cache" / "environment").read_text()
