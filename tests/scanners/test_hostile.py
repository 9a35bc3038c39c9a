"""What means ill, from outside and within: scans fail and say why, and the server stays well."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.scanners.hostile import IMAGES, WRONG
from tests.scanners.served import NAME, ended, failure, findings
from tests.server_process import ServerProcess

MEMORY_MAX_MIB = 400
"""That a worker process may ever have had; it has some 130 where nothing is hostile."""


def test_a_hundred_thousand_entries_hide_nothing(scanning: ServerProcess) -> None:
    assert findings(ended(scanning, "entries")) == {("CVE-2020-14343", "PyYAML", "5.4")}


@pytest.mark.parametrize(
    ("tag", "said"),
    [
        ("bomb", "The scan was ended: it took more than 1024 MiB of memory."),
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
        ("hang", "The scan was ended: it took longer than 20 s."),
        ("crash", "The scanner was ended by signal 11."),
        ("rubbish", "The scanner wrote something that is no report."),
    ],
)
def test_a_trivy_that_goes_wrong(scanning: ServerProcess, how: str, said: str) -> None:
    assert failure(scanning, "v1", f"wrong/{how}") == said


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
    assert {each["imageTags"][0] for each in found} >= IMAGES.keys()


def peak_mib(pid: int) -> list[int]:
    """The most memory that a process and those below it have had."""
    status = Path(f"/proc/{pid}/status").read_text().split("VmHWM:")[1].split()[0]
    below = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(status) >> 10, *(each for child in below for each in peak_mib(int(child)))]
