"""Managed signing: rules, signatures that a verifier of its own accepts, and what is told."""

from __future__ import annotations

import base64
import json
import threading
from functools import partial
from typing import Any

import httpx
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from registry.domain.signing.configuration import profiles
from registry.domain.signing.signer import Signer
from registry.signing import signer_of
from registry.values.errors import StorageUnavailable
from tests import images
from tests.application import ACCOUNT, SCOPE, Registry, allow
from tests.commands.running import moorage, result_of
from tests.ecr.calls import NAME, image, missing, refusal

PROFILE = f"arn:aws:signer:us-east-1:{ACCOUNT}:/signing-profiles/release"
OTHER = f"arn:aws:signer:us-east-1:{ACCOUNT}:/signing-profiles/audit"
A = image("a")


def configure(registry: Registry, *rules: dict[str, Any]) -> None:
    chosen: Any = {"rules": list(rules) or [{"signingProfileArn": PROFILE}]}
    registry.ecr().put_signing_configuration(signingConfiguration=chosen)


def rule(profile: str, *patterns: str) -> dict[str, Any]:
    filters = [{"filter": each, "filterType": "WILDCARD_MATCH"} for each in patterns]
    return {"signingProfileArn": profile, "repositoryFilters": filters}


def signer(registry: Registry) -> Signer:
    return signer_of(registry.ground, registry.stores)


def sign(registry: Registry) -> int:
    return signer(registry).run(threading.Event())


def push(registry: Registry, pushed: images.Image, tag: str | None = None) -> None:
    with registry.http() as docker:
        images.push(docker, NAME, pushed, tag)


def statuses(registry: Registry, digest: str = A.digest) -> dict[str, str]:
    answer = registry.ecr().describe_image_signing_status(
        repositoryName=NAME, imageId={"imageDigest": digest}
    )
    assert answer["imageId"] == {"imageDigest": digest}
    return {each["signingProfileArn"]: each["status"] for each in answer["signingStatuses"]}


def public_key(registry: Registry, profile: str) -> ec.EllipticCurvePublicKey:
    pem = moorage(registry.settings.data, "signing-key", "export", profile)
    key = load_pem_public_key(pem.encode())
    assert isinstance(key, ec.EllipticCurvePublicKey)
    return key


