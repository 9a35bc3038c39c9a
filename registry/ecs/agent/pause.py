"""The image that holds a task's name spaces: one tiny static program, made on the spot.

Nothing is pulled for it. The program is what amazon-ecs-agent's pause container does: it ignores
SIGCHLD, so that as process 1 of a shared PID name space it leaves no zombies (sigaction(2),
"SA_NOCLDWAIT" and SIG_IGN), ends at SIGTERM and SIGINT, and otherwise waits in the kernel.
"""

from __future__ import annotations

import io
import struct
import tarfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from registry.ecs.agent.engine import Engine

PAUSE_REPOSITORY = "moorage-pause"
PAUSE_TAG = "1"
_BASE = 0x400000
_HEADERS = 64 + 56

# rt_sigaction(SIGCHLD, SIG_IGN); rt_sigaction(SIGTERM and SIGINT, exit); then for ever pause().
# Behind the code lie the two `struct sigaction`s of the kernel: handler, flags (x86-64 refuses
# handlers without SA_RESTORER, 0x04000000), restorer, mask.
_X86_64 = bytes.fromhex(
    "41ba08000000"  # mov r10d, 8           size of a signal mask
    "31d2"  # xor edx, edx                  no old action wanted
    "bf11000000"  # mov edi, 17             SIGCHLD
    "488d353c000000"  # lea rsi, [ignore]
    "b80d000000" "0f05"  # mov eax, 13; syscall   rt_sigaction
    "bf0f000000"  # mov edi, 15             SIGTERM
    "488d3549000000"  # lea rsi, [leave]
    "b80d000000" "0f05"
    "bf02000000"  # mov edi, 2              SIGINT
    "b80d000000" "0f05"
    "b822000000" "0f05"  # again: mov eax, 34; syscall   pause
    "ebf7"  # jmp again
    "31ff"  # exit: xor edi, edi
    "b8e7000000" "0f05"  # mov eax, 231; syscall   exit_group
    "0f1f4000"  # nop, to a multiple of 8
)  # fmt: skip
_X86_64_EXIT = 0x43
_AARCH64 = struct.pack(
    "<27I",
    0xD2800220,  # mov x0, #17              SIGCHLD
    0x100002E1,  # adr x1, ignore
    0xD2800002,  # mov x2, #0
    0xD2800103,  # mov x3, #8
    0xD28010C8, 0xD4000001,  # mov x8, #134; svc #0   rt_sigaction
    0xD28001E0,  # mov x0, #15              SIGTERM
    0x10000321,  # adr x1, leave
    0xD28010C8, 0xD4000001,
    0xD2800040,  # mov x0, #2               SIGINT
    0x100002A1,  # adr x1, leave
    0xD28010C8, 0xD4000001,
    0xD2800000,  # again: mov x0, #0
    0xD2800001, 0xD2800002, 0xD2800003,  # mov x1, x2, x3, #0
    0xD2800928, 0xD4000001,  # mov x8, #73; svc #0   ppoll(NULL, 0, NULL, NULL)
    0x17FFFFFA,  # b again
    0xD2800000,  # exit: mov x0, #0
    0xD2800BC8, 0xD4000001,  # mov x8, #94; svc #0   exit_group
    0, 0, 0,
)[:96]  # fmt: skip
_AARCH64_EXIT = 0x54
_MACHINES = {
    "x86_64": (62, _X86_64, _X86_64_EXIT, 0x04000000),
    "amd64": (62, _X86_64, _X86_64_EXIT, 0x04000000),
    "aarch64": (183, _AARCH64, _AARCH64_EXIT, 0),
    "arm64": (183, _AARCH64, _AARCH64_EXIT, 0),
}


class NoPauseProgram(Exception):
    """This machine's processor is not one that the program is known for: name an image."""


def pause_program(architecture: str) -> bytes:
    """The program as an ELF file (System V ABI, "Object Files") for what `uname -m` gives."""
    if architecture not in _MACHINES:
        raise NoPauseProgram(f"there is no pause program for {architecture}: set a pause image")
    machine, code, leave, flags = _MACHINES[architecture]
    handler = _BASE + _HEADERS + leave
    actions = struct.pack("<8Q", 1, 0, 0, 0, handler, flags, handler if flags else 0, 0)
    size = _HEADERS + len(code) + len(actions)
    identity = b"\x7fELF" + bytes((2, 1, 1)) + bytes(9)
    header = identity + struct.pack(
        "<HHIQQQIHHHHHH", 2, machine, 1, _BASE + _HEADERS, 64, 0, 0, 64, 56, 1, 0, 0, 0
    )
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, _BASE, _BASE, size, size, 0x1000)
    return header + segment + code + actions


def pause_archive(architecture: str) -> bytes:
    """A root file system with nothing else in it, as a tar archive."""
    program = pause_program(architecture)
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        entry = tarfile.TarInfo("pause")
        entry.size, entry.mode = len(program), 0o755
        archive.addfile(entry, io.BytesIO(program))
    return file.getvalue()


def ensure_pause_image(engine: Engine) -> str:
    """The name of the pause image, made if the engine has none yet."""
    name = f"{PAUSE_REPOSITORY}:{PAUSE_TAG}"
    if engine.image(name) is None:
        archive = pause_archive(engine.information()["Architecture"])
        engine.import_image(archive, PAUSE_REPOSITORY, PAUSE_TAG, ['ENTRYPOINT ["/pause"]'])
    return name
