"""Skopeo: copies between layouts, archives and the server, in both families of formats."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from tests import images
from tests.clients.programs import Program
from tests.conftest import MakeRepository
from tests.server_process import ServerProcess

PLAIN_SOURCE = "--src-tls-verify=false"
PLAIN_TARGET = "--dest-tls-verify=false"
PLAIN = "--tls-verify=false"
FORMATS = {"oci": images.OCI_MANIFEST, "v2s2": images.DOCKER_MANIFEST}


@pytest.fixture
def layout(tmp_path: Path) -> Path:
    """An OCI layout with the image `one` (two layers) and the index `many`."""
    layers = [images.layer({"hello": b"hello\n"}), images.layer({"more": b"more" * 100_000})]
    made = {"one": images.oci_image(*layers), "many": images.multi_arch()}
    return images.write_layout(tmp_path / "layout", made)


def entry(layout: Path, tag: str) -> str:
    """The digest behind a tag of a layout."""
    listed = json.loads((layout / "index.json").read_text())["manifests"]
    name = "org.opencontainers.image.ref.name"
    found = [item["digest"] for item in listed if item["annotations"][name] == tag]
    assert len(found) == 1
    return str(found[0])


def blobs(folder: Path) -> dict[str, bytes]:
    """Every file of a layout's or a `dir:` copy's content by its sha256."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {images.digest_of(path.read_bytes()): path.read_bytes() for path in files}


def test_a_layout_goes_there_and_comes_back_unchanged(
    skopeo: Program, server: ServerProcess, repository: str, layout: Path, tmp_path: Path
) -> None:
    remote = f"docker://{server.address}/{repository}:v1"
    skopeo("copy", "--preserve-digests", PLAIN_TARGET, f"oci:{layout}:one", remote)
    back = tmp_path / "back"
    skopeo("copy", "--preserve-digests", PLAIN_SOURCE, remote, f"oci:{back}:one")

    assert entry(back, "one") == entry(layout, "one")
    sent = blobs(layout)
    returned = blobs(back / "blobs")
    assert len(returned) == 4
    assert all(sent[digest] == content for digest, content in returned.items())


def test_inspect_and_list_tags(
    skopeo: Program, server: ServerProcess, repository: str, layout: Path
) -> None:
    name = f"docker://{server.address}/{repository}"
    for tag in ("v2", "v1", "latest"):
        skopeo("copy", PLAIN_TARGET, f"oci:{layout}:one", f"{name}:{tag}")

    assert json.loads(skopeo("list-tags", PLAIN, name))["Tags"] == ["latest", "v1", "v2"]
    shown = json.loads(skopeo("inspect", PLAIN, f"{name}:v1"))
    assert shown["Digest"] == entry(layout, "one")
    assert len(shown["Layers"]) == 2
    raw = skopeo("inspect", "--raw", PLAIN, f"{name}:v1")
    assert images.digest_of(raw.encode()) == entry(layout, "one")


def test_all_platforms_keep_their_digests(
    skopeo: Program, server: ServerProcess, repository: str, layout: Path, tmp_path: Path
) -> None:
    remote = f"docker://{server.address}/{repository}:many"
    every = ("copy", "--all", "--preserve-digests")
    skopeo(*every, PLAIN_TARGET, f"oci:{layout}:many", remote)
    skopeo(*every, PLAIN_SOURCE, remote, f"dir:{tmp_path / 'back'}")

    returned = blobs(tmp_path / "back")
    assert entry(layout, "many") in returned
    index = json.loads(returned[entry(layout, "many")])
    assert all(child["digest"] in returned for child in index["manifests"])


@pytest.mark.parametrize("form", FORMATS)
def test_both_formats_are_kept_as_pushed(
    skopeo: Program, server: ServerProcess, repository: str, layout: Path, form: str
) -> None:
    remote = f"docker://{server.address}/{repository}:v1"
    skopeo("copy", "--format", form, PLAIN_TARGET, f"oci:{layout}:one", remote)
    assert json.loads(skopeo("inspect", "--raw", PLAIN, remote))["mediaType"] == FORMATS[form]
    detail = server.ecr.describe_images(repositoryName=repository)["imageDetails"][0]
    assert detail["imageManifestMediaType"] == FORMATS[form]


