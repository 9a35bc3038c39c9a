from __future__ import annotations

import json
from typing import Any

import pytest

from registry.aws.policy import Effect, Policies, PolicyInvalid, PolicyKind, decide, parse
from tests.aws.policy.builders import ACTION, HERE, RESOURCE, allow, identity, request, to

IDENTITY, REPOSITORY, TRUST = PolicyKind.IDENTITY, PolicyKind.RESOURCE, PolicyKind.TRUST
GRANT = {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}


def without(statement: dict[str, Any], *names: str, **more: Any) -> dict[str, Any]:
    return {name: value for name, value in {**statement, **more}.items() if name not in names}


REFUSED: list[tuple[PolicyKind, Any, str]] = [
    (IDENTITY, without(allow(), "Effect"), "Statement[0]: Effect is missing"),
    (IDENTITY, allow(Effect="allow"), "Statement[0].Effect: must be Allow or Deny, not 'allow'"),
    (IDENTITY, allow(Effect=1), "Statement[0].Effect: must be a string, not a number"),
    (IDENTITY, without(allow(), "Action"), "Statement[0]: Action (or NotAction) is missing"),
    (IDENTITY, allow(NotAction="a:B"), "Statement[0]: Action and NotAction exclude each other"),
    (IDENTITY, allow([]), "Statement[0].Action: must not be empty"),
    (IDENTITY, allow(["a:B", "Get"]), "Statement[0].Action[1]: 'Get' is not an action"),
    (IDENTITY, allow("a:"), "Statement[0].Action: 'a:' is not an action"),
    (IDENTITY, allow("a*:B"), "Statement[0].Action: 'a*:B' is not an action"),
    (IDENTITY, allow([["a:B"]]), "Statement[0].Action[0]: must be a string, not a list"),  # type: ignore[list-item]  # the mistake that is tested
    (IDENTITY, without(allow(), "Resource"), "Statement[0]: Resource (or NotResource) is missing"),
    (IDENTITY, allow(NotResource="*"), "Resource and NotResource exclude each other"),
    (IDENTITY, allow(Resource=["*", "x"]), "Statement[0].Resource[1]: 'x' is neither an ARN nor *"),
    (IDENTITY, allow(Resource=None), "Statement[0].Resource: must be a string, not null"),
    (IDENTITY, allow(Resource="arn:aws:s:::${aws:x"), "Statement[0].Resource: a policy variable"),
    (IDENTITY, allow(Principal="*"), "Principal cannot be in an identity-based policy"),
    (IDENTITY, allow(NotPrincipal="*"), "NotPrincipal cannot be in an identity-based policy"),
    (PolicyKind.BOUNDARY, allow(Principal="*"), "Statement[0].Principal: Principal cannot be"),
    (PolicyKind.SESSION, allow(Principal="*"), "Statement[0].Principal: Principal cannot be"),
    (IDENTITY, allow(Sid="a b"), "Statement[0].Sid: 'a b' has other characters than A-Z"),
    (IDENTITY, allow(effect="Deny"), "'effect' is not an element of a policy (Effect is)"),
    (IDENTITY, allow(Foo=1), "Statement[0]: 'Foo' is not an element of a policy"),
    (IDENTITY, "x", "Statement[0]: must be an object, not a string"),
    (REPOSITORY, allow(), "Statement[0]: Principal is missing"),
    (REPOSITORY, allow(Principal="*", NotPrincipal="*"), "Principal and NotPrincipal exclude"),
    (REPOSITORY, allow(NotPrincipal="*"), "NotPrincipal cannot be used with Allow"),
    (TRUST, without(GRANT, "Principal"), "Statement[0]: Principal is missing"),
    (TRUST, {**GRANT, "Resource": "*"}, "Resource cannot be in a role trust policy"),
    (
        TRUST,
        without(GRANT, "Principal", NotPrincipal="*", Effect="Deny"),
        "NotPrincipal cannot be in a role trust policy",
    ),
    (IDENTITY, allow(Condition=[]), "Statement[0].Condition: must be an object, not a list"),
    (
        IDENTITY,
        allow(Condition={"stringequals": {"a:b": "c"}}),
        "Statement[0].Condition.stringequals: 'stringequals' is not a condition operator;"
        " StringEquals is",
    ),
    (IDENTITY, allow(Condition={"NullIfExists": {}}), "'NullIfExists' is not a condition operator"),
    (IDENTITY, allow(Condition={"ForAnyValue:Null": {}}), "is not a condition operator"),
    (IDENTITY, allow(Condition={"ForSome:Bool": {}}), "is not a condition operator"),
    (IDENTITY, allow(Condition={"Bool": "x"}), "Condition.Bool: must be an object, not a string"),
    (
        IDENTITY,
        allow(Condition={"Bool": {"SecureTransport": "true"}}),
        "'SecureTransport' is not a condition key (prefix:name)",
    ),
    (
        IDENTITY,
        allow(Condition={"Bool": {"aws:SecureTransport": ["true", "yes"]}}),
        "Statement[0].Condition.Bool.aws:SecureTransport[1]: 'yes' is neither true nor false",
    ),
    (IDENTITY, allow(Condition={"Null": {"a:b": "0"}}), "'0' is neither true nor false"),
    (IDENTITY, allow(Condition={"NumericEquals": {"a:b": "1_0"}}), "'1_0' is not a number"),
    (IDENTITY, allow(Condition={"NumericEquals": {"a:b": "NaN"}}), "'NaN' is not a number"),
    (IDENTITY, allow(Condition={"DateEquals": {"a:b": "soon"}}), "'soon' is not an ISO 8601 date"),
    (IDENTITY, allow(Condition={"IpAddress": {"a:b": "10.0.0.0/33"}}), "not an IP address or CIDR"),
    (IDENTITY, allow(Condition={"BinaryEquals": {"a:b": "!"}}), "'!' is not base64"),
    (IDENTITY, allow(Condition={"StringEquals": {"a:b": {}}}), "must be a string, not an object"),
    (IDENTITY, allow(Condition={"StringLike": {"a:b": "${x"}}), "a policy variable is not closed"),
]


