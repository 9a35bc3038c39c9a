"""What the scheduler looks at, and what it decides: values, without a database.

Source: ECS API reference, DeploymentConfiguration, DeploymentCircuitBreaker, Deployment; Developer
Guide, "Service throttle logic".
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

IN_PROGRESS, COMPLETED, FAILED = "IN_PROGRESS", "COMPLETED", "FAILED"
_THRESHOLD_MIN, _THRESHOLD_MAX = 3, 200
_FREE_ROUNDS = 2
_FIRST_DELAY, _DELAY_MAX = 10.0, 27 * 60.0
PLACING_DELAY_MAX = 60.0


@dataclass(frozen=True, slots=True)
class Breaker:
    """When a deployment has failed."""

    enabled: bool = False
    rollback: bool = False
    kind: str = "BOUNDED_PERCENT"
    """COUNT, BOUNDED_PERCENT or UNBOUNDED_PERCENT."""
    value: int = 50
    resets: bool = True
    """Whether a healthy task takes the count of failures back to 0."""

    def threshold(self, desired: int) -> int:
        """So many failures in a row are too many: half of `desired` unless said otherwise, rounded
        up, at least 3 and at most 200."""
        if self.kind == "COUNT":
            return max(1, self.value)
        share = max(1, _share_up(desired, self.value))
        if self.kind == "UNBOUNDED_PERCENT":
            return share
        return min(_THRESHOLD_MAX, max(_THRESHOLD_MIN, share))


@dataclass(frozen=True, slots=True)
class ServiceView:
    """What a service is meant to be."""

    name: str
    desired: int
    minimum: int = 100
    """minimumHealthyPercent."""
    maximum: int = 200
    """maximumPercent."""
    breaker: Breaker = Breaker()
    draining: bool = False
    places: tuple[str, ...] | None = None
    """Of a daemon: the container instances that are each to run one task."""

    @property
    def wanted(self) -> int:
        """How many tasks there are to be."""
        if self.draining:
            return 0
        return self.desired if self.places is None else len(self.places)

    @property
    def floor(self) -> int:
        """As many healthy tasks are kept (rounded up)."""
        return _share_up(self.wanted, self.minimum)

    @property
    def ceiling(self) -> int:
        """No more tasks than this are RUNNING or PENDING (rounded down)."""
        return max(self.wanted, self.wanted * self.maximum // 100)


@dataclass(frozen=True, slots=True)
class Rollout:
    """How far a revision is."""

    id: str
    primary: bool = True
    state: str = IN_PROGRESS
    reason: str = ""
    failed: int = 0
    """Tasks that failed to start, since the last one that became healthy."""
    rounds: int = 0
    """How often tasks failed since the service was steady."""
    retry_at: float = 0.0
    """No task is started before, in seconds since 1970."""
    completed_at: float | None = None
    """When it was COMPLETED last."""
    steady: bool = False
    blocked: bool = False
    """It was said that the percents leave no way on."""
    rollback: bool = False
    """It became PRIMARY as another one failed."""

    @property
    def name(self) -> str:
        """As `deployments[].id` has it."""
        return f"ecs-svc/{self.id}"

    @property
    def kept(self) -> dict[str, Any]:
        """As the column `rollout` has it."""
        return {key: value for key, value in asdict(self).items() if key not in {"id", "primary"}}

    @classmethod
    def of(cls, number: str, *, primary: bool, kept: Mapping[str, Any]) -> Rollout:
        """From its row."""
        return cls(id=number, primary=primary, **kept)


@dataclass(frozen=True, slots=True)
class TaskView:
    """A task that has not stopped."""

    id: str
    rollout: str
    place: str | None = None
    running: bool = False
    healthy: bool = False
    """RUNNING, and its health checks pass if it has any."""
    unhealthy: bool = False
    stopping: bool = False
    """It is to stop, whoever said so."""
    protected: bool = False
    created: float = 0.0


@dataclass(frozen=True, slots=True)
class Loss:
    """A task that stopped and has not been counted."""

    id: str
    rollout: str
    failed: bool
    """It never came to run, or its health checks failed."""


@dataclass(frozen=True, slots=True)
class Start:
    """A task to be started."""

    rollout: str
    place: str | None = None


@dataclass(frozen=True, slots=True)
class Stop:
    """A task to be stopped."""

    task: str
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done now."""

    starts: tuple[Start, ...] = ()
    stops: tuple[Stop, ...] = ()
    rollouts: tuple[Rollout, ...] = ()
    """Those that changed."""
    retired: tuple[str, ...] = ()
    """Rollouts that are INACTIVE from now on."""
    counted: tuple[str, ...] = ()
    """Losses that have been taken note of."""
    events: tuple[str, ...] = ()
    verdict: str | None = None
    """COMPLETED or FAILED where the deployment in hand came to its end."""
    inactive: bool = False
    """The service has drained."""
    desired: int | None = None
    """What the number of a daemon's tasks has become."""

    def __bool__(self) -> bool:
        """Whether there is anything to do."""
        return self != _NOTHING


_NOTHING = Plan()


def delay(rounds: int, most: float = _DELAY_MAX) -> float:
    """How long no task is started after tasks failed for the `rounds`th time, in seconds."""
    if rounds <= _FREE_ROUNDS:
        return 0.0
    return float(min(most, _FIRST_DELAY * 2 ** min(rounds - _FREE_ROUNDS - 1, 20)))


def throttled(rounds: int) -> bool:
    """Whether this round is the first that is waited for."""
    return rounds == _FREE_ROUNDS + 1


def _share_up(number: int, percent: int) -> int:
    return -(-number * percent // 100)
