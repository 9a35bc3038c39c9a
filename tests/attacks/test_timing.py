"""No secret is compared byte by byte: how long a refusal takes must not tell how much was right."""

from __future__ import annotations

import ast
import hmac
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import registry as package
from tests.application import Registry, basic
from tests.attacks.world import ask

ROOT = Path(package.__file__).parent
SUSPECT = re.compile(r"secret|signature|password|token|passphrase|credential", re.IGNORECASE)
HARMLESS = {
    # Whether something is another's row, or newer than what was there: no secret is compared.
    "domain/secrets/rows.py": {"versions.c.kept_secret_id == secret"},
    "domain/secrets/secrets.py": {
        "versions.c.kept_secret_id == secret.id",
        "table.c.arn == secret_id",
    },
    "domain/secrets/values.py": {"versions.c.kept_secret_id == secret.id"},
    "ecs/agent/shipping/shipper.py": {"known.credentials != credentials"},
    "secretsmanager/secrets.py": {"each.id == token"},
    "ecs/control/tasks.py": {"client_tokens.c.token == token"},  # whoever asked made it up
    "keys/local.py": {"self._file.signature() == loaded.signature"},  # size and times of a file
    "storage/s3_multipart.py": {"found['Metadata'].get(_TOKEN) == self._token"},  # no secret
}
"""Comparisons with such a name that are of nothing secret."""


def compared(tree: ast.AST) -> Iterator[ast.Compare]:
    """Comparisons for equality in which such a name stands."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Compare):
            continue
        if not any(isinstance(each, ast.Eq | ast.NotEq | ast.In | ast.NotIn) for each in node.ops):
            continue
        sides = [node.left, *node.comparators]
        if all(not _is_name(side) for side in sides):
            continue
        yield node


def _is_name(side: ast.expr) -> bool:
    """Whether the side is something that such a name names: not a length or a text of it."""
    last = side.func if isinstance(side, ast.Call) else side
    name = last.attr if isinstance(last, ast.Attribute) else getattr(last, "id", "")
    return SUSPECT.search(name) is not None and not name.isupper()  # a constant is no secret


def test_the_check_finds_what_it_is_for() -> None:
    for text in ("a.secret == b", "signature(x) != y", "token in known", "x == self._password"):
        assert list(compared(ast.parse(text))), text
    for text in ("len(token) > 3", "token is None", "hmac.compare_digest(token, x)"):
        assert not list(compared(ast.parse(text))), text


def test_no_secret_is_compared_with_an_operator() -> None:
    found: dict[str, set[str]] = {}
    for path in sorted(ROOT.rglob("*.py")):
        for node in compared(ast.parse(path.read_text())):
            found.setdefault(str(path.relative_to(ROOT)), set()).add(ast.unparse(node))
    assert found == HARMLESS


def test_a_signature_is_compared_in_constant_time(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared_: list[tuple[Any, Any]] = []
    real = hmac.compare_digest

    def spy(one: Any, two: Any) -> bool:
        compared_.append((one, two))
        return real(one, two)

    monkeypatch.setattr("registry.aws.sigv4.hmac.compare_digest", spy)
    registry.sts().get_caller_identity()
    assert len(compared_) == 1
    assert all(isinstance(side, bytes) and len(side) == 64 for side in compared_[0])


def test_a_wrong_token_is_refused_before_anything_is_looked_up(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token is authentic or it is not (AES-GCM): no row is asked for, whatever its bytes are."""
    token = registry.token()

    def never(*_: object) -> None:
        raise AssertionError("looked up")

    monkeypatch.setattr(registry.ground.database, "read", never)
    for wrong in (token[:-1], token[1:], "A" * len(token), "x", "", token[::-1]):
        assert ask(registry, "GET", b"/v2/", basic(wrong)).status == 401
