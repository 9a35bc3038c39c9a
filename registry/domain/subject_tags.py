"""Tags that name another image: the OCI fallback's for referrers, and cosign's.

Source: OCI distribution-spec 1.1, "Referrers Tag Schema"; sigstore cosign, "Signature
Specification" (`sha256-<hex>.sig`) and its tags for attestations and SBOMs.
"""

from __future__ import annotations

import re

SUFFIXES = ("", ".sig", ".att", ".sbom")
_NAMED = re.compile(r"(sha256|sha512)-([0-9a-f]{64}|[0-9a-f]{128})(?:\.(?:sig|att|sbom))?")


def tags_of(subject: str) -> list[str]:
    """The tags that name the image of that digest."""
    return [subject.replace(":", "-") + suffix for suffix in SUFFIXES]


def subject_of(tag: str) -> str | None:
    """The digest that a tag names, if it is one of these."""
    found = _NAMED.fullmatch(tag)
    return None if found is None else f"{found[1]}:{found[2]}"
