"""The tables follow the IAM User Guide, "Condition operators" and "Creating a condition with
multiple keys or values".
"""

from __future__ import annotations

import base64
from typing import Any

import pytest

from registry.aws.policy import Principal
from tests.aws.policy.builders import HERE, SESSION, USER, allow, applies, request

Value = str | tuple[str, ...] | None


def holds(operator: str, wanted: Any, value: Value, key: str = "svc:Key") -> bool:
    """Whether the condition holds for a request with such a value of the key, or with none."""
    context = {} if value is None else {key.replace(":", "__"): value}
    statement = allow(Condition={operator: {key: wanted}})
    return applies(statement, request(**context))  # type: ignore[arg-type]  # mypy can't tell the keys from the other parameters


SINGLE = [
    ("StringEquals", "blue", {"blue": True, "Blue": False, "blues": False, "": False}),
    ("StringEquals", ["blue", "red"], {"red": True, "green": False}),
    ("StringEquals", "b*", {"b*": True, "blue": False}),
    ("StringEqualsIgnoreCase", "Blue", {"bLUE": True, "blues": False}),
    (
        "StringLike",
        ["b*e", "re?"],
        {"blue": True, "be": True, "red": True, "re": False, "B": False},
    ),
    ("StringLike", "", {"": True, "x": False}),
    ("NumericEquals", ["10", 12.5], {"10": True, "10.0": True, "12.50": True, "x": False}),
    ("NumericLessThan", "10", {"9.99": True, "10": False, "-3": True}),
    ("NumericLessThanEquals", 10, {"10": True, "10.01": False}),
    ("NumericGreaterThan", "10", {"10.01": True, "10": False, "9": False}),
    ("NumericGreaterThanEquals", "10", {"10": True, "9": False, "": False}),
    ("Bool", "true", {"true": True, "True": True, "false": False, "1": False}),
    ("Bool", False, {"false": True, "true": False}),
    (
        "IpAddress",
        ["203.0.113.0/24", "2001:DB8:1234:5678::/64"],
        {
            "203.0.113.255": True,
            "203.0.114.1": False,
            "2001:db8:1234:5678:9::1": True,
            "2001:db8:1234:5679::1": False,
            "::ffff:203.0.113.7": True,
            "nowhere": False,
        },
    ),
    ("IpAddress", "203.0.113.7", {"203.0.113.7": True, "203.0.113.8": False}),
    ("IpAddress", "203.0.113.9/24", {"203.0.113.7": True}),
    (
        "DateEquals",
        "2020-01-01T00:00:01Z",
        {"2020-01-01T00:00:01Z": True, "1577836801": True, "2020-01-01T01:00:01+01:00": True},
    ),
    ("DateLessThan", "2020-01-01", {"2019-12-31T23:59:59.9Z": True, "2020-01-01": False}),
    ("DateLessThanEquals", "2020-01", {"2020-01-01": True, "2020-01-02": False}),
    ("DateGreaterThan", 1577836800, {"2020-01-01T00:00:01Z": True, "2020-01-01": False}),
    ("DateGreaterThanEquals", "2020-01-01", {"1577836800": True, "yesterday": False}),
    (
        "BinaryEquals",
        "QmluYXJ5VmFsdWVJbkJhc2U2NA==",
        {base64.b64encode(b"BinaryValueInBase64").decode(): True, "QmluYXJ5": False, "!": False},
    ),
]


@pytest.mark.parametrize(("operator", "wanted", "values"), SINGLE)
def test_operators_and_their_if_exists(operator: str, wanted: Any, values: dict[str, bool]) -> None:
    for value, expected in values.items():
        assert holds(operator, wanted, value) is expected, value
        assert holds(f"{operator}IfExists", wanted, value) is expected, value
    assert not holds(operator, wanted, None)
    assert holds(f"{operator}IfExists", wanted, None)


NEGATED = [
    ("StringNotEquals", ["blue", "red"], "red", "green"),
    ("StringNotEqualsIgnoreCase", ["blue", "Red"], "RED", "green"),
    ("StringNotLike", ["b*", "r*"], "red", "green"),
    ("NumericNotEquals", ["1", "2"], "2.0", "3"),
    ("DateNotEquals", ["2020-01-01", "2021-01-01"], "2021-01-01T00:00:00Z", "2022-01-01"),
    ("NotIpAddress", ["10.0.0.0/8", "::1"], "10.1.1.1", "11.1.1.1"),
    ("ArnNotEquals", ["arn:aws:s:::a", "arn:aws:s:::b*"], "arn:aws:s:::bc", "arn:aws:s:::c"),
    ("ArnNotLike", ["arn:aws:s:::a", "arn:aws:s:::b*"], "arn:aws:s:::bc", "arn:aws:s:::c"),
]


