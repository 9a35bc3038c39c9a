"""Staging labels: which version of a secret is the current one.

Source: Secrets Manager User Guide, "What's in a Secrets Manager secret?" (Version); API
reference, PutSecretValue, UpdateSecretVersionStage.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from registry.domain.secrets.errors import CURRENT, PREVIOUS, SecretMissing, StageInvalid

Stages = dict[str, tuple[str, ...]]
"""Of each version."""


def staged(before: Mapping[str, Sequence[str]], version: str, stages: Sequence[str]) -> Stages:
    """The stages of all versions, once a version gets some: each stands on one version.

    The version that was current before gets AWSPREVIOUS.
    """
    found: Stages = {name: tuple(labels) for name, labels in before.items()}
    found.setdefault(version, ())
    old = holder(found, CURRENT)
    for stage in stages:
        found = _moved(found, stage, version)
    if CURRENT in stages and old is not None and old != version:
        found = _moved(found, PREVIOUS, old)
    return found


def moved(
    before: Mapping[str, Sequence[str]], stage: str, *, source: str | None, target: str | None
) -> Stages:
    """The stages once UpdateSecretVersionStage has moved one.

    Raises StageInvalid, SecretMissing.
    """
    found: Stages = {name: tuple(labels) for name, labels in before.items()}
    for version in (source, target):
        if version is not None and version not in found:
            raise SecretMissing(f"VersionId: {version}")
    held = holder(found, stage)
    if source is not None and stage not in found[source]:
        raise StageInvalid(f"Staging label {stage} is not attached to version {source}.")
    if target is None and stage == CURRENT:
        raise StageInvalid(
            f"You can only move staging label {CURRENT} to a different secret version. It can't be"
            " completely removed."
        )
    if held is not None and source is None and held != target:
        raise StageInvalid(
            "The parameter RemoveFromVersionId can't be empty. Staging label"
            f" {stage} is currently attached to version {held}, so you must explicitly reference"
            " that version in RemoveFromVersionId."
        )
    if target is not None:
        return staged(found, target, [stage])
    if source is not None:
        found[source] = tuple(each for each in found[source] if each != stage)
    return found


def holder(stages: Mapping[str, Sequence[str]], stage: str) -> str | None:
    """The version that a stage stands on."""
    return next((version for version, labels in stages.items() if stage in labels), None)


def _moved(found: Stages, stage: str, version: str) -> Stages:
    kept = {name: tuple(each for each in labels if each != stage) for name, labels in found.items()}
    kept[version] = (*kept[version], stage)
    return kept
