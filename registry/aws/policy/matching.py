"""Patterns with wildcards and policy variables, compiled when a policy is parsed.

Sources: IAM User Guide, "IAM JSON policy elements: Resource" (wildcards in ARNs), "Variables
and tags", "Condition operators" (ARN operators compare the six components one by one).

Every expression made here is matched in time linear in the text for each fixed piece: the
part before each `*` is an atomic group that takes the first place where it fits, so nobody
can write a pattern that makes the server backtrack.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from registry.aws.policy.request import Lookup

ARN_COMPONENTS = 6
VARIABLE_MAX = 512

_VARIABLE = re.compile(r"\$\{([^}]*)(\}?)")
_REFERENCE = re.compile(r"([A-Za-z0-9._/-]+:[^,{}$'*?]+?)(?:\s*,\s*'([^'{}]*)')?")


class Wild(Enum):
    """A wildcard."""

    MANY = "*"
    ONE = "?"


@dataclass(frozen=True, slots=True)
class Variable:
    """`${key}` or `${key, 'default'}`; the key in lower case."""

    key: str
    default: str | None


Resolved = tuple[str | Wild, ...]
Template = tuple[str | Wild | Variable, ...]

Test = Callable[[str, Lookup], bool]
"""Whether a text matches any of the patterns, variables resolved by the lookup."""


def template(text: str, *, variables: bool, wildcards: bool) -> Template:
    """Read a pattern. Raises ValueError, saying why, for a malformed variable."""
    tokens: list[str | Wild | Variable] = []
    at = 0
    for match in _VARIABLE.finditer(text) if variables else ():
        tokens += _literal(text[at : match.start()], wildcards=wildcards)
        tokens.append(_variable(match))
        at = match.end()
    tokens += _literal(text[at:], wildcards=wildcards)
    return _joined(tokens)


def texts(templates: Iterable[Template], *, fold: bool = False) -> Test:
    """A test of whole texts; `*` matches any characters. `fold` ignores case."""
    folded = [_folded(each) for each in templates] if fold else list(templates)
    test = _tester(folded, _fixed_texts, _text_expression)
    return (lambda text, lookup: test(text.casefold(), _folding(lookup))) if fold else test


def arns(templates: Iterable[Template]) -> Test:
    """A test of ARNs, component by component; a lone `*` matches every ARN."""
    return _tester(list(templates), _fixed_arns, _arn_expression)


def _tester(
    templates: Sequence[Template],
    fixed: Callable[[list[Resolved]], Test],
    expression: Callable[[Resolved], str],
) -> Test:
    constant = [each for each in map(_constant, templates) if each is not None]
    varying = [each for each in templates if _constant(each) is None]
    matches = fixed(constant)
    if not varying:
        return matches

    def test(text: str, lookup: Lookup) -> bool:
        if matches(text, lookup):
            return True
        resolved = (_resolved(each, lookup) for each in varying)
        return any(_fits(each, text, expression) for each in resolved if each is not None)

    return test


def _fixed_texts(patterns: list[Resolved]) -> Test:
    """The cheapest test there is: everything, exact texts, prefixes, then an expression."""
    if (Wild.MANY,) in patterns:
        return lambda _text, _lookup: True
    exact = frozenset(p for each in patterns if (p := _exact(each)) is not None)
    prefixes = tuple(p for each in patterns if (p := _prefix(each)) is not None)
    rest = [each for each in patterns if _exact(each) is None and _prefix(each) is None]
    if not rest:
        if not prefixes:
            return lambda text, _lookup: text in exact
        return lambda text, _lookup: text in exact or text.startswith(prefixes)
    match = re.compile("|".join(map(_text_expression, rest)), re.DOTALL).match
    return lambda text, _lookup: (
        text in exact or text.startswith(prefixes) or match(text) is not None
    )


def _fixed_arns(patterns: list[Resolved]) -> Test:
    if not patterns:
        return lambda _text, _lookup: False
    match = re.compile("|".join(map(_arn_expression, patterns)), re.DOTALL).match
    return lambda text, _lookup: match(text) is not None


def _fits(pattern: Resolved, text: str, expression: Callable[[Resolved], str]) -> bool:
    return _compiled(pattern, expression).match(text) is not None


@lru_cache(maxsize=4096)
def _compiled(pattern: Resolved, expression: Callable[[Resolved], str]) -> re.Pattern[str]:
    return re.compile(expression(pattern), re.DOTALL)


def _text_expression(pattern: Resolved) -> str:
    return _glob(pattern, ".") + r"\Z"


def _arn_expression(pattern: Resolved) -> str:
    if pattern == (Wild.MANY,):
        return ":".join(["[^:]*"] * (ARN_COMPONENTS - 1)) + r":.*\Z"
    parts = _components(pattern)
    if len(parts) < ARN_COMPONENTS:
        return r"(?!)"
    return ":".join([*(_glob(part, "[^:]") for part in parts[:-1]), _glob(parts[-1], ".")]) + r"\Z"


def _components(pattern: Resolved) -> list[Resolved]:
    parts: list[list[str | Wild]] = [[]]
    for token in pattern:
        if isinstance(token, Wild):
            parts[-1].append(token)
            continue
        first, *others = token.split(":", ARN_COMPONENTS - len(parts))
        parts[-1].append(first)
        parts += [[other] for other in others]
    return [tuple(part) for part in parts]


def _glob(pattern: Resolved, character: str) -> str:
    """An expression for the pattern, whose wildcards match only such characters."""
    pieces = [""]
    for token in pattern:
        if token is Wild.MANY:
            pieces.append("")
        else:
            pieces[-1] += character if isinstance(token, Wild) else re.escape(token)
    if len(pieces) == 1:
        return pieces[0]
    middle = "".join(f"(?>{character}*?{piece})" for piece in pieces[1:-1] if piece)
    return f"{pieces[0]}{middle}{character}*{pieces[-1]}"


def _literal(text: str, *, wildcards: bool) -> list[str | Wild]:
    if not wildcards:
        return [text] if text else []
    pieces = [piece for piece in re.split(r"([*?])", text) if piece]
    return [Wild(piece) if piece in "*?" else piece for piece in pieces]


def _variable(match: re.Match[str]) -> str | Variable:
    body, close = match.groups()
    if not close:
        raise ValueError("a policy variable is not closed: ${ without }")
    if body in ("*", "?", "$"):
        return body
    reference = _REFERENCE.fullmatch(body) if len(body) <= VARIABLE_MAX else None
    if reference is None:
        raise ValueError(f"${{{body[:100]}}} is not a policy variable (${{key}}, ${{key, 'text'}})")
    key, default = reference.groups()
    return Variable(key.lower(), default)


def _joined(tokens: list[str | Wild | Variable]) -> Template:
    """Neighbouring texts as one, `**` as `*`."""
    joined: list[str | Wild | Variable] = []
    for token in tokens:
        last = joined[-1] if joined else None
        if isinstance(token, str) and isinstance(last, str):
            joined[-1] = last + token
        elif token is not Wild.MANY or last is not Wild.MANY:
            joined.append(token)
    return tuple(joined)


def _constant(pattern: Template) -> Resolved | None:
    tokens = tuple(token for token in pattern if not isinstance(token, Variable))
    return tokens if len(tokens) == len(pattern) else None


def _resolved(pattern: Template, lookup: Lookup) -> Resolved | None:
    """The pattern with its values, taken literally; None where one has no single value."""
    tokens: list[str | Wild | Variable] = []
    for token in pattern:
        if not isinstance(token, Variable):
            tokens.append(token)
            continue
        value = lookup(token.key)
        if value is None:
            value = token.default
        if not isinstance(value, str):
            return None
        tokens.append(value)
    return _constant(_joined(tokens))


def _exact(pattern: Resolved) -> str | None:
    if not pattern:
        return ""
    return pattern[0] if len(pattern) == 1 and isinstance(pattern[0], str) else None


def _prefix(pattern: Resolved) -> str | None:
    if len(pattern) == 2 and isinstance(pattern[0], str) and pattern[1] is Wild.MANY:
        return pattern[0]
    return None


def _folded(pattern: Template) -> Template:
    return tuple(_fold(token) for token in pattern)


def _fold(token: str | Wild | Variable) -> str | Wild | Variable:
    if isinstance(token, str):
        return token.casefold()
    if isinstance(token, Variable) and token.default is not None:
        return Variable(token.key, token.default.casefold())
    return token


def _folding(lookup: Lookup) -> Lookup:
    def folded(key: str) -> str | tuple[str, ...] | None:
        value = lookup(key)
        return value.casefold() if isinstance(value, str) else value

    return folded
