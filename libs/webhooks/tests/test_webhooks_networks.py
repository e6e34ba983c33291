"""Which addresses a trigger takes requests from."""

import pytest

from trigger_webhooks import is_allowed, parse_network


@pytest.mark.parametrize(
    ("address", "allowed", "expected"),
    [
        ("192.0.2.1", (), True),
        (None, (), True),
        ("192.0.2.1", ("192.0.2.0/24",), True),
        ("192.0.3.1", ("192.0.2.0/24",), False),
        ("192.0.2.1", ("192.0.2.1",), True),
        ("192.0.2.2", ("192.0.2.1",), False),
        ("192.0.2.200", ("192.0.2.9/24",), True),
        ("::ffff:192.0.2.1", ("192.0.2.0/24",), True),
        ("::ffff:c000:201", ("192.0.2.0/24",), True),
        ("192.0.2.1", ("::ffff:192.0.2.0/120",), True),
        ("192.0.2.1", ("::ffff:192.0.2.1",), True),
        ("192.0.2.1", ("::/0",), False),
        ("::ffff:192.0.2.1", ("::/0",), False),
        ("2001:db8::1", ("2001:db8::/32",), True),
        ("2001:DB8:0::1", ("2001:db8::1",), True),
        ("2001:db9::1", ("2001:db8::/32",), False),
        ("2001:db8::1", ("0.0.0.0/0",), False),
        ("::192.0.2.1", ("192.0.2.0/24",), False),
        ("64:ff9b::c000:201", ("192.0.2.0/24",), False),
        ("fe80::1%eth0", ("fe80::/10",), True),
        (None, ("0.0.0.0/0", "::/0"), False),
        ("", ("0.0.0.0/0", "::/0"), False),
        ("unknown", ("0.0.0.0/0", "::/0"), False),
        ("3221225985", ("0.0.0.0/0",), False),
        ("0xc0000201", ("0.0.0.0/0",), False),
        ("192.0.2.01", ("0.0.0.0/0",), False),
    ],
)
def test_an_address_is_allowed_where_it_is_in_a_network(
    address: str | None, allowed: tuple[str, ...], expected: bool
) -> None:
    assert is_allowed(address, networks=[parse_network(text) for text in allowed]) is expected


@pytest.mark.parametrize(
    "text", ["", "anywhere", "192.0.2.0/33", "192.0.2", "10/8/8", "fe80::1%eth0", "1.2.3.4/x"]
)
def test_what_is_not_a_network(text: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        parse_network(text)
