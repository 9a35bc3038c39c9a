"""`moorage scan db push`: what it takes, and that the real Trivy takes it from there."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from registry.scanners.databases import Held
from registry.scanners.scanner import ScanFailed, Target
from registry.scanners.trivy import Trivy, TrivySettings
from registry.values.digest import Digest
from tests.application import SCOPE, Registry
from tests.commands.running import moorage, result_of
from tests.scanners.trivydb import MADE, build_database
from tests.server_process import ServerProcess
from tests.tools import require_tool

METADATA = {"Version": 2, "UpdatedAt": "2026-11-01T00:00:00Z", "NextUpdate": "2026-11-02T00:00:00Z"}


@pytest.fixture
def data(registry: Registry) -> Path:
    return registry.settings.data


def packed(files: Mapping[str, bytes]) -> bytes:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return plain.getvalue()


def zipped(content: bytes) -> bytes:
    """The same each time, as what makes a test's parameters has to be."""
    return gzip.compress(content, mtime=0)


def database(**changed: object) -> dict[str, bytes]:
    return {"trivy.db": b"db", "metadata.json": json.dumps({**METADATA, **changed}).encode()}


def manifest(registry: Registry, name: str, tag: str) -> dict[str, Any]:
    repository = registry.repositories.get(SCOPE, name)
    found: dict[str, Any] = json.loads(registry.images.get(repository, tag).content)
    return found


@pytest.mark.parametrize("reference", ["2", "digest"])
def test_the_real_trivy_downloads_it(server: ServerProcess, tmp_path: Path, reference: str) -> None:
    folder, name = build_database(tmp_path / "made"), f"mirror/trivy-db-{reference}"
    told = moorage(server.data, "scan", "db", "push", folder, "--repository", name)
    assert told.endswith("of 2026-11-01 00:00 UTC\n")
    place = f"@{told.split()[1]}" if reference == "digest" else ""
    trivy = Trivy(TrivySettings(str(require_tool("trivy")), tmp_path / "cache", offline=True))
    source = Target(f"{server.address}/{name}{place}", "AWS", server.password())
    trivy.fetch(Held.VULNERABILITIES, source, place)
    got = tmp_path / "cache" / "db" / "trivy.db"
    assert got.read_bytes() == (folder / "trivy.db").read_bytes()
    assert trivy.version().database == MADE
    other = Trivy(TrivySettings(str(require_tool("trivy")), tmp_path / "other"))
    with pytest.raises(ScanFailed):
        other.fetch(Held.VULNERABILITIES, replace(source, password="wrong"), place)


def test_the_artifact(registry: Registry, data: Path, tmp_path: Path) -> None:
    file = tmp_path / "db.tar.gz"
    file.write_bytes(gzip.compress(packed(database())))
    told = moorage(data, "scan", "db", "push", file)
    found = manifest(registry, "trivy-db", "2")
    (layer,) = found["layers"]
    assert found["config"] == {
        "mediaType": "application/vnd.aquasec.trivy.config.v1+json",
        "digest": str(Digest.of(b"{}")),
        "size": 2,
    }
    assert layer == {
        "mediaType": "application/vnd.aquasec.trivy.db.layer.v1.tar+gzip",
        "digest": str(Digest.of(file.read_bytes())),
        "size": file.stat().st_size,
        "annotations": {"org.opencontainers.image.title": "db.tar.gz"},
    }
    assert told.startswith("trivy-db:2  sha256:")
    assert moorage(data, "scan", "db", "push", file) == told
    registry.check_whole()


def test_a_newer_one_takes_the_tag(registry: Registry, data: Path, tmp_path: Path) -> None:
    for day in ("01", "02"):
        file = tmp_path / f"{day}.tar.gz"
        file.write_bytes(gzip.compress(packed(database(UpdatedAt=f"2026-11-{day}T00:00:00Z"))))
        moorage(data, "scan", "db", "push", file)
        found = manifest(registry, "trivy-db", "2")
        assert found["annotations"] == {
            "org.opencontainers.image.created": f"2026-11-{day}T00:00:00+00:00"
        }


def test_the_database_of_java_archives(registry: Registry, data: Path, tmp_path: Path) -> None:
    (tmp_path / "trivy-java.db").write_bytes(b"java")
    (tmp_path / "metadata.json").write_text(json.dumps({**METADATA, "Version": 1}))
    assert moorage(data, "scan", "db", "push", tmp_path / "trivy-java.db").startswith(
        "trivy-java-db:1  sha256:"
    )
    (layer,) = manifest(registry, "trivy-java-db", "1")["layers"]
    assert layer["mediaType"] == "application/vnd.aquasec.trivy.javadb.layer.v1.tar+gzip"
    assert layer["annotations"] == {"org.opencontainers.image.title": "javadb.tar.gz"}


def test_a_tar_that_nobody_squeezed(registry: Registry, data: Path, tmp_path: Path) -> None:
    """`tar -cf db.tar.gz`, as Trivy's own documentation once had it."""
    file = tmp_path / "db.tar.gz"
    file.write_bytes(packed(database()))
    moorage(data, "scan", "db", "push", file)
    (layer,) = manifest(registry, "trivy-db", "2")["layers"]
    repository = registry.repositories.get(SCOPE, "trivy-db")
    blob = registry.blobs.get(repository, Digest.parse(layer["digest"]))
    content = b"".join(bytes(part) for part in registry.blobs.open(repository, blob))
    assert gzip.decompress(content) == packed(database())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no database"),
        (b"rubbish", "no database"),
        (zipped(packed(database()))[:-12], "no database"),
        (zipped(packed({"other": b"x"})), "it holds 'other'"),
        (zipped(packed({"trivy.db": b"x"})), "it holds 'trivy.db'"),
        (zipped(packed(database(Version=3))), "of schema '3'; Trivy takes 2"),
        (zipped(packed(database(UpdatedAt=None))), "does not say when"),
        (zipped(packed({"trivy.db": b"x", "metadata.json": b"["})), "not a JSON object"),
        (zipped(packed({"trivy.db": b"", "metadata.json": b"{}"})), "no database"),
    ],
    ids=["empty", "rubbish", "cut", "other", "alone", "newer", "undated", "torn", "hollow"],
)
def test_what_is_none(
    registry: Registry, data: Path, tmp_path: Path, content: bytes, said: str
) -> None:
    file = tmp_path / "file"
    file.write_bytes(content)
    refused = result_of(data, "scan", "db", "push", file)
    assert refused.exit_code == 1
    assert said in refused.output
    assert registry.rows()["repositories"] == registry.rows()["uploads"] == []


def test_a_folder_without_one(data: Path, tmp_path: Path) -> None:
    refused = result_of(data, "scan", "db", "push", tmp_path)
    assert refused.exit_code == 1
    assert "has not both trivy.db or trivy-java.db and metadata.json" in refused.output
