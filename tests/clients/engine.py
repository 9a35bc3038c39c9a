"""A real Docker Engine for the tests: the one that runs here, or one started for them.

Pitfalls met: the exec root holds unix sockets, whose paths may be 107 bytes long, so its folder
is short; with SIGTERM the daemon ends its own containerd, so nothing else is to be stopped; it
may leave mounts behind (overlay, a network name space), which go before the folder does. Two
engines on one bridge would give its addresses to containers twice; and one without any bridge
(`--bridge=none`) would take away the bridge of all others.
"""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.clients.bridges import Bridge
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
    engine = OwnEngine(client, options)
    try:
        engine.start()
        yield engine.host
    finally:
        engine.close()


@contextmanager
def restartable_engine(*options: str) -> Iterator[OwnEngine]:
    """An engine that runs already and can be stopped and started again."""
    client = require_tool("docker")
    if os.geteuid() != 0:
        missing("only root can start a Docker Engine")
    engine = OwnEngine(client, options)
    try:
        engine.start()
        yield engine
    finally:
        engine.close()


class OwnEngine:
    """A dockerd in a folder of its own, with a bridge of its own; both go with it."""

    _numbers = itertools.count()

    def __init__(self, client: Path, options: Sequence[str]) -> None:
        self._bridge = Bridge(next(self._numbers))
        self.folder = Path(tempfile.mkdtemp(prefix="mo"))
        self.host = f"unix://{self.folder}/docker.sock"
        self._client = client
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self._bridged = False

    def start(self) -> None:
        """Start it, and wait until it answers."""
        if not self._bridged:
            self._bridge.add()
            self._bridged = True
        folder = self.folder
        command = [str(require_tool("dockerd")), "--data-root", f"{folder}/data"]
        command += ["--exec-root", f"{folder}/exec", "-p", f"{folder}/pid", "-H", self.host]
        command += ["--bridge", self._bridge.name, *self._options]
        with (folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, start_new_session=True
            )
        _await(self._client, self.host, self._process, folder / "log")

    def _docker(self, *arguments: str) -> str:
        command = [str(self._client), "-H", self.host, *arguments]
        result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        return result.stdout

    def stop(self) -> None:
        """Stop it; started again, it finds what it had."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(60)
            self._process = None

    def close(self) -> None:
        """Stop it for good, and leave none of its networks: it would not take their bridges,
        nor the addresses that these occupy, with it."""
        if self._process is not None:
            held = self._docker("ps", "--all", "--quiet").split()
            if held:
                self._docker("rm", "--force", *held)
            self._docker("network", "prune", "--force")
        self.stop()
        if self._bridged:
            self._bridge.remove()
        _unmount_below(self.folder)
        shutil.rmtree(self.folder)


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
