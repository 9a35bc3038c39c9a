"""crane: go-containerregistry's client, which streams, mounts and validates."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import images
from tests.clients.programs import Program
from tests.conftest import MakeRepository
from tests.server_process import ACCOUNT, ServerProcess


@pytest.fixture
def image() -> images.Image:
    layers = [images.layer({"hello": b"hello\n"}), images.layer({"more": b"more" * 300_000})]
    return images.oci_image(*layers)


@pytest.fixture
def pushed(
    crane: Program, server: ServerProcess, repository: str, tmp_path: Path, image: images.Image
) -> str:
    """The reference of the image, pushed as `v1` by crane."""
    layout = images.write_layout(tmp_path / "layout", {"v1": image})
    reference = f"{server.address}/{repository}:v1"
    said = crane("push", str(layout), reference)
    assert image.digest in said
    return reference


def test_digest_manifest_config_and_list(crane: Program, pushed: str, image: images.Image) -> None:
    name = pushed.removesuffix(":v1")
    assert crane("digest", pushed).strip() == image.digest
    assert images.digest_of(crane("manifest", pushed).encode()) == image.digest
    assert json.loads(crane("config", pushed)) == json.loads(image.blobs[0].content)
    crane("tag", pushed, "v2")
    assert crane("ls", name).split() == ["v1", "v2"]
    assert crane("digest", f"{name}:v2").strip() == image.digest


def test_validate_reads_every_layer(crane: Program, pushed: str) -> None:
    assert crane("validate", "--remote", pushed).startswith("PASS")


@pytest.mark.parametrize("form", ["tarball", "oci"])
def test_pull_and_push_again(
    crane: Program, pushed: str, tmp_path: Path, image: images.Image, form: str
) -> None:
    target = tmp_path / "pulled"
    crane("pull", "--format", form, pushed, str(target))
    if form == "oci":
        wanted = {blob.digest for blob in image.blobs} | {image.digest}
        files = (target / "blobs" / "sha256").iterdir()
        assert {images.digest_of(path.read_bytes()) for path in files} == wanted
    again = pushed.replace(":v1", ":again")
    crane("push", str(target), again)
    assert json.loads(crane("config", again)) == json.loads(image.blobs[0].content)


def test_append_and_mutate_make_new_images(
    crane: Program, pushed: str, tmp_path: Path, image: images.Image
) -> None:
    extra = tmp_path / "extra.tar.gz"
    extra.write_bytes(images.layer({"extra": b"extra"}).content)
    grown = pushed.replace(":v1", ":grown")
    crane("append", "--base", pushed, "--new_layer", str(extra), "--new_tag", grown)
    assert len(json.loads(crane("manifest", grown))["layers"]) == 3
    crane("mutate", "--label", "a=b", "--tag", grown, grown)
    assert json.loads(crane("config", grown))["config"]["Labels"] == {"a": "b"}
    assert crane("digest", pushed).strip() == image.digest


def test_copy_mounts_an_index_into_another_repository(
    crane: Program, server: ServerProcess, make_repository: MakeRepository
) -> None:
    index, first, second = images.multi_arch(), make_repository(), make_repository()
    with server.http() as client:
        images.push(client, first, index, "many")
    source, target = (f"{server.address}/{name}:many" for name in (first, second))
    crane("copy", source, target)
    assert crane("digest", target).strip() == index.digest
    assert crane("validate", "--remote", target).startswith("PASS")
    arm = crane("digest", "--platform", "linux/arm64", target).strip()
    assert arm == index.children[1].digest


def test_delete_by_tag_leaves_the_image_and_by_digest_does_not(
    crane: Program, pushed: str, image: images.Image
) -> None:
    name = pushed.removesuffix(":v1")
    crane("tag", pushed, "v2")
    crane("delete", pushed)
    assert crane("ls", name).split() == ["v2"]
    assert crane("digest", f"{name}:v2").strip() == image.digest
    crane("delete", f"{name}@{image.digest}")
    assert crane("ls", name).split() == []
    assert "MANIFEST_UNKNOWN" in crane.refused("manifest", f"{name}@{image.digest}")


def test_catalog_lists_the_repositories(
    crane: Program, server: ServerProcess, make_repository: MakeRepository
) -> None:
    made = {make_repository() for _ in range(3)}
    listed = crane("catalog", server.address).split()
    assert made <= set(listed)
    assert listed == sorted(listed)


def test_blob_is_the_layer(crane: Program, server: ServerProcess, repository: str) -> None:
    text = images.oci_image(images.Blob(b"plain text", "text/plain", "sha256:" + "0" * 64))
    with server.http() as client:
        images.push(client, repository, text, "v1")
    digest = text.blobs[1].digest
    assert crane("blob", f"{server.address}/{repository}@{digest}") == "plain text"


def test_push_to_a_missing_repository(
    crane: Program, server: ServerProcess, tmp_path: Path, image: images.Image
) -> None:
    layout = images.write_layout(tmp_path / "layout", {"v1": image})
    output = crane.refused("push", str(layout), f"{server.address}/no/such:v1")
    assert (
        "NAME_UNKNOWN: The repository with name 'no/such' does not exist"
        f" in the registry with id '{ACCOUNT}'"
    ) in output


def test_without_login_a_pull_is_refused(
    crane: Program, server: ServerProcess, pushed: str
) -> None:
    crane("auth", "logout", server.address)
    assert "401" in crane.refused("digest", pushed)
