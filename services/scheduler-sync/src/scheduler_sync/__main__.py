"""Command line of the service."""

import sys

from scheduler_sync.app import NAME, build
from scheduler_sync.settings import Settings
from trigger_runtime.command_line import run

if __name__ == "__main__":
    sys.exit(run(NAME, settings=Settings, build=build))
