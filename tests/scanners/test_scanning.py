"""A server with the real Trivy and a small true database: from a push to findings."""

from __future__ import annotations

import gzip
import hashlib
import io
import stat
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import StartServer
from tests.images import OCI_LAYER, Blob, Image, index, layer, oci_image, push
from tests.scanners.test_trivy import python_package
from tests.scanners.trivydb import build_database
from tests.server_process import ServerProcess
from tests.tools import require_tool

NAME = "team/app"
SECONDS = 90
PYTHON = oci_image(layer(python_package("PyYAML", "5.3")), layer(python_package("Jinja2", "3.1.2")))
STATUS = "Package: {}\nStatus: install ok installed\nVersion: {}\nArchitecture: amd64\nSource: {}\n"
DEBIAN = oci_image(
    layer(
        {
            "etc/os-release": b'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12"\n',
            "etc/debian_version": b"12.5\n",
            "var/lib/dpkg/status": "\n".join(
                STATUS.format(*each)
                for each in (("libc6", "2.36-9", "glibc"), ("tar", "1.34", "tar"))
            ).encode(),
        }
    ),
    layer(python_package("requests", "2.30.0")),
    architecture="arm64",
)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trivy")
    require_tool("trivy")
    build_database(folder)
    return folder


@pytest.fixture(scope="module")
def scanning(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Iterator[ServerProcess]:
    """Two worker processes."""
    folder = tmp_path_factory.mktemp("server")
    process = ServerProcess(folder, "--workers", "2", *options(cache)).start()
    process.ecr.create_repository(
        repositoryName=NAME, imageScanningConfiguration={"scanOnPush": True}
    )
    yield process
    process.stop()


def options(cache: Path, trivy: str | None = None) -> list[str]:
    program = trivy or str(require_tool("trivy"))
    return ["--trivy", program, "--trivy-cache", str(cache), "--trivy-offline"]


def pushed(server: ServerProcess, image: Image, tag: str, name: str = NAME) -> None:
    with httpx.Client(base_url=server.url, auth=("AWS", server.password()), timeout=60) as client:
        push(client, name, image, tag)


def until(told: Callable[[], Any], good: Callable[[Any], bool]) -> Any:
    end = time.monotonic() + SECONDS
    while not good(found := told()):
        assert time.monotonic() < end, found
        time.sleep(0.1)
    return found


def ended(server: ServerProcess, tag: str, name: str = NAME) -> Any:
    """What is told of the scan once it is over."""
    return until(
        lambda: server.ecr.describe_image_scan_findings(
            repositoryName=name, imageId={"imageTag": tag}
        ),
        lambda told: told["imageScanStatus"]["status"] not in {"PENDING", "IN_PROGRESS"},
    )


def findings(told: Any) -> set[tuple[str, str, str | None]]:
    found = set()
    for each in told["imageScanFindings"]["findings"]:
        attributes = {item["key"]: item["value"] for item in each["attributes"]}
        found.add((each["name"], attributes["package_name"], attributes.get("fixed_in_version")))
    return found


IN_PYTHON = {("CVE-2020-14343", "PyYAML", "5.4"), ("CVE-2024-22195", "Jinja2", "3.1.3")}
IN_DEBIAN = {
    ("CVE-2010-4756", "libc6", None),
    ("CVE-2005-2541", "tar", None),
    ("CVE-2023-32681", "requests", "2.31.0"),
}


def test_an_index_of_two_platforms(scanning: ServerProcess) -> None:
    pushed(scanning, index({"amd64": PYTHON, "arm64": DEBIAN}), "both")
    told = ended(scanning, "both")
    assert told["imageScanStatus"]["status"] == "COMPLETE"
    assert findings(told) == IN_PYTHON | IN_DEBIAN
    (detail,) = scanning.ecr.describe_images(
        repositoryName=NAME, imageIds=[{"imageDigest": DEBIAN.digest}]
    )["imageDetails"]
    assert detail["imageScanFindingsSummary"]["findingSeverityCounts"] == {"LOW": 2, "MEDIUM": 1}
    assert "lastRecordedPullTime" not in detail


def packed(content: bytes) -> Blob:
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    return Blob(gzip.compress(content, 9), OCI_LAYER, digest)


def many_entries(count: int) -> Blob:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        for number in range(count):
            archive.addfile(tarfile.TarInfo(f"folder/{number}"))
    return packed(plain.getvalue())


def bomb(mib: int) -> Blob:
    """A file of zeros, far larger than what is pushed, in a place that is looked into."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        entry = tarfile.TarInfo("usr/lib/python3/dist-packages/x.dist-info/METADATA")
        entry.size = mib << 20
        archive.addfile(entry, io.BytesIO(bytes(entry.size)))
    return packed(plain.getvalue())


def test_hostile_images(scanning: ServerProcess) -> None:
    """No archive; a hundred thousand entries; a bomb: and true packages beside them."""
    hostile = {
        "no-tar": Blob(b"this is no archive at all", OCI_LAYER, "sha256:" + "1" * 64),
        "entries": many_entries(100_000),
        "bomb": bomb(96),
    }
    for tag, blob in hostile.items():
        pushed(scanning, oci_image(blob, layer(python_package("PyYAML", "5.3"))), tag)
    assert findings(ended(scanning, "entries")) == {("CVE-2020-14343", "PyYAML", "5.4")}
    assert ended(scanning, "bomb")["imageScanStatus"]["status"] in {"COMPLETE", "FAILED"}
    told = ended(scanning, "no-tar")
    assert told["imageScanStatus"]["status"] == "FAILED"
    assert "The scanner failed: " in told["imageScanStatus"]["description"]
    assert "imageScanFindings" not in told
    assert httpx.get(f"{scanning.url}/healthz", trust_env=False).is_success


@pytest.fixture
def program(tmp_path: Path) -> Callable[[str], str]:
    """A script in the place of Trivy, of a version that is new enough, with a database."""

    def make(script: str) -> str:
        path = tmp_path / "fake-trivy"
        version = '{"Version": "0.70.0", "VulnerabilityDB": {"UpdatedAt": "2026-11-01T00:00:00Z"}}'
        path.write_text(
            f"#!/bin/sh\nif [ \"$1\" = --version ]; then echo '{version}'; exit; fi\n{script}\n"
        )
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return str(path)

    return make


def scanned(server: ServerProcess) -> None:
    server.ecr.create_repository(
        repositoryName=NAME, imageScanningConfiguration={"scanOnPush": True}
    )
    pushed(server, PYTHON, "v1")


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("sleep 600", "longer than 2 s"),
        ("head -c 50000000 /dev/zero | tr '\\0' x", "more than 32 MiB"),
    ],
)
def test_a_scanner_that_goes_beyond_its_bounds(
    start_server: StartServer,
    tmp_path: Path,
    program: Callable[[str], str],
    script: str,
    said: str,
) -> None:
    server = start_server(*options(tmp_path / "cache", program(script)), "--scan-timeout", "2")
    scanned(server)
    told = ended(server, "v1")
    assert told["imageScanStatus"]["status"] == "FAILED"
    assert said in told["imageScanStatus"]["description"]


def test_a_killed_server_goes_on_and_takes_its_scanner_along(
    start_server: StartServer, tmp_path: Path, cache: Path, program: Callable[[str], str]
) -> None:
    marker = tmp_path / "pid"
    real = require_tool("trivy")
    script = f'if [ ! -e {marker} ]; then echo $$ > {marker}; sleep 600; fi\nexec {real} "$@"'
    server = start_server(*options(cache, program(script)))
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
