"""The real Trivy in a real server: true images, hostile ones, and a Trivy that goes wrong.

All of it in one file, so that one server does for it wherever tests are shared out by files.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path

import httpx
import pytest

from tests.clients.programs import Program
from tests.images import Image, index, layer, oci_image
from tests.scanners.hostile import IMAGES, WRONG
from tests.scanners.served import (
    DEBIAN,
    IN_DEBIAN,
    IN_PYTHON,
    JAR,
    NAME,
    PYTHON,
    create,
    ended,
    failure,
    findings,
    installed,
    pushed,
    python_package,
)
from tests.server_process import ServerProcess
from tests.tools import require_tool

pytestmark = pytest.mark.slow
MEMORY_MAX_MIB = 400
"""That a process of the server may ever have had; it has some 130 where nothing is hostile."""
PACKAGES = "${Package} ${source:Package} ${Version}\n"
UNMENDED = {"apt": "CVE-2011-3374", "glibc": "CVE-2010-4756", "tar": "CVE-2005-2541"}
MENDED = {
    "apt": ("CVE-2026-109518", "2.6.2"),
    "pcre2": ("CVE-2026-103111", "10.42-1+deb12u2"),
    "perl": ("CVE-2026-8376", "5.36.0-7+deb12u4"),
}
"""By source package; of Debian's own changelogs. Bookworm's last point release has not them."""
IN_APPLICATION = {
    ("CVE-2021-33503", "urllib3", "1.26.4", "1.26.5"),
    ("CVE-2022-23491", "certifi", "2022.9.24", "2022.12.07"),
    ("CVE-2023-30608", "sqlparse", "0.4.3", "0.4.4"),
    ("CVE-2023-32681", "requests", "2.30.0", "2.31.0"),
    ("CVE-2024-3651", "idna", "3.6", "3.7"),
}


@pytest.fixture(scope="module")
def repository(scanning: ServerProcess, debian: Image, application: Image) -> str:
    """Both images are in it, and being scanned."""
    create(scanning, "real")
    pushed(scanning, debian, "debian", "real")
    pushed(scanning, application, "application", "real")
    return "real"


def expected(image: Image, folder: Path) -> set[tuple[str, str, str, str | None]]:
    """What is to be found in a Debian, by dpkg's word on what is installed, and how old it is."""
    with tarfile.open(fileobj=io.BytesIO(image.blobs[1].content)) as archive:
        archive.extract("./var/lib/dpkg/status", folder, filter="data")
    query = ["dpkg-query", f"--admindir={folder / 'var/lib/dpkg'}", "-W", "-f", PACKAGES]
    told = subprocess.run(query, check=True, capture_output=True, text=True).stdout
    found: set[tuple[str, str, str, str | None]] = set()
    for line in told.splitlines():
        package, source, version = line.split()
        if source in UNMENDED:
            found.add((UNMENDED[source], package, version, None))
        if source in MENDED and older(version, MENDED[source][1]):
            found.add((MENDED[source][0], package, version, MENDED[source][1]))
    return found


def older(version: str, other: str) -> bool:
    command = ["dpkg", "--compare-versions", version, "lt", other]
    return subprocess.run(command, check=False).returncode == 0


def test_a_debootstrapped_debian(
    scanning: ServerProcess, repository: str, debian: Image, tmp_path: Path
) -> None:
    require_tool("dpkg-query")
    found = installed(ended(scanning, "debian", repository))
    assert found == expected(debian, tmp_path)
    assert {(name, package, fixed) for name, package, _, fixed in found} >= {
        ("CVE-2011-3374", "libapt-pkg6.0", None),
        ("CVE-2010-4756", "libc-bin", None),
        ("CVE-2005-2541", "tar", None),
        ("CVE-2026-8376", "perl-base", "5.36.0-7+deb12u4"),
        ("CVE-2026-103111", "libpcre2-8-0", "10.42-1+deb12u2"),
    }


