"""Several workers on the same sockets: started, started again when they crash, ended together."""

from __future__ import annotations

import json
import logging
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from registry.http.logs import fields
from registry.http.metrics import MULTIPROCESS
from registry.server.settings import ServerSettings
from registry.server.worker import START_FAILED, STUCK_SECONDS

START_SECONDS = 60.0
"""A worker that has not answered by then has failed."""

PAUSES = (0.1, 0.5, 1.0, 2.0, 5.0)
"""Seconds before a worker that keeps failing is started again, the last one from then on."""

_log = logging.getLogger("moorage.supervisor")


@dataclass
class _Worker:
    """A worker process and the pipe on which it says that it serves."""

    process: subprocess.Popen[bytes]
    report: int
    ready: bool = False
    started: float = field(default_factory=time.monotonic)


class Supervisor:
    """Keeps `settings.workers` workers running until a signal ends them all."""

    def __init__(
        self,
        settings: ServerSettings,
        factory: str,
        argument: str,
        sockets: Sequence[socket.socket],
        ready: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._sockets = sockets
        self._factory = factory
        self._argument = argument
        self._say_ready = ready
        self._workers: list[_Worker] = []
        self._failures = 0
        self._next_start = 0.0
        self._signals: list[int] = []
        self._served = False

    def run(self) -> int:
        """Until a signal, or until the first worker cannot start; the exit status."""
        metrics = tempfile.mkdtemp(prefix="moorage-metrics-", dir=self._settings.scratch)
        handled = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self._on_signal) for number in handled}
        try:
            while not self._signals:
                status = self._keep(metrics)
                if status is not None:
                    return status
            return 0
        finally:
            self._end()
            for number, handler in before.items():
                signal.signal(number, handler)
            shutil.rmtree(metrics, ignore_errors=True)

    def _on_signal(self, number: int, _: object) -> None:
        self._signals.append(number)

    def _keep(self, metrics: str) -> int | None:
        """One round: start what is missing, look at what has happened."""
        missing = self._settings.workers - len(self._workers)
        if missing and time.monotonic() >= self._next_start:
            self._workers += [self._start(metrics) for _ in range(missing)]
        self._listen(0.2)
        for worker in self._workers[:]:
            status = self._ended(worker)
            if status is not None:
                self._workers.remove(worker)
                _close(worker)
                if not self._served:
                    return START_FAILED
                self._mourn(worker, status)
        return None

    def _start(self, metrics: str) -> _Worker:
        reading, writing = os.pipe()
        sockets = [listening.fileno() for listening in self._sockets]
        told = {
            "settings": self._settings.to_json(),
            "factory": self._factory,
            "argument": self._argument,
            "sockets": sockets,
            "report": writing,
        }
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "registry.server"],
            stdin=subprocess.PIPE,
            pass_fds=(*sockets, writing),
            env={**os.environ, MULTIPROCESS: metrics, "PYTHONPATH": _path()},
            start_new_session=True,  # Ctrl-C is for the supervisor, which passes it on
        )
        os.close(writing)
        assert process.stdin is not None  # noqa: S101 - it was asked for
        try:
            process.stdin.write(json.dumps(told).encode() + b"\n")
            process.stdin.flush()
        except BrokenPipeError:
            _log.warning("a worker ended before it began")
        return _Worker(process, reading)

    def _listen(self, seconds: float) -> None:
        """Wait for a worker to say that it serves, at most so long."""
        with selectors.DefaultSelector() as selector:
            for worker in self._workers:
                if not worker.ready:
                    selector.register(worker.report, selectors.EVENT_READ, worker)
            if not selector.get_map():
                time.sleep(seconds)
                return
            for key, _ in selector.select(seconds):
                self._heard(key.data)

    def _heard(self, worker: _Worker) -> None:
        if os.read(worker.report, 64):
            worker.ready = True
            self._failures = 0
            if not self._served:
                self._served = True
                self._say_ready()
        else:
            worker.process.wait(STUCK_SECONDS)  # it closed the pipe by ending

    def _ended(self, worker: _Worker) -> int | None:
        """The worker's exit status if it is over; one that never becomes ready is ended."""
        if not worker.ready and time.monotonic() - worker.started > START_SECONDS:
            worker.process.kill()
            worker.process.wait()
        return worker.process.poll()

    def _mourn(self, worker: _Worker, status: int) -> None:
        pause = PAUSES[min(self._failures, len(PAUSES) - 1)]
        self._failures += 1
        self._next_start = time.monotonic() + pause
        _log.error(
            "a worker ended; another one will be started",
            extra=fields(pid=worker.process.pid, status=status, pause_seconds=pause),
        )

    def _end(self) -> None:
        """Ask every worker to end, wait as long as they may take, then insist."""
        for listening in self._sockets:
            listening.close()
        for worker in self._workers:
            worker.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + self._settings.grace + STUCK_SECONDS + 1
        passed_on = len(self._signals)
        while any(worker.process.poll() is None for worker in self._workers):
            if time.monotonic() > deadline:
                for worker in self._workers:
                    worker.process.kill()
            for number in self._signals[passed_on:]:
                for worker in self._workers:
                    worker.process.send_signal(number)
            passed_on = len(self._signals)
            time.sleep(0.02)
        for worker in self._workers:
            _close(worker)


def _close(worker: _Worker) -> None:
    os.close(worker.report)
    if worker.process.stdin is not None:
        try:
            worker.process.stdin.close()
        except BrokenPipeError:
            return  # it ended before it had read everything


def _path() -> str:
    """What this process imports from, so that a worker finds the same modules."""
    return os.pathsep.join(entry for entry in sys.path if entry)
