"""What these tests share: calls that must fail."""

from __future__ import annotations

from typing import Any

from tests.ecr.calls import refusal


def refused(call: Any, *given: Any, **asked: Any) -> tuple[str, str]:
    """Code and message of a call that must fail, with what it is given."""
    return refusal(lambda: call(*given, **asked))
