"""A true Debian and a true Python application: findings by name, package and version."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.images import Image
from tests.scanners.served import create, ended, installed, pushed
from tests.server_process import ServerProcess
from tests.tools import require_tool

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
