"""One event of the audit log, in the form of AWS CloudTrail's.

Source: CloudTrail User Guide, "CloudTrail record contents" and "userIdentity element". Ours
are `decision` and, where the credentials themselves were refused, the userIdentity `Unknown`.
No event holds a secret: not a password, a token, a signature nor a body.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from registry.aws.policy import Decision
    from registry.domain.identities.identity import Identity

VERSION = "1.11"
TEXT_MAX = 512
"""Characters of anything that a client wrote; the rest is cut."""

ACCESS_KEY_ID = re.compile(r"[A-Z0-9]{16,128}", re.ASCII)
"""What may be shown as an access key id: a secret that stands in its place has other letters."""

_QUOTED = re.compile(r"['\"].*['\"]", re.DOTALL)
"""From the first quotation mark of either kind to the last: what is quoted may hold the other."""

_SHOWN = {
    "repository_name": "repositoryName",
    "repository_names": "repositoryNames",
    "registry_id": "registryId",
    "registry_ids": "registryIds",
    "image_ids": "imageIds",
    "image_digest": "imageDigest",
    "layer_digest": "layerDigest",
    "layer_digests": "layerDigests",
    "user_name": "userName",
    "group_name": "groupName",
    "role_name": "roleName",
    "instance_profile_name": "instanceProfileName",
    "policy_name": "policyName",
    "policy_arn": "policyArn",
    "access_key_id": "accessKeyId",
    "status": "status",
    "role_arn": "roleArn",
    "role_session_name": "roleSessionName",
    "duration_seconds": "durationSeconds",
    "key_id": "keyId",
    "source_key_id": "sourceKeyId",
    "destination_key_id": "destinationKeyId",
    "alias_name": "aliasName",
    "target_key_id": "targetKeyId",
    "grant_id": "grantId",
    "grantee_principal": "granteePrincipal",
    "operations": "operations",
    "pending_window_in_days": "pendingWindowInDays",
    "log_group_name": "logGroupName",
    "log_group_identifier": "logGroupIdentifier",
    "log_stream_name": "logStreamName",
    "secret_id": "secretId",
    "version_id": "versionId",
    "version_stage": "versionStage",
    "with_decryption": "withDecryption",
    "resource_id": "resourceId",
}
"""Parameters of operations that an event shows; anything else may be long, or a secret."""

GATES = {"GateRefused": False, "GateWouldRefuse": True}
"""Codes of what gates say of a pull that was allowed otherwise, and whether it went on."""

_TIME = "%Y-%m-%dT%H:%M:%SZ"
_LOOKS = frozenset({"list", "show", "diff", "explain", "report", "usage", "test"})
"""Commands that change nothing."""

_encode = json.JSONEncoder(default=str, separators=(",", ":")).encode

_READS = (
    *("Get", "List", "Describe", "BatchGet", "BatchCheck", "Simulate", "Login", "Filter"),
    *("Encrypt", "Decrypt", "ReEncrypt", "Generate"),
)


class Event(NamedTuple):
    """What is known when something is decided."""

    seconds: float
    """Since 1970."""
    action: str
    """IAM action, such as `ecr:PutImage`."""
    resource: str
    """ARN, or `*`."""
    region: str
    """Of the server, for a resource that has none."""
    request_id: str
    source_ip: str
    user_agent: str
    identity: Identity | None
    access_key_id: str
    parameters: Mapping[str, Any]
    """What to show of the request."""
    decision: Decision | None
    """None where it did not come to one, as the credentials were refused."""
    error: str = ""
    """Of refused credentials, the error's code."""
    message: str = ""
    server: str = ""
    """The part of the server that did it by itself, where one did."""


