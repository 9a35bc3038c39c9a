"""Files of environment variables, `NAME=value` on each line.

Source: Developer Guide, "Pass an individual environment variable to an Amazon ECS container":
lines that begin with # are comments, quotes belong to the value, what has no = is passed over,
and the first of several values stands.
"""

from __future__ import annotations

LARGEST = 1024 * 1024


def variables(content: bytes) -> dict[str, str]:
    """The variables of a file; what is no text is replaced by the mark for that."""
    found: dict[str, str] = {}
    for line in content[:LARGEST].decode(errors="replace").splitlines():
        name, equals, value = line.strip().partition("=")
        if equals and name and not name.startswith("#") and " " not in name:
            found.setdefault(name, value)
    return found
