"""What a workspace allows of fires on one day, as an operator writes it."""

import pytest

from trigger_api.domain.fires_per_day import FiresPerDay


def test_a_workspace_that_is_not_named_has_the_default() -> None:
    allowed = FiresPerDay.parse(288, exceptions=["acme=1440", "a=b=1"])
    assert [allowed.of(name) for name in ("acme", "a=b", "a", "Acme", "")] == [1440, 1, 288, 288, 288]


@pytest.mark.parametrize(
    "exception", ["acme", "acme=", "=1", "acme=0", "acme=1441", "acme=-1", "acme=1.5", "acme=²", "acme= 1"]
)
def test_what_cannot_be_meant_is_refused(exception: str) -> None:
    with pytest.raises(ValueError, match="expected <workspace>=<1 to 1440>"):
        FiresPerDay.parse(288, exceptions=["other=1", exception])


def test_a_workspace_has_one_number() -> None:
    with pytest.raises(ValueError, match="named twice"):
        FiresPerDay.parse(288, exceptions=["acme=1", "acme=1"])
