"""What everybody may do to every public repository: pull.

It takes part in decisions as the policy of a registry does, so a public pull is decided and
recorded as any other request is, and a repository's own policy can still deny it. At AWS there is
no action for it; ours is called as a pull from a private repository is.
"""

from __future__ import annotations

import json

from registry.domain.identities.identity import Document

PULL = "ecr-public:BatchGetImage"

FOR_ALL = Document(
    "policy of all public registries",
    json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Principal": "*", "Action": PULL}],
        }
    ),
)