@pytest.mark.parametrize(("operator", "wanted", "listed", "unlisted"), NEGATED)
def test_negated_operators_match_none_of_their_values_and_missing_keys(
    operator: str, wanted: list[str], listed: str, unlisted: str
) -> None:
    assert not holds(operator, wanted, listed)
    assert holds(operator, wanted, unlisted)
    assert holds(operator, wanted, None)
    assert holds(f"{operator}IfExists", wanted, None)
    assert not holds(f"{operator}IfExists", wanted, listed)


ARN = f"arn:aws:svc:us-east-2:{HERE}:finance/document.txt"


@pytest.mark.parametrize("operator", ["ArnEquals", "ArnLike"])
@pytest.mark.parametrize(
    ("pattern", "value", "expected"),
    [
        (f"arn:aws:svc:*:{HERE}:finance/*", ARN, True),
        # The guide's example of what a string operator matches and an ARN operator does not.
        (
            f"arn:aws:svc:*:{HERE}:finance/*",
            f"arn:aws:svc:us-east-2:999999999999:store/abc:{HERE}:finance/document.txt",
            False,
        ),
        ("arn:aws:svc:us-east-?:*:*", ARN, True),
        ("arn:aws:svc:us-east-??:*:*", ARN, False),
        ("arn:aws:svc:*", ARN, False),
        ("*", ARN, True),
        ("*", "not an arn", False),
        ("arn:*:*:*:*:fin*ance/*.txt", ARN, True),
        ("arn:*:*:*:*:a*:b", "arn:aws:svc:::a/x:y:b", True),
        ("ARN:aws:svc:*:*:*", ARN, False),
    ],
)
def test_arn_operators_compare_component_by_component(
    operator: str, pattern: str, value: str, expected: bool
) -> None:
    assert holds(operator, pattern, value) is expected


def test_the_string_operator_matches_across_colons() -> None:
    value = f"arn:aws:svc:us-east-2:999999999999:store/abc:{HERE}:finance/document.txt"
    assert holds("StringLike", f"arn:aws:svc:*:{HERE}:finance/*", value)


# The guide's table: the request's keys, those of the policy, and what each quantifier says.
SETS: list[tuple[Value, bool, bool, bool, bool]] = [
    # value, AllValues:Equals, AnyValue:Equals, AllValues:NotEquals, AnyValue:NotEquals
    (("PostDateTime", "UserName"), False, True, False, True),
    (("PostDateTime", "Tags"), True, True, False, False),
    (("UserName",), False, False, True, True),
    ("Tags", True, True, False, False),
    ((), True, False, True, False),
    (("",), True, False, True, False),
    ("", True, False, True, False),
    (None, True, False, True, False),
]


@pytest.mark.parametrize(("value", "all_equal", "any_equal", "all_differ", "any_differ"), SETS)
def test_set_operators(
    value: Value, all_equal: bool, any_equal: bool, all_differ: bool, any_differ: bool
) -> None:
    wanted = ["PostDateTime", "Message", "Tags"]
    assert holds("ForAllValues:StringEquals", wanted, value) is all_equal
    assert holds("ForAnyValue:StringEquals", wanted, value) is any_equal
    assert holds("ForAllValues:StringNotEquals", wanted, value) is all_differ
    assert holds("ForAnyValue:StringNotEquals", wanted, value) is any_differ


def test_set_operators_if_exists() -> None:
    for quantifier in ("ForAnyValue", "ForAllValues"):
        assert holds(f"{quantifier}:StringLikeIfExists", "a*", None)
        assert holds(f"{quantifier}:StringLikeIfExists", "a*", ("ab",))
        assert not holds(f"{quantifier}:StringLikeIfExists", "a*", ("b",))


def test_several_values_without_a_set_operator() -> None:
    assert holds("StringEquals", "a", ("b", "a"))
    assert not holds("StringNotEquals", "a", ("b", "a"))


@pytest.mark.parametrize("value", ["x", "", ("x",)])
def test_null(value: Value) -> None:
    assert holds("Null", "true", None)
    assert holds("Null", True, ())
    assert not holds("Null", "false", None)
    assert not holds("Null", "true", value)
    assert holds("Null", "False", value)
    assert holds("Null", ["true", "false"], value)


