"""The scheduler's one decision: what a service needs now, of what it is and what runs.

A plan is a function of its input alone. Nothing is remembered between two plans but what is in
the rollouts, so a crash between them, or within, is of no consequence.

Source: Developer Guide, "Deploy Amazon ECS services by replacing tasks", "How the Amazon ECS
deployment circuit breaker detects failures", "Service throttle logic".
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from registry.ecs.control.scheduling import words
from registry.ecs.control.scheduling.moving import daemons, replicas
from registry.ecs.control.scheduling.views import (
    COMPLETED,
    FAILED,
    IN_PROGRESS,
    Plan,
    Rollout,
    delay,
    throttled,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from registry.ecs.control.scheduling.views import Loss, ServiceView, Start, Stop, TaskView


def plan(
    service: ServiceView,
    rollouts: Sequence[Rollout],
    tasks: Sequence[TaskView],
    losses: Sequence[Loss],
    now: float,
) -> Plan:
    """What is to be done; exactly one of `rollouts` is primary. `now`: seconds since 1970."""
    events: list[str] = []
    current = {
        each.id: _counted(service, each, tasks, losses, now=now, events=events) for each in rollouts
    }
    verdict = _judge(service, current, now, events)
    primary = next(each for each in current.values() if each.primary)
    living = [task for task in tasks if not task.stopping]
    ending = [task for task in tasks if task.stopping]
    if service.places is None:
        starts, stops = replicas(service, primary, living, now)
    else:
        starts, stops = daemons(service, primary, living, ending, now)
    events += _said(service, stops)
    primary, ended = _settled(service, primary, tasks, starts, stops, now=now, events=events)
    current[primary.id] = primary
    before = {each.id: each for each in rollouts}
    used = {task.rollout for task in living}
    return Plan(
        starts=tuple(starts),
        stops=tuple(stops),
        rollouts=tuple(each for each in current.values() if each != before[each.id]),
        retired=tuple(
            each.id for each in current.values() if not each.primary and each.id not in used
        ),
        counted=tuple(loss.id for loss in losses),
        events=tuple(events),
        verdict=verdict or ended,
        inactive=service.draining and not living,
    )


def _counted(
    service: ServiceView,
    rollout: Rollout,
    tasks: Sequence[TaskView],
    losses: Sequence[Loss],
    *,
    now: float,
    events: list[str],
) -> Rollout:
    """With the tasks counted that failed since."""
    failed = sum(loss.failed for loss in losses if loss.rollout == rollout.id)
    if failed:
        rounds = rollout.rounds + 1
        rollout = replace(
            rollout,
            failed=rollout.failed + failed,
            rounds=rounds,
            retry_at=max(rollout.retry_at, now + delay(rounds)),
        )
        if throttled(rounds) and rollout.primary:
            events.append(words.inconsistent(service.name))
    well = any(task.healthy for task in tasks if task.rollout == rollout.id and not task.stopping)
    return replace(rollout, failed=0) if well and service.breaker.resets else rollout


def _judge(
    service: ServiceView, current: dict[str, Rollout], now: float, events: list[str]
) -> str | None:
    """Trip the breaker where too many tasks failed, and roll back if that is wanted."""
    primary = next(each for each in current.values() if each.primary)
    breaker = service.breaker
    if not breaker.enabled or service.draining or primary.state != IN_PROGRESS:
        return None
    if primary.failed < breaker.threshold(service.wanted):
        return None
    reason = "ECS deployment circuit breaker: tasks failed to start."
    current[primary.id] = replace(primary, state=FAILED, reason=reason)
    events.append(words.failed(service.name, primary.name))
    target = last_completed(current.values(), primary.id)
    if breaker.rollback and not primary.rollback and target is not None:
        roll_back(current, target, now)
        events.append(words.rolling_back(service.name, target.name))
    return FAILED


def last_completed(rollouts: Iterable[Rollout], but: str) -> Rollout | None:
    """The rollout that was completed last, other than that one."""
    done = [each for each in rollouts if each.completed_at is not None and each.id != but]
    return max(done, key=lambda each: each.completed_at or 0.0, default=None)


def roll_back(current: dict[str, Rollout], target: Rollout, now: float) -> None:
    """Make `target` the primary one again."""
    for each in list(current.values()):
        if each.primary:
            current[each.id] = replace(each, primary=False)
    reason = f"ECS deployment circuit breaker: rolling back to deploymentId {target.name}."
    current[target.id] = Rollout(
        target.id, reason=reason, completed_at=target.completed_at, rollback=True, retry_at=now
    )


def _said(service: ServiceView, stops: Sequence[Stop]) -> list[str]:
    ill = [stop.task for stop in stops if stop.reason == words.UNHEALTHY]
    found = [words.unhealthy(service.name, task) for task in ill]
    if stops:
        found.append(words.stopped(service.name, [stop.task for stop in stops]))
    return found


def _settled(
    service: ServiceView,
    primary: Rollout,
    tasks: Sequence[TaskView],
    starts: Sequence[Start],
    stops: Sequence[Stop],
    *,
    now: float,
    events: list[str],
) -> tuple[Rollout, str | None]:
    """Whether the service has come to where it is to be, and its deployment with it."""
    living = [task for task in tasks if not task.stopping]
    well = [task for task in living if task.rollout == primary.id and task.healthy]
    moved = bool(starts or stops)
    steady = not moved and len(well) == len(living) == service.wanted and not service.draining
    if not steady:
        primary = replace(primary, steady=False)
        return _blocked(service, primary, living, events, now=now, moved=moved), None
    ended = None
    if primary.state == IN_PROGRESS:
        ended = COMPLETED
        reason = f"ECS deployment {primary.name} completed."
        primary = replace(primary, state=COMPLETED, reason=reason, completed_at=now)
        events.append(words.completed(service.name, primary.name))
    if not primary.steady:
        events.append(words.steady(service.name))
    return replace(primary, steady=True, rounds=0, retry_at=0.0, blocked=False), ended


def _blocked(
    service: ServiceView,
    primary: Rollout,
    living: Sequence[TaskView],
    events: list[str],
    *,
    now: float,
    moved: bool,
) -> Rollout:
    """Say once that the percents allow neither a start nor a stop."""
    stuck = (
        primary.state == IN_PROGRESS
        and not moved
        and not service.draining
        and now >= primary.retry_at
        and all(task.healthy and not task.protected for task in living)
        and len(living) >= service.ceiling
        and any(task.rollout != primary.id for task in living)
    )
    if stuck and not primary.blocked:
        events.append(words.blocked(service.name))
    return replace(primary, blocked=stuck)
