"""Servers that start in a fraction of a second, to be killed hundreds of times."""

from __future__ import annotations

import base64
import configparser
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import boto3

from registry.config import Settings
from tests.server_process import free_port

if TYPE_CHECKING:
    from types_boto3_ecr.client import ECRClient
    from types_boto3_ecr.type_defs import ImageDetailTypeDef


class Forked:
    """One server at a time on the data under `folder`, forked by `zygote.py`.

    `more` are settings of its own.
    """

    def __init__(self, folder: Path, workers: int = 1, **more: Any) -> None:
        self.data = folder / "data"
        self.log = folder / "server.log"
        self.port = free_port()
        self.settings = Settings(data=self.data, port=self.port, workers=workers, **more)
        self._told = {"settings": self.settings.dump(), "log": str(self.log)}
        self._pid = 0

    def __enter__(self) -> Self:
        program = str(Path(__file__).with_name("zygote.py"))
        environment = {
            k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "MOORAGE_"))
        }
        path = os.pathsep.join(entry for entry in sys.path if entry)
        self._zygote = subprocess.Popen(
            [sys.executable, "-P", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**environment, "PYTHONPATH": path},
            text=True,
        )
        return self

    def __exit__(self, *exception: object) -> None:
        for pid in processes(self._pid)[1:] if self._pid else []:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._zygote.kill()  # and with it a server that a failed test left
        self._zygote.communicate(timeout=30)

    def start(self) -> None:
        """Fork a server and wait until it says that it serves."""
        assert self._zygote.stdin is not None
        self._zygote.stdin.write(json.dumps(self._told) + "\n")
        self._zygote.stdin.flush()
        self._pid = int(self._heard("pid"))
        self._heard("ready")

    def kill(self) -> None:
        """SIGKILL, to every process of the server; returns when the first one is gone."""
        pids = processes(self._pid)
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._heard("ended")
        self._pid = 0
        for pid in pids[1:]:
            await_end(pid)

    def stop(self) -> None:
        """SIGTERM; the end must be clean."""
        os.kill(self._pid, signal.SIGTERM)
        pid, status = self._heard("ended").split()
        self._pid = 0
        assert status == "0", f"exit status {status} of {pid}: {self.log.read_text()[-4000:]}"

    def authorization(self) -> str:
        """An Authorization header from a fresh GetAuthorizationToken."""
        data = self._ecr().get_authorization_token()["authorizationData"][0]
        assert base64.b64decode(data["authorizationToken"]).startswith(b"AWS:")
        return f"Basic {data['authorizationToken']}"

    def create_repository(self, name: str) -> None:
        self._ecr().create_repository(repositoryName=name)

    def image(self, repository: str, digest: str) -> ImageDetailTypeDef:
        """What DescribeImages tells of it."""
        answer = self._ecr().describe_images(
            repositoryName=repository, imageIds=[{"imageDigest": digest}]
        )
        return answer["imageDetails"][0]

    @property
    def pid(self) -> int:
        """The first of its processes, of which the others are children."""
        return self._pid

    def _ecr(self) -> ECRClient:
        parser = configparser.ConfigParser()
        parser.read_string((self.data / "credentials").read_text())
        section = parser["default"]
        return boto3.Session(
            aws_access_key_id=section["aws_access_key_id"],
            aws_secret_access_key=section["aws_secret_access_key"],
            region_name="us-east-1",
        ).client("ecr", endpoint_url=f"http://127.0.0.1:{self.port}")

    def _heard(self, word: str) -> str:
        """The rest of the zygote's next line, which must begin with `word`."""
        assert self._zygote.stdout is not None
        line = self._zygote.stdout.readline().strip()
        said, _, rest = line.partition(" ")
        if said == "ended":
            self._pid = 0
        assert said == word, f"{line!r} instead of {word}: {self.log.read_text()[-4000:]}"
        return rest


def processes(pid: int) -> list[int]:
    """The process and all that descend from it."""
    found = [pid]
    for parent in found:
        with suppress(FileNotFoundError, ProcessLookupError):
            for task in Path(f"/proc/{parent}/task").iterdir():
                found += [int(child) for child in (task / "children").read_text().split()]
    return found


def await_end(pid: int, seconds: float = 10) -> None:
    """Wait until a process that is nobody's child of ours is gone."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return
        if state == "Z":
            return
        time.sleep(0.005)
    raise AssertionError(f"process {pid} is still there after {seconds} s")
