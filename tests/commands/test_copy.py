"""`moorage copy`: what it copies, how it is told what, and what it says of failures."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry.values.scope import Scope
from tests import images
from tests.application import ACCOUNT, SCOPE, Registry
from tests.commands.running import moorage, result_of
from tests.domain.copying.places import check_pullable, content

INDEX = images.multi_arch()
PLAIN = images.oci_image(images.layer({"b": b"plain"}))


@pytest.fixture
def data(registry: Registry) -> Path:
    registry.create("team/app")
    registry.hold("team/app", INDEX, "v1")
    registry.hold("team/app", PLAIN, "plain")
    return registry.settings.data


def test_a_tag_under_another_key(registry: Registry, data: Path) -> None:
    moorage(data, "keys", "create", "--alias", "alias/mine")
    registry.ecr().create_repository(
        repositoryName="prod/app",
        encryptionConfiguration={"encryptionType": "KMS", "kmsKey": "alias/mine"},
    )
    told = moorage(data, "copy", "team/app:v1", "prod/app:stable")
    assert told.startswith(f"{INDEX.digest} (stable): 3 new manifests, 0 bytes linked, ")
    target = registry.repositories.get(SCOPE, "prod/app")
    check_pullable(registry, target, INDEX)
    assert content(registry, target)[INDEX.digest] == {"stable"}
    again = moorage(data, "copy", "team/app:v1", "prod/app:stable")
    assert (
        again == f"{INDEX.digest} (stable): 0 new manifests, 0 bytes linked, 0 bytes sealed anew\n"
    )


def test_all_into_another_account_and_region(registry: Registry, data: Path) -> None:
    other = Scope("210987654321", "eu-west-1")
    arn = other.repository_arn("prod/app")
    refused = result_of(data, "copy", "--all", "team/app", arn, "--create")
    assert refused.exit_code == 1
    assert "'eu-west-1'" in refused.output
    told = moorage(data, "copy", "--all", "team/app", arn, "--create", "--regions", "eu-west-1")
    assert len(told.splitlines()) == 4
    target = registry.repositories.get(other, "prod/app")
    assert content(registry, target) == content(
        registry, registry.repositories.get(SCOPE, "team/app")
    )
    back = ("copy", f"{arn}@{PLAIN.digest}", "back", "--create", "--regions", "eu-west-1")
    moorage(data, *back)
    assert content(registry, registry.repositories.get(SCOPE, "back")) == {PLAIN.digest: {"plain"}}


def test_a_move(registry: Registry, data: Path) -> None:
    moorage(data, "copy", "--move", "team/app:v1", "old/app", "--create")
    source, target = (registry.repositories.get(SCOPE, name) for name in ("team/app", "old/app"))
    assert set(content(registry, source)) == {PLAIN.digest}
    check_pullable(registry, target, INDEX)


def test_what_could_not_be_is_told_and_the_rest_done(registry: Registry, data: Path) -> None:
    target = registry.create("prod/app", mutability="IMMUTABLE")
    registry.hold("prod/app", images.oci_image(images.layer({"c": b"first"})), "v1")
    result = result_of(data, "copy", "--all", "team/app", "prod/app")
    assert result.exit_code == 1
    assert f"{INDEX.digest}: The image tag 'v1' already exists" in result.stderr
    assert "1 images were not copied" in result.stderr
    assert content(registry, target)[PLAIN.digest] == {"plain"}


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["team/app", "prod/app"], "--all"),
        (["--all", "team/app:v1", "prod/app"], "--all"),
        (["team/app:v1", "team/app"], "one repository"),
        (["team/app:v1", "prod/app"], "'prod/app' does not exist"),
        (["team/app:none", "team/app:x"], "'none'"),
        (["team/app:-x", "team/app:x"], "'-x'"),
        (["team/app@sha256:1", "team/app:x"], "'sha256:1'"),
        (["team/app:v1", f"team/app@{INDEX.digest}"], "target cannot be a digest"),
        (["Team:v1", "prod"], "'Team'"),
        (["team/app:v1", f"arn:aws:ecr:us-east-1:{ACCOUNT}:image/x"], "is not the ARN"),
    ],
)
def test_what_cannot_be(registry: Registry, data: Path, arguments: list[str], named: str) -> None:
    before = registry.stored()
    result = result_of(data, "copy", *arguments)
    assert result.exit_code == 1
    assert named in result.output
    assert "Traceback" not in result.output
    assert registry.stored() == before
