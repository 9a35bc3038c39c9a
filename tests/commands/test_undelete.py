"""`moorage undelete`, `protect`, `usage` and `quota`: what they say, and what they do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from registry.commands.shown import counted, size
from registry.values.digest import Digest
from tests import images
from tests.application import ACCOUNT, SCOPE, Registry
from tests.commands.running import moorage, result_of

NAME = "team/app"
IMAGE = images.oci_image(images.layer({"a": b"a"}))
BYTES = sum(len(blob.content) for blob in IMAGE.blobs)
TIMES = r"deleted \d{4}-\d\d-\d\d \d\d:\d\d, until \d{4}-\d\d-\d\d \d\d:\d\d UTC\n"


@pytest.fixture
def data(registry: Registry) -> Path:
    registry.create(NAME)
    registry.hold(NAME, IMAGE, "v1")
    return registry.settings.data


def delete(registry: Registry) -> None:
    repository = registry.repositories.get(SCOPE, NAME)
    registry.images.delete(repository, Digest.parse(IMAGE.digest))


def test_an_image_listed_shown_and_brought_back(registry: Registry, data: Path) -> None:
    delete(registry)
    listed = moorage(data, "undelete", "list")
    line = f"1  image  {NAME}  {IMAGE.digest} v1  {size(BYTES)}  {TIMES}"
    assert re.fullmatch(line, listed)
    assert moorage(data, "undelete", "list", "--repository", "team/other") == ""
    assert moorage(data, "undelete", "show", 1) == f"{listed}    {IMAGE.digest}  v1\n"
    assert moorage(data, "undelete", "restore", 1) == (
        f"{NAME}@{IMAGE.digest} is back\n{NAME}:v1 is back\n"
    )
    assert moorage(data, "undelete", "list") == ""
    with registry.http() as client:
        assert client.get(f"/v2/{NAME}/manifests/v1").content == IMAGE.manifest


def test_a_repository_under_another_name(registry: Registry, data: Path) -> None:
    registry.repositories.delete(SCOPE, NAME, force=True)
    registry.create(NAME)
    assert f"1  repository  {NAME}  1 images" in moorage(data, "undelete", "list")
    result = result_of(data, "undelete", "restore", 1)
    assert result.exit_code == 1
    assert "bring 'team/app' back under another name" in result.output
    told = moorage(data, "undelete", "restore", 1, "--as", "team/before")
    assert told == "the repository team/before is back\n"


def test_a_tag_that_stands_elsewhere(registry: Registry, data: Path) -> None:
    registry.images.untag(registry.repositories.get(SCOPE, NAME), "v1")
    other = images.oci_image(images.layer({"b": b"b"}))
    registry.hold(NAME, other, "v1")
    assert moorage(data, "undelete", "restore", 1) == (f"{NAME}:v1 stands on another image now\n")


def test_given_up(registry: Registry, data: Path) -> None:
    delete(registry)
    told = moorage(data, "undelete", "discard", 1)
    assert told == f"image 1 of {NAME} cannot be brought back any more\n"
    result = result_of(data, "undelete", "restore", 1)
    assert (result.exit_code, "number 1 rests" in result.output) == (1, True)
    expected = moorage(data, "gc", "--dry-run", "--gc-grace-hours", "0.0000001")
    assert f"2 blobs, {size(BYTES)}; 4 taken out" in expected
    told = moorage(data, "gc", "--gc-grace-hours", "0.0000001")
    assert told == expected.replace("would free", "freed")
    assert registry.objects() == set()


def test_protect(registry: Registry, data: Path) -> None:
    assert moorage(data, "protect", NAME) == f"the repository {NAME} is not protected\n"
    told = moorage(data, "protect", NAME, "--on", "--tag", "v*", "--tag", "stable")
    expected = (
        f"the repository {NAME} is protected from deletion\n"
        "the tags v* are protected\nthe tags stable are protected\n"
    )
    assert told == moorage(data, "protect", NAME) == expected
    assert "not protected" in moorage(data, "protect", NAME, "--off", "--no-tags")
    assert result_of(data, "protect", NAME, "--tag", "x", "--no-tags").exit_code == 1
    assert result_of(data, "protect", "team/none", "--on").exit_code == 1
    label = [{"Key": "moorage:deletion-protection", "Value": "true"}]
    registry.ecr().tag_resource(resourceArn=SCOPE.repository_arn(NAME), tags=label)  # type: ignore[arg-type]  # a list of any dict
    assert "by its resource tag moorage:deletion-protection" in moorage(data, "protect", NAME)


def test_usage_and_quota(registry: Registry, data: Path) -> None:
    shown = size(BYTES)
    assert moorage(data, "usage").splitlines() == [
        f"{shown}  1 images  {NAME}",
        f"used     {shown}, by all repositories of the account",
        "resting  0 bytes, held only by what was deleted and can be brought back",
        f"stored   {shown}, each layer once",
        "arriving 0 bytes, by uploads that have not ended: it counts as used",
    ]
    assert moorage(data, "quota", "set", "--bytes", "2 KiB", "--images", "none") == (
        "account_bytes  2,048\nimages  none\n"
    )
    assert moorage(data, "quota", "set", NAME, "--bytes", BYTES) == (
        f"repository_bytes  {BYTES:,}\n"
    )
    told = moorage(data, "usage").splitlines()
    assert told[0] == f"{shown} of {shown}  1 images  {NAME}"
    assert told[1].startswith(f"used     {shown} of 2.0 KiB,")
    assert moorage(data, "quota", "show", NAME).splitlines() == [
        f"repository_bytes  {BYTES:,}",
        "images  none",
    ]
    with registry.http() as client:
        assert client.post(f"/v2/{NAME}/blobs/uploads/").status_code == 403
    assert moorage(data, "quota", "unset", NAME) == f"{NAME} has no limits of its own\n"
    assert moorage(data, "quota", "unset") == f"{ACCOUNT} has no limits of its own\n"
    with registry.http() as client:
        assert client.post(f"/v2/{NAME}/blobs/uploads/").status_code == 202


@pytest.mark.parametrize(
    "words",
    [["set"], ["set", NAME, "--repositories", "1"], ["set", NAME, "--repository-bytes", "1"],
     ["set", "--bytes", "much"], ["set", "--bytes", "-1"], ["set", "team/none", "--bytes", "1"]],
)  # fmt: skip
def test_what_is_no_quota(registry: Registry, data: Path, words: list[str]) -> None:
    before = registry.rows()
    assert result_of(data, "quota", *words).exit_code in {1, 2}
    assert registry.rows() == before


@pytest.mark.parametrize(
    ("text", "count"),
    [("0", 0), ("1500", 1500), ("1.5 KiB", 1536), ("10GiB", 10 << 30), ("2tib", 2 << 40)],
)
def test_counts_as_people_write_them(text: str, count: int) -> None:
    assert counted(text) == count
