"""Repository names and tags against their grammars.

Sources: OCI distribution-spec, "Pulling manifests" (name and tag), and ECR's
CreateRepository (2 to 256 characters).
"""

from __future__ import annotations

import re

from registry.values.digest import Digest, shown
from registry.values.errors import NameInvalid, TagInvalid

NAME_MIN, NAME_MAX = 2, 256
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_NAME = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*", re.ASCII)
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}", re.ASCII)


def repository_name(text: str) -> str:
    """The name, checked. Raises NameInvalid."""
    if not NAME_MIN <= len(text) <= NAME_MAX:
        raise NameInvalid(
            f"repository name {shown(text)} has {len(text)} characters,"
            f" not {NAME_MIN} to {NAME_MAX}"
        )
    if _NAME.fullmatch(text) is None:
        raise NameInvalid(
            f"repository name {shown(text)} must be lower-case letters and digits, separated by"
            " single . or _ or __ or dashes, in parts separated by single slashes"
        )
    return text


def tag_name(text: str) -> str:
    """The tag, checked. Raises TagInvalid."""
    if _TAG.fullmatch(text) is None:
        raise TagInvalid(
            f"tag {shown(text)} must be at most 128 letters, digits, _ . or -,"
            " and not begin with . or -"
        )
    return text


def manifest_reference(text: str) -> Digest | str:
    """A digest or a tag, told apart by the colon that no tag may hold.

    Raises DigestInvalid or TagInvalid.
    """
    return Digest.parse(text) if ":" in text else tag_name(text)