@pytest.mark.parametrize(("kind", "statement", "reason"), REFUSED)
def test_a_statement_that_is_none_is_refused_naming_the_place(
    kind: PolicyKind, statement: Any, reason: str
) -> None:
    document = {"Version": "2012-10-17", "Statement": [statement]}
    with pytest.raises(PolicyInvalid) as caught:
        parse(document, kind)
    assert reason in str(caught.value)
    assert caught.value.line is None
    with pytest.raises(PolicyInvalid) as caught:
        parse(json.dumps(document, indent=1), kind)
    assert reason in str(caught.value)
    assert caught.value.line is not None


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ("[]", "must be an object, not a list (line 1, column 1)"),
        ('"x"', "must be an object, not a string"),
        ("{}", "Statement is missing"),
        ('{"Statement": []}', "Statement: must not be empty (line 1, column 15)"),
        ('{"Version": "2012-10-18"}', "Version: '2012-10-18' is neither 2012-10-17 nor 2008-10-17"),
        ('{"Version": 2012}', "Version: must be a string, not a number"),
        ('{"Id": 1}', "Id: must be a string"),
        ('{"version": "2012-10-17"}', "'version' is not an element of a policy (Version is)"),
        ('{"Statement": 1, "Statement": 2}', "'Statement' appears more than once"),
        ('{"Id": "\\ud800"}', "Id: must not hold half a surrogate pair"),
    ],
)
def test_a_document_that_is_no_policy_is_refused(document: str, reason: str) -> None:
    with pytest.raises(PolicyInvalid) as caught:
        parse(document, IDENTITY)
    assert reason in str(caught.value)


def test_a_single_statement_and_single_values_need_no_lists() -> None:
    policy = parse({"Statement": allow(Sid="One")}, IDENTITY, name="n")
    (statement,) = policy.statements
    assert (statement.index, statement.sid, statement.effect) == (0, "One", Effect.ALLOW)
    assert (policy.version, policy.name, policy.kind) == ("2008-10-17", "n", IDENTITY)
    with pytest.raises(PolicyInvalid, match=r"^Statement\.Effect: must be Allow or Deny"):
        parse({"Statement": allow(Effect="x")}, IDENTITY)


