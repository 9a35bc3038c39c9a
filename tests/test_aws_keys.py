"""The whole application with AWS KMS as the keeper of its keys."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pytest

from registry.cli import main
from registry.commands.options import KEYS
from registry.domain.rekeyer import Rekeyer
from registry.domain.repositories import Encryption
from registry.keys.aws import AwsKeys, id_of
from registry.keys.filesealing import sealed_by
from registry.setup import prepare
from registry.stores import rekeying_of, resealing_of
from registry.values.errors import (
    Damaged,
    KeyDisabled,
    KeyNotFound,
    KeyUnavailable,
    ParameterInvalid,
)
from tests import images
from tests.application import (
    SCOPE,
    Loop,
    OpenRegistry,
    Registry,
    basic,
    loop,
    open_one,
    open_registry,
    settings_in,
    template,
)
from tests.commands.running import result_of
from tests.keys.awskms import Told, credentials, key_arn, kms, kms_url
from tests.tools import PROJECT

if TYPE_CHECKING:
    from types_boto3_kms import KMSClient

__all__ = ["credentials", "key_arn", "kms", "kms_url", "loop", "open_one", "template"]

NAME = "team/app"
IMAGE = images.oci_image(images.layer({"a": b"1" * 3000}))


@pytest.fixture
def settings(
    kms_url: str, kms: KMSClient, key_arn: str, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    """With one client for all of a test: each takes a second to make."""
    monkeypatch.setattr("registry.keys.aws.kms_client", lambda _region, _endpoint: kms)
    return {"key_provider": "aws", "aws_kms_key": key_arn, "aws_kms_endpoint": kms_url}


@pytest.fixture
def registry(tmp_path: Path, loop: Loop, settings: dict[str, Any]) -> Iterator[Registry]:
    """After a first start with AWS KMS."""
    made = settings_in(tmp_path / "data", **settings)
    made.data.mkdir(mode=0o700)
    prepare(made)
    opened = open_registry(made, loop)
    yield opened
    opened.close()


def push(registry: Registry, name: str = NAME) -> None:
    with registry.http() as client:
        images.push(client, name, IMAGE, "v1")


def pull(registry: Registry, name: str = NAME) -> list[int]:
    """The status of each part, which must be as it was pushed where it is 200."""
    with registry.http() as client:
        found = [(client.get(f"/v2/{name}/manifests/v1"), IMAGE.manifest)]
        found += [
            (client.get(f"/v2/{name}/blobs/{blob.digest}"), blob.content) for blob in IMAGE.blobs
        ]
    assert all(answer.content == wanted for answer, wanted in found if answer.status_code == 200)
    return [answer.status_code for answer, _ in found]


def aws_of(registry: Registry) -> AwsKeys:
    assert registry.ground.aws is not None
    return registry.ground.aws


def test_a_push_and_a_pull_under_the_default_key(registry: Registry, key_arn: str) -> None:
    registry.ecr().create_repository(repositoryName=NAME)
    push(registry)
    assert pull(registry) == [200, 200, 200]
    (shown,) = registry.ecr().describe_repositories(repositoryNames=[NAME])["repositories"]
    assert shown["encryptionConfiguration"] == {"encryptionType": "AES256"}
    assert all(f"/{id_of(key_arn)}/" in path for path in registry.objects())
    again = registry.beside()
    assert pull(again) == [200, 200, 200]
    again.close()


def test_no_secret_lies_on_the_disk_in_clear(registry: Registry, key_arn: str) -> None:
    assert sealed_by(registry.settings.keyring_path.read_bytes()) == key_arn


def test_a_repository_has_a_key_of_its_own_by_arn(registry: Registry, kms: KMSClient) -> None:
    own = kms.create_key()["KeyMetadata"]
    registry.ecr().create_repository(
        repositoryName=NAME,
        encryptionConfiguration={"encryptionType": "KMS", "kmsKey": own["Arn"]},
    )
    push(registry)
    (shown,) = registry.ecr().describe_repositories(repositoryNames=[NAME])["repositories"]
    assert shown["encryptionConfiguration"] == {"encryptionType": "KMS", "kmsKey": own["Arn"]}
    kms.disable_key(KeyId=own["KeyId"])
    aws_of(registry).refresh()
    assert pull(registry) == [403, 403, 403]
    kms.enable_key(KeyId=own["KeyId"])
    aws_of(registry).refresh()
    assert pull(registry) == [200, 200, 200]


def test_a_key_that_aws_does_not_know_is_refused(registry: Registry) -> None:
    arn = "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-4000-8000-000000000000"
    ecr = registry.ecr()
    with pytest.raises(ecr.exceptions.KmsException, match=f"AWS KMS has no key '{arn}'"):
        ecr.create_repository(
            repositoryName=NAME,
            encryptionConfiguration={"encryptionType": "KMS", "kmsKey": arn},
        )


def test_while_aws_is_silent_a_client_is_told_to_come_again(
    registry: Registry, kms: KMSClient
) -> None:
    registry.ecr().create_repository(repositoryName=NAME)
    push(registry)
    told: Any = Told(kms)
    told.fail("ThrottlingException")
    cold = registry.beside()
    aws_of(cold)._clients["us-east-1"] = told
    assert pull(cold) == [503, 503, 503]
    told.error = None
    assert pull(cold) == [200, 200, 200]
    cold.close()


def test_from_a_keyring_to_aws_and_back(
    open_one: OpenRegistry, kms_url: str, credentials: None, key_arn: str
) -> None:
    settings: dict[str, Any] = {"aws_kms_key": key_arn, "aws_kms_endpoint": kms_url}
    settings["key_provider"] = "aws"
    before = open_one()
    before.create(NAME)
    push(before)
    token = before.token()
    changed = settings_in(before.settings.data, **settings)
    prepare(changed)
    assert sealed_by(changed.keyring_path.read_bytes()) == key_arn
    registry = open_registry(changed, before.loop)
    with registry.anyone({"authorization": basic(token)}) as client:
        assert client.get("/v2/").status_code == 200, "secrets are the same: tokens go on"
    assert pull(registry) == [200, 200, 200]
    local = registry.ground.keys.create("ours").key_id
    move(registry, Encryption("KMS"))
    assert registry.stores.repositories.get(SCOPE, NAME).key_id == id_of(key_arn)
    assert pull(registry) == [200, 200, 200]
    move(registry, Encryption("KMS", local))
    assert registry.stores.repositories.get(SCOPE, NAME).key_id == local
    assert pull(registry) == [200, 200, 200]
    registry.close()


def move(registry: Registry, encryption: Encryption) -> None:
    rekeying = rekeying_of(registry.settings, registry.ground)
    rekeying.start(registry.stores.repositories.get(SCOPE, NAME), encryption)
    mover = Rekeyer(
        registry.ground.database,
        resealing_of(registry.settings, registry.ground),
        pause=lambda _seconds: 0,
    )
    assert [each.name for each in mover.run(threading.Event())] == [NAME]


def test_a_start_without_the_settings_says_what_is_missing(registry: Registry) -> None:
    with pytest.raises(KeyUnavailable, match="start with key_provider = aws"):
        prepare(settings_in(registry.settings.data))
    with pytest.raises(ParameterInvalid, match="aws_kms_key: required"):
        settings_in(registry.settings.data, key_provider="aws")


def test_commands_say_what_they_cannot_do_with_keys_of_aws(
    registry: Registry, settings: dict[str, Any], key_arn: str
) -> None:
    given = [f"--{name.replace('_', '-')}={value}" for name, value in settings.items()]
    told = result_of(registry.settings.data, "keys", "list", *given)
    assert told.exit_code == 0
    assert f"{key_arn}\n  state     Enabled, kept by AWS KMS: the default" in told.stdout
    told = result_of(registry.settings.data, "keys", "disable", key_arn, *given)
    assert told.exit_code == 1
    assert "keys of AWS KMS are managed there" in told.stderr
    told = result_of(registry.settings.data, "keys", "create", *given)
    assert told.exit_code == 0
    assert "in the keyring of this server, not at AWS" in told.stderr


def test_everything_that_is_stored_may_lie_under_a_key_of_aws() -> None:
    for path in (PROJECT / "registry").rglob("*.py"):
        assert "Vault(ground.storage, ground.keys)" not in path.read_text(), path


def test_every_command_that_takes_a_keyring_takes_the_settings_of_aws() -> None:
    commands: list[click.Command] = [main]
    for command in commands:
        commands += command.commands.values() if isinstance(command, click.Group) else ()
    taking = [{each.name for each in command.params} for command in commands]
    taking = [names for names in taking if "keyring" in names]
    assert len(taking) > 15
    assert all(names >= set(KEYS) for names in taking)


def test_another_moorage_is_a_kms_too(open_one: OpenRegistry) -> None:
    """Its answers and refusals are taken as those of AWS."""
    other = open_one()
    client: Any = other.aws("kms", other.admin.id, other.admin.secret)
    made = client.create_key()["KeyMetadata"]
    client.create_alias(AliasName="alias/registry", TargetKeyId=made["KeyId"])
    keys = AwsKeys("alias/registry", "us-east-1", lambda _region: client)
    key_id = keys.resolve("alias/registry")
    assert key_id == id_of(made["Arn"])
    context = {"moorage:name": "a"}
    sealed = keys.generate_data_key(key_id, context)
    assert keys.decrypt_data_key(key_id, sealed.wrapped, context) == sealed.plaintext
    second = keys.resolve(client.create_key()["KeyMetadata"]["Arn"])
    for wrong in ((key_id, {"moorage:name": "b"}), (second, context)):
        with pytest.raises(Damaged):
            keys.decrypt_data_key(wrong[0], sealed.wrapped, wrong[1])
    client.disable_key(KeyId=made["KeyId"])
    with pytest.raises(KeyDisabled):
        keys.generate_data_key(key_id, context)
    with pytest.raises(KeyDisabled):
        keys.decrypt_data_key(key_id, sealed.wrapped, context)
    with pytest.raises(KeyNotFound):
        keys.resolve("alias/none")
