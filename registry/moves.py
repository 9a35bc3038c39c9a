"""Moves of repositories to another key, as a server goes on with them."""

from __future__ import annotations

import logging
import threading

from registry.domain.rekeyer import Rekeyer
from registry.http.logs import fields

SECONDS = 2.0
"""How often a worker looks for a move that is due; all together make one at a time."""

_log = logging.getLogger("moorage.rekey")


class Moves:
    """The moves of one worker."""

    def __init__(self, rekeyer: Rekeyer) -> None:
        self._rekeyer = rekeyer

    def run(self, stop: threading.Event) -> None:
        """Go on, unless another worker does. Raises Unavailable."""
        for repository in self._rekeyer.run(stop):
            told = fields(repository=repository.arn, key=repository.key_id)
            _log.info("repository moved to another key", extra=told)
