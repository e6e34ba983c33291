"""Load from outside: wrk, bounded in time, against this machine only."""

import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_REPORT = """
function done(summary, latency, requests)
  io.write(string.format("\\n@@ %d %d %d %d %d\\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99),
    summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.write
      + summary.errors.timeout))
end
"""


@dataclass(frozen=True)
class Measured:
    """One run: answers a second, and how long they took in milliseconds."""

    per_second: float
    p50_ms: float
    p99_ms: float
    errors: int


def wrk(
    url: str,
    *,
    seconds: int,
    connections: int,
    headers: Mapping[str, str] | None = None,
    script: str = "",
) -> Measured:
    """Run wrk once. Raises ``SystemExit`` where it is not installed."""
    binary = shutil.which("wrk")
    if binary is None:
        raise SystemExit("this benchmark needs wrk: apt-get install wrk")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "load.lua"
        path.write_text(script + _REPORT)
        given = [part for name, value in (headers or {}).items() for part in ("-H", f"{name}: {value}")]
        command = [binary, "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(path), *given, url]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=seconds + 30)
    found = re.search(r"@@ (\d+) (\d+) (\d+) (\d+) (\d+)", done.stdout)
    if found is None:
        raise SystemExit(f"wrk said nothing that can be read: {done.stdout[-500:]}")
    requests, microseconds, p50, p99, errors = map(int, found.groups())
    return Measured(requests / (microseconds / 1e6), p50 / 1000, p99 / 1000, errors)


def middle(runs: Sequence[Measured]) -> Measured:
    """Return the medians of several runs, and all their errors."""
    return Measured(
        statistics.median(run.per_second for run in runs),
        statistics.median(run.p50_ms for run in runs),
        statistics.median(run.p99_ms for run in runs),
        sum(run.errors for run in runs),
    )


def say(name: str, **figures: object) -> None:
    """Print one JSON line."""
    rounded = {key: round(value, 3) if isinstance(value, float) else value for key, value in figures.items()}
    sys.stdout.write(json.dumps({"benchmark": name, **rounded}) + "\n")
    sys.stdout.flush()
