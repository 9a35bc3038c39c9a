"""The pause program: what it is, and that it does what it should on this machine."""

from __future__ import annotations

import io
import platform
import signal
import struct
import subprocess
import tarfile
import time
from pathlib import Path

import pytest

from registry.ecs.agent.pause import NoPauseProgram, pause_archive, pause_program


@pytest.mark.parametrize(("architecture", "machine"), [("x86_64", 62), ("aarch64", 183)])
def test_it_is_a_static_program(architecture: str, machine: int) -> None:
    program = pause_program(architecture)
    assert program[:4] == b"\x7fELF"
    kind, found, _, entry = struct.unpack_from("<HHIQ", program, 16)
    assert (kind, found, entry) == (2, machine, 0x400078)
    assert struct.unpack_from("<H", program, 56) == (1,), "one segment, and no interpreter"
    segment, flags, offset, address = struct.unpack_from("<IIQQ", program, 64)
    assert (segment, flags, offset, address) == (1, 5, 0, 0x400000)
    sizes = struct.unpack_from("<QQ", program, 64 + 32)
    assert sizes == (len(program), len(program))


def test_both_are_what_an_assembler_makes_of_them() -> None:
    """Assembled by LLVM 14 (`llvm-mc -triple=x86_64-linux` and `-triple=aarch64-linux`)."""
    assert pause_program("x86_64")[120:] == bytes.fromhex(
        "41ba0800000031d2bf11000000488d353c000000b80d0000000f05bf0f000000488d3549000000b8"
        "0d0000000f05bf02000000b80d0000000f05b8220000000f05ebf731ffb8e70000000f050f1f4000"
        "0100000000000000000000000000000000000000000000000000000000000000bb00400000000000"
        "0000000400000000bb004000000000000000000000000000"
    )
    assert pause_program("aarch64")[120:] == bytes.fromhex(
        "200280d2e1020010020080d2030180d2c81080d2010000d4e00180d221030010c81080d2010000d4"
        "400080d2a1020010c81080d2010000d4000080d2010080d2020080d2030080d2280980d2010000d4"
        "faffff17000080d2c80b80d2010000d4010000000000000000000000000000000000000000000000"
        "0000000000000000cc00400000000000000000000000000000000000000000000000000000000000"
    )


@pytest.mark.parametrize("asked", [signal.SIGTERM, signal.SIGINT])
def test_it_waits_until_it_is_asked_to_end(tmp_path: Path, asked: signal.Signals) -> None:
    file = tmp_path / "pause"
    file.write_bytes(pause_program(platform.machine()))
    file.chmod(0o755)
    process = subprocess.Popen([file])
    try:
        deadline = time.monotonic() + 30
        while not _waits(process.pid):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert process.poll() is None
        process.send_signal(asked)
        assert process.wait(30) == 0
    finally:
        process.kill()


def _waits(pid: int) -> bool:
    """Whether it ignores SIGCHLD, catches SIGTERM and SIGINT, and sleeps."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    status = {name: text.strip() for name, _, text in (line.partition(":") for line in lines)}
    ignored, caught = int(status["SigIgn"], 16), int(status["SigCgt"], 16)
    wanted = (1 << signal.SIGTERM - 1) | (1 << signal.SIGINT - 1)
    ready = ignored & (1 << signal.SIGCHLD - 1) and caught & wanted == wanted
    return bool(ready) and status["State"].startswith("S")


def test_an_archive_of_nothing_else() -> None:
    with tarfile.open(fileobj=io.BytesIO(pause_archive("aarch64"))) as archive:
        entries = archive.getmembers()
        assert [(one.name, one.mode) for one in entries] == [("pause", 0o755)]
        held = archive.extractfile("pause")
        assert held is not None
        assert held.read() == pause_program("aarch64")


def test_an_unknown_processor() -> None:
    with pytest.raises(NoPauseProgram, match="riscv64"):
        pause_program("riscv64")
