"""Compare Moorage with another registry, round by round in one run.

    python -m tests.bench --other http://127.0.0.1:5001 [--rounds 5] [--size 256] [--clients 1,4]

Moorage is started on a data directory of its own, encryption on. The other registry runs
already, on this machine and the same disk, without login. A ratio over 1 means that Moorage is
faster; it is taken within each round, and the median of the rounds is what counts, so that a
noisy machine disturbs both sides alike.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from tests.bench import measures
from tests.bench.target import Target
from tests.server_process import ServerProcess


@dataclass
class Row:
    """One measure: a figure for each registry and round."""

    name: str
    unit: str
    measure: Callable[[Target], float]
    ours: list[float] = field(default_factory=list)
    theirs: list[float] = field(default_factory=list)

    def run(self, ours: Target, theirs: Target) -> None:
        """One round of both."""
        self.ours.append(self.measure(ours))
        self.theirs.append(self.measure(theirs))

    def result(self) -> dict[str, float | str]:
        ratios = [mine / other for mine, other in zip(self.ours, self.theirs, strict=True)]
        return {
            "measure": self.name,
            "unit": self.unit,
            "moorage": statistics.median(self.ours),
            "other": statistics.median(self.theirs),
            "ratio": statistics.median(ratios),
            "least": min(ratios),
            "most": max(ratios),
        }


def main() -> None:
    """Measure and print a table, or JSON with --json."""
    options = _options()
    other = urlsplit(options.other)
    theirs = Target("other", other.hostname or "127.0.0.1", other.port or 80)
    with tempfile.TemporaryDirectory(prefix="moorage-bench-") as directory:
        server = ServerProcess(Path(directory), "--create-on-push", *options.option).start()
        try:
            ours = Target("moorage", "127.0.0.1", server.port, server.password())
            rows = _rows(options, ours, theirs)
            for _ in range(options.rounds):
                for row in rows:
                    row.run(ours, theirs)
        finally:
            server.stop()
    results = [row.result() for row in rows]
    print(json.dumps(results, indent=2) if options.json else _table(results))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.bench", description="Compare speeds.")
    parser.add_argument("--other", required=True, help="URL of the other registry")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", type=int, default=256, help="MiB of a blob")
    parser.add_argument("--clients", default="1,4", help="clients at once, comma-separated")
    parser.add_argument("--seconds", type=float, default=3, help="for each manifest measure")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("option", nargs="*", help="options of moorage serve, after --")
    return parser.parse_args()


def _rows(options: argparse.Namespace, ours: Target, theirs: Target) -> list[Row]:
    size = options.size * measures.MIB
    content, digest = measures.fresh(size)
    paths = {}
    for target in (ours, theirs):
        target.push_blob(content, digest)
        paths[target] = target.push_image()
    rows = []
    for clients in map(int, options.clients.split(",")):
        rows.append(
            Row(
                f"push, {clients} at once",
                "MiB/s",
                partial(measures.push, size=size, clients=clients),
            )
        )
        rows.append(
            Row(
                f"pull, {clients} at once",
                "MiB/s",
                partial(measures.pull, size=size, clients=clients, digest=digest),
            )
        )
    rows.append(
        Row(
            "manifest by tag",
            "1/s",
            lambda target: measures.manifests(target, paths[target], options.seconds),
        )
    )
    return rows


def _table(results: list[dict[str, float | str]]) -> str:
    lines = [f"{'':20} {'moorage':>10} {'other':>10} {'':6} {'ratio':>6}  (least to most)"]
    lines += [
        f"{row['measure']:20} {row['moorage']:10.0f} {row['other']:10.0f} {row['unit']:6}"
        f" {row['ratio']:6.2f}  ({row['least']:.2f} to {row['most']:.2f})"
        for row in results
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
