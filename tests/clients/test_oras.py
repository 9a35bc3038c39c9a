"""oras: artifacts, referrers, tags and single blobs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests import images
from tests.clients.programs import Program
from tests.conftest import MakeRepository
from tests.server_process import ServerProcess

PLAIN = "--plain-http"
TYPE = "application/vnd.example.note"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with `note.txt` and `sbom.json`."""
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "note.txt").write_text("a note\n")
    (folder / "sbom.json").write_text('{"packages": []}\n')
    return folder


@pytest.fixture
def name(server: ServerProcess, repository: str) -> str:
    return f"{server.address}/{repository}"


@pytest.fixture
def digest(oras: Program, name: str, files: Path) -> str:
    """The digest of an artifact pushed as `v1`."""
    return pushed(oras, f"{name}:v1", files)


def pushed(oras: Program, reference: str, files: Path) -> str:
    said = oras(
        "push", PLAIN, "--format", "json", "--artifact-type", TYPE, reference,
        "note.txt:text/plain", folder=files,
    )  # fmt: skip
    return str(json.loads(said)["digest"])


def attached(oras: Program, reference: str, files: Path, artifact_type: str) -> str:
    said = oras(
        "attach", PLAIN, "--format", "json", "--artifact-type", artifact_type,
        "--distribution-spec", "v1.1-referrers-api", reference, "sbom.json:application/json",
        folder=files,
    )  # fmt: skip
    return str(json.loads(said)["digest"])


def discovered(oras: Program, reference: str, *options: str) -> list[dict[str, Any]]:
    said = oras(
        "discover", PLAIN, "--format", "json", "--depth", "1",
        "--distribution-spec", "v1.1-referrers-api", *options, reference,
    )  # fmt: skip
    found: list[dict[str, Any]] = json.loads(said).get("referrers") or []
    return found


def test_push_and_pull(oras: Program, name: str, digest: str, tmp_path: Path) -> None:
    oras("pull", PLAIN, "--output", str(tmp_path / "out"), f"{name}:v1")
    assert (tmp_path / "out" / "note.txt").read_text() == "a note\n"
    assert oras("resolve", PLAIN, f"{name}:v1").strip() == digest
    fetched = json.loads(oras("manifest", "fetch", PLAIN, f"{name}@{digest}"))
    assert fetched["artifactType"] == TYPE


def test_attached_artifacts_are_discovered_and_filtered(
    oras: Program, name: str, files: Path, digest: str
) -> None:
    subject = f"{name}@{digest}"
    assert discovered(oras, subject) == []
    made = {kind: attached(oras, subject, files, kind) for kind in ("sbom/example", "sig/example")}

    found = {entry["artifactType"]: entry["digest"] for entry in discovered(oras, subject)}
    assert found == made
    only = discovered(oras, subject, "--artifact-type", "sig/example")
    assert [entry["digest"] for entry in only] == [made["sig/example"]]
    # No fallback tag: the referrers API itself answered.
    assert oras("repo", "tags", PLAIN, name).split() == ["v1"]


def test_a_deleted_referrer_is_no_longer_discovered(
    oras: Program, name: str, files: Path, digest: str
) -> None:
    subject = f"{name}@{digest}"
    referrer = attached(oras, subject, files, "sbom/example")
    oras("manifest", "delete", PLAIN, "--force", f"{name}@{referrer}")
    assert discovered(oras, subject) == []


def test_copy_takes_the_referrers_along(
    oras: Program,
    server: ServerProcess,
    make_repository: MakeRepository,
    files: Path,
    tmp_path: Path,
) -> None:
    first, second = (f"{server.address}/{make_repository()}" for _ in range(2))
    digest = pushed(oras, f"{first}:v1", files)
    referrer = attached(oras, f"{first}@{digest}", files, "sbom/example")

    plain = ("--from-plain-http", "--to-plain-http")
    oras("cp", "--recursive", *plain, f"{first}:v1", f"{second}:v1,v2")
    assert oras("resolve", PLAIN, f"{second}:v2").strip() == digest
    assert [entry["digest"] for entry in discovered(oras, f"{second}@{digest}")] == [referrer]

    layout = f"{tmp_path / 'layout'}:v1"
    oras("cp", "--recursive", "--from-plain-http", "--to-oci-layout", f"{second}:v1", layout)
    assert oras("resolve", "--oci-layout", layout).strip() == digest


def test_tags_and_manifest_delete(oras: Program, name: str, digest: str) -> None:
    oras("tag", PLAIN, f"{name}:v1", "v2", "v3")
    assert oras("repo", "tags", PLAIN, name).split() == ["v1", "v2", "v3"]
    oras("manifest", "delete", PLAIN, "--force", f"{name}:v2")
    assert "not found" in oras.refused("manifest", "fetch", PLAIN, f"{name}@{digest}")
    assert oras("repo", "tags", PLAIN, name).split() == []


def test_blobs(oras: Program, name: str, tmp_path: Path) -> None:
    content = bytes(range(256)) * 4096
    (tmp_path / "blob").write_bytes(content)
    digest = images.digest_of(content)
    oras("blob", "push", PLAIN, name, str(tmp_path / "blob"))

    described = json.loads(oras("blob", "fetch", PLAIN, "--descriptor", f"{name}@{digest}"))
    assert (described["digest"], described["size"]) == (digest, len(content))
    oras("blob", "fetch", PLAIN, "--output", str(tmp_path / "back"), f"{name}@{digest}")
    assert (tmp_path / "back").read_bytes() == content

    oras("blob", "delete", PLAIN, "--force", f"{name}@{digest}")
    assert "not found" in oras.refused("blob", "fetch", PLAIN, "--descriptor", f"{name}@{digest}")


def test_repositories_are_listed_by_prefix(
    oras: Program, server: ServerProcess, make_repository: MakeRepository
) -> None:
    made = {make_repository(prefix="listed") for _ in range(2)}
    short = {name.removeprefix("listed/") for name in made}
    assert short <= set(oras("repo", "ls", PLAIN, f"{server.address}/listed/").split())
