"""SELECT statements for pages: newest first, from where the last page ended."""

from typing import Any

from execution_recorder.ports import PageRequest


class KeysetQuery:
    """A statement in the making.

    Only the filters that are given get into it, so that the planner sees which index fits. Values are
    always arguments, and names always come from this package.
    """

    def __init__(self, *, table: str, columns: str, time_column: str) -> None:
        self._table = table
        self._columns = columns
        self._time = time_column
        self._conditions: list[str] = []
        self.arguments: list[Any] = []

    def where(self, condition: str, value: Any) -> None:
        """Add ``column <operator>`` with its value, unless that is ``None``."""
        if value is not None:
            self._conditions.append(f"{condition} {self._argument(value)}")

    def text(self, page: PageRequest) -> str:
        """Return the statement; it asks for one row more than the page, to learn whether there is a next."""
        if page.after is not None:
            at, last = self._argument(page.after.at), self._argument(page.after.id)
            self._conditions.append(f"({self._time}, id) < ({at}, {last})")
        return (
            f"SELECT {self._columns} FROM {self._table} WHERE {' AND '.join(self._conditions)}"  # noqa: S608
            f" ORDER BY {self._time} DESC, id DESC LIMIT {self._argument(page.limit + 1)}"
        )

    def _argument(self, value: Any) -> str:
        self.arguments.append(value)
        return f"${len(self.arguments)}"
