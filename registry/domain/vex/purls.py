"""Package URLs.

Source: package-url/purl-spec, "PURL-SPECIFICATION" and "PURL-TYPES".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote

LENGTH_MAX = 1024
_TYPE = re.compile(r"[a-z][a-z0-9.+-]*", re.ASCII)
_LOWER = frozenset({"github", "bitbucket", "oci", "docker", "pypi", "deb", "apk", "composer"})
"""Types whose names are the same in any case."""


@dataclass(frozen=True, slots=True)
class Purl:
    """A package, or a version of one."""

    kind: str
    """`deb`, `pypi`, `oci`."""
    namespace: str
    name: str
    version: str
    """Empty: any."""
    qualifiers: tuple[tuple[str, str], ...]
    subpath: str

    def covers(self, other: Purl) -> bool:
        """Whether the other is it: in that very version, if it has one, with its qualifiers."""
        mine = self.kind, self.namespace, self.name
        if mine != (other.kind, other.namespace, other.name):
            return False
        if self.version not in {"", other.version}:
            return False
        return self.subpath in {"", other.subpath} and set(self.qualifiers) <= set(other.qualifiers)


def parse(text: str) -> Purl:
    """The package URL. Raises ValueError, saying what is wrong."""
    if len(text) > LENGTH_MAX:
        raise ValueError(f"is longer than {LENGTH_MAX} characters")
    scheme, colon, rest = text.partition(":")
    if scheme.lower() != "pkg" or not colon:
        raise ValueError("is no package URL: it does not begin with pkg:")
    return _parse(rest.lstrip("/"))


@lru_cache(maxsize=4096)
def _parse(rest: str) -> Purl:
    rest, _, subpath = rest.partition("#")
    rest, _, query = rest.partition("?")
    kind, slash, path = rest.partition("/")
    kind = kind.lower()
    if _TYPE.fullmatch(kind) is None or not slash:
        raise ValueError("is no package URL: pkg:type/name is the least")
    head, at, version = path.rpartition("@")
    if not at or "/" in version:
        head, version = path, ""
    *spaces, name = [unquote(part) for part in head.strip("/").split("/")]
    if not name:
        raise ValueError("is no package URL: it has no name")
    namespace = "/".join(part for part in spaces if part)
    if kind in _LOWER:
        name, namespace = name.lower(), namespace.lower()
    if kind == "pypi":
        name = name.replace("_", "-")
    return Purl(kind, namespace, name, unquote(version), _qualifiers(query), unquote(subpath))


def _qualifiers(query: str) -> tuple[tuple[str, str], ...]:
    found = {}
    for pair in filter(None, query.split("&")):
        key, equals, value = pair.partition("=")
        if not equals:
            raise ValueError(f"is no package URL: the qualifier {key[:40]!r} has no value")
        if value:
            found[key.lower()] = unquote(value)
    return tuple(sorted(found.items()))
