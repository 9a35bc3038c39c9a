"""Names and ARNs of secrets.

Source: Secrets Manager User Guide, "What's in a Secrets Manager secret?": six random characters
behind the name keep an ARN, and a policy that names it, from meaning a later secret of that name.
"""

from __future__ import annotations

import re
import secrets as random
import string

from registry.values.errors import ParameterInvalid
from registry.values.scope import Scope

_LETTERS = string.ascii_letters + string.digits
_SUFFIX = 6
_NAME = re.compile(r"[A-Za-z0-9/_+=.@!-]{1,512}", re.ASCII)
_ARN = re.compile(r"arn:aws:secretsmanager:([a-z0-9-]*):([0-9]*):secret:(.+)", re.ASCII | re.DOTALL)
UNKNOWN = "?" * _SUFFIX
"""What stands for the six characters of a secret that does not exist yet."""


def check_name(name: str) -> None:
    """Raise ParameterInvalid for what no secret can be called."""
    if _NAME.fullmatch(name) is None:
        raise ParameterInvalid(
            "Invalid name. Must be a valid name containing alphanumeric characters, or any of the"
            " following: -/_+=.@!"
        )


def new_arn(scope: Scope, name: str) -> str:
    """An ARN that no secret ever had."""
    return named_arn(scope, f"{name}-{''.join(random.choice(_LETTERS) for _ in range(_SUFFIX))}")


def named_arn(scope: Scope, name: str) -> str:
    """An ARN with a name as it is."""
    return f"arn:aws:secretsmanager:{scope.region}:{scope.account}:secret:{name}"


def located(scope: Scope, secret_id: str) -> tuple[Scope, str]:
    """Where a name or an ARN leads to: a scope, and the name, in an ARN mostly with its suffix."""
    match = _ARN.fullmatch(secret_id)
    return (scope, secret_id) if match is None else (Scope(match[2], match[1]), match[3])


def is_arn(secret_id: str) -> bool:
    """Whether it is the ARN of a secret."""
    return _ARN.fullmatch(secret_id) is not None
