"""All operations of this server's ECS, and what they stand on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry.ecs.control.account_settings import AccountSettings
from registry.ecs.control.attributes import Attributes
from registry.ecs.control.clusters import Clusters
from registry.ecs.control.definitions import Definitions
from registry.ecs.control.executions import Executions
from registry.ecs.control.fleet import Fleet
from registry.ecs.control.services import Services
from registry.ecs.control.tagging import Tagging
from registry.ecs.control.tasks import Tasks
from registry.ecs.errors import invalid_input, service_error
from registry.ecs.operations.account_settings import AccountSettingOperations
from registry.ecs.operations.clusters import ClusterOperations
from registry.ecs.operations.container_instances import ContainerInstanceOperations
from registry.ecs.operations.execute_command import ExecuteCommandOperations
from registry.ecs.operations.refusals import REFUSED
from registry.ecs.operations.services import ServiceOperations
from registry.ecs.operations.tags import TagOperations
from registry.ecs.operations.task_definitions import TaskDefinitionOperations
from registry.ecs.operations.tasks import TaskOperations
from registry.ecs.service import ecs
from registry.ecs.sessions.tickets import Tickets

if TYPE_CHECKING:
    from registry.aws.pages import Pages
    from registry.aws.service import Service
    from registry.database.database import Database


@dataclass(frozen=True, slots=True)
class EcsStores:
    """The control plane under the operations."""

    database: Database
    clusters: Clusters
    definitions: Definitions
    tasks: Tasks
    services: Services
    sessions: Tickets


def ecs_stores(database: Database) -> EcsStores:
    """The control plane over `ecs.db`."""
    return EcsStores(
        database,
        Clusters(database),
        Definitions(database),
        Tasks(database),
        Services(database),
        Tickets(database),
    )


def bound_ecs(stores: EcsStores, pages: Pages) -> Service:
    """The service."""
    return ecs.bind(
        ClusterOperations(stores.clusters, stores.database, pages),
        TaskDefinitionOperations(stores.definitions, pages),
        TaskOperations(stores.tasks, pages),
        ExecuteCommandOperations(Executions(stores.database), stores.sessions),
        TagOperations(Tagging(stores.database)),
        ContainerInstanceOperations(Fleet(stores.database), Attributes(stores.database), pages),
        AccountSettingOperations(AccountSettings(stores.database), pages),
        ServiceOperations(stores.services, pages),
        errors=service_error,
        invalid=invalid_input,
        refused=REFUSED,
    )