def shown(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """What an event shows of an operation's input."""
    return {_SHOWN[name]: value for name, value in parameters.items() if name in _SHOWN}


def without_quotes(message: str) -> str:
    """An error's message without what it quotes: a client may have put a secret anywhere."""
    return _QUOTED.sub("'…'", message)


def line(event: Event) -> str:
    """The event as a line of JSON."""
    return _encode(described(event)) + "\n"


def described(event: Event) -> dict[str, Any]:
    """The event by CloudTrail's names."""
    service, _, name = event.action.partition(":")
    arn = event.resource.split(":", 5)
    region, account = (arn[3], arn[4]) if len(arn) == 6 else ("", "")
    found: dict[str, Any] = {
        "eventVersion": VERSION,
        "eventTime": _time(int(event.seconds)),
        "eventSource": f"{service}.amazonaws.com",
        "eventName": name,
        "awsRegion": region if region not in ("", "*") else event.region,
        "sourceIPAddress": event.source_ip,
        "userAgent": event.user_agent[:TEXT_MAX],
        "userIdentity": _who(event),
        "requestParameters": _parameters(event, arn),
        "resources": [{"ARN": event.resource[:TEXT_MAX], "accountId": account or None}],
        "requestID": event.request_id,
        "eventID": _new_id(),
        "readOnly": name.startswith(_READS),
        "eventType": "AwsApiCall",
        "eventCategory": "Management",
        "recipientAccountId": account or (event.identity.account if event.identity else None),
    }
    return found | _outcome(event)


def operator_line(
    command: str,
    operator: str,
    parameters: Mapping[str, Any],
    *,
    region: str,
    account: str,
    user_agent: str,
    error: str | None,
) -> str:
    """A command run beside the server, as a line: nothing is decided, whoever can run it may."""
    found: dict[str, Any] = {
        "eventVersion": VERSION,
        "eventTime": datetime.now(UTC).strftime(_TIME),
        "eventSource": "moorage",
        "eventName": command,
        "awsRegion": region,
        "sourceIPAddress": "",
        "userAgent": user_agent,
        "userIdentity": {"type": "Operator", "userName": operator, "accountId": account},
        "requestParameters": {name: _cut(value) for name, value in parameters.items()},
        "resources": [{"ARN": "*", "accountId": account}],
        "requestID": "",
        "eventID": _new_id(),
        "readOnly": command.rpartition(" ")[2] in _LOOKS,
        "eventType": "AwsApiCall",
        "eventCategory": "Management",
        "recipientAccountId": account,
        "decision": {"allowed": True, "reason": "runs on the server's own machine"},
    }
    if error is not None:
        found |= {"errorCode": "CommandFailed", "errorMessage": without_quotes(error)[:TEXT_MAX]}
    return _encode(found) + "\n"


@lru_cache(maxsize=4)
def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime(_TIME)


def _new_id() -> str:
    """A random UUID (RFC 9562, version 4), in half the time that the library's takes."""
    text = os.urandom(16).hex()
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"


def _outcome(event: Event) -> dict[str, Any]:
    decision = event.decision
    if event.server:
        return {"decision": {"allowed": True, "reason": f"the server's own {event.server}"}}
    if decision is None:
        gated = event.error in GATES
        return {
            "errorCode": event.error,
            "errorMessage": event.message[:TEXT_MAX],
            "decision": {
                "allowed": GATES.get(event.error, False),
                "reason": "gate" if gated else "credentials refused",
            },
        }
    made = {
        "allowed": decision.allowed,
        "reason": decision.reason.value,
        "kind": decision.kind.value if decision.kind else None,
        "policy": decision.policy,
        "statement": decision.statement,
        "sid": decision.sid,
    }
    if decision.allowed:
        return {"decision": made}
    arn = event.identity.arn if event.identity else None
    message = decision.message(arn, event.action, event.resource[:TEXT_MAX])
    return {"errorCode": "AccessDenied", "errorMessage": message, "decision": made}


def _who(event: Event) -> dict[str, Any]:
    identity = event.identity
    if event.server:
        return {"type": "AWSService", "invokedBy": f"moorage {event.server}"}
    if identity is None:
        if event.decision is None and event.error not in GATES:
            return {"type": "Unknown", "accessKeyId": event.access_key_id[:128] or None}
        return {"type": "AWSAccount", "principalId": "", "accountId": "ANONYMOUS_PRINCIPAL"}
    who: dict[str, Any] = {
        "type": "IAMUser" if identity.role_arn is None else "AssumedRole",
        "principalId": identity.id,
        "arn": identity.arn,
        "accountId": identity.account,
        "accessKeyId": event.access_key_id or None,
    }
    if identity.role_arn is None:
        return who | {"userName": identity.name}
    issuer = {
        "type": "Role",
        "principalId": identity.id.partition(":")[0],
        "arn": identity.role_arn,
        "accountId": identity.account,
        "userName": identity.role_arn.rpartition("/")[2],
    }
    return who | {"sessionContext": {"sessionIssuer": issuer}}


def _parameters(event: Event, arn: list[str]) -> dict[str, Any]:
    found = {name: _cut(value) for name, value in event.parameters.items()}
    kind, _, name = arn[-1].partition("/") if len(arn) == 6 else ("", "", "")
    if kind == "repository":
        found.setdefault("repositoryName", name[:TEXT_MAX])
    return found


def _cut(value: Any) -> Any:
    return value[:TEXT_MAX] if isinstance(value, str) else value
