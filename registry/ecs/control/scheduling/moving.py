"""Which tasks to start and stop, between minimum and maximum healthy percent.

Source: ECS API reference, DeploymentConfiguration; Developer Guide, "Amazon ECS services" (task
replacement: start before stop where the percents allow it), "Task scale-in protection".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.ecs.control.scheduling import words
from registry.ecs.control.scheduling.views import FAILED, Start, Stop

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry.ecs.control.scheduling.views import Rollout, ServiceView, TaskView

Moves = tuple[list[Start], list[Stop]]


def replicas(
    service: ServiceView, primary: Rollout, living: Sequence[TaskView], now: float
) -> Moves:
    """For a number of tasks, wherever they run. `living` are those that are not to stop."""
    mine = [task for task in living if task.rollout == primary.id]
    others = [task for task in living if task.rollout != primary.id]
    good = [task for task in mine if not task.unhealthy]
    missing = 0 if primary.state == FAILED else max(0, service.wanted - len(good))
    room = max(0, service.ceiling - len(living))
    surplus = _surplus(mine, len(mine) - service.wanted)
    blocked = max(0, missing - room)
    stops = [*surplus, *_ill(service, living, surplus, blocked)]
    if primary.state != FAILED or len(living) > service.wanted:
        stops += _replaced(service, living, others, stops, blocked)
    starts = 0 if now < primary.retry_at else min(missing, room)
    return [Start(primary.id)] * starts, _as_stops(primary, stops)


def daemons(
    service: ServiceView,
    primary: Rollout,
    living: Sequence[TaskView],
    ending: Sequence[TaskView],
    now: float,
) -> Moves:
    """For one task on each place, never two at once. `ending` are those that are stopping."""
    places = set() if service.draining else set(service.places or ())
    taken = {task.place for task in (*living, *ending)}
    stops = [task for task in living if task.place not in places]
    seen: set[str | None] = set()
    for task in living:
        if task not in stops and task.place in seen:
            stops.append(task)
        seen.add(task.place)
    gone = {task.id for task in stops}
    left = [task for task in living if task.id not in gone]
    if primary.state != FAILED:
        stops += [task for task in left if task.unhealthy]
        old = [task for task in left if task.rollout != primary.id and not task.unhealthy]
        stops += _affordable(service, left, [task for task in old if not task.protected], len(old))
    wait = now < primary.retry_at or primary.state == FAILED
    free = [] if wait else sorted(places - {place for place in taken if place is not None})
    return [Start(primary.id, place) for place in free], _as_stops(primary, stops)


def _surplus(mine: Sequence[TaskView], number: int) -> list[TaskView]:
    """So many tasks too many: first those that are of no use yet, then the youngest."""
    if number <= 0:
        return []
    free = [task for task in mine if not task.protected or task.unhealthy]
    free.sort(key=lambda task: (not task.unhealthy, task.healthy, -task.created, task.id))
    return free[:number]


def _ill(
    service: ServiceView,
    living: Sequence[TaskView],
    gone: Sequence[TaskView],
    blocked: int,
) -> list[TaskView]:
    """Unhealthy tasks whose replacement runs, or for whose replacement there is no room."""
    ill = [task for task in living if task.unhealthy and task not in gone]
    healthy = sum(task.healthy for task in living)
    return ill if healthy >= service.wanted else ill[:blocked]


def _replaced(
    service: ServiceView,
    living: Sequence[TaskView],
    others: Sequence[TaskView],
    gone: Sequence[TaskView],
    blocked: int,
) -> list[TaskView]:
    """Tasks of other revisions that can go: those that serve nobody yet at once, healthy ones as
    the primary's take over, or as room is needed that the minimum allows."""
    old = [task for task in others if task not in gone and not task.unhealthy]
    free = [task for task in old if not task.protected]
    left = [task for task in living if task not in gone]
    over = sum(task.healthy for task in left) - service.wanted
    return _affordable(service, left, free, max(0, over) + blocked)


def _affordable(
    service: ServiceView, left: Sequence[TaskView], free: Sequence[TaskView], number: int
) -> list[TaskView]:
    """Of `free`, all that are not healthy, and at most `number` healthy ones above the floor."""
    budget = sum(task.healthy for task in left) - service.floor
    healthy = sorted((task for task in free if task.healthy), key=lambda task: task.created)
    useless = [task for task in free if not task.healthy]
    return [*useless, *healthy[: max(0, min(number, budget))]]


def _as_stops(primary: Rollout, tasks: Sequence[TaskView]) -> list[Stop]:
    reason = words.scaling(primary.name)
    return [Stop(task.id, words.UNHEALTHY if task.unhealthy else reason) for task in tasks]