def verified(docker: httpx.Client, manifest: Any, digest: str, key: Any) -> int:
    """How many layers of a signature verify, in the way cosign does it."""
    count = 0
    for layer in manifest["layers"]:
        if layer["mediaType"] != "application/vnd.dev.cosign.simplesigning.v1+json":
            continue
        payload = docker.get(f"/v2/{NAME}/blobs/{layer['digest']}").content
        signature = base64.b64decode(layer["annotations"]["dev.cosignproject.cosign/signature"])
        try:
            key.verify(signature, payload, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            continue
        critical = json.loads(payload)["critical"]
        assert critical["type"] == "cosign container image signature"
        assert critical["image"] == {"docker-manifest-digest": digest}
        count += 1
    return count


@pytest.fixture
def held(registry: Registry) -> Registry:
    registry.create(NAME)
    return registry


def test_the_rules_are_kept(held: Registry) -> None:
    ecr = held.ecr()
    for call in (ecr.get_signing_configuration, ecr.delete_signing_configuration):
        assert refusal(call) == (
            "SigningConfigurationNotFoundException",
            f"The signing configuration for the registry with id '{ACCOUNT}' does not exist",
        )
    rules: Any = {"rules": [rule(PROFILE, "team/*"), {"signingProfileArn": OTHER}]}
    put = ecr.put_signing_configuration(signingConfiguration=rules)
    assert put["signingConfiguration"] == rules
    found = ecr.get_signing_configuration()
    assert (found["registryId"], found["signingConfiguration"]) == (ACCOUNT, rules)
    assert ecr.delete_signing_configuration()["signingConfiguration"] == rules
    assert refusal(ecr.get_signing_configuration)[0] == "SigningConfigurationNotFoundException"


def test_what_is_refused(held: Registry) -> None:
    ecr: Any = held.ecr()
    for rules in (
        [{"signingProfileArn": "arn:aws:signer:x"}],
        [{"signingProfileArn": PROFILE}] * 11,
        [rule(PROFILE, "TEAM/*")],
    ):
        put = partial(ecr.put_signing_configuration, signingConfiguration={"rules": rules})
        code, message = refusal(put)
        assert code == "InvalidParameterException"
        assert "signingConfiguration.rules" in message
    status = partial(ecr.describe_image_signing_status, imageId={"imageTag": "v1"})
    assert refusal(partial(status, repositoryName=NAME))[0] == "ImageNotFoundException"
    assert refusal(partial(status, repositoryName="team/none")) == missing()
    code, _ = refusal(partial(status, repositoryName=NAME, imageId={}))
    assert code == "InvalidParameterException"
    assert result_of(held.settings.data, "signing-key", "export", "release").exit_code == 1


def test_who_may(held: Registry) -> None:
    stranger = held.ecr(held.user("stranger", allow("ecr:PutImage")))
    for call in (
        partial(stranger.put_signing_configuration, signingConfiguration={"rules": []}),
        stranger.get_signing_configuration,
        stranger.delete_signing_configuration,
        partial(
            stranger.describe_image_signing_status,
            repositoryName=NAME,
            imageId={"imageTag": "v1"},
        ),
    ):
        assert refusal(call)[0] == "AccessDeniedException"


def test_a_signature_verifies(held: Registry) -> None:
    configure(held)
    push(held, A, "v1")
    assert statuses(held) == {PROFILE: "IN_PROGRESS"}
    assert sign(held) == 1
    assert statuses(held) == {PROFILE: "COMPLETE"}
    with held.http() as docker:
        tag = A.digest.replace(":", "-") + ".sig"
        answer = docker.get(f"/v2/{NAME}/manifests/{tag}")
        manifest = answer.json()
        assert verified(docker, manifest, A.digest, public_key(held, PROFILE)) == 1
        assert verified(docker, manifest, A.digest, public_key(held, OTHER)) == 0
        assert manifest["subject"]["digest"] == A.digest
        (referrer,) = docker.get(f"/v2/{NAME}/referrers/{A.digest}").json()["manifests"]
        assert referrer["digest"] == answer.headers["docker-content-digest"]
        assert referrer["artifactType"] == "application/vnd.dev.cosign.artifact.sig.v1+json"
    assert sign(held) == 0
    held.check_whole()


def test_two_profiles_sign_as_one(held: Registry) -> None:
    configure(held, rule(PROFILE, "team/*"), rule(OTHER, "*app"), rule(OTHER, "team/app"))
    push(held, A)
    assert sign(held) == 1
    assert statuses(held) == {PROFILE: "COMPLETE", OTHER: "COMPLETE"}
    with held.http() as docker:
        (referrer,) = docker.get(f"/v2/{NAME}/referrers/{A.digest}").json()["manifests"]
        manifest = docker.get(f"/v2/{NAME}/manifests/{referrer['digest']}").json()
        for profile in (PROFILE, OTHER):
            assert verified(docker, manifest, A.digest, public_key(held, profile)) == 1


@pytest.mark.parametrize("mutability", ["MUTABLE", "IMMUTABLE"])
def test_a_profile_that_comes_later(registry: Registry, mutability: str) -> None:
    registry.create(NAME, mutability=mutability)
    configure(registry)
    push(registry, A)
    sign(registry)
    configure(registry, {"signingProfileArn": PROFILE}, {"signingProfileArn": OTHER})
    assert sign(registry) == 0  # what is there is not signed again by itself
    push(registry, A, "again")
    assert sign(registry) == 1
    assert set(statuses(registry).values()) == {"COMPLETE"}
    key = public_key(registry, OTHER)
    with registry.http() as docker:
        listed = docker.get(f"/v2/{NAME}/referrers/{A.digest}").json()["manifests"]
        found = [docker.get(f"/v2/{NAME}/manifests/{each['digest']}").json() for each in listed]
        assert max(verified(docker, each, A.digest, key) for each in found) == 1


def test_whom_no_rule_fits_is_not_signed(held: Registry) -> None:
    configure(held, rule(PROFILE, "other/*"))
    push(held, A)
    configure(held)
    signature = images.artifact("application/sig", b"s", A)
    simple = images.oci_image(
        images.Blob(b"{}", "application/vnd.dev.cosign.simplesigning.v1+json", "x")
    )
    push(held, signature)
    push(held, simple)
    assert sign(held) == 0
    assert statuses(held) == statuses(held, signature.digest) == {}
    assert statuses(held, simple.digest) == {}


def test_an_index_and_what_it_lists(held: Registry) -> None:
    configure(held)
    tree = images.multi_arch()
    push(held, tree, "all")
    assert sign(held) == 3
    for digest in (tree.digest, *(child.digest for child in tree.children)):
        assert statuses(held, digest) == {PROFILE: "COMPLETE"}
    assert sign(held) == 0  # no signature of a signature


def test_a_crash_before_it_is_noted_costs_nothing(
    held: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(held)
    push(held, A)

    def crash(*_: object) -> None:
        raise StorageUnavailable("gone")

    with monkeypatch.context() as patched:
        patched.setattr("registry.domain.signing.signer.finish", crash)
        with pytest.raises(StorageUnavailable):
            sign(held)
    assert statuses(held) == {PROFILE: "IN_PROGRESS"}
    assert sign(held) == 1
    with held.http() as docker:
        assert len(docker.get(f"/v2/{NAME}/referrers/{A.digest}").json()["manifests"]) == 1


def test_what_cannot_be_signed_says_why_and_is_tried_again(held: Registry) -> None:
    key = held.ground.keys.create("for one", "alias/one")
    held.ecr().create_repository(
        repositoryName="team/sealed",
        encryptionConfiguration={"encryptionType": "KMS", "kmsKey": "alias/one"},
    )
    configure(held)
    with held.http() as docker:
        images.push(docker, "team/sealed", A, "v1")
        held.ground.keys.disable(key.key_id)
        assert sign(held) == 1
        held.ground.keys.enable(key.key_id)
        status = partial(
            held.ecr().describe_image_signing_status,
            repositoryName="team/sealed",
            imageId={"imageTag": "v1"},
        )
        (failed,) = status()["signingStatuses"]
        assert (failed["status"], failed["failureCode"]) == ("FAILED", "KmsError")
        assert failed["failureReason"]
        images.push(docker, "team/sealed", A, "v2")
        assert sign(held) == 1
        (done,) = status()["signingStatuses"]
        assert done == {"signingProfileArn": PROFILE, "status": "COMPLETE"}


def test_what_was_deleted_meanwhile_holds_up_nothing(held: Registry) -> None:
    configure(held)
    push(held, A, "v1")
    push(held, image("b"), "v2")
    held.ecr().batch_delete_image(repositoryName=NAME, imageIds=[{"imageTag": "v1"}])
    assert sign(held) == 1
    assert statuses(held, image("b").digest) == {PROFILE: "COMPLETE"}


def test_rules_of_one_registry_are_no_other_ones(held: Registry) -> None:
    theirs = held.ecr(held.user("mallory", allow("*"), account="210987654321"))
    theirs.put_signing_configuration(signingConfiguration={"rules": [{"signingProfileArn": OTHER}]})
    push(held, A)
    repository = held.repositories.get(SCOPE, NAME)
    with held.ground.database.read() as connection:
        assert profiles(connection, repository.scope, NAME) == []
    assert sign(held) == 0


def test_a_signature_goes_into_the_archive_with_its_image(held: Registry) -> None:
    configure(held)
    push(held, A, "v1")
    sign(held)
    held.ecr().update_image_storage_class(
        repositoryName=NAME, imageId={"imageTag": "v1"}, targetStorageClass="ARCHIVE"
    )
    assert held.ecr().list_images(repositoryName=NAME)["imageIds"] == []


def test_the_key_is_the_keyrings(held: Registry) -> None:
    numbers = {public_key(held, profile).public_numbers() for profile in (PROFILE, OTHER, PROFILE)}
    assert len(numbers) == 2
