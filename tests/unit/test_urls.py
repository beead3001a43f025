"""URLs of repositories: one form for what matches rules and for what is connected to."""

import time
from pathlib import PurePosixPath
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avp_py.errors import FetchError
from avp_py.fetch.credential import Credential, choose
from avp_py.settings import Sensitive
from avp_py.urls import MAX_LENGTH, is_below, normalise

NORMALISED = {
    "https://charts.example.com/team": "https://charts.example.com/team",
    "https://charts.example.com": "https://charts.example.com/",
    "HTTPS://Charts.EXAMPLE.com.:443/Team": "https://charts.example.com/Team",
    "http://h:80/": "http://h/",
    "http://h:443/": "http://h:443/",
    "https://h:0443/": "https://h/",
    "https://h:/x": "https://h/x",
    "oci://h:443/x": "oci://h:443/x",
    "oci://h:5000/x": "oci://h:5000/x",
    "ssh://git@H:22/o/r.git": "ssh://git@h/o/r.git",
    "git@github.com:o/r.git": "ssh://git@github.com/o/r.git",
    "git@github.com:/o/r.git": "ssh://git@github.com/o/r.git",
    "git@[::1]:o/r": "ssh://git@[::1]/o/r",
    "git@h:a:b": "ssh://git@h/a:b",
    "git@h:~/r": "ssh://git@h/~/r",
    "https://[2001:DB8:0::1]:443/": "https://[2001:db8::1]/",
    "https://192.0.2.1./": "https://192.0.2.1/",
    "https://b\N{LATIN SMALL LETTER U WITH DIAERESIS}cher.example/": "https://xn--bcher-kva.example/",
    "https://B\N{LATIN CAPITAL LETTER U WITH DIAERESIS}CHER.example/": (
        "https://xn--bcher-kva.example/"
    ),
    "https://my_host/": "https://my_host/",
    "https://h/a/../b/./c": "https://h/b/c",
    "https://h/a/..": "https://h/",
    "https://h/a/%2e%2E/b": "https://h/b",
    "https://h/a/": "https://h/a/",
    "https://h/%41%7euser%c3%9f": "https://h/A~user%C3%9F",
    "https://h/%40scope@%2B+": "https://h/@scope@%2B+",
    "https://h/\N{LATIN SMALL LETTER SHARP S}{}": "https://h/%C3%9F%7B%7D",
    "https://h/%252e%252e/x": "https://h/%252e%252e/x",
    "https://h/a?b=%2f%3d&c": "https://h/a?b=%2F%3D&c",
    "https://h?": "https://h/",
}