def test_the_same_sid_twice_is_refused_where_iam_keeps_the_policy() -> None:
    statements = [allow("sts:X", Sid="A", Principal="*"), allow("sts:X", Sid="A", Principal="*")]
    bare = [without(each, "Resource") for each in statements]
    assert len(parse({"Statement": statements}, REPOSITORY).statements) == 2
    with pytest.raises(PolicyInvalid, match=r"Statement\[1\]\.Sid: 'A' is the Sid of another"):
        parse({"Statement": bare}, TRUST)
    mine = [without(each, "Principal") for each in statements]
    with pytest.raises(PolicyInvalid, match="is the Sid of another statement"):
        parse({"Statement": mine}, IDENTITY)
    assert len(parse({"Statement": [allow(Sid=""), allow(Sid="")]}, IDENTITY).statements) == 2


def test_a_repository_policy_has_sids_with_spaces_and_the_old_version() -> None:
    policy = parse(
        {"Version": "2008-10-17", "Id": "x", "Statement": [{**GRANT, "Sid": "new statement"}]},
        REPOSITORY,
    )
    assert policy.statements[0].sid == "new statement"


def test_size_is_counted_without_white_space_by_iam_and_with_it_elsewhere() -> None:
    compact = json.dumps({"Statement": allow()}, separators=(",", ":"))
    spaced = compact.replace(",", " ,\n ")
    assert parse(spaced, IDENTITY, limit=len(compact)).statements
    with pytest.raises(PolicyInvalid, match=f"has {len(compact)} characters, more than 20$"):
        parse(spaced, IDENTITY, limit=20)
    granting = json.dumps({"Statement": GRANT}, indent=1)
    assert parse(granting, REPOSITORY, limit=len(granting)).statements
    with pytest.raises(PolicyInvalid, match="characters, more than"):
        parse(granting, REPOSITORY, limit=len(granting) - 1)
    with pytest.raises(PolicyInvalid, match="characters, more than 131072"):
        parse(compact + " " * 131_072, IDENTITY)


def test_a_policy_is_the_key_of_a_cache() -> None:
    first, again = identity(allow()), identity(allow())
    assert len({first, again, identity(allow("a:B"))}) == 2
    assert first != parse(first.text, PolicyKind.BOUNDARY)
    assert first != parse(first.text, IDENTITY, name="other")


def test_a_policys_representation_does_not_hold_its_text() -> None:
    assert "svc:Get" not in repr(identity(allow()))


def test_values_of_a_mapping_that_json_does_not_know() -> None:
    endless: dict[str, object] = {}
    endless["Statement"] = endless
    for document in (endless, {"Statement": {1, 2}}, {"Statement": object()}):
        with pytest.raises(PolicyInvalid, match="not a JSON object"):
            parse(document, IDENTITY)


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("arn:aws:svc", True),
        ("arn:aws:other", False),
        ("arn:*", True),
        (f"arn:aws:svc:us-east-1:{HERE}:*", True),
        (f"arn:aws:svc:us-*:{HERE}:thing/?ne", True),
        (f"arn:aws:svc:us-*:{HERE}:thing/o?ne", False),
        (f"arn:aws:svc:us-east-1:{HERE}:thing", False),
        ("arn:aws:svc:*one", False),
        ("arn:aws:svc:*:${aws:PrincipalAccount}", True),
        ("arn:*:svc:*:${aws:PrincipalAccount}:thing/*", True),
        ("arn:*:svc:*:${aws:username}:thing/*", False),
    ],
)
def test_resources_are_arns_with_wildcards_completed_where_too_short(
    pattern: str, matches: bool
) -> None:
    decision = decide(Policies((identity(allow(Resource=pattern)),)), request(on=RESOURCE))
    assert decision.allowed is matches


def test_all_the_actions_there_are() -> None:
    for pattern in ("*", "*:*", "svc:*", "SVC:g*t", "svc:???"):
        assert decide(Policies((identity(allow(pattern)),)), request(action=ACTION)).allowed


def test_a_permission_to_an_account_in_every_form() -> None:
    for named in (HERE, f"arn:aws:iam::{HERE}:root"):
        policy = parse({"Statement": {**GRANT, "Principal": to(named)}}, TRUST)
        decision = decide(
            Policies((identity(allow("sts:*")),), policy), request(action="sts:AssumeRole")
        )
        assert decision.allowed
