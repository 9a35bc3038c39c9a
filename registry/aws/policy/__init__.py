"""AWS's policy language: documents, and the one decision made from them. Knows no service.

`parse` turns a document into a compiled `Policy`; `decide` is a pure function of the policies
that apply and the request. Source: IAM User Guide, "Policy reference". `docs/policies.md`
says what is implemented and where AWS's documentation left a choice.
"""

from registry.aws.policy.decision import Decision, Reason
from registry.aws.policy.document import Effect, Policy, PolicyKind, Statement, parse
from registry.aws.policy.evaluation import Policies, decide
from registry.aws.policy.reading import PolicyInvalid
from registry.aws.policy.request import Principal, PrincipalType, Request

__all__ = [
    "Decision",
    "Effect",
    "Policies",
    "Policy",
    "PolicyInvalid",
    "PolicyKind",
    "Principal",
    "PrincipalType",
    "Reason",
    "Request",
    "Statement",
    "decide",
    "parse",
]