REFUSED = {
    "https://good@evil/": "has a user or a password",
    "https://good:443@evil": "has a user or a password",
    "https://@evil": "has a user or a password",
    "oci://user:canary@h/x": "has a user or a password",
    "https://good\\@evil": "has the character '\\\\'",
    "https://good\\.evil": "has the character '\\\\'",
    "https://evil#good": "has the character '#'",
    "https://evil#@good": "has the character '#'",
    "https://e\tvil": "has the character '\\t'",
    "https://e\nvil": "has the character '\\n'",
    "https://evil\r\nHost: good": "has the character '\\r'",
    " https://evil": "has the character ' '",
    "https://h/a b": "has the character ' '",
    "https://h/\0": "has the character '\\x00'",
    "https://h/\x7f": "has the character '\\x7f'",
    "https://h/\N{ZERO WIDTH SPACE}": "has the character '\\u200b'",
    "https://h/\N{RIGHT-TO-LEFT OVERRIDE}": "has the character '\\u202e'",
    "https://h/\N{NO-BREAK SPACE}": "has the character '\\xa0'",
    "https://h/\ud800": "has the character '\\ud800'",
    "https://": "has an invalid host",
    "https:///x": "has an invalid host",
    "https://:443/": "has an invalid host",
    "https://.": "has an invalid host",
    "https://a..b/": "has an invalid host",
    "https://h../": "has an invalid host",
    "https://-h/": "has an invalid host",
    "https://h%2eevil/": "has an invalid host",
    "https://h;evil/": "has an invalid host",
    "https://*.h/": "has an invalid host",
    f"https://{'a' * 64}/": "has an invalid host",
    f"https://{'a.' * 130}b/": "has an invalid host",
    "https://a\N{IDEOGRAPHIC FULL STOP}b/": "not one in every reading",
    "https://a\N{FULLWIDTH FULL STOP}b/": "not one in every reading",
    "https://fa\N{LATIN SMALL LETTER SHARP S}.example/": "not one in every reading",
    "https://\N{FULLWIDTH LATIN SMALL LETTER E}vil/": "not one in every reading",
    "https://good\N{FULLWIDTH SOLIDUS}.evil/": "not one in every reading",
    "https://\N{CIRCLED DIGIT ONE}92.0.2.1/": "not one in every reading",
    "https://127.1/": "has an invalid IPv4 address",
    "https://2130706433/": "has an invalid IPv4 address",
    "https://0177.0.0.1/": "has an invalid IPv4 address",
    "https://0x7f.0.0.0x1/": "has an invalid IPv4 address",
    "https://[::1/": "has an invalid IPv6 address",
    "https://[::1].evil/": "has an invalid IPv6 address",
    "https://[::1%25eth0]/": "has an invalid IPv6 address",
    "https://[127.0.0.1]/": "has an invalid IPv6 address",
    "https://h:0/": "has an invalid port",
    "https://h:65536/": "has an invalid port",
    "https://h:0123456/": "has an invalid port",
    "https://h:-1/": "has an invalid port",
    "https://h:1:2/": "has an invalid port",
    "https://h:\N{ARABIC-INDIC DIGIT THREE}/": "has an invalid port",
    f"https://h:{'9' * 4000}/": "has an invalid port",
    "https://h/..": "leads out of the root",
    "https://h/%2e%2e/x": "leads out of the root",
    "https://h//x": "has an empty segment",
    "https://h/x//": "has an empty segment",
    "https://h/a%2Fb": "has %2F in it",
    "https://h/a%5cb": "has %5C in it",
    "https://h/a%00b": "has %00 in it",
    "https://h/a?b=%0a": "has %0A in it",
    "https://h/%": "has a '%' that no two hexadecimal digits follow",
    "https://h/%zz": "has a '%' that no two hexadecimal digits follow",
    "https://h/%+1": "has a '%' that no two hexadecimal digits follow",
    "oci://h/x?a": "has a query",
    "ssh://git@h/x?ref=main": "has a query",
    "ssh://-oProxyCommand=x@h/": "has a user that is not a plain name",
    "ssh://-oProxyCommand/x": "has an invalid host",
    "ssh://git:canary@h/": "has a user that is not a plain name",
    "ssh://@h/": "has a user that is not a plain name",
    "ssh://a@b@h/": "has a user that is not a plain name",
    "git://git@h/": "has an unknown scheme",
    "ftp://h/": "has an unknown scheme",
    "file:///etc/passwd": "has an unknown scheme",
    "ext::sh": "is not complete",
    "https:/h/x": "is not complete",
    "//h/x": "is not complete",
    "/etc/passwd": "is not complete",
    "host:path": "is not complete",
    "git@host": "is not complete",
    "git@host:": "is not complete",
    "./git@host:x": "is not complete",
    "git@host:a//b": "has an empty segment",
    "git@host:../x": "leads out of the root",
    "": "is not complete",
    "https://h/" + "a" * MAX_LENGTH: f"a URL of more than {MAX_LENGTH} characters",
}


@pytest.mark.parametrize(("url", "expected"), NORMALISED.items())
def test_a_url_has_one_form(url: str, expected: str) -> None:
    assert normalise(url) == expected
    assert normalise(expected) == expected


@pytest.mark.parametrize(("url", "said"), REFUSED.items())
def test_an_ambiguous_url_is_refused(url: str, said: str) -> None:
    with pytest.raises(FetchError) as caught:
        normalise(url)
    assert said in caught.value.reason
    assert caught.value.hint
    assert "canary" not in f"{caught.value!r}{caught.value.hint}"
    assert caught.value.reason.isprintable()


def test_a_host_ends_at_its_query() -> None:
    assert normalise("https://evil?@good") == "https://evil/?@good"


@given(st.text(st.sampled_from("htps:/@.\\#?%2eEfF[]1azA-_+~é。\t"), max_size=40))
def test_the_host_is_the_one_that_is_connected_to(text: str) -> None:
    try:
        url = normalise(f"https://{text}")
    except FetchError:
        return
    assert normalise(url) == url
    parts = urlsplit(url)
    assert url.isascii()
    assert (parts.username, parts.fragment) == (None, "")
    assert url.startswith((f"https://{parts.hostname}", f"https://[{parts.hostname}]"))
    assert ".." not in PurePosixPath(parts.path).parts
    assert is_below(url, f"https://{parts.netloc}/")


