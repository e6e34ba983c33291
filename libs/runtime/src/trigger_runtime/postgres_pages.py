"""SELECT statements for pages: newest first, from where the last page ended."""

from asyncpg import Record

from trigger_runtime.postgres import Connection


class KeysetPage:
    """A page of a query. ``select`` has a WHERE clause with the parameters ``values``; ``key`` is unique.

    Only the filters that are set get into the statement, so that the planner sees which index fits. Values
    are always arguments. Conditions and names must be constants of the caller.
    """

    def __init__(self, select: str, *values: object, key: str) -> None:
        self._text = select
        self._values = list(values)
        self._key = key

    def where(self, condition: str, *values: object) -> None:
        """Add a condition with a ``{}`` for each value; a value that is ``None`` adds nothing."""
        if None not in values:
            self._text += " AND " + condition.format(*map(self._argument, values))

    def after(self, *last: object) -> None:
        """Begin after the last item of the page before, which has this key; ``None`` is the first page."""
        self.where(f"({self._key}) < ({', '.join('{}' for _ in last)})", *last)

    async def fetch(self, connection: Connection, *, limit: int) -> tuple[list[Record], bool]:
        """Return up to ``limit`` rows, and whether more follow."""
        rows = await connection.fetch(self._limited(limit), *self._values)
        return rows[:limit], len(rows) > limit

    async def fetch_bounded(
        self, connection: Connection, *, limit: int, weight: str, max_bytes: int
    ) -> tuple[list[Record], bool]:
        """Return up to ``limit`` rows and ``max_bytes`` of the column ``weight``, and whether more follow.

        At least one row, however large it is.
        """
        text = (
            f"SELECT * FROM (SELECT row.*, count(*) OVER () AS row_count,"  # noqa: S608 - constants
            " row_number() OVER in_order AS place,"
            f" sum(octet_length({weight}::text)) OVER in_order AS bytes FROM ({self._limited(limit)}) AS row"
            f" WINDOW in_order AS (ORDER BY {self._order})) AS weighed"
            f" WHERE place = 1 OR bytes <= {max_bytes} ORDER BY {self._order}"
        )
        rows = await connection.fetch(text, *self._values)
        more = bool(rows) and (rows[0]["row_count"] > limit or len(rows) < rows[0]["row_count"])
        return rows[:limit], more

    @property
    def _order(self) -> str:
        return ", ".join(f"{column} DESC" for column in self._key.split(", "))

    def _limited(self, limit: int) -> str:
        return f"{self._text} ORDER BY {self._order} LIMIT {self._argument(limit + 1)}"

    def _argument(self, value: object) -> str:
        self._values.append(value)
        return f"${len(self._values)}"
