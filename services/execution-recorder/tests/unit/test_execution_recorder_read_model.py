"""Where a page of the API ends."""

from datetime import UTC, datetime
from uuid import UUID

import msgspec
from hypothesis import given as given_values
from hypothesis import strategies as st

from execution_recorder.read_model import PageCursor, page_cursor


@given_values(st.datetimes(timezones=st.just(UTC)))
def test_a_cursor_is_exact(at: datetime) -> None:
    data = msgspec.json.encode(page_cursor(at, id_=UUID(int=1)))
    cursor = msgspec.json.decode(data, type=PageCursor)
    assert (cursor.at, cursor.i) == (at, UUID(int=1))
