"""``python -m orchestrator_worker serve | healthcheck``."""

import sys

from orchestrator_worker.app import build
from orchestrator_worker.settings import Settings
from trigger_contracts.streams import DEAD_LETTERS
from trigger_runtime.command_line import run

if __name__ == "__main__":
    sys.exit(run("orchestrator-worker", settings=Settings, build=build, dead_letters=DEAD_LETTERS.name))
