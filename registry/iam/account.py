"""IAM's operations on the account as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.aws.service import ANY
from registry.domain.identities import documents, groups, holdings, policies, users
from registry.domain.identities.entities import GROUPS, PROFILES, ROLES, USERS
from registry.iam.service import Operations, iam

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.aws.context import Context

_QUOTAS = {
    "UsersQuota": USERS.quota,
    "GroupsQuota": GROUPS.quota,
    "RolesQuota": ROLES.quota,
    "InstanceProfilesQuota": PROFILES.quota,
    "PoliciesQuota": policies.QUOTA,
    "PolicySizeQuota": documents.MANAGED_LIMIT,
    "AssumeRolePolicySizeQuota": documents.TRUST_LIMIT,
    "UserPolicySizeQuota": USERS.inline_limit,
    "GroupPolicySizeQuota": GROUPS.inline_limit,
    "RolePolicySizeQuota": ROLES.inline_limit,
    "GroupsPerUserQuota": groups.MOST_GROUPS,
    "AccessKeysPerUserQuota": users.MOST_KEYS,
    "VersionsPerPolicyQuota": policies.VERSIONS,
    "AttachedPoliciesPerUserQuota": holdings.MOST_ATTACHED,
    "AttachedPoliciesPerGroupQuota": holdings.MOST_ATTACHED,
    "AttachedPoliciesPerRoleQuota": holdings.MOST_ATTACHED,
}


class AccountOperations(Operations):
    """Aliases and the summary."""

    @iam.operation(resource=ANY)
    def list_account_aliases(
        self, context: Context, *, marker: str | None = None, max_items: int | None = None
    ) -> Mapping[str, Any]:
        """None: there is no console whose address an alias would be part of."""
        nothing: list[str] = []
        found, more = self._paging(context, "aliases", marker, max_items).cut(nothing, str)
        return {"AccountAliases": found, **more}

    @iam.operation(resource=ANY)
    def get_account_summary(self, context: Context) -> Mapping[str, Any]:
        """How many entities there are, and may be."""
        counts = self._stores.usage.counts(context.account)
        found = {
            "Users": counts[USERS.noun],
            "Groups": counts[GROUPS.noun],
            "Roles": counts[ROLES.noun],
            "InstanceProfiles": counts[PROFILES.noun],
            "Policies": counts["policy"],
            "PolicyVersionsInUse": counts["version"],
        }
        return {"SummaryMap": {**found, **_QUOTAS}}
