"""`/api/v1/event-targets`: the webhooks of a registry, and what they did not take.

A registry is that of the caller's account in the region that the request is signed for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from registry.api.routes import Call, Need, Route
from registry.domain.events.deliveries import Delivery, Load, Queue
from registry.domain.events.targets import Target, Targets, Wish
from registry.domain.tasks import now
from registry.values.errors import ParameterInvalid
from registry.values.scope import Scope

if TYPE_CHECKING:
    from datetime import datetime

    from registry.aws.pages import Pages

PUT, LIST, DELETE = "ecr:PutEventTarget", "ecr:DescribeEventTargets", "ecr:DeleteEventTarget"
RETRY = "ecr:RetryEvents"
PAGE = 100
"""Dead letters in one answer."""


class EventTargetEndpoints:
    """List, make, change, delete, and try again."""

    def __init__(self, targets: Targets, queue: Queue, pages: Pages) -> None:
        self._targets = targets
        self._queue = queue
        self._pages = pages

    @property
    def routes(self) -> Sequence[Route]:
        """Where they are reached."""
        one = "event-targets/{name}"
        return (
            Route("ListEventTargets", "GET", "event-targets", _needs(LIST), self.list),
            Route("PutEventTarget", "PUT", one, _needs(PUT), self.put),
            Route("DescribeEventTarget", "GET", one, _needs(LIST), self.get),
            Route("DeleteEventTarget", "DELETE", one, _needs(DELETE), self.delete),
            Route("ListDeadLetters", "GET", f"{one}/dead-letters", _needs(LIST), self.letters),
            Route("RetryEvents", "POST", f"{one}/retry", _needs(RETRY), self.retry),
        )

    def list(self, call: Call) -> Mapping[str, Any]:
        """All of them, by name."""
        call.only()
        loads = self._queue.loads()
        found = self._targets.list(_scope(call))
        return {"targets": [_described(each, loads.get(each.id)) for each in found]}

    def put(self, call: Call) -> Mapping[str, Any]:
        """Make or change one; a secret that was made for it is told this once."""
        call.only("url", "detailTypes", "actions", "repositories", "secret")
        url = call.text("url")
        if url is None:
            raise ParameterInvalid("the parameter 'url' is missing")
        secret = call.text("secret")
        kinds, actions = _texts(call, "detailTypes"), _texts(call, "actions")
        wish = Wish(url, kinds, actions, _texts(call, "repositories"), secret)
        made = self._targets.put(_scope(call), call.path["name"], wish)
        told = {"secret": made} if made is not None and secret is None else {}
        return {**self.get(call), **told}

    def get(self, call: Call) -> Mapping[str, Any]:
        """One of them. Raises EntityNotFound."""
        target = self._named(call)
        return {"target": _described(target, self._queue.loads().get(target.id))}

    def delete(self, call: Call) -> Mapping[str, Any]:
        """Forget one, with what waits for it. Raises EntityNotFound."""
        call.only()
        self._targets.delete(_scope(call), call.path["name"])
        return {}

    def letters(self, call: Call) -> Mapping[str, Any]:
        """What one did not take and was given up, in pages."""
        call.only()
        target = self._named(call)
        listing = f"dead letters {target.id} {call.context.caller.arn}"
        after = self._pages.open(listing, call.query.get("nextToken"), 0)
        found = self._queue.dead(target, after, PAGE + 1)
        answer: dict[str, Any] = {"deadLetters": [_letter(each) for each in found[:PAGE]]}
        if len(found) > PAGE:
            answer["nextToken"] = self._pages.seal(listing, found[PAGE - 1].id)
        return answer

    def retry(self, call: Call) -> Mapping[str, Any]:
        """Try one's dead letters again: that of an event, or all."""
        call.only("eventId")
        return {"retried": self._queue.retry(self._named(call), now(), call.text("eventId"))}

    def _named(self, call: Call) -> Target:
        return self._targets.get(_scope(call), call.path["name"])


def _needs(action: str) -> Any:
    def needs(call: Call) -> Sequence[Need]:
        scope, name = _scope(call), call.path.get("name", "*")
        arn = f"arn:aws:ecr:{scope.region}:{scope.account}:event-target/{name}"
        return [Need((action,), (arn,))]

    return needs


def _scope(call: Call) -> Scope:
    return Scope(call.context.account, call.context.region)


def _texts(call: Call, name: str) -> list[str]:
    given = call.listed(name) or []
    if not all(isinstance(each, str) for each in given):
        raise ParameterInvalid(f"the parameter '{name}' must be a JSON array of strings")
    return list(given)


def _described(target: Target, load: Load | None) -> dict[str, Any]:
    load = load or Load()
    return {
        "name": target.name,
        "url": target.url,
        "detailTypes": list(target.detail_types),
        "actions": list(target.actions),
        "repositories": list(target.repositories),
        "createdAt": _time(target.created_at),
        "waiting": load.waiting,
        "deadLetters": load.dead,
        "failures": target.failures,
        "lastError": target.error,
        "nextAttemptAt": _time(target.next_at),
    }


def _letter(letter: Delivery) -> dict[str, Any]:
    return {
        "eventId": letter.event_id,
        "event": letter.event,
        "attempts": letter.attempts,
        "error": letter.error,
        "givenUpAt": _time(letter.dead_at),
    }


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%SZ")
