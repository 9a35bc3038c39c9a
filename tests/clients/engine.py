"""A real Docker Engine for the tests: the one that runs here, or one started for them.

Pitfalls met: the exec root holds unix sockets, whose paths may be 107 bytes long, so its folder
is short; with SIGTERM the daemon ends its own containerd, so nothing else is to be stopped; it
may leave mounts behind (overlay, a network name space), which go before the folder does.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.clients.programs import Program
from tests.tools import missing, require_tool

START_SECONDS = 60


@contextmanager
def docker_engine(*options: str) -> Iterator[str]:
    """The `DOCKER_HOST` of an engine; with options for dockerd, of one started with them."""
    client = require_tool("docker")
    host = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    if not options and _answers(client, host):
        yield host
        return
    if os.geteuid() != 0:
        missing("no Docker Engine answers, and only root can start one")
    with _own_engine(client, options) as host:
        yield host


@contextmanager
def _own_engine(client: Path, options: Sequence[str]) -> Iterator[str]:
    folder = Path(tempfile.mkdtemp(prefix="mo"))
    host = f"unix://{folder}/docker.sock"
    command = [str(require_tool("dockerd")), "--data-root", f"{folder}/data"]
    command += ["--exec-root", f"{folder}/exec", "-p", f"{folder}/pid", "-H", host, *options]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        _await(client, host, process, folder / "log")
        yield host
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        _unmount_below(folder)
        shutil.rmtree(folder)


def _await(client: Path, host: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if _answers(client, host):
            return
        time.sleep(0.2)
    end = log.read_text(errors="replace")[-1500:]
    missing(f"dockerd did not start here (status {process.poll()}): {end}")


def _answers(client: Path, host: str) -> bool:
    command = [str(client), "-H", host, "version", "--format", "{{.Server.Version}}"]
    return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 0


def _unmount_below(folder: Path) -> None:
    mounted = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for point in reversed(mounted):
        if point.startswith(f"{folder}/"):
            subprocess.run(["umount", "-l", point], check=True)


def remove_images(docker: Program, registry: str) -> None:
    """Remove all that was tagged with a registry's address."""
    listed = docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}@{{.ID}}").split()
    for line in listed:
        name, _, image = line.rpartition("@")
        if name.startswith(f"{registry}/"):
            docker("image", "rm", "--force", image if name.endswith("<none>") else name)
