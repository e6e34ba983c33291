"""Which client addresses a trigger admits."""

import ipaddress
from collections.abc import Sequence
from functools import lru_cache

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")


@lru_cache(maxsize=4096)
def networks(allowed: tuple[str, ...]) -> tuple[Network, ...]:
    """Return the networks; ``ValueError`` where one is none. ``192.0.2.9/24`` is the network around it."""
    return tuple(_network(text) for text in allowed)


def is_allowed(address: str | None, *, allowed: Sequence[str]) -> bool:
    """Tell whether an address is in one of the networks; no list allows all, no address is in none."""
    if not allowed:
        return True
    try:
        found = ipaddress.ip_address(address or "")
    except ValueError:
        return False
    # A listener on both families sees ::ffff:192.0.2.1 where 192.0.2.1 calls.
    if isinstance(found, ipaddress.IPv6Address):
        found = found.ipv4_mapped or found
    return any(found in network for network in networks(tuple(allowed)))


def _network(text: str) -> Network:
    if "%" in text:
        raise ValueError("a scope names nothing outside the sender's machine")
    network = ipaddress.ip_network(text, strict=False)
    if isinstance(network, ipaddress.IPv6Network) and network.subnet_of(_MAPPED):
        mapped = network.network_address.ipv4_mapped
        return ipaddress.IPv4Network(f"{mapped}/{network.prefixlen - 96}")
    return network
