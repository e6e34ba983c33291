"""``allowedIps``: the networks from which a trigger takes requests."""

import ipaddress
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_IPV4_MAPPED: Final = ipaddress.IPv6Network("::ffff:0:0/96")


# The check and the use of a list parse it one after the other, and triggers share networks.
@lru_cache(maxsize=4096)
def parse_network(text: str) -> Network:
    """Return a network, or an address as the network of it alone; ``ValueError`` for anything else.

    ``192.0.2.9/24`` is the network around it, and ``::ffff:192.0.2.1`` is ``192.0.2.1``.
    """
    if "%" in text:
        raise ValueError("a scope id has a meaning only on the sender's machine")
    network = ipaddress.ip_network(text, strict=False)
    if isinstance(network, ipaddress.IPv6Network) and network.subnet_of(_IPV4_MAPPED):
        mapped = network.network_address.ipv4_mapped
        return ipaddress.IPv4Network(f"{mapped}/{network.prefixlen - 96}")
    return network


def has_host_bits(text: str) -> bool:
    """Tell whether a text that ``parse_network`` takes is an address within the network that it names."""
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return True
    return False


def is_allowed(address: str | None, *, networks: Sequence[Network]) -> bool:
    """Tell whether an address is in one of the networks; no networks allow all."""
    if not networks:
        return True
    try:
        caller = ipaddress.ip_address(address or "")
    except ValueError:
        return False
    # A listener on both families sees ::ffff:192.0.2.1 where 192.0.2.1 calls.
    if isinstance(caller, ipaddress.IPv6Address):
        caller = caller.ipv4_mapped or caller
    return any(caller in network for network in networks)
