"""The tables. The database is the truth; storage holds only bytes.

registry_settings                             policies, replication, scanning of registries
gates                                         which images may not be pulled
gate_tellings                                 of which refusals events tell already
pull_time_exclusions                          whose pulls do not count
creation_templates                            what a push that creates a repository gives it
repositories ─┬─ repository_policies
              ├─ lifecycle_policies           what goes by itself, and when
              ├─ lifecycle_previews ── lifecycle_preview_results
              ├─ links ───── blobs            what a repository may serve
              ├─ protections                  what of it cannot be deleted
              ├─ scan_settings                what is attached after its scans, whose VEX counts
              ├─ vex_documents                what somebody says of findings in it
              ├─ uploads ─── upload_parts     what is on its way in
              ├─ rekeys                       keys that it leaves, and how far that is
              └─ images ──┬─ tags
                          ├─ image_blobs      what a manifest needs
                          ├─ lifecycle_notices    what is about to go
                          ├─ scans                how its scan stands
                          ├─ scan_reports         what was found in it
                          ├─ vex_counts           how much of that is suppressed
                          ├─ scan_attachings      that its report is to be attached
                          ├─ orphans          referrers and children of what was deleted
                          ├─ image_gaps       what it needs and was not there when it came
                          ├─ image_signatures signatures that it is to get, or has
                          ├─ image_children   what an index lists
                          ├─ upstream_images  those that no push brought
                          └─ replications     where it is to be copied to, and what came of it
resting                                       what was deleted and can be brought back
quotas                                        how much there may be
image_reporters ── images_in_use              what must not go by itself
replicated_deletions                          what is to go elsewhere too
backfills ─── backfill_items                  older images to be replicated
parameters ── parameter_versions              of Parameter Store
kept_secrets ── secret_versions               of Secrets Manager
key_grants                                    who may use a key of the keyring for what
leftovers                                     objects whose bytes are still to be deleted
public_registries, public_aliases             names of public registries
catalog_data                                  what the gallery shows of a public repository
tasks                                         what one process at a time does
pull_through_rules                            which names are fetched from where
secrets                                       with which credentials
upstream_tags                                 what was last compared with an upstream
upstream_leases                               what is being fetched, by whom
event_targets ── event_deliveries             who is told of what, and has not been yet
journals                                      how far journals of pulls were told
users ──┬─ access_keys
        └─ user_policies
"""

from registry.database.instant import Instant
from registry.database.schema.columns import (
    metadata,
)
from registry.database.schema.companions import (
    kept_secrets,
    parameter_versions,
    parameters,
    secret_versions,
)
from registry.database.schema.content import (
    blobs,
    creation_templates,
    image_blobs,
    image_children,
    image_gaps,
    images,
    leftovers,
    links,
    registry_settings,
    repositories,
    repository_policies,
    tags,
    tasks,
    upload_parts,
    uploads,
)
from registry.database.schema.events import event_deliveries, event_targets, journals
from registry.database.schema.gates import gate_tellings, gates
from registry.database.schema.identities import (
    access_keys,
    accounts,
    attachments,
    group_members,
    groups,
    inline_policies,
    instance_profiles,
    policies,
    policy_files,
    policy_versions,
    profile_roles,
    robots,
    roles,
    users,
)
from registry.database.schema.keeping import (
    protections,
    quotas,
    resting,
)
from registry.database.schema.keys import key_grants
from registry.database.schema.lifecycle import (
    image_reporters,
    images_in_use,
    lifecycle_notices,
    lifecycle_policies,
    lifecycle_preview_results,
    lifecycle_previews,
    orphans,
)
from registry.database.schema.public import catalog_data, public_aliases, public_registries
from registry.database.schema.pulls import pull_time_exclusions
from registry.database.schema.rekeying import rekeys
from registry.database.schema.replication import (
    backfill_items,
    backfills,
    replicated_deletions,
    replications,
)
from registry.database.schema.scanning import scan_reports, scans
from registry.database.schema.signing import image_signatures
from registry.database.schema.upstreams import (
    pull_through_rules,
    secrets,
    upstream_images,
    upstream_leases,
    upstream_tags,
)
from registry.database.schema.vex import (
    scan_attachings,
    scan_settings,
    vex_counts,
    vex_documents,
)

__all__ = [
    "Instant",
    "access_keys",
    "accounts",
    "attachments",
    "backfill_items",
    "backfills",
    "blobs",
    "catalog_data",
    "creation_templates",
    "event_deliveries",
    "event_targets",
    "gate_tellings",
    "gates",
    "group_members",
    "groups",
    "image_blobs",
    "image_children",
    "image_gaps",
    "image_reporters",
    "image_signatures",
    "images",
    "images_in_use",
    "inline_policies",
    "instance_profiles",
    "journals",
    "kept_secrets",
    "key_grants",
    "leftovers",
    "lifecycle_notices",
    "lifecycle_policies",
    "lifecycle_preview_results",
    "lifecycle_previews",
    "links",
    "metadata",
    "orphans",
    "parameter_versions",
    "parameters",
    "policies",
    "policy_files",
    "policy_versions",
    "profile_roles",
    "protections",
    "public_aliases",
    "public_registries",
    "pull_through_rules",
    "pull_time_exclusions",
    "quotas",
    "registry_settings",
    "rekeys",
    "replicated_deletions",
    "replications",
    "repositories",
    "repository_policies",
    "resting",
    "robots",
    "roles",
    "scan_attachings",
    "scan_reports",
    "scan_settings",
    "scans",
    "secret_versions",
    "secrets",
    "tags",
    "tasks",
    "upload_parts",
    "uploads",
    "upstream_images",
    "upstream_leases",
    "upstream_tags",
    "users",
    "vex_counts",
    "vex_documents",
]
