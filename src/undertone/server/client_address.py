"""Where a request came from: the peer's own address, or what trusted proxies say it was.

    client_address(peer, forwarded, trusted)

`X-Forwarded-For` is read from the right: each trusted proxy vouches for the entry before it, and what stands left of
the first address that is not ours is anybody's claim. Knows no request.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def client_address(peer: str | None, forwarded: Sequence[str], trusted: Sequence[Network]) -> Address | None:
    """The client's address; None when the connection has none (a socket file). `forwarded`: the headers, in order."""
    address = _read(peer or "")
    said = [part for header in forwarded for part in header.split(",")]
    while address is not None and said and any(address in network for network in trusted):
        before = _read(said.pop())
        if before is None:  # garbage, `unknown`, or a name: what we know for sure is who handed it on
            break
        address = before
    return address


def network_of(address: Address) -> str:
    """The address cut to its network: /24, or /48 for version 6."""
    return str(ip_network((address, 24 if address.version == 4 else 48), strict=False))


def _read(text: str) -> Address | None:
    """An address as proxies write it: bare, with a port, in brackets, or version 4 within version 6."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
