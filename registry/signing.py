"""What signs images, put together over the ground."""

from __future__ import annotations

from registry.domain.signing.keys import SigningKeys
from registry.domain.signing.signer import Signer
from registry.domain.tasks import Task
from registry.ecr.binding import Stores
from registry.ground import Ground


def signer_of(ground: Ground, stores: Stores) -> Signer:
    """The signer of one worker; all together sign one image at a time."""
    return Signer(
        ground.database,
        stores.repositories,
        images=stores.images,
        uploads=stores.uploads,
        keys=SigningKeys(ground.keys.secret),
        task=Task(ground.database, "signing"),
    )
