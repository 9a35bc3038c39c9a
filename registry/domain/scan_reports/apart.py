"""The scanner's documents as they are given out, and what says whether two are the same.

This runs in a process of its own (`scanners/apart`): a document may be large, and made so by a
hostile image.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from registry.domain.scan_reports.stamping import (
    CYCLONEDX,
    SARIF,
    SPDX,
    NotThatForm,
    fact_from,
    stamped,
)
from registry.scanners.apart import ApartRefused

WRITE = f"{__name__}:write"

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MOMENTS = frozenset({"scannedAt", "databaseAt", "moorage:scannedAt", "moorage:databaseAt"})


def write(given: Mapping[str, Any], *pieces: bytes) -> tuple[Mapping[str, Any], Sequence[bytes]]:
    """One document out of one or several of the scanner's, each followed by its facts.

    `form` is the form, `parts` tells of each the name of its platform and of its scan. Several
    can only be SARIF: a run for each. Raises ApartRefused.
    """
    form, found = given["form"], []
    for number, part in enumerate(given["parts"]):
        text, facts = pieces[2 * number : 2 * number + 2]
        known = [fact_from(each) for each in json.loads(facts)]
        try:
            document = stamped(text, form, part["told"], known)
        except NotThatForm as error:
            raise ApartRefused(str(error)) from None
        for run in document["runs"] if part["name"] else ():
            run.setdefault("automationDetails", {"id": f"{part['name']}/"})
        found.append(document)
    whole = found[0]
    for each in found[1:]:
        whole["runs"] += each["runs"]
    return {"fingerprint": fingerprint(whole, form)}, [json.dumps(whole, indent=2).encode() + b"\n"]


def fingerprint(document: Mapping[str, Any], form: str) -> str:
    """The same for documents that say the same: of other scans, at other times.

    Left out are the time of the scan, the age of its database, and names that the scanner makes
    up anew each time; the order of things says nothing.
    """
    told = _canonical(_lasting(document, form))
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _lasting(document: Mapping[str, Any], form: str) -> dict[str, Any]:
    found = dict(document)
    if form == SARIF:
        found["runs"] = [
            {**run, "properties": _without(run["properties"])} for run in found["runs"]
        ]
    elif form == CYCLONEDX:
        metadata = dict(found["metadata"])
        metadata.pop("timestamp", None)
        metadata["properties"] = [
            each for each in metadata.get("properties", []) if each.get("name") not in _MOMENTS
        ]
        found["metadata"] = metadata
    elif form == SPDX:
        found.pop("documentNamespace", None)
        found["creationInfo"] = _without(found["creationInfo"], "created", "comment")
    return found


def _without(given: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: given[name] for name in given if name not in {*names, *_MOMENTS}}


def _canonical(value: Any) -> Any:
    if isinstance(value, dict):
        # When a tool made a note of a package is when the document was made.
        made = "Tool: " in str(value.get("annotator"))
        return {
            name: _canonical(each)
            for name, each in value.items()
            if not (made and name == "annotationDate")
        }
    if isinstance(value, list):
        found = [_canonical(each) for each in value]
        return sorted(found, key=lambda each: json.dumps(each, sort_keys=True))
    return _UUID.sub("uuid", value) if isinstance(value, str) else value
