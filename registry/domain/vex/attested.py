"""VEX documents inside of attestations: in-toto statements, bare, signed (DSSE), or in a bundle.

Sources: in-toto Attestation Framework, Statement v1; secure-systems-lab/dsse, "Signature
Definition" (PAE); sigstore protobuf-specs, Bundle (`dsseEnvelope`); OpenVEX ATTESTING.md.
"""

from __future__ import annotations

import base64
import json
from binascii import Error as Base64Error
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from registry.domain.gates.keys import verifies

if TYPE_CHECKING:
    from registry.domain.gates.keys import PublicKey

IN_TOTO = "application/vnd.in-toto+json"
PREDICATES = ("https://openvex.dev/ns", "https://cyclonedx.org/")
"""What types of predicates that hold VEX begin with."""
_STATEMENT = "https://in-toto.io/Statement/"


@dataclass(frozen=True, slots=True)
class Opened:
    """What lay in a layer."""

    document: str
    """JSON; whether it is VEX is to be seen."""
    signed: bool
    """By one of the keys."""


def open_layer(
    content: bytes, keys: Sequence[PublicKey], digests: Collection[str]
) -> Opened | None:
    """The document in a layer; None where there is none, or it is about none of the images."""
    given = _json(content)
    if given is None:
        return None
    envelope = given.get("dsseEnvelope", given)
    signed = False
    if isinstance(envelope, dict) and "payload" in envelope:
        payload = _payload(envelope)
        if payload is None:
            return None
        signed = any(verifies(keys, each, _pae(payload)) for each in _signatures(envelope))
        given = _json(payload)
        if given is None or not _is_statement(given):
            return None
    if not _is_statement(given):
        return Opened(content.decode(errors="replace"), signed=False)
    if not str(given.get("predicateType")).startswith(PREDICATES) or not _about(given, digests):
        return None
    return Opened(json.dumps(given.get("predicate")), signed)


def _is_statement(given: Mapping[str, Any]) -> bool:
    return str(given.get("_type")).startswith(_STATEMENT)


def _about(statement: Mapping[str, Any], digests: Collection[str]) -> bool:
    """Whether one of its subjects is one of the images."""
    subjects = statement.get("subject")
    for each in subjects if isinstance(subjects, list) else ():
        named = each.get("digest") if isinstance(each, dict) else None
        if isinstance(named, dict) and any(f"{kind}:{named[kind]}" in digests for kind in named):
            return True
    return False


def _payload(envelope: Mapping[str, Any]) -> bytes | None:
    given = envelope["payload"]
    if envelope.get("payloadType") != IN_TOTO or not isinstance(given, str):
        return None
    return _base64(given)


def _signatures(envelope: Mapping[str, Any]) -> list[bytes]:
    given = envelope.get("signatures")
    texts = [each.get("sig") for each in given if isinstance(each, dict)] if isinstance(
        given, list
    ) else []  # fmt: skip
    found = [_base64(text) for text in texts[:20] if isinstance(text, str)]
    return [each for each in found if each is not None]


def _pae(payload: bytes) -> bytes:
    """What is signed."""
    kind = IN_TOTO.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def _base64(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (Base64Error, ValueError):
        return None


def _json(content: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
