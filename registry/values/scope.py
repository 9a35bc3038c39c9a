"""One private registry: an account in a region, and the ARNs in it.

Source: AWS General Reference, "Amazon Resource Names"; Service Authorization Reference,
"Resource types defined by Amazon Elastic Container Registry".
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scope:
    """Account id (12 digits) and region name that repositories belong to."""

    account: str
    region: str

    def repository_arn(self, name: str) -> str:
        """ARN of a repository here, whether it exists or not."""
        return f"arn:aws:ecr:{self.region}:{self.account}:repository/{name}"
