"""Where an event stands among all others, as one number.

Events are in the order of their timestamps; those of one millisecond in the order in which they
came, which is the order of their blocks and of the events in one. CloudWatch Logs shows such
numbers, of 56 digits, as event ids and in the tokens of GetLogEvents.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from registry.values.errors import ParameterInvalid

_BLOCK_BITS, _INDEX_BITS = 56, 24
_DIGITS = 56
_TOKEN = re.compile(r"([fb])/([0-9]{56})/s", re.ASCII)
TIME_MAX = (1 << 60) - 1
"""A timestamp after that of every event there can be, well within what SQLite can count to."""
LAST = ((TIME_MAX + 1) << (_BLOCK_BITS + _INDEX_BITS)) - 1
"""A position after them."""


def position(timestamp: int, block: int = 0, index: int = 0) -> int:
    """Of an event: its timestamp in milliseconds, its block's id, its place in there."""
    return (min(timestamp, TIME_MAX) << _BLOCK_BITS | block) << _INDEX_BITS | index


def timestamp_of(number: int) -> int:
    """The milliseconds in a position."""
    return number >> (_BLOCK_BITS + _INDEX_BITS)


def event_id(number: int) -> str:
    """A position as the id of its event."""
    return f"{number:0{_DIGITS}d}"


class Token(NamedTuple):
    """A place between two events, and the direction in which to go on."""

    backward: bool
    number: int
    """Forward, of the event that was seen last; backward, of the one after those to come."""

    def __str__(self) -> str:
        return f"{'b' if self.backward else 'f'}/{event_id(max(0, self.number))}/s"


def token_of(text: str) -> Token:
    """A token of GetLogEvents. Raises ParameterInvalid."""
    match = _TOKEN.fullmatch(text)
    if match is None or int(match[2]) > LAST:
        raise ParameterInvalid("The specified nextToken is invalid.")
    return Token(match[1] == "b", int(match[2]))
