"""An outcome as lines for a person."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator

from registry.domain.policyfiles.outcome import Change, Outcome


def lines(outcome: Outcome, *, documents: bool, pruned: bool) -> Iterator[str]:
    """A line for each change, with `documents` a unified diff below it, then what has no effect."""
    for change in outcome.changes:
        yield f"{change.sign} {change.what}"
        if documents and (change.before or change.after):
            yield from _difference(change)
    for what in outcome.kept if not pruned else ():
        yield f"= {what}: its file is gone; --prune removes it"
    for problem in outcome.waiting:
        yield f"! {problem}"
    if not outcome.changes:
        yield "nothing to change"


def _difference(change: Change) -> Iterator[str]:
    before, after = _laid_out(change.before), _laid_out(change.after)
    compared = difflib.unified_diff(before, after, "in force", "in file", n=2, lineterm="")
    yield from (f"  {line}" for line in compared)


def _laid_out(document: str) -> list[str]:
    """One way to write a document, so that only its meaning is compared; ASCII, nothing else."""
    return json.dumps(json.loads(document), indent=2).splitlines() if document else []