@pytest.mark.parametrize("text", ["a.", "%41", "a/../", "[", "\N{GREEK SMALL LETTER ALPHA}", "@"])
def test_a_long_url_takes_no_time(text: str) -> None:
    start = time.monotonic()
    with pytest.raises(FetchError):
        normalise(f"https://{text * (MAX_LENGTH // len(text) - 2)}//")
    assert time.monotonic() - start < 1


@pytest.mark.parametrize(
    ("url", "prefix", "expected"),
    [
        ("https://h/team", "https://h/team", True),
        ("https://h/team/", "https://h/team", True),
        ("https://h/team", "https://h/team/", True),
        ("https://h/team/a", "https://h/team", True),
        ("https://h/team/a?b", "https://h/team", True),
        ("https://h/team?b", "https://h/team", True),
        ("https://h/team-2", "https://h/team", False),
        ("https://h/Team", "https://h/team", False),
        ("https://h/", "https://h/team", False),
        ("https://h/a", "https://h/", True),
        ("https://h/a.git", "https://h/a", True),
        ("https://h/a", "https://h/a.git", True),
        ("https://h/a.gitx", "https://h/a", False),
        ("https://h.git/a", "https://h/", False),
        ("https://h/a", "https://h.git/", False),
        ("https://h.evil/a", "https://h/", False),
        ("https://h:8443/a", "https://h/", False),
        ("https://h:8443/a", "https://h:8443/", True),
        ("http://h/a", "https://h/", False),
        ("oci://h/a", "https://h/", False),
        ("ssh://git@h/a", "ssh://git@h/", True),
        ("ssh://root@h/a", "ssh://git@h/", False),
        ("ssh://h/a", "ssh://git@h/", False),
        ("ssh://git@h/a", "ssh://h/", False),
    ],
)
def test_a_url_is_below_another_at_a_segment(url: str, prefix: str, expected: bool) -> None:
    assert (normalise(url), normalise(prefix)) == (url, prefix)
    assert is_below(url, prefix) == expected


def named(url: str, source: str, project: str = "") -> Credential:
    return Credential(url=url, source=source, project=project, token=Sensitive("canary"))


ORDERED = [
    named("https://h/", "host"),
    named("https://h/team", "team"),
    named("https://h/team/", "team, later"),
    named("https://h/team", "team of p", "p"),
    named("https://h/team", "team of p, later", "p"),
    named("https://h/team/a.git", "a"),
    named("https://h/of-q", "of q", "q"),
]


@pytest.mark.parametrize(
    ("url", "project", "expected"),
    [
        ("https://h/other", "p", "host"),
        ("https://h/team/b", None, "team"),
        ("https://h/team/b", "q", "team"),
        ("https://h/team/b", "p", "team of p"),
        ("https://h/team/a", "p", "a"),
        ("https://h/of-q/x", "q", "of q"),
        ("https://h/of-q/x", "p", "host"),
        ("https://h/of-q/x", "", "host"),
        ("https://h/of-q/x", None, "host"),
        ("https://other/", "p", None),
        ("oci://h/team", "p", None),
    ],
)
def test_the_longest_prefix_wins(url: str, project: str | None, expected: str | None) -> None:
    found = choose(ORDERED, url, project)
    assert (found and found.source) == expected


def test_a_credential_prints_without_what_it_holds() -> None:
    credential = Credential(
        url="https://h/",
        source="here",
        username="robot",
        password=Sensitive("canary-password"),
        token=Sensitive("canary-token"),
        key=Sensitive("canary-key"),
        ssh_key=Sensitive("canary-ssh"),
    )
    assert "canary" not in f"{credential} {credential!r} {credential.fingerprint}"
    assert "canary-password" in str(credential.as_mapping())
    other = Credential(url="https://h/", source="here", username="robot", token=Sensitive("x"))
    assert other.fingerprint != credential.fingerprint


def test_who_may_use_a_credential_is_not_for_the_server() -> None:
    assert (
        named("https://h/", "here", "p").as_mapping() == named("https://h/", "there").as_mapping()
    )
