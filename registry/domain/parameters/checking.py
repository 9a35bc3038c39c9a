"""What a new value must be like.

Source: Systems Manager API reference, PutParameter; User Guide, "Managing parameter tiers".

A client's regular expression may take longer than anybody wants to wait, and nothing in this
process could stop it: it is tried in a process of its own that gets a second.
"""

from __future__ import annotations

import json
import subprocess
import sys

from registry.domain.parameters.errors import InvalidAllowedPattern, ParameterPatternMismatch
from registry.values.errors import ParameterInvalid

STANDARD, ADVANCED, INTELLIGENT = "Standard", "Advanced", "Intelligent-Tiering"
SIZES = {STANDARD: 4096, ADVANCED: 8192}
"""Bytes of a value, by tier."""
DATA_TYPES = ("text", "aws:ec2:image", "aws:ssm:integration")
_SECONDS = 5.0
_MATCH = """
import json, re, resource, sys
resource.setrlimit(resource.RLIMIT_CPU, (1, 1))
pattern, value = json.load(sys.stdin)
try:
    found = re.search(pattern, value)
except (re.error, OverflowError, RecursionError):
    sys.exit(4)
sys.exit(0 if found else 3)
"""
_MATCHED, _MISSED = 0, 3


def tier_of(asked: str | None, value: str) -> str:
    """The tier that a value goes to. Raises ParameterInvalid where it is too long for it."""
    size = len(value.encode("utf-8", "surrogatepass"))
    tier = asked or STANDARD
    if tier == INTELLIGENT:
        tier = STANDARD if size <= SIZES[STANDARD] else ADVANCED
    if size > SIZES[tier]:
        more = (
            " To create a larger parameter value, upgrade the parameter to use the"
            " advanced-parameter tier."
        )
        raise ParameterInvalid(
            f"{tier} tier parameters support a maximum parameter value of {SIZES[tier]} characters."
            + (more if tier == STANDARD else "")
        )
    return tier


def check_value(value: str, data_type: str, pattern: str | None) -> None:
    """Raise ParameterInvalid, InvalidAllowedPattern, ParameterPatternMismatch."""
    if not value:
        raise ParameterInvalid(
            "1 validation error detected: Value '' at 'value' failed to satisfy constraint:"
            " Member must have length greater than or equal to 1."
        )
    if data_type not in DATA_TYPES:
        raise ParameterInvalid(
            f"The following data type is not supported: {data_type} (Data type names are all"
            " lowercase.)"
        )
    if pattern:
        check_pattern(value, pattern)


def check_pattern(value: str, pattern: str) -> None:
    """Raise InvalidAllowedPattern, ParameterPatternMismatch."""
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter, and nothing of the client's in the line
            [sys.executable, "-I", "-S", "-c", _MATCH],
            input=json.dumps([pattern, value]).encode(),
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
        code = done.returncode
    except subprocess.TimeoutExpired:
        code = -1
    if code == _MISSED:
        raise ParameterPatternMismatch(pattern)
    if code != _MATCHED:
        raise InvalidAllowedPattern(
            "The request does not meet the regular expression requirement: it is none, or takes"
            " too long."
        )
