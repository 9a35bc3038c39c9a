"""The services beside ECR that containers need: CloudWatch Logs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.background import Work
from registry.domain.key_choice import KeyChoice
from registry.domain.key_use import Lending
from registry.domain.logs.ending import SECONDS as ENDING_SECONDS
from registry.domain.logs.ending import Ending
from registry.domain.logs.groups import Groups
from registry.domain.logs.guards import LogGuards
from registry.domain.logs.keys import GroupKeys
from registry.domain.logs.reading import Reading
from registry.domain.logs.streams import Streams
from registry.domain.logs.writing import Writing
from registry.domain.repositories import Encryption
from registry.domain.vault import Vault
from registry.logs.binding import bound_logs
from registry.logs.service import Stores as LogStores

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from registry.aws.pages import Pages
    from registry.aws.service import Service
    from registry.config import Settings
    from registry.domain.access import Guarded
    from registry.ground import Ground
    from registry.values.scope import Scope


def companions(settings: Settings, ground: Ground, pages: Pages) -> Iterator[Service]:
    """Them, for the gateway."""
    yield bound_logs(log_stores(settings, ground), pages)


def log_stores(settings: Settings, ground: Ground) -> LogStores:
    """What CloudWatch Logs' operations work on."""
    database, keys = ground.logs, GroupKeys(Vault(ground.storage, ground.provider))
    return LogStores(
        groups=Groups(database, keys),
        streams=Streams(database),
        writing=Writing(database, keys),
        reading=Reading(database, keys),
        key_of=_key_of(settings, ground),
    )


def guards_of(ground: Ground) -> dict[str, Callable[[str], Guarded]]:
    """What their resources bring to a decision, by service."""
    return {"logs": LogGuards(ground.logs)}


def _key_of(settings: Settings, ground: Ground) -> Callable[[Scope, str | None], str]:
    choice = KeyChoice(ground.provider, Lending(ground.keys), encrypted=settings.encryption)

    def key_of(scope: Scope, asked: str | None) -> str:
        return choice.find(scope, Encryption("AES256" if asked is None else "KMS", asked))

    return key_of


def companion_works(ground: Ground) -> Iterator[Work]:
    """What is done for them beside answering."""
    yield Work("logs", Ending(ground.logs, ground.database).run, ENDING_SECONDS)