def test_docker_archives(
    skopeo: Program, server: ServerProcess, repository: str, layout: Path, tmp_path: Path
) -> None:
    remote = f"docker://{server.address}/{repository}"
    archive, again = tmp_path / "one.tar", tmp_path / "two.tar"
    skopeo("copy", f"oci:{layout}:one", f"docker-archive:{archive}:tests/one:v1")
    skopeo("copy", PLAIN_TARGET, f"docker-archive:{archive}", f"{remote}:v1")
    skopeo("copy", PLAIN_SOURCE, f"{remote}:v1", f"docker-archive:{again}:tests/one:v1")
    assert members(again) == members(archive)


def members(archive: Path) -> set[str]:
    """The names of an archive's layers and config, which are their digests."""
    with tarfile.open(archive) as opened:
        return {name for name in opened.getnames() if name.endswith((".tar", ".json"))}


def test_copy_between_repositories(
    skopeo: Program, server: ServerProcess, make_repository: MakeRepository, layout: Path
) -> None:
    first, second = (f"docker://{server.address}/{make_repository()}:v1" for _ in range(2))
    skopeo("copy", PLAIN_TARGET, f"oci:{layout}:one", first)
    skopeo("copy", PLAIN_SOURCE, PLAIN_TARGET, first, second)
    digest = json.loads(skopeo("inspect", PLAIN, second))["Digest"]
    assert digest == entry(layout, "one")


def test_delete_takes_the_image_with_its_tags(
    skopeo: Program, server: ServerProcess, repository: str, layout: Path
) -> None:
    name = f"docker://{server.address}/{repository}"
    skopeo("copy", PLAIN_TARGET, f"oci:{layout}:one", f"{name}:v1")
    skopeo("copy", PLAIN_TARGET, f"oci:{layout}:one", f"{name}:v2")
    skopeo("delete", PLAIN, f"{name}:v1")
    assert "manifest unknown" in skopeo.refused("inspect", PLAIN, f"{name}:v2")
    assert server.ecr.list_images(repositoryName=repository)["imageIds"] == []


def test_sync_there_and_back(
    skopeo: Program,
    server: ServerProcess,
    make_repository: MakeRepository,
    layout: Path,
    tmp_path: Path,
) -> None:
    source = make_repository()
    for tag in ("v1", "v2"):
        skopeo(
            "copy", PLAIN_TARGET, f"oci:{layout}:one", f"docker://{server.address}/{source}:{tag}"
        )
    remote = f"{server.address}/{source}"
    folder = tmp_path / "synced"
    folder.mkdir()
    skopeo("sync", "--src", "docker", "--dest", "dir", PLAIN_SOURCE, remote, str(folder))
    short = source.rpartition("/")[2]
    assert sorted(path.name for path in folder.iterdir()) == [f"{short}:v1", f"{short}:v2"]

    mirror = f"mirror-{short}"
    server.ecr.create_repository(repositoryName=f"{mirror}/{short}")
    back = ("sync", "--src", "dir", "--dest", "docker", PLAIN_TARGET)
    skopeo(*back, str(folder), f"{server.address}/{mirror}")
    tags = json.loads(skopeo("list-tags", PLAIN, f"docker://{server.address}/{mirror}/{short}"))
    assert tags["Tags"] == ["v1", "v2"]


def test_without_login_nothing_is_copied(
    skopeo: Program, server: ServerProcess, repository: str, layout: Path
) -> None:
    skopeo("logout", server.address)
    remote = f"docker://{server.address}/{repository}:v1"
    output = skopeo.refused("copy", PLAIN_TARGET, f"oci:{layout}:one", remote)
    assert "authentication required" in output or "unauthorized" in output.lower()
    assert server.ecr.list_images(repositoryName=repository)["imageIds"] == []
