"""The keyring as JSON text (docs/on-disk-format.md, "The keyring file")."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from datetime import UTC, datetime
from typing import Any

from registry.keys.ring import Alias, KeyState, KeyVersion, MasterKey, Ring, Rotation

FORMAT = "moorage-keyring"
VERSION = 1
SECRET_SIZE = 32


def encode(ring: Ring) -> bytes:
    """The text of the file. It holds every secret in clear."""
    document = {
        "format": FORMAT,
        "version": VERSION,
        "root_secret": _text(ring.root_secret),
        "keys": [_encode_key(key) for key in ring.keys],
    }
    return json.dumps(document, indent=2).encode() + b"\n"


def decode(text: bytes) -> Ring | None:
    """The keyring, or None where the text is not one.

    None, not an exception: those of the JSON parser carry the text with its secrets.
    """
    try:
        return _decode(json.loads(text))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _encode_key(key: MasterKey) -> dict[str, object]:
    return {
        "key_id": key.key_id,
        "description": key.description,
        "created": key.created.isoformat(),
        "state": key.state.value,
        "deletion_date": key.deletion_date and key.deletion_date.isoformat(),
        "managed": key.managed,
        "account": key.account,
        "region": key.region,
        "aliases": list(key.aliases),
        "alias_dates": {
            each.name: {"created": each.created.isoformat(), "updated": each.updated.isoformat()}
            for each in key.named
            if each.created is not None and each.updated is not None
        },
        "policy": key.policy,
        "tags": dict(key.tags),
        "rotation": key.rotation
        and {"days": key.rotation.days, "next": key.rotation.next.isoformat()},
        "versions": [
            {
                "number": each.number,
                "material": _text(each.material),
                "created": each.created.isoformat(),
                "automatic": each.automatic,
            }
            for each in key.versions
        ],
    }


def _decode(document: Any) -> Ring:
    if document["format"] != FORMAT or document["version"] != VERSION:
        raise ValueError("another format")
    ring = Ring(_secret(document["root_secret"]), tuple(_key(each) for each in document["keys"]))
    ids = [key.key_id for key in ring.keys]
    aliases = [(key.account, key.region, alias) for key in ring.keys for alias in key.aliases]
    if len(set(ids)) != len(ids) or len(set(aliases)) != len(aliases):
        raise ValueError("a key id or an alias twice")
    return ring


def _key(entry: Any) -> MasterKey:
    versions = tuple(
        KeyVersion(
            int(each["number"]),
            _secret(each["material"]),
            _time(each["created"]),
            bool(each["automatic"]),
        )
        for each in entry["versions"]
    )
    if not versions or len({each.number for each in versions}) != len(versions):
        raise ValueError("no version, or one twice")
    deletion, policy, rotation = entry["deletion_date"], entry["policy"], entry["rotation"]
    return MasterKey(
        key_id=str(entry["key_id"]),
        description=str(entry["description"]),
        created=_time(entry["created"]),
        versions=versions,
        state=KeyState(entry["state"]),
        deletion_date=None if deletion is None else _time(deletion),
        named=tuple(_alias(str(name), entry.get("alias_dates", {})) for name in entry["aliases"]),
        managed=bool(entry["managed"]),
        account=str(entry["account"]),
        region=str(entry["region"]),
        policy=None if policy is None else str(policy),
        tags=tuple((str(name), str(value)) for name, value in entry["tags"].items()),
        rotation=rotation and Rotation(int(rotation["days"]), _time(rotation["next"])),
    )


def _alias(name: str, dates: Any) -> Alias:
    """Keyrings of the first versions have no dates."""
    if name not in dates:
        return Alias(name)
    return Alias(name, _time(dates[name]["created"]), _time(dates[name]["updated"]))


def _text(secret: bytes) -> str:
    return b64encode(secret).decode()


def _secret(text: str) -> bytes:
    secret = b64decode(text, validate=True)
    if len(secret) != SECRET_SIZE:
        raise ValueError("a secret is 32 bytes long")
    return secret


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError("a time without its zone")
    return time.astimezone(UTC)
