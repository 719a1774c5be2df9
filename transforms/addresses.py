"""Addresses of servers, as every program of the pipeline takes them."""

from __future__ import annotations

import ipaddress
import re

# A name or an IPv4 address, or an IPv6 address in brackets; then a port.
_HOST_PORT = re.compile(
    r"(?:([A-Za-z0-9._-]+)|\[([0-9A-Fa-f:.]+(?:%[A-Za-z0-9._~-]+)?)\]):([0-9]{1,5})"
)
_PORT_MAX = 65_535


def host_and_port(text: str) -> tuple[str, int]:
    """Returns host and port, an IPv6 address without its brackets.

    Raises:
        ValueError: it is no such address; the message says what one looks like.
    """
    match = _HOST_PORT.fullmatch(text.strip())
    if match and 1 <= int(match[3]) <= _PORT_MAX and (match[1] or _is_ipv6(match[2])):
        return match[1] or match[2], int(match[3])
    hint = ""
    if "://" in text:
        hint = ", without a protocol"
    elif _is_ipv6(text.strip().rpartition(":")[0]):
        hint = ", an IPv6 address in brackets"
    raise ValueError(f"must be host:port{hint}, got {text!r}")


def servers(text: str) -> list[str]:
    """Returns the addresses of a comma-separated list; blanks and empty places are dropped.

    Raises:
        ValueError: one of them is no address, or there is none.
    """
    found = [server.strip() for server in text.split(",") if server.strip()]
    for server in found or [text]:
        host_and_port(server)
    return found


def _is_ipv6(host: str) -> bool:
    try:
        ipaddress.IPv6Address(host)
    except ValueError:
        return False
    return True
