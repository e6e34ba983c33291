"""``python -m execution_recorder serve | migrate | healthcheck``."""

import sys

from execution_recorder.app import NAME, build, migrate
from execution_recorder.settings import Settings
from trigger_runtime.command_line import run

if __name__ == "__main__":
    sys.exit(run(NAME, settings=Settings, build=build, migrate=migrate))