def test_a_python_application_on_it(
    scanning: ServerProcess, repository: str, debian: Image, tmp_path: Path
) -> None:
    require_tool("dpkg-query")
    found = installed(ended(scanning, "application", repository))
    assert found == expected(debian, tmp_path) | IN_APPLICATION


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


def test_java_archives_without_their_database(scanning: ServerProcess) -> None:
    pushed(scanning, JAR, "jar")
    said = failure(scanning, "jar")
    assert said.startswith("The image has Java archives, and the scanner has no database of those")
    assert "moorage scan db push" in said


def test_a_hundred_thousand_entries_hide_nothing(scanning: ServerProcess) -> None:
    assert findings(ended(scanning, "entries")) == {("CVE-2020-14343", "PyYAML", "5.4")}


@pytest.mark.parametrize(
    ("tag", "said"),
    [
        ("bomb", "The scan was ended: it took more than 768 MiB of memory."),
        ("wordy", "The scan was ended: it wrote more than 32 MiB."),
        ("no-tar", "The scanner failed: "),
    ],
)
def test_an_image_that_no_scan_gets_through(scanning: ServerProcess, tag: str, said: str) -> None:
    assert failure(scanning, tag).startswith(said)


def test_a_killed_trivy_is_run_again(scanning: ServerProcess) -> None:
    found = findings(ended(scanning, "v1", "wrong/killed"))
    assert found == {("CVE-2020-14343", "PyYAML", "5.4")}
    assert (scanning.folder / "killed").exists()
    assert '"outcome": "RETRY"' in scanning.log


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("flood", "The scan was ended: it wrote more than 32 MiB."),
        ("hang", "The scan was ended: it took longer than 30 s."),
        ("crash", "The scanner was ended by signal 11."),
        ("rubbish", "The scanner wrote something that is no report."),
    ],
)
def test_a_trivy_that_goes_wrong(scanning: ServerProcess, how: str, said: str) -> None:
    assert failure(scanning, "v1", f"wrong/{how}") == said


@pytest.fixture(scope="module")
def aws(scanning: ServerProcess) -> Program:
    return Program(Path(sys.executable).with_name("aws"), scanning.aws_environment())


def test_the_waiter_of_the_aws_cli(scanning: ServerProcess, aws: Program) -> None:
    image = ("--repository-name", NAME, "--image-id", "imageTag=waited-for")
    pushed(scanning, oci_image(layer(python_package("urllib3", "1.26.4"))), "waited-for")
    aws("ecr", "wait", "image-scan-complete", *image)
    told = json.loads(aws("ecr", "describe-image-scan-findings", *image))
    assert told["imageScanStatus"]["status"] == "COMPLETE"
    assert findings(told) == {("CVE-2021-33503", "urllib3", "1.26.5")}


def test_the_waiter_tells_a_scan_that_failed(scanning: ServerProcess, aws: Program) -> None:
    failure(scanning, "v1", "wrong/flood")
    image = ("--repository-name", "wrong/flood", "--image-id", "imageTag=v1")
    assert "terminal failure" in aws.refused("ecr", "wait", "image-scan-complete", *image)


def test_the_server_is_none_the_worse(scanning: ServerProcess) -> None:
    for tag in IMAGES:
        ended(scanning, tag)
    for how in WRONG:
        ended(scanning, "v1", f"wrong/{how}")
    assert httpx.get(f"{scanning.url}/healthz", trust_env=False).is_success
    peaks = peak_mib(scanning.process.pid)
    assert len(peaks) >= 3  # the one that watches, and two that serve
    assert max(peaks) < MEMORY_MAX_MIB
    found = scanning.ecr.describe_images(repositoryName=NAME)["imageDetails"]
    assert {tag for each in found for tag in each.get("imageTags", ())} >= IMAGES.keys()


def peak_mib(pid: int) -> list[int]:
    """The most memory that a process and those below it have had."""
    status = Path(f"/proc/{pid}/status").read_text().split("VmHWM:")[1].split()[0]
    below = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(status) >> 10, *(each for child in below for each in peak_mib(int(child)))]
