"""Fixtures of the whole suite: servers that run as users run them."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Literal, Protocol

import pytest
from hypothesis import HealthCheck, settings

from tests.server_process import ServerProcess

pytest_plugins = ["tests.parallel"]

# How long an example takes is the machine's affair; what else holds in CI is hypothesis's own.
_SLOW = [HealthCheck.too_slow]
settings.register_profile("moorage", settings(), deadline=None, suppress_health_check=_SLOW)
settings.load_profile("moorage")


class StartServer(Protocol):
    """Starts a server of its own for one test; it is stopped and checked at the test's end."""

    def __call__(self, *options: str, **environment: str) -> ServerProcess: ...


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One server with its defaults and two workers, shared by all tests that need no other."""
    process = ServerProcess(tmp_path_factory.mktemp("server"), "--workers", "2").start()
    yield process
    process.stop()


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[StartServer]:
    with ExitStack() as started:

        def start(*options: str, **environment: str) -> ServerProcess:
            folder = tmp_path / f"server-{uuid.uuid4().hex[:8]}"
            folder.mkdir()
            process = ServerProcess(folder, *options, environment=environment)
            started.callback(process.stop)
            return process.start()

        yield start


class MakeRepository(Protocol):
    """Creates a repository of a new name on the shared server; gives the name."""

    def __call__(
        self, *, mutability: Literal["MUTABLE", "IMMUTABLE"] = "MUTABLE", prefix: str = "team"
    ) -> str: ...


@pytest.fixture
def make_repository(server: ServerProcess) -> MakeRepository:
    def make(
        *, mutability: Literal["MUTABLE", "IMMUTABLE"] = "MUTABLE", prefix: str = "team"
    ) -> str:
        name = f"{prefix}/{uuid.uuid4().hex[:12]}"
        server.ecr.create_repository(repositoryName=name, imageTagMutability=mutability)
        return name

    return make


@pytest.fixture
def repository(make_repository: MakeRepository) -> str:
    """A new, empty repository on the shared server."""
    return make_repository()


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Undoes what a test did to the logging of the process that all tests share.

    `configure_logging` changes it, and so do libraries that a test calls: import-linter turns
    off every logger that there is.
    """
    root = logging.getLogger()
    handlers = root.handlers[:]
    found_out = logging.logThreads, logging.logProcesses, logging.logMultiprocessing
    levels = {logger: (logger.level, logger.disabled, logger.propagate) for logger in _loggers()}
    yield
    logging.logThreads, logging.logProcesses, logging.logMultiprocessing = found_out
    root.handlers[:] = handlers
    for logger in _loggers():
        before = levels.get(logger, (logging.NOTSET, False, True))
        level, logger.disabled, logger.propagate = before
        logger.setLevel(level)


def _loggers() -> list[logging.Logger]:
    named = [logging.getLogger(name) for name in logging.root.manager.loggerDict]
    return [logging.getLogger(), *named]
