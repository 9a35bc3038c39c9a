"""What holds of every decision, whatever the policies."""

from __future__ import annotations

import json
from dataclasses import replace
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from registry.aws.policy import (
    Policies,
    Policy,
    PolicyInvalid,
    PolicyKind,
    Reason,
    Request,
    decide,
    parse,
)
from tests.aws.policy.builders import (
    HERE,
    ROLE,
    ROOT,
    SERVICE,
    SESSION,
    STRANGER,
    THERE,
    USER,
    identity,
    policy,
    to,
)

ACTIONS = ["svc:Get", "svc:GetAll", "svc:Put", "other:Get"]
RESOURCES = [f"arn:aws:svc:us-east-1:{HERE}:thing/{name}" for name in ("one", "two", "ann")]
PRINCIPALS = [USER, SESSION, STRANGER, ROOT, SERVICE, None]

actions = st.lists(
    st.sampled_from([*ACTIONS, "*", "svc:*", "SVC:get*", "svc:P?t"]), min_size=1, max_size=3
)
resources = st.lists(
    st.sampled_from([*RESOURCES, "*", "arn:aws:svc:*:*:thing/t*", "arn:aws:svc:::x"])
    | st.just(f"arn:aws:svc:*:{HERE}:thing/${{aws:username}}"),
    min_size=1,
    max_size=3,
)
conditions = st.sampled_from(
    [
        {},
        {"StringEquals": {"aws:PrincipalAccount": HERE}},
        {"Bool": {"aws:SecureTransport": "true"}},
        {"ForAllValues:StringLike": {"aws:TagKeys": ["a*"]}},
        {"Null": {"aws:username": "true"}},
        {"NotIpAddressIfExists": {"aws:SourceIp": "10.0.0.0/8"}},
    ]
)
named = st.sampled_from(
    [
        *("*", to(HERE), to(THERE), {"Service": SERVICE.arn}),
        *(to(USER.arn), to(ROLE), to(SESSION.arn), to(STRANGER.arn)),
    ]
)


@st.composite
def statements(draw: st.DrawFn, *, principals: bool, effect: str | None = None) -> dict[str, Any]:
    statement: dict[str, Any] = {
        "Effect": effect or draw(st.sampled_from(["Allow", "Deny"])),
        draw(st.sampled_from(["Action", "NotAction"])): draw(actions),
        draw(st.sampled_from(["Resource", "NotResource"])): draw(resources),
        "Condition": draw(conditions),
    }
    return {**statement, "Principal": draw(named)} if principals else statement


def documents(kind: PolicyKind) -> st.SearchStrategy[Policy]:
    each = statements(principals=kind.names_principals)
    return st.lists(each, min_size=1, max_size=4).map(lambda listed: policy(kind, *listed))


of_identity = documents(PolicyKind.IDENTITY)
policies = st.builds(
    Policies,
    st.lists(of_identity, max_size=2).map(tuple),
    st.none() | documents(PolicyKind.RESOURCE),
    st.none() | of_identity,
    st.lists(of_identity, max_size=2).map(tuple),
)
requests = st.builds(
    Request,
    st.sampled_from(PRINCIPALS),
    st.sampled_from(ACTIONS),
    st.sampled_from(RESOURCES),
    st.sampled_from([HERE, THERE]),
    st.fixed_dictionaries(
        {"aws:securetransport": st.sampled_from(["true", "false"])},
        optional={
            "aws:tagkeys": st.lists(st.sampled_from(["a", "ab", "b"])).map(tuple),
            "aws:sourceip": st.sampled_from(["10.1.1.1", "192.0.2.1"]),
        },
    ),
)


@given(policies, requests, statements(principals=False, effect="Deny"), st.booleans())
def test_adding_a_deny_never_allows_and_is_never_outvoted(
    before: Policies, asked: Request, refusal: dict[str, Any], first: bool
) -> None:
    was = decide(before, asked)
    refusing = identity(refusal)
    both = (refusing, *before.identity) if first else (*before.identity, refusing)
    now = decide(replace(before, identity=both), asked)
    applies = refusing.statements[0].applies(asked.action.lower(), asked)
    assert now.allowed is (was.allowed and not applies)
    assert (now.reason is Reason.EXPLICIT_DENY) is (was.reason is Reason.EXPLICIT_DENY or applies)


@given(policies, requests, statements(principals=True, effect="Deny"))
def test_a_deny_of_the_resource_never_allows(
    before: Policies, asked: Request, refusal: dict[str, Any]
) -> None:
    was = decide(before, asked)
    listed = read_back(before.resource) if before.resource else []
    now = decide(replace(before, resource=policy(PolicyKind.RESOURCE, *listed, refusal)), asked)
    assert was.allowed or not now.allowed


