"""One function for each thing that can happen: call it in the transaction that does it.

Where an image is named by its row's id, call it while the row and its tags are still there.
Where nobody wants to know, each costs one short query.

Source of the shapes: ECR User Guide, "Amazon ECR events and EventBridge", sample events.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.database.schema import images
from registry.domain.events import event as kinds
from registry.domain.events.event import Event
from registry.domain.events.outbox import put, record, wanted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from registry.domain.repositories import Repository
    from registry.values.scope import Scope

ARCHIVE, STANDARD = "ARCHIVE", "STANDARD"


def pushed(
    connection: sa.Connection,
    repository: Repository,
    image_id: int,
    tags: Sequence[str],
    *,
    is_new: bool,
) -> None:
    """An image came, or `tags` came to stand on it; a push that changed nothing is no event."""
    if is_new or tags:
        image_action(connection, repository, image_id, kinds.PUSH, tags)


def deleted(
    connection: sa.Connection, repository: Repository, image_id: int, tags: Sequence[str]
) -> None:
    """An image goes with these tags, or these tags of it alone."""
    image_action(connection, repository, image_id, kinds.DELETE, tags)


def image_action(
    connection: sa.Connection,
    repository: Repository,
    image_id: int,
    action: str,
    tags: Sequence[str] = (),
    **more: str,
) -> None:
    """An image was pushed, deleted or the like: an event for each tag, or one without a tag.

    `more` are further members of the detail. An image that is not there (any more) is no event.
    """
    targets = wanted(connection, repository.scope)
    image = _image(connection, image_id) if targets else None
    if image is not None:
        named = [{**more, "image-tag": tag} for tag in tags] or [more]
        events = [_image_event(repository, image, action, each) for each in named]
        put(connection, targets, events)


def _image_event(repository: Repository, image: Any, action: str, more: Mapping[str, str]) -> Event:
    detail = image_detail(image, action, more)
    return Event(repository.scope, repository.name, image_kind(image), detail)


def image_detail(image: Any, action: str, more: Mapping[str, str]) -> dict[str, str]:
    """What was done to an image: a row of it, or whatever has the same attributes."""
    return {
        "result": "SUCCESS",
        "action-type": action,
        "image-digest": str(image.digest),
        "manifest-media-type": image.media_type,
        **({"artifact-media-type": image.artifact_type} if image.artifact_type else {}),
        **more,
    }


def image_kind(image: Any) -> str:
    """The kind of event in which that is told."""
    return kinds.REFERRER if image.subject else kinds.IMAGE


def _image(connection: sa.Connection, image_id: int) -> sa.Row[Any] | None:
    columns = [images.c.digest, images.c.media_type, images.c.artifact_type, images.c.subject]
    return connection.execute(sa.select(*columns).where(images.c.id == image_id)).first()


def storage_class_changed(
    connection: sa.Connection,
    repository: Repository,
    image_id: int,
    storage_class: str,
    activated_at: datetime | None = None,
) -> None:
    """An image was archived (`ARCHIVE`), or restored (`STANDARD`) at that time."""
    more = {"target-storage-class": storage_class}
    if activated_at is not None:
        more["last-activated-at"] = activated_at.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-4] + "Z"
    image_action(connection, repository, image_id, "UPDATE_STORAGE_CLASS", **more)


def repository_created(connection: sa.Connection, repository: Repository) -> None:
    """A repository was made."""
    detail = {"result": "SUCCESS", "action-type": "CREATE"}
    record(connection, _about(repository, kinds.REPOSITORY, detail))


def repository_deleted(connection: sa.Connection, repository: Repository) -> None:
    """A repository goes with its images, which are counted and have no events of their own."""
    targets = wanted(connection, repository.scope)
    if not targets:
        return
    mine = images.c.repository_id == repository.id
    count = connection.execute(sa.select(sa.func.count()).select_from(images).where(mine)).scalar()
    detail = {"result": "SUCCESS", "action-type": "DELETE", "image-count": count}
    put(connection, targets, [_about(repository, kinds.REPOSITORY, detail)])


def scanned(
    connection: sa.Connection,
    repository: Repository,
    digest: str,
    tags: Sequence[str],
    *,
    status: str,
    severities: Mapping[str, int],
) -> None:
    """A scan of an image ended, with so many findings of each severity."""
    detail = {
        "scan-status": status,
        "finding-severity-counts": {name: count for name, count in severities.items() if count},
        "image-digest": digest,
        "image-tags": list(tags),
    }
    record(connection, _about(repository, kinds.SCAN, detail))


def replicated(
    connection: sa.Connection,
    target: Repository,
    source: Scope,
    *,
    digest: str,
    tag: str | None = None,
    succeeded: bool = True,
) -> None:
    """An image came to `target` from another registry, or could not; one for each tag."""
    detail = {
        "result": "SUCCESS" if succeeded else "FAILED",
        "action-type": "REPLICATE",
        "image-digest": digest,
        "source-account": source.account,
        "source-region": source.region,
        **({"image-tag": tag} if tag else {}),
    }
    record(connection, _about(target, kinds.REPLICATION, detail))


def pulled_through(
    connection: sa.Connection,
    repository: Repository,
    prefix: str,
    upstream: str,
    *,
    digest: str | None = None,
    tag: str | None = None,
    failure: tuple[str, str] | None = None,
) -> None:
    """An image was brought from `upstream` by the rule of that prefix.

    `failure` is a code and a reason, where it was not.
    """
    detail: dict[str, Any] = {
        "rule-version": "1",
        "sync-status": "FAILURE" if failure else "SUCCESS",
        "ecr-repository-prefix": prefix,
        "upstream-registry-url": upstream,
        **({"image-digest": digest} if digest else {}),
        **({"image-tag": tag} if tag else {}),
    }
    if failure:
        detail |= {"failure-code": failure[0], "failure-reason": failure[1]}
    record(connection, _about(repository, kinds.PULL_THROUGH, detail))


def about_to_expire(
    connection: sa.Connection,
    repository: Repository,
    digest: str,
    tags: Sequence[str],
    *,
    rule_priority: int,
    expires_at: datetime,
) -> None:
    """A lifecycle policy is going to delete an image, not before that time."""
    detail = {
        "action-type": "EXPIRE",
        "image-digest": digest,
        "image-tags": list(tags),
        "rule-priority": rule_priority,
        "expires-at": expires_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    record(connection, _about(repository, kinds.LIFECYCLE, detail))


def gated(
    connection: sa.Connection,
    repository: Repository,
    refusal: Mapping[str, Any],
    message: str,
    *,
    who: str,
    dry_run: bool,
) -> None:
    """A gate refused a pull of an image, or would have; `refusal` is as clients are told."""
    detail = {
        "result": "SUCCESS" if dry_run else "FAILURE",
        "action-type": kinds.WOULD_REFUSE if dry_run else kinds.REFUSE,
        "image-digest": refusal["imageDigest"],
        "gate": refusal["gate"],
        "rule": refusal["rule"],
        "finding-count": refusal["findingCount"],
        "findings": refusal["findings"],
        "reason": message,
        "principal": who,
    }
    record(connection, _about(repository, kinds.GATE, detail))


def _about(repository: Repository, kind: str, detail: Mapping[str, Any]) -> Event:
    return Event(repository.scope, repository.name, kind, detail, (repository.arn,))
