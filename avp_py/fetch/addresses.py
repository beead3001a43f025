"""Which addresses may be connected to.

A tenant can name any host, and what answers there can redirect to any other. Whoever connects
resolves a name once, here, and connects to the addresses that this module returns: a name that
resolves to something else a moment later (DNS rebinding) gains nothing.
"""

import queue
import socket
import threading
from collections.abc import Collection
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, TypeAlias

from avp_py.errors import FetchError

SECONDS: Final = 20.0
"""How long a lookup may take if nothing else is said."""

_Address: TypeAlias = IPv4Address | IPv6Address

_NAT64: Final = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
"""Whose last 32 bits are an IPv4 address (RFC 6052, and RFC 8215 with the same format)."""

_COMPATIBLE: Final = IPv6Network("::/96")
"""The same, deprecated (RFC 4291, 2.5.5.1)."""

_THIS_NETWORK: Final = IPv4Network("0.0.0.0/8")
"""This host on this network (RFC 1122, 3.2.1.3)."""

_METADATA: Final = tuple(
    map(
        ip_network,
        (
            "100.100.100.200",  # Alibaba Cloud
            "fd00:100::100:200",  # the same (DataSourceAliYun of cloud-init)
            "168.63.129.16",  # Azure (wireserver)
            "192.0.0.192",  # Oracle Cloud
            "fd00:c1::a9fe:a9fe",  # the same (OCI's SDK for Python, auth/signers)
            # Amazon EC2's own: metadata at ::254, and the credentials of pods at ::23 (EKS Pod
            # Identity). A VPC can have no route in it ("Subnet route tables", Amazon VPC).
            "fd00:ec2::/32",
            "fd20:ce::254",  # Google Cloud
            "fd00:42::42",  # Scaleway (DataSourceScaleway of cloud-init)
            "fd00:a9fe:a9fe::1",  # Akamai (DataSourceAkamai of cloud-init)
        ),
    )
)
"""Where clouds hand out the credentials of a machine or a pod, besides link-local addresses; from
their documentation, if nothing else is said."""


def permitted_addresses(
    host: str,
    port: int,
    hosts: Collection[str],
    ports: Collection[int] | None,
    seconds: float = SECONDS,
) -> list[str]:
    """Return the addresses of a host that may be connected to, in the order to try them.

    Those of this machine are not among them, nor link-local, multicast and reserved ones.

    Args:
        host: a name or an address, as a URL has it; an IPv6 address with or without brackets.
        port: the port that is connected to.
        hosts: whose addresses are all permitted (AVP_RENDER_HOSTS): `host`, or `host:port` with a
            port that is permitted for this host, too.
        ports: the ports that are permitted for every host (AVP_RENDER_PORTS); None for all.
        seconds: how long the lookup may take.

    Raises:
        FetchError: the port is not permitted, the name does not resolve, or there is no such
            address.
    """
    host = host.strip("[]").lower()
    written = f"[{host}]"[:200] if ":" in host else host[:200]
    if ports is not None and port not in ports and f"{written}:{port}" not in hosts:
        raise FetchError(
            f"connections to port {port} of {written} are not permitted",
            hint="the operator's setting AVP_RENDER_PORTS lists the permitted ports, and "
            f"AVP_RENDER_HOSTS={written}:{port} permits it for this host alone",
        )
    found = _resolve(host, port, seconds)
    if {host, written, f"{written}:{port}"}.isdisjoint(hosts):
        found = [each for each in found if not _is_refused(each, port)]
    if not found:
        raise FetchError(
            f"{written} is this machine, or its address is link-local or reserved: nothing is "
            "fetched from there",
            hint=f"if that is meant, the operator's setting AVP_RENDER_HOSTS={written}:{port} "
            "permits it",
        )
    return found


def _resolve(host: str, port: int, seconds: float) -> list[str]:
    """Return the addresses of a host.

    Nothing interrupts a lookup: where it takes too long, its thread is left alone.
    """
    outcome: queue.SimpleQueue[list[str] | None] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            outcome.put([str(address[0]) for *_, address in infos])
        except (OSError, UnicodeError):
            outcome.put(None)

    threading.Thread(target=look_up, daemon=True).start()
    try:
        found = outcome.get(timeout=seconds)
    except queue.Empty:
        raise FetchError(
            f"the name {host[:200]} was not resolved within {seconds:.3g} s",
            hint="check the DNS of this machine",
            is_down=True,
        ) from None
    if not found:
        raise FetchError(
            f"the name {host[:200]} does not resolve",
            hint="check the host of the URL, and the DNS of this machine",
            is_down=True,
        )
    return list(dict.fromkeys(found))


def _is_refused(text: str, port: int) -> bool:
    forms = _forms(ip_address(text.partition("%")[0]))
    ours = {text, *map(str, forms)}
    return any(map(_is_special, forms)) or any(_is_ours(each, port) for each in ours)


def _forms(address: _Address) -> list[_Address]:
    """Return an address, and the IPv4 addresses that it stands for."""
    forms = [address]
    if isinstance(address, IPv6Address):
        last = IPv4Address(int(address) & 0xFFFFFFFF)
        forms += [each for each in (address.ipv4_mapped, address.sixtofour) if each is not None]
        forms += address.teredo or ()
        if any(address in each for each in _NAT64):
            # Its own prefix is reserved: what counts is the address at the far end.
            return [last]
        if address in _COMPATIBLE:
            forms.append(last)
    return forms


def _is_special(address: _Address) -> bool:
    return (
        address.is_loopback
        or address.is_unspecified
        or address.is_link_local
        or address.is_multicast
        # That is also what Python says of the IPv4-mapped ones, which have a form to look at.
        or (address.is_reserved and not _is_mapped(address))
        or address in _THIS_NETWORK
        or any(address in each for each in _METADATA)
    )


def _is_mapped(address: _Address) -> bool:
    return isinstance(address, IPv6Address) and address.ipv4_mapped is not None


def _is_ours(address: str, port: int) -> bool:
    """Return whether an address is one of this machine's own.

    To its own addresses the kernel sends from the same address. Nothing is sent here.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((address, port))
            return bool(probe.getsockname()[0] == probe.getpeername()[0])
    except PermissionError:
        # A broadcast address, or one that a rule of the machine's routing prohibits.
        return True
    except OSError:
        # There is no route to it, so that a connection fails, too.
        return False
