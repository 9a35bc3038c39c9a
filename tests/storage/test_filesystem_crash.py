"""The filesystem driver is killed at any moment, and leaves whole objects or none."""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
import time
from pathlib import Path

from registry.storage.filesystem import FilesystemDriver
from tests.storage.driver_suite import read

ROUNDS = 40
LONGEST_SECONDS = 0.04

# Objects begin with the digest of their rest. What is done is told only once it has returned.
CHILD = """
import hashlib, itertools, os, random, sys
from pathlib import Path
from registry.storage.filesystem import FilesystemDriver

driver = FilesystemDriver(Path(sys.argv[1]))

def chunks():
    body = os.urandom(random.randrange(300_000))
    yield hashlib.sha256(body).digest()
    for start in range(0, len(body), 16_384):
        yield body[start : start + 16_384]

def told(line):
    os.write(1, (line + "\\n").encode())

told("ready")
for number in itertools.count():
    name = f"{sys.argv[2]}.{number}"
    driver.put(f"in/{number % 3}/{name}", chunks())
    told(f"put in/{number % 3}/{name} out/{name}")
    driver.put("same/object", chunks())
    told("put same/object same/object")
    driver.move(f"in/{number % 3}/{name}", f"out/{name}")
    told(f"moved in/{number % 3}/{name} out/{name}")
"""


def killed(root: Path, number: int, seconds: float) -> list[list[str]]:
    """Run the child and kill it so many seconds after it is ready; what it told."""
    command = [sys.executable, "-c", CHILD, str(root), str(number)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        time.sleep(seconds)
        child.kill()
        # A line cut by the kill tells nothing; a write this short is never cut in a pipe.
        return [line.split() for line in child.stdout]


def test_a_crash_leaves_whole_objects_or_none(tmp_path: Path) -> None:
    root, choose = tmp_path / "data", random.Random(7)  # noqa: S311 - a test's own dice
    driver, told, drafts = FilesystemDriver(root), [], 0
    for number in range(ROUNDS):
        told += killed(root, number, choose.uniform(0, LONGEST_SECONDS))
        drafts += len([*(root / ".tmp").iterdir()])
        driver.clean()
    listed = {*driver.list("")}
    for path in listed:
        whole = read(driver, path)
        assert whole[:32] == hashlib.sha256(whole[32:]).digest(), path
    moved = {source for what, source, _ in told if what == "moved"}
    for what, source, target in told:
        if what == "moved" or source in moved:
            assert target in listed
            assert source not in listed
        else:
            assert {source, target} & listed
    # Else nothing was ever cut off in the middle, and this test showed little.
    assert drafts > 0
    assert len(told) > ROUNDS
