"""Which proxies an environment names for an address."""

from collections.abc import Mapping

import pytest

from avp_py.network.proxies import proxies_for

VAULT = "https://vault.example:8200"
PROXY = "http://proxy.example:3128"


def test_each_scheme_has_its_proxy() -> None:
    environ = {"HTTPS_PROXY": PROXY, "HTTP_PROXY": "http://other", "ALL_PROXY": "http://all"}
    assert proxies_for(VAULT, environ) == {
        "https": PROXY,
        "http": "http://other",
        "all": "http://all",
    }


@pytest.mark.parametrize(
    ("environ", "found"),
    [
        ({}, {}),
        ({"HTTPS_PROXY": ""}, {}),
        ({"https_proxy": PROXY, "HTTPS_PROXY": "http://upper"}, {"https": PROXY}),
        ({"https_proxy": "", "HTTPS_PROXY": "http://upper"}, {}),
        ({"VAULT_PROXY": PROXY}, {}),
    ],
)
def test_lower_case_wins_and_empty_is_none(
    environ: Mapping[str, str], found: Mapping[str, str]
) -> None:
    assert proxies_for(VAULT, environ) == found


@pytest.mark.parametrize(
    ("address", "no_proxy", "is_exempt"),
    [
        (VAULT, "*", True),
        (VAULT, "vault.example", True),
        (VAULT, "VAULT.example", True),
        (VAULT, "other, .example", True),
        (VAULT, "example", True),
        (VAULT, "*.example", True),
        (VAULT, "*.ample", False),
        (VAULT, "ample", False),
        (VAULT, "vault.example:8200", True),
        (VAULT, "vault.example:8201", False),
        (VAULT, "example:8200", True),
        (VAULT, " ,,", False),
        (VAULT, "10.0.0.0/8", False),
        ("https://10.1.2.3:8200", "10.0.0.0/8", True),
        ("https://10.1.2.3:8200", "10.1.2.3", True),
        ("https://10.1.2.3:8200", "10.1.2.3:8200", True),
        ("https://11.1.2.3:8200", "10.0.0.0/8", False),
        ("https://[fd00::1]:8200", "fd00::/8", True),
        ("https://[fe00::1]:8200", "fd00::/8", False),
    ],
)
@pytest.mark.parametrize("name", ["no_proxy", "NO_PROXY"])
def test_no_proxy_names_hosts_domains_and_networks(
    address: str, no_proxy: str, name: str, *, is_exempt: bool
) -> None:
    found = proxies_for(address, {"HTTPS_PROXY": PROXY, name: no_proxy})
    assert found == ({} if is_exempt else {"https": PROXY})


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.8.8", "[::1]"])
def test_this_machine_is_reached_without_a_proxy(host: str) -> None:
    assert proxies_for(f"https://{host}:8200", {"HTTPS_PROXY": PROXY}) == {}
