"""Images for the real Trivy, and what a server tells of their scans."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from tests.images import Image, layer, oci_image, push
from tests.server_process import ServerProcess
from tests.tools import require_tool

NAME = "team/app"
SECONDS = 90
RELEASE = {
    "etc/os-release": b'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12"\n',
    "etc/debian_version": b"12.5\n",
}
STATUS = "Package: {}\nStatus: install ok installed\nVersion: {}\nArchitecture: amd64\nSource: {}\n"


def python_package(name: str, version: str) -> dict[str, bytes]:
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode()
    return {f"usr/lib/python3/dist-packages/{name}-{version}.dist-info/METADATA": metadata}


def dpkg_status(*packages: tuple[str, str, str]) -> dict[str, bytes]:
    """The database of installed packages: name, version and source of each."""
    return {"var/lib/dpkg/status": "\n".join(STATUS.format(*it) for it in packages).encode()}


def nameless_jar() -> bytes:
    """A Java archive that does not say what it is: only its checksum can tell."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(zipfile.ZipInfo("META-INF/MANIFEST.MF"), "Manifest-Version: 1.0\n")
        archive.writestr(zipfile.ZipInfo("Main.class"), b"\xca\xfe\xba\xbe")
    return made.getvalue()


JAR = oci_image(layer({"app/library.jar": nameless_jar()}))
PYTHON = oci_image(layer(python_package("PyYAML", "5.3")), layer(python_package("Jinja2", "3.1.2")))
DEBIAN = oci_image(
    layer(RELEASE | dpkg_status(("libc6", "2.36-9", "glibc"), ("tar", "1.34", "tar"))),
    layer(python_package("requests", "2.30.0")),
    architecture="arm64",
)
IN_PYTHON = {("CVE-2020-14343", "PyYAML", "5.4"), ("CVE-2024-22195", "Jinja2", "3.1.3")}
IN_DEBIAN = {
    ("CVE-2010-4756", "libc6", None),
    ("CVE-2005-2541", "tar", None),
    ("CVE-2023-32681", "requests", "2.31.0"),
}


def options(cache: Path, trivy: str | None = None) -> list[str]:
    program = trivy or str(require_tool("trivy"))
    return ["--trivy", program, "--trivy-cache", str(cache), "--trivy-offline"]


def create(server: ServerProcess, name: str) -> None:
    """A repository whose images are scanned."""
    server.ecr.create_repository(
        repositoryName=name, imageScanningConfiguration={"scanOnPush": True}
    )


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


def failure(server: ServerProcess, tag: str, name: str = NAME) -> str:
    """Why a scan failed, once it is over."""
    told = ended(server, tag, name)
    assert told["imageScanStatus"]["status"] == "FAILED"
    assert "imageScanFindings" not in told
    description: str = told["imageScanStatus"]["description"]
    return description


def installed(told: Any) -> set[tuple[str, str, str, str | None]]:
    """Of each finding: its name, the package, its version, and the version that is mended."""
    found = set()
    for each in told["imageScanFindings"]["findings"]:
        has = {item["key"]: item["value"] for item in each["attributes"]}
        package = (has["package_name"], has["package_version"], has.get("fixed_in_version"))
        found.add((each["name"], *package))
    return found


def findings(told: Any) -> set[tuple[str, str, str | None]]:
    return {(name, package, fixed) for name, package, _, fixed in installed(told)}
