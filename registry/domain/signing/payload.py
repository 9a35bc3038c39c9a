"""Signatures in the form that cosign verifies with a public key, without a transparency log.

The payload names the image's digest; the signature over it is an annotation of the layer that
holds the payload. The manifest names the image as its subject, and has the tag at which cosign
looks. Source: the sigstore project's cosign "Signature Specification" (simple signing).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from registry.values.digest import Digest
from registry.values.manifest import OCI_MANIFEST

PAYLOAD = "application/vnd.dev.cosign.simplesigning.v1+json"
ARTIFACT = "application/vnd.dev.cosign.artifact.sig.v1+json"
SIGNATURE = "dev.cosignproject.cosign/signature"
PROFILE = "moorage.signing-profile"
"""Annotation with the ARN of the profile that signed."""
_CONFIG = "application/vnd.oci.image.config.v1+json"


@dataclass(frozen=True, slots=True)
class Signed:
    """An artifact that is ready to be stored."""

    blobs: tuple[bytes, ...]
    manifest: bytes
    tag: str


def tag_of(digest: Digest) -> str:
    """The tag at which cosign looks for the signatures of an image."""
    return f"{digest.algorithm}-{digest.hex}.sig"


def payload(repository: str, digest: Digest) -> bytes:
    """What is signed. `repository` is informative: the digest is what counts."""
    critical = {
        "identity": {"docker-reference": repository},
        "image": {"docker-manifest-digest": str(digest)},
        "type": "cosign container image signature",
    }
    return _json({"critical": critical, "optional": None})


def artifact(
    signed: bytes,
    signatures: Sequence[tuple[str, str]],
    subject: Mapping[str, str | int],
) -> Signed:
    """The manifest with a layer for each profile and its signature of the payload."""
    digest = str(Digest.of(signed))
    config = _json(
        {
            "architecture": "",
            "os": "",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [digest] * len(signatures)},
        }
    )
    layers = [
        {
            "mediaType": PAYLOAD,
            "digest": digest,
            "size": len(signed),
            "annotations": {SIGNATURE: signature, PROFILE: profile},
        }
        for profile, signature in signatures
    ]
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": ARTIFACT,
        "config": {
            "mediaType": _CONFIG,
            "digest": str(Digest.of(config)),
            "size": len(config),
        },
        "layers": layers,
        "subject": dict(subject),
    }
    return Signed((signed, config), _json(manifest), tag_of(Digest.parse(str(subject["digest"]))))


def _json(content: object) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode()
