"""Images that mean a scanner ill, and a Trivy that goes wrong for some repositories."""

from __future__ import annotations

import gzip
import hashlib
import io
import stat
import tarfile
from collections.abc import Callable
from pathlib import Path

from tests.images import OCI_LAYER, Blob, Image, layer, oci_image
from tests.scanners.served import RELEASE, python_package

_CHUNK = 1 << 20
_END = bytes(2 * tarfile.BLOCKSIZE)


def squeezed(*parts: tuple[bytes, int]) -> Blob:
    """A layer of a tar made of parts, each so many times: quickly made, however long.

    Of several gzip members, as RFC 1952 has it.
    """
    made, plain = io.BytesIO(), hashlib.sha256()
    for part, times in parts:
        made.write(gzip.compress(part, 1, mtime=0) * times)
        for _ in range(times):
            plain.update(part)
    return Blob(made.getvalue(), OCI_LAYER, f"sha256:{plain.hexdigest()}")


def many_entries(count: int) -> Blob:
    """A layer of that many empty files."""
    entries = (tarfile.TarInfo(f"folder/{number}") for number in range(count))
    return squeezed((b"".join(it.tobuf(tarfile.USTAR_FORMAT) for it in entries) + _END, 1))


def bomb(mib: int) -> Blob:
    """One long line, in a file that Trivy reads as the metadata of a package."""
    entry = tarfile.TarInfo("usr/lib/python3/dist-packages/x.dist-info/METADATA")
    start = b"Metadata-Version: 2.1\nName: "
    entry.size = len(start) + mib * _CHUNK
    filled = bytes(-entry.size % tarfile.BLOCKSIZE)
    return squeezed((entry.tobuf() + start, 1), (b"x" * _CHUNK, mib), (filled + _END, 1))


def wordy(packages: int, letters: int) -> Blob:
    """A Debian whose report is so many times so long."""
    text = "Package: p{}\nStatus: install ok installed\nVersion: 1\nArchitecture: amd64\n"
    text += f"Maintainer: {'m' * letters}\n"
    status = "\n".join(text.format(number) for number in range(packages))
    return layer(RELEASE | {"var/lib/dpkg/status": status.encode()})


TRUE = layer(python_package("PyYAML", "5.3"))
IMAGES: dict[str, Callable[[], Image]] = {
    "no-tar": lambda: oci_image(Blob(b"this is no archive", OCI_LAYER, "sha256:" + "1" * 64), TRUE),
    "entries": lambda: oci_image(many_entries(100_000), TRUE),
    "bomb": lambda: oci_image(bomb(768), TRUE),
    "wordy": lambda: oci_image(wordy(700, 60_000)),
}
"""By what is wrong with them. Each is small where it is pushed."""

VERSION = '{"Version": "0.70.0", "VulnerabilityDB": {"UpdatedAt": "2026-11-01T00:00:00Z"}}'
WRONG = {
    "crash": "kill -SEGV $$",
    "hang": "sleep 600",
    "rubbish": "head -c 100000 /dev/urandom; exit 0",
    "flood": "head -c 50000000 /dev/zero | tr '\\0' x",
}
"""By repository, below `wrong/`."""


def wronged(how: str) -> Image:
    """An image of its own: what one repository's scan found is another's with the same image."""
    return oci_image(TRUE, layer({"how": how.encode()}))


def script(path: Path, text: str) -> str:
    """A program of that text."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def fake_trivy(path: Path, text: str) -> str:
    """One of a version that is new enough, with a database; it scans as `text` says."""
    return script(path, f"if [ \"$1\" = --version ]; then echo '{VERSION}'; exit; fi\n{text}")


def moody_trivy(path: Path, real: Path) -> str:
    """The real one, but for the images in repositories below `wrong/`.

    The first scan in `wrong/killed` is one of the real Trivy, killed in its midst.
    """
    cases = [f"*/wrong/{name}@*) {text} ;;" for name, text in WRONG.items()]
    marker = path.with_name("killed")
    killed = f"if mkdir {marker}; then (sleep 0.05; kill -KILL $$) & fi"
    cases.append(f"*/wrong/killed@*) {killed} ;;")
    lines = "\n".join(cases)
    return script(path, f'case "$*" in\n{lines}\nesac\nexec {real} "$@"')
