"""Which addresses the fetching process may connect to."""

import socket
import time
from collections.abc import Sequence

import pytest

from avp_py.errors import FetchError
from avp_py.fetch.addresses import permitted_addresses

FOREIGN = ("10.1.2.3", "192.168.7.8", "203.0.113.5", "fd12::3", "fd00:ec3::1", "2606:4700::1111")


@pytest.fixture
def resolves(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that every name resolves to; a test fills it."""
    addresses: list[str] = []

    def look_up(_host: str, port: int, **_keywords: object) -> Sequence[tuple[object, ...]]:
        return [(0, 0, 0, "", (each, port)) for each in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return addresses


@pytest.mark.parametrize(
    "host",
    [
        *FOREIGN,
        "::ffff:10.1.2.3",
        "64:ff9b::a01:203",
        "64:ff9b:1::a01:203",
        "2002:a01:203::1",
    ],
)
def test_other_machines_are_permitted(host: str) -> None:
    assert permitted_addresses(host, 443, (), None) == [host]


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.9.9.9",
        "127.1",
        "2130706433",
        "0x7f000001",
        "localhost",
        "LOCALHOST",
        "[::1]",
        "0.0.0.0",  # noqa: S104 - it is what must be refused
        "0.1.2.3",
        "::",
        "::ffff:127.0.0.1",
        "::127.0.0.1",
        "64:ff9b::127.0.0.1",
        "64:ff9b:1::127.0.0.1",
        "2002:7f00:1::1",
        "2001:0:7f00:1::",
        "169.254.169.254",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "fe80::1",
        "224.0.0.1",
        "ff02::1",
        "240.0.0.1",
        "255.255.255.255",
        "100.100.100.200",
        "168.63.129.16",
        "fd00:ec2::254",
        "fd00:ec2::23",
        "fd00:ec2:ffff::1",
        "fd20:ce::254",
        "fd00:c1::a9fe:a9fe",
        "fd00:42::42",
        "fd00:a9fe:a9fe::1",
        "fd00:100::100:200",
    ],
)
def test_this_machine_and_its_link_are_refused(host: str) -> None:
    with pytest.raises(FetchError, match="is this machine") as raised:
        permitted_addresses(host, 443, ("elsewhere",), None)
    assert "AVP_RENDER_HOSTS=" in raised.value.hint
    assert not raised.value.is_down


def own_addresses() -> Sequence[str]:
    """The addresses from which this machine sends to others."""
    found = []
    for family, far in ((socket.AF_INET, "203.0.113.5"), (socket.AF_INET6, "2606:4700::1111")):
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect((far, 9))
            except OSError:
                continue
            found.append(probe.getsockname()[0])
    return found


@pytest.mark.parametrize("form", ["{}", "::ffff:{}", "64:ff9b::{}"])
def test_addresses_of_interfaces_are_refused(form: str) -> None:
    for own in own_addresses():
        if ":" in own and form != "{}":
            continue
        with pytest.raises(FetchError, match="is this machine"):
            permitted_addresses(form.format(own), 443, (), None)


@pytest.mark.parametrize(
    ("host", "hosts", "is_permitted"),
    [
        ("localhost", ("localhost",), True),
        ("Localhost", ("localhost:443",), True),
        ("localhost", ("localhost:444",), False),
        ("localhost", ("127.0.0.1",), False),
        ("127.0.0.1", ("localhost",), False),
        ("127.0.0.1", ("127.0.0.1:443", "other"), True),
        ("::1", ("[::1]:443",), True),
        ("[::1]", ("[::1]",), True),
        ("::1", ("::1",), True),
        ("::1", ("[::1]:80",), False),
    ],
)
def test_the_operator_permits_a_host_as_it_is_written(
    host: str, hosts: Sequence[str], *, is_permitted: bool
) -> None:
    if is_permitted:
        assert permitted_addresses(host, 443, hosts, None)
    else:
        with pytest.raises(FetchError, match="is this machine"):
            permitted_addresses(host, 443, hosts, None)


@pytest.mark.parametrize(
    ("hosts", "ports", "is_permitted"),
    [
        ((), (443,), True),
        ((), None, True),
        ((), (80, 5000), False),
        (("repo.example",), (80,), False),
        (("repo.example:443",), (80,), True),
        (("other.example:443",), (80,), False),
        (("repo.example:80",), (), False),
    ],
)
def test_a_port_is_for_all_hosts_or_for_its_own(
    resolves: list[str], hosts: Sequence[str], ports: Sequence[int] | None, *, is_permitted: bool
) -> None:
    resolves.append("203.0.113.5")
    if is_permitted:
        assert permitted_addresses("Repo.Example", 443, hosts, ports) == resolves
    else:
        with pytest.raises(FetchError, match=r"port 443 of repo\.example are not") as raised:
            permitted_addresses("Repo.Example", 443, hosts, ports)
        assert "AVP_RENDER_HOSTS=repo.example:443 permits it" in raised.value.hint
        # Through a proxy, what cannot be resolved is left to it: this is not.
        assert not raised.value.is_down


def test_only_the_permitted_addresses_of_a_name_remain(resolves: list[str]) -> None:
    resolves += ["127.0.0.1", "10.1.2.3", "fe80::1%lo", "fd12::3", "10.1.2.3"]
    assert permitted_addresses("mixed.example", 443, (), None) == ["10.1.2.3", "fd12::3"]
    assert permitted_addresses("mixed.example", 443, ("mixed.example",), None) == [
        "127.0.0.1",
        "10.1.2.3",
        "fe80::1%lo",
        "fd12::3",
    ]


def test_a_name_that_does_not_resolve(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object, **_keywords: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    names = ["a" * 300, "a..b", "x\x00y"]
    for name in [*names, "no-such-name.invalid"]:
        if name not in names:
            monkeypatch.setattr(socket, "getaddrinfo", fail)
        with pytest.raises(FetchError, match="does not resolve") as raised:
            permitted_addresses(name, 443, (), None)
        assert raised.value.is_down


def test_a_lookup_that_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up(*_arguments: object, **_keywords: object) -> Sequence[object]:
        time.sleep(3)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    start = time.monotonic()
    with pytest.raises(FetchError, match=r"not resolved within 0.2 s") as raised:
        permitted_addresses("slow.example", 443, (), None, seconds=0.2)
    assert raised.value.is_down
    assert time.monotonic() - start < 2
