"""One server with the real Trivy for many tests: all is pushed at once, and looked at later."""

from __future__ import annotations

import gzip
import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.images import OCI_LAYER, Blob, Image, oci_image
from tests.scanners.hostile import IMAGES, WRONG, fake_trivy, moody_trivy, wronged
from tests.scanners.layers import APPLICATION, DEBIAN
from tests.scanners.served import NAME, create, options, pushed
from tests.scanners.trivydb import build_database
from tests.server_process import ServerProcess
from tests.tools import PROJECT, missing, require_tool


@pytest.fixture(scope="session")
def trivy_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trivy's cache directory, with the small true database in it."""
    folder = tmp_path_factory.mktemp("trivy")
    require_tool("trivy")
    build_database(folder)
    return folder


@pytest.fixture(scope="module")
def scanning(
    tmp_path_factory: pytest.TempPathFactory, trivy_cache: Path
) -> Iterator[ServerProcess]:
    """Two worker processes, four scans at once; what is hostile is pushed, and being scanned.

    A scan that fails in a way that may pass is tried three times, over 17 seconds: meanwhile the
    tests of what does not fail go on.
    """
    folder = tmp_path_factory.mktemp("server")
    program = moody_trivy(folder / "trivy", require_tool("trivy"))
    bounds = ["--scan-workers", "4", "--scan-timeout", "30", "--scan-memory-mib", "768"]
    process = ServerProcess(folder, "--workers", "2", *bounds, *options(trivy_cache, program))
    process.start()
    for how in (*WRONG, "killed"):
        create(process, f"wrong/{how}")
        pushed(process, wronged(how), "v1", f"wrong/{how}")
    create(process, NAME)
    for tag, make in IMAGES.items():
        pushed(process, make(), tag)
    yield process
    process.stop()


def real_layer(name: str) -> Blob:
    """A layer that `.ci/run` made, by tests/scanners/layers.py."""
    tools = Path(os.environ.get("MOORAGE_TOOLS", PROJECT / ".tools"))
    path = tools / "layers" / name
    if not path.exists():
        missing(f"there is no {path}; `python3 tests/scanners/layers.py {path.parent}` makes it")
    content = path.read_bytes()
    plain = hashlib.sha256(gzip.decompress(content)).hexdigest()
    return Blob(content, OCI_LAYER, f"sha256:{plain}")


@pytest.fixture(scope="session")
def debian() -> Image:
    """A Debian 12 as debootstrap installs it, and nothing else."""
    return oci_image(real_layer(DEBIAN))


@pytest.fixture(scope="session")
def application(debian: Image) -> Image:
    """A Python application with its virtual environment, on that Debian."""
    return oci_image(debian.blobs[1], real_layer(APPLICATION))


@pytest.fixture
def program(tmp_path: Path) -> Callable[[str], str]:
    """A script in the place of Trivy."""
    return lambda text: fake_trivy(tmp_path / "fake-trivy", text)