def test_an_operator_without_values() -> None:
    assert not holds("StringEquals", [], "x")
    assert holds("StringNotEquals", [], "x")
    assert not holds("ArnLike", [], "arn:aws:s:::x")


def test_all_operators_and_keys_must_hold() -> None:
    statement = allow(
        Condition={
            "StringEqualsIgnoreCase": {
                "aws:PrincipalTag/TEAM": ["finance", "BLUE"],
                "svc:Role": ["audit", "security"],
            },
            "StringEquals": {"aws:PrincipalAccount": HERE},
        }
    )
    assert applies(statement, request(svc__role="Audit"))
    assert not applies(statement, request(svc__role="sales"))
    assert not applies(statement, request())


def test_keys_of_the_principal_cannot_be_forged_by_the_context() -> None:
    forged = {"aws__principalarn": USER.arn, "aws__username": "ann", "aws__principaltag/team": "x"}
    asked = request(SESSION, **forged)
    assert not applies(allow(Condition={"ArnEquals": {"aws:PrincipalArn": USER.arn}}), asked)
    assert applies(allow(Condition={"Null": {"aws:username": "true"}}), asked)
    assert applies(allow(Condition={"Null": {"AWS:PrincipalTag/Team": "true"}}), asked)


VARIABLES = [
    ("StringEquals", "home/${aws:username}", "home/ann", True),
    ("StringEquals", "home/${AWS:UserName}", "home/bob", False),
    ("StringLike", "home/${aws:username}/*", "home/ann/x", True),
    ("StringLike", "home/${aws:username}/*", "home/bob/x", False),
    ("StringLike", "${aws:PrincipalTag/team}-?", "blue-1", True),
    ("StringLike", "${aws:PrincipalTag/none, 'wide'}-*", "wide-1", True),
    ("StringLike", "${aws:PrincipalTag/team, 'wide'}-*", "wide-1", False),
    ("StringLike", "a${*}b${?}c${$}", "a*b?c$", True),
    ("StringLike", "a${*}b${?}c${$}", "axbyc$", False),
    ("StringEqualsIgnoreCase", "TEAM-${aws:PrincipalTag/Team}", "team-BLUE", True),
    ("StringEquals", "${aws:PrincipalTag/none}", "", False),
    ("StringNotEquals", "${aws:PrincipalTag/none}", "x", True),
    ("StringNotLike", ["${aws:PrincipalTag/none}", "x"], "x", False),
    ("StringEquals", "${svc:Many}", "one", False),
    ("ArnLike", "${aws:PrincipalArn}", USER.arn, True),
    ("ArnEquals", f"arn:aws:iam::{HERE}:user/*/${{aws:username}}", USER.arn, True),
    ("ArnEquals", "arn:aws:iam::${aws:PrincipalAccount}:user/*", USER.arn, True),
    ("ArnEquals", "arn:aws:iam::${aws:username}:user/*", USER.arn, False),
    ("Bool", "${svc:Wanted}", "true", True),
    ("Bool", "${svc:Wanted}", "false", False),
]


@pytest.mark.parametrize(("operator", "wanted", "value", "expected"), VARIABLES)
def test_policy_variables(operator: str, wanted: Any, value: str, expected: bool) -> None:
    statement = allow(Condition={operator: {"svc:Key": wanted}})
    asked = request(svc__key=value, svc__many=("one", "two"), svc__wanted="True")
    assert applies(statement, asked) is expected


def test_a_value_put_in_for_a_variable_is_no_pattern() -> None:
    star = Principal(f"arn:aws:iam::{HERE}:user/star", HERE, name="*")
    statement = allow(Condition={"StringLike": {"svc:Key": "home/${aws:username}"}})
    assert applies(statement, request(star, svc__key="home/*"))
    assert not applies(statement, request(star, svc__key="home/ann"))


def test_the_old_version_has_no_variables() -> None:
    statement = allow(Condition={"StringEquals": {"svc:Key": "${aws:username}"}})
    assert applies(statement, request(svc__key="${aws:username}"), version="2008-10-17")
    assert not applies(statement, request(svc__key="ann"), version="2008-10-17")


@pytest.mark.parametrize("principal", [SESSION, None])
def test_a_resource_with_a_variable_without_value_matches_nothing(
    principal: Principal | None,
) -> None:
    mine = allow(Resource="arn:aws:svc:::home/${aws:username}")
    asked = request(principal, on="arn:aws:svc:::home/")
    assert not applies(mine, asked)
    assert applies(mine, request(on="arn:aws:svc:::home/ann"))
