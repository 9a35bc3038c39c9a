"""A real `moorage serve` process, and what a user of it holds: credentials, clients, a password.

Nothing is faked here: the process is the installed program, the credentials are read from the
file it writes, the docker password comes from GetAuthorizationToken.
"""

from __future__ import annotations

import base64
import configparser
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import httpx
from botocore.config import Config

if TYPE_CHECKING:
    from types_boto3_ecr.client import ECRClient
    from types_boto3_sts.client import STSClient

REGION = "us-east-1"
ACCOUNT = "123456789012"
START_SECONDS = 30
STOP_SECONDS = 45
_EXPORT = re.compile(r"^\s*export ((?:\w+=\S+\s*)+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Credentials:
    """An access key as the shared-credentials file holds it."""

    access_key_id: str
    secret_access_key: str = field(repr=False)


class ServerProcess:
    """One server on a port of its own, with everything it keeps under `folder`.

    `options` are passed to `moorage serve` as they are, `environment` is added to its
    environment, `authority` is the PEM file to trust when the options turn TLS on. It can be
    stopped and started again on the same data and port.
    """

    def __init__(
        self,
        folder: Path,
        *options: str,
        environment: Mapping[str, str] | None = None,
        authority: Path | None = None,
    ) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.url = f"{'https' if authority else 'http'}://{self.address}"
        self._authority = authority
        self._options = options
        self._environment = dict(environment or {})
        self._log = folder / "server.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._secrets: set[str] = set()

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The running process. Raises RuntimeError when there is none."""
        if self._process is None:
            raise RuntimeError("the server is not running")
        return self._process

    @property
    def log(self) -> str:
        """Everything the server has printed, standard output and error together."""
        return self._log.read_text(errors="replace")

    def start(self) -> ServerProcess:
        """Start it and wait for the first answer of `/healthz` and the lines to copy."""
        command = [str(Path(sys.executable).with_name("moorage")), "serve"]
        command += ["--data", str(self.data), "--host", "127.0.0.1", "--port", str(self.port)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, *self._options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._server_environment(),
            )
        self._await_health()
        self._secrets.add(self.credentials.secret_access_key)
        return self

    def stop(self) -> None:
        """Stop it with SIGTERM; its end must be clean and its log fit to be shown to anybody."""
        if self._process is None:
            return
        process, self._process = self._process, None
        self._close_clients()
        process.send_signal(signal.SIGTERM)
        try:
            status = process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"no end {STOP_SECONDS} s after SIGTERM:\n{self.tail()}") from None
        assert status == 0, f"exit status {status} after SIGTERM:\n{self.tail()}"
        self.check_log()

    def kill(self) -> None:
        """End it with SIGKILL, as a crash would."""
        process, self._process = self.process, None
        self._close_clients()
        process.kill()
        process.wait()

    def check_log(self) -> None:
        """Fail when the log shows a traceback or a secret that was given out."""
        log = self.log
        at = log.find("Traceback (most recent call last)")
        assert at < 0, log[max(at - 500, 0) : at + 4000]
        leaked = [secret[:4] + "…" for secret in self._secrets if secret in log]
        assert not leaked, f"secrets in the server's log: {leaked}"

    def tail(self) -> str:
        """The end of the log, for messages."""
        return self.log[-4000:]

    @property
    def exports(self) -> dict[str, str]:
        """The variables of the `export` lines printed for the user to copy."""
        pairs = " ".join(_EXPORT.findall(self.log)).split()
        return dict(pair.split("=", 1) for pair in pairs)

    @cached_property
    def credentials(self) -> Credentials:
        """The administrator's key, from the file the server wrote."""
        parser = configparser.ConfigParser()
        parser.read_string((self.data / "credentials").read_text())
        section = parser["default"]
        return Credentials(section["aws_access_key_id"], section["aws_secret_access_key"])

    @cached_property
    def session(self) -> boto3.Session:
        """A boto3 session of the administrator."""
        return boto3.Session(
            aws_access_key_id=self.credentials.access_key_id,
            aws_secret_access_key=self.credentials.secret_access_key,
            region_name=REGION,
        )

    @cached_property
    def ecr(self) -> ECRClient:
        """A boto3 client that does not retry, so that no failure hides."""
        return self.session.client(
            "ecr", endpoint_url=self.url, config=_ONE_ATTEMPT, verify=self._bundle
        )

    @cached_property
    def sts(self) -> STSClient:
        """The same for STS."""
        return self.session.client(
            "sts", endpoint_url=self.url, config=_ONE_ATTEMPT, verify=self._bundle
        )

    def token(self) -> str:
        """A fresh authorization token, as `Authorization: Basic` takes it."""
        data = self.ecr.get_authorization_token()["authorizationData"][0]
        token = data["authorizationToken"]
        self._secrets |= {token, base64.b64decode(token).decode().partition(":")[2]}
        return token

    def password(self) -> str:
        """A fresh password for the user AWS."""
        return base64.b64decode(self.token()).decode().removeprefix("AWS:")

    def http(self) -> httpx.Client:
        """A plain HTTP client that sends a fresh token; the caller closes it."""
        headers = {"authorization": f"Basic {self.token()}"}
        return self._http(headers)

    def aws_environment(self) -> dict[str, str]:
        """The environment of an AWS CLI that knows nothing but what the server printed."""
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        kept = {"PATH": os.environ["PATH"], "HOME": str(home), "AWS_PAGER": ""}
        return {**kept, "AWS_EC2_METADATA_DISABLED": "true", **self.exports}

    def _server_environment(self) -> dict[str, str]:
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AWS_", "MOORAGE_"))
        }
        return {**inherited, "PYTHONUNBUFFERED": "1", **self._environment}

    def _await_health(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if (status := self.process.poll()) is not None:
                self._process = None
                raise AssertionError(f"the server ended with status {status}:\n{self.tail()}")
            if self._healthy() and self.exports:
                return
            time.sleep(0.02)
        self.kill()
        raise AssertionError(f"no answer within {START_SECONDS} s:\n{self.tail()}")

    def _healthy(self) -> bool:
        with self._http({}) as client:
            try:
                return client.get("/healthz", timeout=5).is_success
            except httpx.TransportError:
                return False

    def _http(self, headers: Mapping[str, str]) -> httpx.Client:
        return httpx.Client(
            base_url=self.url, headers=headers, timeout=60, trust_env=False, verify=self._trust
        )

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self._authority)

    @property
    def _bundle(self) -> str | None:
        return str(self._authority) if self._authority else None

    def _close_clients(self) -> None:
        for name in ("ecr", "sts"):
            if client := self.__dict__.pop(name, None):
                client.close()


_ONE_ATTEMPT = Config(retries={"total_max_attempts": 1}, read_timeout=60)


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
