"""The Dockerfile, as far as it can be judged without a base image to build on.

Its health check is run for real, against a server, a stub and nothing.
"""

from __future__ import annotations

import json
import re
import ssl
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path, PurePosixPath

import pytest

from registry.cli import main
from registry.config import ENVIRONMENT_PREFIX, Settings, from_environment, read
from tests.http.certificate import certificate
from tests.server_process import ServerProcess, free_port
from tests.tools import PROJECT


@dataclass(frozen=True, slots=True)
class Instruction:
    name: str
    text: str

    @property
    def words(self) -> list[str]:
        """Of the form that a list in JSON gives, or split at spaces."""
        found: list[str] = json.loads(self.text) if self.text.startswith("[") else self.text.split()
        return found


def instructions(text: str) -> list[Instruction]:
    """Every instruction, its continued lines joined as docker joins them."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n", "", "\n".join(lines))
    split = [line.split(maxsplit=1) for line in joined.splitlines() if line.strip()]
    return [Instruction(name, rest.strip()) for name, rest in split]


def stages() -> list[list[Instruction]]:
    """What stands before the first FROM, then each stage."""
    found: list[list[Instruction]] = [[]]
    for instruction in instructions((PROJECT / "Dockerfile").read_text()):
        if instruction.name == "FROM":
            found.append([])
        found[-1].append(instruction)
    return found


BEFORE, BUILD, FINAL = stages()


def named(stage: list[Instruction], name: str) -> list[Instruction]:
    return [instruction for instruction in stage if instruction.name == name]


def only(stage: list[Instruction], name: str) -> Instruction:
    (found,) = named(stage, name)
    return found


def environment(stage: list[Instruction]) -> dict[str, str]:
    pairs = [word.split("=", 1) for each in named(stage, "ENV") for word in each.words]
    return {name: value for name, value in pairs}  # noqa: C416 - pairs are lists


def test_both_stages_stand_on_one_base() -> None:
    assert [(each.name, each.text) for each in BEFORE] == [("ARG", "BASE=python:3.11-slim")]
    assert only(BUILD, "FROM").text == "${BASE} AS build"
    assert only(FINAL, "FROM").text == "${BASE}"


def test_packages_are_installed_by_their_hashes() -> None:
    installs = " ".join(each.text for each in named(BUILD, "RUN"))
    assert "pip install --require-hashes --no-deps -r requirements.lock" in installs
    assert not re.findall(r"(?:index-url|find-links|trusted-host)", installs)
    assert not any("pip" in each.text for each in named(FINAL, "RUN"))


def test_what_only_the_build_needs_is_taken_out() -> None:
    removed = re.findall(r"pip uninstall (.*)", named(BUILD, "RUN")[-1].text)[0].split()
    build = tomllib.loads((PROJECT / "pyproject.toml").read_text())["dependency-groups"]["build"]
    assert {re.split("[<>=]", name)[0] for name in build} | {"pip"} <= set(removed)


def test_what_is_copied_is_there_and_let_through() -> None:
    ignore = (PROJECT / ".dockerignore").read_text().splitlines()
    assert "*" in ignore
    through = {line.removeprefix("!") for line in ignore if line.startswith("!")}
    copied = {word for each in named(BUILD, "COPY") for word in each.words[:-1]}
    assert copied == through
    assert all((PROJECT / name).exists() for name in copied)


def test_the_server_is_started_as_nobody_in_particular() -> None:
    assert only(FINAL, "USER").text == "10001:10001"
    assert FINAL.index(only(FINAL, "USER")) > FINAL.index(named(FINAL, "RUN")[-1])
    assert "-o moorage" in named(FINAL, "RUN")[-1].text
    (program,), command = only(FINAL, "ENTRYPOINT").words, only(FINAL, "CMD").words
    scripts = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["scripts"]
    assert program in scripts
    assert command == ["serve"]
    assert command[0] in main.commands


def test_its_settings_are_settings_and_agree_with_what_is_declared() -> None:
    given = {k: v for k, v in environment(FINAL).items() if k.startswith(ENVIRONMENT_PREFIX)}
    assert set(given) <= {ENVIRONMENT_PREFIX + item.name.upper() for item in fields(Settings)}
    settings = read(from_environment(given))
    assert str(settings.data) == only(FINAL, "VOLUME").text == "/data"
    assert str(settings.port) == only(FINAL, "EXPOSE").text
    assert settings.port == Settings().port
    assert settings.host == "0.0.0.0"
    venv = only(FINAL, "COPY").words[-1]
    assert environment(FINAL)["PATH"].split(":")[0] == str(PurePosixPath(venv) / "bin")


# The health check


def healthy(port: int, **more: str) -> bool:
    """Whether the health check, run as the engine runs it, says so."""
    text = only(FINAL, "HEALTHCHECK").text.partition(" CMD ")[2]
    program, *arguments = json.loads(text)
    assert program == "python"
    done = subprocess.run(
        [sys.executable, *arguments],
        env={"MOORAGE_PORT": str(port), **more},
        capture_output=True,
        timeout=30,
        check=False,
    )
    return done.returncode == 0


class _Answer(BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status if self.path == "/healthz" else 404)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Nothing: the tests' output is pytest's."""


@contextmanager
def stub(status: int, tls: tuple[str, str] | None = None) -> Iterator[int]:
    """The port of a server whose health is that status."""
    handler = type("Answer", (_Answer,), {"status": status})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        if tls is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def test_a_running_server_is_healthy(server: ServerProcess) -> None:
    assert healthy(server.port)


def test_no_server_is_not() -> None:
    assert not healthy(free_port())


@pytest.mark.parametrize(("status", "expected"), [(200, True), (503, False)])
def test_the_status_decides_with_tls_and_without(
    tmp_path: Path, status: int, expected: bool
) -> None:
    _, tls = certificate(tmp_path)
    with stub(status) as port:
        assert healthy(port) is expected
    with stub(status, tls) as port:
        assert healthy(port, MOORAGE_TLS_CERT=tls[0]) is expected
