"""Random passwords. Source: Secrets Manager API reference, GetRandomPassword."""

from __future__ import annotations

import secrets as random
import string
from collections.abc import Sequence

from registry.values.errors import ParameterInvalid

PUNCTUATION = string.punctuation
"""What AWS calls so: !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"""


def password(length: int, kinds: Sequence[str], *, each: bool) -> str:
    """A password of characters of these kinds, with one of each kind where that is asked.

    Raises ParameterInvalid where nothing is left to choose from, or it is too short.
    """
    kinds = [kind for kind in kinds if kind]
    if not kinds:
        raise ParameterInvalid("The password has no characters left to be made of.")
    if each and length < len(kinds):
        raise ParameterInvalid("Password length is too short based on the required types.")
    chosen = [random.choice(kind) for kind in kinds] if each else []
    every = "".join(kinds)
    chosen += [random.choice(every) for _ in range(length - len(chosen))]
    random.SystemRandom().shuffle(chosen)
    return "".join(chosen)
