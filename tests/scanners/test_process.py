"""A program beside the server: within its bounds, and gone afterwards whatever happens."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from registry.scanners.child import NOT_FOUND
from registry.scanners.process import Bounds, Exceeded, Output, Stopped, memory_of, run

BOUNDS = Bounds(seconds=60)


def python(code: str, *, bounds: Bounds = BOUNDS, stdin: bytes = b"") -> Output:
    return run(
        [sys.executable, "-c", code],
        environment={"PATH": os.environ["PATH"], "SEEN": "yes"},
        bounds=bounds,
        stop=threading.Event(),
        stdin=stdin,
    )


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def gone(pid: int) -> None:
    end = time.monotonic() + 20
    while alive(pid):
        assert time.monotonic() < end, f"process {pid} is still there"
        time.sleep(0.02)


def test_what_it_reads_and_writes() -> None:
    code = (
        "import os, sys; text = sys.stdin.read(); print(text.upper() + os.environ['SEEN'], end='');"
        "sys.stderr.write('told'); sys.exit(3)"
    )
    assert python(code, stdin=b"in") == Output(3, b"INyes", "told")
    assert "MOORAGE" not in python("import os; print(os.environ)").stdout.decode()


def test_a_long_input_and_output_at_once() -> None:
    data = os.urandom(3_000_000)
    code = "import sys, shutil; shutil.copyfileobj(sys.stdin.buffer, sys.stdout.buffer)"
    assert python(code, stdin=data).stdout == data


def test_an_input_that_is_not_read() -> None:
    assert python("pass", stdin=bytes(3_000_000)).status == 0


def test_a_program_that_is_not_there() -> None:
    missing = ["/no/such/program"]
    output = run(missing, environment={}, bounds=BOUNDS, stop=threading.Event())
    assert output.status == NOT_FOUND
    assert "No such file" in output.stderr


@pytest.mark.parametrize(
    ("code", "bounds", "said"),
    [
        ("import time; time.sleep(600)", {"seconds": 0.5}, "longer than 0.5 s"),
        (
            "import os, time; os.close(0); os.close(1); os.close(2); time.sleep(600)",
            {"seconds": 1.0},
            "longer than 1 s",
        ),
        ("a = bytearray(b'x' * (300 << 20)); input()", {"memory": 200 << 20}, "of memory"),
        ("while True: print('x' * 65536)", {"output": 4 << 20}, "more than 4 MiB"),
    ],
)
def test_a_bound_that_is_passed_ends_it(code: str, bounds: dict[str, float], said: str) -> None:
    if "memory" in bounds:
        code = f"import time\n{code.replace('input()', 'time.sleep(600)')}"
    begun = time.monotonic()
    with pytest.raises(Exceeded, match=said):
        python(code, bounds=replace(BOUNDS, **bounds))  # type: ignore[arg-type]  # of its fields
    assert time.monotonic() - begun < 50
    assert memory_of(os.getpgrp()) > 0


def test_the_processor_and_files_are_bounded(tmp_path: Path) -> None:
    assert python("while True: pass", bounds=replace(BOUNDS, cpu_seconds=1)).status in {
        -signal.SIGXCPU,
        -signal.SIGKILL,
    }
    target = tmp_path / "large"
    code = f"open({str(target)!r}, 'wb').write(bytes(1 << 20))"
    assert python(code, bounds=replace(BOUNDS, file=1 << 16)).status != 0
    assert target.stat().st_size <= 1 << 16


def test_what_it_started_ends_with_it() -> None:
    code = (
        "import subprocess, sys;"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'],"
        " stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL); print(child.pid)"
    )
    gone(int(python(code).stdout))


def test_a_stop_ends_it() -> None:
    stop = threading.Event()
    threading.Timer(0.5, stop.set).start()
    with pytest.raises(Stopped):
        run(
            [sys.executable, "-c", "import time; time.sleep(600)"],
            environment={},
            bounds=BOUNDS,
            stop=stop,
        )


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone can bind a process so")
def test_a_killed_server_takes_it_along(tmp_path: Path) -> None:
    marker = tmp_path / "pid"
    code = f"""
import sys, threading
from registry.scanners.process import Bounds, run
sleeper = "import os, time; open({str(marker)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
run([sys.executable, "-c", sleeper], environment={{}}, bounds=Bounds(), stop=threading.Event())
"""
    with subprocess.Popen([sys.executable, "-c", code]) as server:
        pid = written(lambda: int(marker.read_text()))
        assert alive(pid)
        server.kill()
    gone(pid)


def written(read: Callable[[], int]) -> int:
    end = time.monotonic() + 30
    while True:
        try:
            return read()
        except (OSError, ValueError):
            assert time.monotonic() < end, "it never began"
            time.sleep(0.02)
