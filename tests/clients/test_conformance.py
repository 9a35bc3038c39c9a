"""The conformance program of opencontainers/distribution-spec, with everything turned on.

Authentication is on, every API and data test of the program is on (sparse manifests too), for
the released version and for `dev`.
"""

from __future__ import annotations

import os
import subprocess
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.server_process import ServerProcess
from tests.tools import require_tool

APIS = (
    "PING",
    "PULL",
    "PUSH",
    "BLOBS_ATOMIC",
    "BLOBS_DELETE",
    "BLOBS_DIGEST_HEADER",
    "BLOBS_MOUNT_ANONYMOUS",
    "BLOBS_UPLOAD_CANCEL",
    "MANIFESTS_ATOMIC",
    "MANIFESTS_DELETE",
    "MANIFESTS_DIGEST_HEADER",
    "MANIFESTS_TAG_PARAM",
    "TAGS_ATOMIC",
    "TAGS_DELETE",
    "TAGS_LIST",
    "REFERRER",
)
DATA = (
    "IMAGE",
    "INDEX",
    "INDEX_LIST",
    "SPARSE",
    "ARTIFACT",
    "SUBJECT",
    "SUBJECT_MISSING",
    "ARTIFACT_LIST",
    "SUBJECT_LIST",
    "DATA_FIELD",
    "NONDISTRIBUTABLE",
    "CUSTOM_FIELDS",
    "NO_LAYERS",
    "EMPTY_BLOB",
    "SHA512",
)

SKIPPED: dict[str, str] = {}
"""Tests that the program skips against this server, each with its reason: none."""

TESTS_AT_LEAST = 800
"""The program makes 830 checks; far fewer means that it ended early."""


@dataclass(frozen=True, slots=True)
class Report:
    """What the program wrote: each check's name with its status, and all it said."""

    checks: tuple[tuple[str, str, str], ...]
    summary: str

    def named(self, *statuses: str) -> list[str]:
        """The checks of these statuses, with what went wrong."""
        return [f"{name}: {said}" for name, status, said in self.checks if status in statuses]


def run(server: ServerProcess, version: str, folder: Path) -> Report:
    """Run the program against a server; raises when it wrote no report."""
    settings = {
        "OCI_VERSION": version,
        "OCI_REGISTRY": server.address,
        "OCI_TLS": "disabled",
        "OCI_USERNAME": "AWS",
        "OCI_PASSWORD": server.password(),
        "OCI_REPO1": f"conformance/{version}/one",
        "OCI_REPO2": f"conformance/{version}/two",
        "OCI_RESULTS_DIR": str(folder),
        **{f"OCI_API_{name}": "true" for name in APIS},
        **{f"OCI_DATA_{name}": "true" for name in DATA},
    }
    done = subprocess.run(
        [require_tool("conformance")],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), **settings},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert (folder / "junit.xml").exists(), done.stdout[-4000:] + done.stderr[-4000:]
    summary = (folder / "results.yaml").read_text()
    assert "\n    sparse: true\n" in summary
    assert "\n  username: '***'\n" in summary.replace('"', "'")
    return Report(tuple(read(folder / "junit.xml")), summary)


def read(junit: Path) -> list[tuple[str, str, str]]:
    """Name, status and output of every check."""
    suites = ET.parse(junit)  # noqa: S314 - written a moment ago by the program we started
    prefix = "OCI Conformance Test/"
    return [
        (
            case.get("name", "").removeprefix(prefix),
            case.get("status", ""),
            (case.findtext("system-out") or "").strip(),
        )
        for case in suites.iter("testcase")
    ]


@pytest.mark.parametrize("version", ["1.1", "dev"])
@pytest.mark.parametrize("repositories", ["made first", "made by push"])
def test_conformance(
    start_server: StartServer, tmp_path: Path, version: str, repositories: str
) -> None:
    by_push = repositories == "made by push"
    options = ["--create-on-push"] if by_push else []
    server = start_server("--sparse-manifests", "all", *options)
    if not by_push:
        for name in ("one", "two"):
            server.ecr.create_repository(repositoryName=f"conformance/{version}/{name}")
    folder = tmp_path / "results"
    folder.mkdir()
    report = run(server, version, folder)

    failed = report.named("failure", "error", "")
    assert not failed, "\n".join([*failed, report.summary])
    skipped = {name for name, status, _ in report.checks if status == "skipped"}
    assert skipped == set(SKIPPED), "\n".join(report.named("skipped"))
    counted = Counter(status for _, status, _ in report.checks)
    assert counted["passed"] >= TESTS_AT_LEAST, counted
    assert "Disabled" not in report.summary
    assert "Unknown" not in report.summary
