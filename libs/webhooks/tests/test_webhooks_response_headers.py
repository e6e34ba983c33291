"""Which header fields a trigger may add to its responses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trigger_webhooks import may_be_sent


@pytest.mark.parametrize(
    "name", ["Content-Length", "set-cookie", "Location", "X-Request-Id", "Sec-Fetch-Mode"]
)
def test_a_trigger_cannot_set_what_frames_a_message_or_concerns_the_host(name: str) -> None:
    assert not may_be_sent(name, value="1")


@pytest.mark.parametrize("name", ["X-Tenant", "Content-Type", "Cache-Control", "Link"])
def test_a_trigger_can_set_its_own(name: str) -> None:
    assert may_be_sent(name, value="a b")


@given(
    st.text(st.characters(exclude_categories=()), max_size=20), st.text(st.characters(exclude_categories=()))
)
def test_no_header_can_hold_another_one(name: str, value: str) -> None:
    if may_be_sent(name, value=value):
        assert f"{name}: {value}".isascii()
        assert f"{name}{value}".isprintable()
        assert not set(name) & set(" :\t")
