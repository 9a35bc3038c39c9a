"""Signatures that verify, and everything that looks like one and does not."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from registry.domain.gates.keys import read_key
from registry.domain.gates.signatures import Signatures
from registry.domain.signing.payload import ARTIFACT, PAYLOAD, SIGNATURE, payload, tag_of
from registry.values.digest import Digest
from tests import images as made
from tests.application import SCOPE, Registry

NAME = "prod/app"
IMAGE = made.oci_image(made.layer({"a": b"a"}))
INDEX = made.index({"amd64": IMAGE})
SECRET = ec.generate_private_key(ec.SECP256R1())


def pem(secret: Any = SECRET) -> str:
    kind = PublicFormat.SubjectPublicKeyInfo
    text: bytes = secret.public_key().public_bytes(Encoding.PEM, kind)
    return text.decode()


def sign(secret: Any, content: bytes) -> bytes:
    if isinstance(secret, ec.EllipticCurvePrivateKey):
        return secret.sign(content, ec.ECDSA(SHA256()))
    if isinstance(secret, rsa.RSAPrivateKey):
        return secret.sign(content, padding.PKCS1v15(), SHA256())
    signature: bytes = secret.sign(content)
    return signature


def signature(content: bytes, text: object, **extra: object) -> made.Image:
    blob = made.Blob(content, PAYLOAD)
    manifest = {
        "schemaVersion": 2,
        "mediaType": made.OCI_MANIFEST,
        "artifactType": ARTIFACT,
        "config": made.Blob(b"{}", made.OCI_EMPTY).descriptor(),
        "layers": [
            blob.descriptor(annotations={SIGNATURE: text} if isinstance(text, str) else text)
        ],
        **extra,
    }
    blobs = (made.Blob(b"{}", made.OCI_EMPTY), blob)
    return made.Image(json.dumps(manifest).encode(), made.OCI_MANIFEST, blobs)


def of(image: made.Image, secret: Any = SECRET) -> made.Image:
    content = payload(NAME, Digest.parse(image.digest))
    return signature(content, base64.b64encode(sign(secret, content)).decode())


def signed(registry: Registry, image: made.Image, *keys: str) -> bool:
    found = Signatures(registry.ground.database, registry.images, registry.blobs)
    repository = registry.repositories.get(SCOPE, NAME)
    read = [read_key(each) for each in keys]
    return found.signed(repository, Digest.parse(image.digest), read)


def hold(registry: Registry, image: made.Image, signature_: made.Image) -> None:
    registry.create(NAME)
    registry.hold(NAME, INDEX)
    registry.hold(NAME, signature_, tag_of(Digest.parse(image.digest)))


@pytest.mark.parametrize(
    "secret",
    [
        SECRET,
        rsa.generate_private_key(65537, 2048),
        ed25519.Ed25519PrivateKey.generate(),
    ],
    ids=["ecdsa", "rsa", "ed25519"],
)
def test_a_signature_with_the_key_counts_and_one_with_another_does_not(
    registry: Registry, secret: Any
) -> None:
    hold(registry, IMAGE, of(IMAGE, secret))
    other = pem(ec.generate_private_key(ec.SECP256R1()))
    assert signed(registry, IMAGE, pem(secret))
    assert signed(registry, IMAGE, other, pem(secret))
    assert not signed(registry, IMAGE, other)
    assert signed(registry, IMAGE)
    assert not signed(registry, INDEX)


def test_what_a_signed_index_lists_is_signed(registry: Registry) -> None:
    hold(registry, INDEX, of(INDEX))
    assert signed(registry, INDEX, pem())
    assert signed(registry, IMAGE, pem())


def test_a_referrer_counts_as_a_tag_does(registry: Registry) -> None:
    content = payload(NAME, Digest.parse(IMAGE.digest))
    text = base64.b64encode(sign(SECRET, content)).decode()
    registry.create(NAME)
    registry.hold(NAME, INDEX)
    registry.hold(NAME, signature(content, text, subject=IMAGE.descriptor()))
    assert signed(registry, IMAGE, pem())


def test_the_signature_of_another_image_does_not_count(registry: Registry) -> None:
    hold(registry, IMAGE, of(made.oci_image(made.layer({"b": b"b"}))))
    assert not signed(registry, IMAGE, pem())


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"no JSON", "AAAA"),
        (b"[]", "AAAA"),
        (b'{"critical": {"image": 1}}', "AAAA"),
        (payload(NAME, Digest.parse(IMAGE.digest)), "no base64"),
        (payload(NAME, Digest.parse(IMAGE.digest)), ""),
        (payload(NAME, Digest.parse(IMAGE.digest)), [SIGNATURE]),
        (payload(NAME, Digest.parse(IMAGE.digest)), {SIGNATURE: 7}),
        (b" " * 70_000 + payload(NAME, Digest.parse(IMAGE.digest)), "AAAA"),
    ],
)
def test_what_is_no_signature_does_not_count(
    registry: Registry, content: bytes, text: object
) -> None:
    hold(registry, IMAGE, signature(content, text))
    assert not signed(registry, IMAGE, pem())


def test_a_payload_over_the_limit_is_not_read(registry: Registry) -> None:
    content = payload(NAME, Digest.parse(IMAGE.digest)) + b" " * 70_000
    hold(registry, IMAGE, signature(content, base64.b64encode(sign(SECRET, content)).decode()))
    assert not signed(registry, IMAGE, pem())


WEAK = rsa.generate_private_key(65537, 1024)  # noqa: S505 - that it is weak is the point


@pytest.mark.parametrize(
    ("text", "said"), [("x", "is not a public key"), (pem(WEAK), "has 1024 bits")]
)
def test_a_key_that_is_none_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_key(text)
