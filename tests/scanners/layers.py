"""Layers of real images: a Debian 12, and a Python application with its virtual environment.

    python3 tests/scanners/layers.py FOLDER

makes FOLDER/debian.tar.gz and FOLDER/application.tar.gz, where they are not there yet. The first
takes root, debootstrap and half a minute, and is taken from the mirror that apt is set to; the
second is installed by pip. `.ci/run` runs it beside the rest: nothing but the standard library,
and nothing of the house, is imported.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SUITE = "bookworm"
DEBIAN = "debian.tar.gz"
APPLICATION = "application.tar.gz"
_TARGETS = ("apt-get", "indextargets", "--no-release-info", "--format")
_PLACE = "$(REPO_URI) $(RELEASE) $(COMPONENT)"
_DROPPED = (
    *("dev", "proc", "sys", "run", "tmp"),
    *("usr/share/doc", "usr/share/man", "usr/share/info", "usr/share/locale"),
    *("usr/share/zoneinfo", "var/cache", "var/lib/apt/lists", "var/log"),
)


def mirror() -> str:
    """Where apt gets the suite from. Raises LookupError."""
    told = _said(*_TARGETS, _PLACE, "Created-By: Packages")
    for line in told.splitlines():
        place, suite, component = line.split()
        if (suite, component) == (SUITE, "main"):
            return place
    raise LookupError(f"apt is set to no mirror of Debian's {SUITE}")


def debian(folder: Path) -> None:
    """Debian's smallest system, unpacked and configured."""
    arguments = ["debootstrap", "--variant=minbase", SUITE, str(folder), mirror()]
    if proxy := _said("apt-config", "shell", "it", "Acquire::http::Proxy"):
        os.environ.setdefault("http_proxy", proxy.strip().removeprefix("it=").strip("'"))
    subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL)


def application(folder: Path) -> None:
    """A virtual environment with old releases in it, and a program that uses them."""
    place = folder / "opt" / "application"
    subprocess.run([sys.executable, "-m", "venv", place], check=True)
    wanted = Path(__file__).with_name("application.txt")
    pip: list[str | Path] = [place / "bin" / "pip", "install", "-q", "--no-compile"]
    exactly = ["--no-deps", "--require-hashes", "--only-binary", ":all:"]
    subprocess.run([*pip, "--disable-pip-version-check", *exactly, "-r", wanted], check=True)
    (place / "main.py").write_text("import requests\n\nprint(requests.get('http://localhost'))\n")


def pack(folder: Path, target: Path) -> None:
    """The folder as a layer, small and whole."""
    excluded = ["--exclude=__pycache__", *(f"--exclude=./{each}" for each in _DROPPED)]
    made = target.with_suffix(".part")
    command: list[str | Path] = [
        "tar",
        "-C",
        folder,
        "-I",
        "gzip -1",
        "--sort=name",
        "--numeric-owner",
        *excluded,
    ]
    subprocess.run([*command, "-cf", made, "."], check=True)
    made.replace(target)


def make(target: Path) -> str:
    """One of the layers, unless it is there; what was done."""
    if target.exists():
        return f"{target.name} is there"
    with tempfile.TemporaryDirectory() as made:
        (debian if target.name == DEBIAN else application)(Path(made))
        pack(Path(made), target)
    return f"{target.name}: {target.stat().st_size >> 20} MiB"


def _said(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor() as pool:
        for told in pool.map(make, [folder / DEBIAN, folder / APPLICATION]):
            print(told)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
