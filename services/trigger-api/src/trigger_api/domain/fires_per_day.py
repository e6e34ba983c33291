"""How often a schedule may fire on one day before its owner is warned."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

MOST: Final = 1440
"""Once a minute is as often as cron fires."""


@dataclass(frozen=True, slots=True)
class FiresPerDay:
    """What a workspace allows; ``default`` is for those that are not named."""

    default: int
    by_workspace: Mapping[str, int]

    @classmethod
    def parse(cls, default: int, *, exceptions: Iterable[str]) -> "FiresPerDay":
        """Read exceptions such as ``acme=1440``.

        Raises ``ValueError`` for one that is not an exception, is over 1440, or names a workspace again.
        """
        counts: dict[str, int] = {}
        for text in exceptions:
            workspace, _, count = text.rpartition("=")
            if not workspace or not (count.isascii() and count.isdigit()) or not 1 <= int(count) <= MOST:
                raise ValueError(f"expected <workspace>=<1 to {MOST}>, not {text[:100]!r}")
            if workspace in counts:
                raise ValueError(f"the workspace {workspace[:100]!r} is named twice")
            counts[workspace] = int(count)
        return cls(default, counts)

    def of(self, workspace: str) -> int:
        """Return what one workspace allows."""
        return self.by_workspace.get(workspace, self.default)
