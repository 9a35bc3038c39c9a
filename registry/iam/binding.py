"""IAM as a service of the gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.iam.account import AccountOperations
from registry.iam.credentials import CredentialOperations
from registry.iam.errors import service_error
from registry.iam.group_policies import GroupPolicyOperations
from registry.iam.groups import GroupOperations
from registry.iam.keys import KeyOperations
from registry.iam.policies import PolicyOperations, VersionOperations
from registry.iam.profiles import ProfileOperations
from registry.iam.role_policies import RolePolicyOperations
from registry.iam.roles import RoleOperations
from registry.iam.service import GLOBAL_REGION, iam
from registry.iam.simulation import SimulationOperations
from registry.iam.tags import TagOperations
from registry.iam.user_policies import UserPolicyOperations
from registry.iam.users import UserOperations

if TYPE_CHECKING:
    from registry.aws.pages import Pages
    from registry.aws.service import Service
    from registry.iam.service import Stores

_HANDLERS = (
    UserOperations,
    KeyOperations,
    CredentialOperations,
    UserPolicyOperations,
    GroupOperations,
    GroupPolicyOperations,
    RoleOperations,
    RolePolicyOperations,
    ProfileOperations,
    PolicyOperations,
    VersionOperations,
    TagOperations,
    AccountOperations,
    SimulationOperations,
)


def bound_iam(stores: Stores, pages: Pages) -> Service:
    """All operations of this server's IAM."""
    handlers = [handler(stores, pages) for handler in _HANDLERS]
    return iam.bind(*handlers, errors=service_error, global_region=GLOBAL_REGION)