@given(policies, requests, st.randoms(use_true_random=False))
def test_order_never_matters(before: Policies, asked: Request, random: Random) -> None:
    def shuffled(each: Policy) -> Policy:
        listed = read_back(each)
        random.shuffle(listed)
        return policy(each.kind, *listed)

    def mixed(several: tuple[Policy, ...]) -> tuple[Policy, ...]:
        return tuple(random.sample([shuffled(each) for each in several], len(several)))

    after = Policies(
        mixed(before.identity),
        before.resource and shuffled(before.resource),
        before.boundary and shuffled(before.boundary),
        mixed(before.session),
    )
    was, now = decide(before, asked), decide(after, asked)
    assert now.allowed is was.allowed
    if was.reason is not Reason.EXPLICIT_DENY:
        assert (now.reason, now.kind) == (was.reason, was.kind)


@given(policies, requests)
def test_nothing_is_allowed_without_an_allow_that_applies(before: Policies, asked: Request) -> None:
    decision = decide(before, asked)
    everything = [*before.identity, *([before.resource] if before.resource else [])]
    action = asked.action.lower()
    granted = any(each.applies(action, asked) for one in everything for each in one.allows)
    root = asked.principal == ROOT and asked.resource_account == HERE
    assert granted or root or not decision.allowed


@given(actions, requests)
def test_an_allow_with_not_action_never_matches_what_it_names(
    listed: list[str], asked: Request
) -> None:
    rest = {"Effect": "Allow", "Resource": "*"}
    (but,) = identity({**rest, "NotAction": listed}).statements
    (only,) = identity({**rest, "Action": listed}).statements
    action = asked.action.lower()
    assert but.applies(action, asked) is not only.applies(action, asked)


@given(policies, requests)
def test_a_decision_always_has_a_message(before: Policies, asked: Request) -> None:
    message = decide(before, asked).message("arn:x", asked.action, asked.resource)
    assert f"authorized to perform: {asked.action} on resource: {asked.resource}" in message


words = st.sampled_from(
    [
        *("Version", "2012-10-17", "Statement", "Effect", "Allow", "Deny", "Action", "NotAction"),
        *("Resource", "NotResource", "Principal", "NotPrincipal", "AWS", "Service", "Condition"),
        *("StringLike", "ForAnyValue:ArnLike", "Bool", "Null", "DateEquals", "IpAddress", "Sid"),
        *("aws:x", "${aws:x}", "${", "*", "svc:*", "arn:aws:s:::b/${aws:x, 'y'}", "true", HERE),
    ]
)
arbitrary = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=5),
    max_leaves=20,
)


@given(arbitrary, st.sampled_from(PolicyKind))
def test_arbitrary_json_is_accepted_or_refused(value: Any, kind: PolicyKind) -> None:
    accepted_or_refused(json.dumps(value), kind)


@given(
    st.fixed_dictionaries(
        {"Statement": st.dictionaries(words, arbitrary, max_size=6)},
        optional={"Version": words},
    ),
    st.sampled_from(PolicyKind),
)
def test_nearly_policies_are_accepted_or_refused(value: Any, kind: PolicyKind) -> None:
    accepted_or_refused(json.dumps(value), kind)


@given(st.text(max_size=40) | st.text('{}[]":,\\ 1eStatement', max_size=40))
def test_arbitrary_text_is_accepted_or_refused(text: str) -> None:
    accepted_or_refused(text, PolicyKind.IDENTITY)


@given(documents(PolicyKind.RESOURCE), st.data())
def test_a_spoiled_policy_is_accepted_or_refused(good: Policy, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(good.text) - 1))
    spoiled = good.text[:at] + data.draw(st.text(max_size=2)) + good.text[at + 1 :]
    accepted_or_refused(spoiled, PolicyKind.RESOURCE)


def accepted_or_refused(text: str, kind: PolicyKind) -> None:
    """A policy that can decide, or an error that can be shown; never anything else."""
    try:
        accepted = parse(text, kind)
    except PolicyInvalid as error:
        shown = str(error).encode()  # half a surrogate pair would end here
        assert shown
        return
    placed = Policies(resource=accepted) if kind.names_principals else Policies((accepted,))
    decide(placed, Request(USER, "svc:Get", RESOURCES[0], HERE))


def read_back(one: Policy) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = json.loads(one.text)["Statement"]
    return listed
