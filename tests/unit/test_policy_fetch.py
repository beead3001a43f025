"""What a policy lets an Application fetch: patterns of URLs, templates, the operator's default."""

import posixpath
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from urllib3.util import parse_url

from avp_py.errors import FetchError
from avp_py.policy import PolicyGate
from avp_py.policy.fetching import checked_url
from avp_py.policy.verdict import Verdict
from avp_py.remotes import Remote, RemoteChart, RemoteCommit, RemoteFile
from avp_py.settings import Identity
from avp_py.urls import normalise
from tests.unit.policies import NOBODY, WEB, Policies


@pytest.fixture
def permissions(tmp_path: Path) -> "Maker":
    return Maker(tmp_path / "policy.yaml")


class Maker(Policies):
    """The same, and what they allow."""

    def gate(self, *rules: str, identity: Identity = WEB) -> PolicyGate:
        return PolicyGate(identity, self(*rules, identity=identity))

    def allows(self, url: str, *rules: str, identity: Identity = WEB) -> bool:
        return allows(self.gate(*rules, identity=identity), url)


def allows(gate: PolicyGate, url: str) -> bool:
    """Return whether a file may be fetched, whose URL is normalised as before each request."""
    try:
        gate.check_fetch(RemoteFile(normalise(url)), by_default=True)
    except FetchError:
        return False
    return True


@pytest.mark.parametrize(
    ("pattern", "fitting", "others"),
    [
        (
            "https://charts.example.com/team/*",
            [
                "https://charts.example.com/team/nginx",
                "HTTPS://Charts.Example.COM:443/team/nginx",
                "https://charts.example.com./team/nginx/",
                "https://charts.example.com/x/../team/./nginx",
                "https://charts.example.com/%74eam/nginx",
                "https://charts.example.com/team/a%20b",
                "https://charts.example.com/team/caf\u00e9",
                "https://charts.example.com/team/nginx?ref=main",
            ],
            [
                "http://charts.example.com/team/nginx",
                "oci://charts.example.com/team/nginx",
                "https://charts.example.com/team",
                "https://charts.example.com/team/",
                "https://charts.example.com/team/a/b",
                "https://charts.example.com/Team/nginx",
                "https://charts.example.com/team2/nginx",
                "https://charts.example.com/team/../other",
                "https://charts.example.com/team/%2e%2e/other",
                "https://charts.example.com/team/..%2fother",
                "https://charts.example.com/team/..%5cother",
                "https://charts.example.com/team/..%252fother",
                "https://charts.example.com/team/..;",
                "https://charts.example.com/team/..%c0%af",
                "https://charts.example.com/team/\\nginx",
                "https://charts.example.com//team/nginx",
                "https://charts.example.com/team//",
                "https://charts.example.com:8443/team/nginx",
                "https://charts.example.com.evil.example/team/nginx",
                "https://evil.example/charts.example.com/team/nginx",
                "https://evil.example?https://charts.example.com/team/nginx",
                "https://evil.example#https://charts.example.com/team/nginx",
                "https://charts.example.com@evil.example/team/nginx",
                "https://charts.example.com:443@evil.example/team/nginx",
                "https://evil.example\\@charts.example.com/team/nginx",
                "https://user@charts.example.com/team/nginx",
                "https://user:password@charts.example.com/team/nginx",
                "https://charts.example.com%2f@evil.example/team/nginx",
                "https://charts\u3002example\u3002com/team/nginx",
                "https://\uff43harts.example.com/team/nginx",
                "https:/charts.example.com/team/nginx",
                "https:charts.example.com/team/nginx",
                "//charts.example.com/team/nginx",
                " https://charts.example.com/team/nginx",
                "https://charts.example.com/team/nginx\n",
                "https://charts.example.com/team/ng\0inx",
                "https://charts.example.com/team/" + "a" * 5000,
            ],
        ),
        (
            "https://*.example.com/**",
            ["https://a.example.com", "https://a.example.com/", "https://a-1.example.com/b/c"],
            [
                "https://example.com/b",
                "https://.example.com/b",
                "https://a.b.example.com/c",
                "https://a.example.com:8443/b",
                "https://evil.example/.example.com/b",
                "https://a@b.example.com/c",
                "https://evil.example:1.example.com/b",
                "https://a.example.com.git/b",
                "https://a.example.com.git",
            ],
        ),
        (
            "https://git-*.example.com:8443/*/app",
            ["https://git-1.example.com:8443/a/app", "https://git-eu.example.com:8443/a/app.git"],
            [
                "https://git-eu.example.com/a/app",
                "https://git-eu.example.com:8443/app",
                "https://git-eu.example.com:8443/a/b/app",
                "https://git-eu.example.com:84430/a/app",
                "https://git.example.com:8443/a/app",
            ],
        ),
        (
            "ssh://git@git.example.com/**",
            ["git@git.example.com:team/app.git", "ssh://git@git.example.com:22/team/app"],
            [
                "root@git.example.com:team/app.git",
                "ssh://git.example.com/team/app",
                "ssh://git@git.example.com:2222/team/app",
                "git@git.example.com.evil.example:team/app",
                "git@evil.example:git@git.example.com/team/app",
                "https://git.example.com/team/app",
            ],
        ),
        (
            "oci://Registry.example.com/charts/**/web",
            ["oci://registry.example.com/charts/web", "oci://registry.example.com/charts/a/b/web"],
            [
                "oci://registry.example.com:443/charts/web",
                "oci://registry.example.com/charts/web/a",
            ],
        ),
        (
            "https://git.example.com/team/app",
            ["https://git.example.com/team/app", "https://git.example.com/team/app.git"],
            ["https://git.example.com/team/app/x", "https://git.example.com/team/app.gitx"],
        ),
        (
            "https://git.example.com/team/app.git/",
            ["https://git.example.com/team/app", "https://git.example.com/team/app.git/"],
            ["https://git.example.com/team/appxgit", "https://git.example.com/team"],
        ),
        (
            "https://git.example.com/team/*.git",
            ["https://git.example.com/team/app.git"],
            ["https://git.example.com/team/app"],
        ),
        ("https://git.example.com", ["https://git.example.com/"], ["https://git.example.com.git"]),
        ("https://[2001:DB8::1]/*", ["https://[2001:db8:0::1]/a"], ["https://[2001:db8::2]/a"]),
        ("https://h.example/a%7eb/*", ["https://h.example/a~b/c"], ["https://h.example/a%7Eb"]),
        ("https://h.example/v0w*v0w", ["https://h.example/v0wxv0w"], ["https://h.example/xv0w"]),
        ("https://h.example/a.b", ["https://h.example/a.b"], ["https://h.example/axb"]),
    ],
)
def test_a_pattern_matches_whole_urls(
    permissions: Maker, pattern: str, fitting: list[str], others: list[str]
) -> None:
    gate = permissions.gate(f'fetch: ["{pattern}"]')
    assert [url for url in fitting if not allows(gate, url)] == []
    assert [url for url in others if allows(gate, url)] == []


@pytest.mark.parametrize(
    ("remote", "url"),
    [
        (RemoteChart("https://a.example/team", "web", "1"), "https://a.example/team/web"),
        (RemoteChart("https://a.example/team/?x=y", "web"), "https://a.example/team/web"),
        (RemoteChart("oci://a.example", "web"), "oci://a.example/web"),
        (RemoteCommit("https://a.example/team.git/", "main"), "https://a.example/team.git"),
        (RemoteFile("https://a.example/file?x=/y"), "https://a.example/file"),
    ],
)
def test_each_remote_has_one_url_that_is_checked(
    permissions: Maker, remote: Remote, url: str
) -> None:
    assert checked_url(remote) == url
    permissions.gate(f"fetch: ['{url}']").check_fetch(remote, by_default=False)
    with pytest.raises(FetchError):
        permissions.gate(f"fetch: ['{url}/*']").check_fetch(remote, by_default=True)


@pytest.mark.parametrize("name", ["..", "../x", ".", "", "a/", "a//b", "a b", "a?b", "a#b", "%2e"])
def test_a_charts_name_does_not_leave_its_repository(permissions: Maker, name: str) -> None:
    gate = permissions.gate("fetch: ['https://a.example/team/**', 'https://a.example/x']")
    gate.check_fetch(RemoteChart("https://a.example/team", "x"), by_default=False)
    with pytest.raises(FetchError):
        gate.check_fetch(RemoteChart("https://a.example/team", name), by_default=False)


@pytest.mark.parametrize(
    "url",
    ["https://A.example/x", "https://a.example:443/x", "https://a.example/y/../x", "git@a:b/x"],
)
def test_the_gate_accepts_normalised_urls_only(url: str) -> None:
    gate = PolicyGate(WEB, None)
    gate.check_fetch(RemoteFile(normalise(url)), by_default=True)
    with pytest.raises(FetchError, match="is not normalised"):
        gate.check_fetch(RemoteFile(url), by_default=True)


@pytest.mark.parametrize("by_default", [True, False])
def test_without_a_rule_the_operators_default_holds(permissions: Maker, by_default: bool) -> None:
    remote = RemoteChart("https://a.example/team", "web")
    for gate in (PolicyGate(WEB, None), permissions.gate("allow: ['**']")):
        if by_default:
            gate.check_fetch(remote, by_default=True)
            continue
        with pytest.raises(FetchError) as caught:
            gate.check_fetch(remote, by_default=False)
        assert caught.value.reason == ("nothing remote may be fetched")
        assert "AVP_RENDER_NETWORK" in caught.value.hint


@pytest.mark.parametrize("by_default", [True, False])
@pytest.mark.parametrize("key", ["fetch", "denyFetch"])
def test_one_rule_in_the_file_restricts_everybody(
    permissions: Maker, key: str, by_default: bool
) -> None:
    rule = f"{{projects: [other], {key}: [https://a.example/x]}}"
    for rules in ((rule,), ("allow: ['**']", rule)):
        with pytest.raises(FetchError, match="the policy does not allow fetching https://a"):
            permissions.gate(*rules).check_fetch(
                RemoteFile("https://a.example/x"), by_default=by_default
            )
    other = Identity(app="web", namespace="demo", project="other")
    allowing = permissions.gate("{projects: [other], fetch: [https://a.example/x]}", identity=other)
    allowing.check_fetch(RemoteFile("https://a.example/x"), by_default=by_default)


def test_rules_on_urls_leave_paths_as_they_are(permissions: Maker) -> None:
    found = permissions("fetch: ['https://a.example/**']", "allow: [kv/a]")
    assert found.path("kv/a", None).allowed
    assert not found.path("kv/b", None).allowed
    assert not found.depends_on_kind


@pytest.mark.parametrize(
    ("selectors", "applies"),
    [
        ("projects: ['team-*']", True),
        ("projects: [team-b]", False),
        ("namespaces: [demo], applications: [web]", True),
        ("namespaces: [demo], applications: [api]", False),
    ],
)
def test_selectors_choose_who_may_fetch(permissions: Maker, selectors: str, applies: bool) -> None:
    rule = f"{{{selectors}, fetch: ['https://a.example/**']}}"
    assert permissions.allows("https://a.example/x", rule) is applies
    assert not permissions.allows("https://a.example/x", rule, identity=NOBODY)


@pytest.mark.parametrize(
    ("pattern", "denied", "others"),
    [
        (
            "https://a.example/secret",
            [
                "https://a.example/secret",
                "https://a.example/secret.git",
                "https://a.example/secret/below/it",
                "https://a.example/secret.git/below",
                "https://a.example/secret/..;/x",
                "https://a.example/secret/%25",
                "https://a.example:8443/secret/x",
            ],
            ["https://a.example/secret2", "https://a.example/x/secret", "https://b.example/secret"],
        ),
        (
            "https://a.example/secret.git",
            ["https://a.example/secret", "https://a.example/secret/x"],
            ["https://a.example/secretXgit"],
        ),
        (
            "https://a.example/**/s*.git",
            ["https://a.example/x/secret", "https://a.example/s;/x"],
            ["https://a.example/x/t"],
        ),
        ("ssh://a.example/x", ["ssh://git@a.example/x", "ssh://a.example:2222/x/y"], []),
        ("ssh://git@a.example/x", ["ssh://git@a.example/x"], ["ssh://root@a.example/x"]),
        (
            "https://a.example",
            ["https://a.example/", "https://a.example/x"],
            ["https://a.example.x"],
        ),
        ("https://*.example", ["https://b.example/x"], ["https://b.c.example/x"]),
    ],
)
def test_a_denying_pattern_is_broad(
    permissions: Maker, pattern: str, denied: list[str], others: list[str]
) -> None:
    wanted = [normalise(url) for url in (*denied, *others)]
    # Each is allowed as it is, so that only the other rule denies it.
    allow = f"fetch: {wanted}"
    for rules in ((allow, f"denyFetch: ['{pattern}']"), (f"denyFetch: ['{pattern}']", allow)):
        gate = permissions.gate(*rules)
        assert [url for url in denied if allows(gate, url)] == []
        assert [url for url in others if not allows(gate, url)] == []
    assert [url for url in wanted if not permissions.allows(url, allow)] == []


def test_a_template_is_filled_for_the_one_who_fetches(permissions: Maker) -> None:
    rule = (
        "fetch: ['https://github.com/{{ project }}/**', "
        "'https://{{ namespace }}.charts.example.com/x-{{ app }}/*']"
    )
    for url, allowed in (
        ("https://github.com/team-a/app.git", True),
        ("https://github.com/team-b/app.git", False),
        ("https://demo.charts.example.com/x-web/nginx", True),
        ("https://other.charts.example.com/x-web/nginx", False),
    ):
        assert permissions.allows(url, rule) is allowed
        assert not permissions.allows(url, rule, identity=NOBODY)


BAD_NAMES = [
    *("", ".", "..", "a/b", "../x", "/", "a\\b", "a\0", "a\nb", "a b", "*", "**", "a*", "?", "a#b"),
    *("%2e", "2f%", "a:b", "a@b", "[a]", "caf\u00e9", "\udcff", "web.git", "\1", "\2", "a\2b"),
]


@pytest.mark.parametrize("name", [*BAD_NAMES, "a.b", "evil.example", "x_y", "a~", None])
def test_a_name_in_the_host_is_one_label(permissions: Maker, name: str | None) -> None:
    identity = Identity(app=name, namespace="demo", project=None)
    rule = "fetch: ['https://{{ app }}.example.com/**', 'https://git.x{{ app }}.example/**']"
    for host in ("a", "evil.example", "web", "git", "git.xa.b", "git.xevil.example", f"{name}"):
        for url in (
            f"https://{host}.example.com/x",
            f"https://{host}/x",
            f"https://{host}.example/x",
        ):
            assert not permissions.allows(url, rule, identity=identity)
    (verdict,) = {permissions(rule, identity=identity).fetch("https://a.example.com/x")}
    assert verdict is not None
    assert "matches nothing: " in verdict.why


@pytest.mark.parametrize("name", [*BAD_NAMES, None])
def test_a_name_in_the_path_is_one_segment(permissions: Maker, name: str | None) -> None:
    identity = Identity(app=name, namespace="demo", project=None)
    rule = "fetch: ['https://a.example/{{ app }}', 'https://a.example/x/{{ app }}/**']"
    for path in ("", "a", "x", "x/y", "a/b", "web", "x/web", "x/a", "2e", f"{name}", f"x/{name}/a"):
        assert not permissions.allows(f"https://a.example/{path}", rule, identity=identity)
    allow = "fetch: ['https://a.example/**']"
    assert permissions.allows("https://a.example/x", allow, identity=identity)
    found = permissions(allow, "denyFetch: ['https://b.example/{{ app }}']", identity=identity)
    verdict = found.fetch("https://a.example/x")
    assert verdict is not None
    assert not verdict.allowed
    assert "denies https://b.example/{{ app }}, which cannot be filled: " in verdict.why


@pytest.mark.parametrize("name", ["web", "web.1", "argocd_web", "w~", "v0w", "WEB"])
def test_a_plain_name_is_inserted_into_the_path(permissions: Maker, name: str) -> None:
    identity = Identity(app=name, namespace="demo", project=None)
    rule = "fetch: ['https://a.example/*/{{ app }}']"
    assert permissions.allows(f"https://a.example/x/{name}", rule, identity=identity)
    assert not permissions.allows("https://a.example/x/y", rule, identity=identity)


@pytest.mark.parametrize("text", ["%{{ app }}", "%2{{ app }}", "%{{ app }}{{ app }}"])
def test_a_name_does_not_complete_an_escape(permissions: Maker, text: str) -> None:
    identity = Identity(app="2", namespace="demo", project=None)
    with pytest.raises(Exception, match="with % that no two hexadecimal digits follow"):
        permissions(f"fetch: ['https://a.example/{text}']", identity=identity)


def test_a_verdict_names_the_rule_that_decides(permissions: Maker) -> None:
    found = permissions(
        "{name: own, fetch: ['https://a.example/team']}",
        "{name: not this, denyFetch: ['https://a.example/secret']}",
    )
    assert found.fetch("https://a.example/team") == Verdict(
        True, "rule 'own' (line 2) allows https://a.example/team"
    )
    assert found.fetch("https://a.example/secret/x") == Verdict(
        False, "rule 'not this' (line 3) denies https://a.example/secret"
    )
    none = "none of the rules that apply allows it: rule 'own' (line 2), rule 'not this' (line 3)"
    assert found.fetch("https://a.example/x") == Verdict(False, none)
    assert found.fetch("https://a.example/team/web") == Verdict(
        False,
        f"{none}; https://a.example/team does not allow what is below it, which /** at its end "
        "would",
    )
    other = permissions("{projects: [b], fetch: ['https://a.example']}")
    assert other.fetch("https://a.example") == Verdict(False, "no rule applies")
    assert permissions("allow: [a]").fetch("https://a.example") is None


def test_the_gate_shows_no_rule_and_no_query(permissions: Maker) -> None:
    gate = permissions.gate("{name: hidden, fetch: ['https://hidden.example/**']}")
    with pytest.raises(FetchError) as caught:
        gate.check_fetch(RemoteFile("https://a.example/x?token=canary"), by_default=True)
    assert caught.value.reason == "the policy does not allow fetching https://a.example/x"
    assert caught.value.hint == (
        "ask the operator to allow it for the application web, the namespace demo, the project "
        "team-a"
    )


def test_matching_takes_linear_time(permissions: Maker) -> None:
    # With backtracking this would not end.
    pattern = "/".join(["**", "a*a*a*a*a*a*a*b"] * 20)
    gate = permissions.gate(f"fetch: ['https://a.example/{pattern}']")
    for path in ("/".join(["a" * 60] * 60), "a/" * 2000, "a" * 4000):
        assert not allows(gate, f"https://a.example/{path}")
    assert not allows(gate, "https://a.example/" + "a/" * 1_000_000)


@pytest.mark.parametrize("segment", ["**", "*", "a*"])
def test_a_pattern_of_any_length_is_compiled(permissions: Maker, segment: str) -> None:
    length = 4000 // (3 * len(segment) + 1)
    gate = permissions.gate(f"fetch: ['https://a.example/{'/'.join([segment] * length)}']")
    assert allows(gate, f"https://a.example/{'/'.join(['a'] * length)}")
    assert not allows(gate, f"https://a.example/{'/'.join([';'] * length)}")


HOSTS = re.compile(r"https://(charts|[a-z0-9-]+\.apps)\.example\.com|ssh://git@git\.example\.com")
PIECES = [
    *(
        "https://",
        "http://",
        "ssh://",
        "oci://",
        "//",
        "/",
        "\\",
        ":",
        "@",
        "?",
        "#",
        ".",
        "..",
        "%",
    ),
    *("charts.example.com", "a.apps.example.com", "apps.example.com", "git.example.com", "git@"),
    *("evil.example", ".evil.example", "evil", "team", "team-a", "secret", ":443", ":22", ":8443"),
    *("%2e", "%2E%2e", "%2f", "%5c", "%40", "%00", "%252f", "\u3002", "\uff0f", "\u2100", ";", " "),
    *("[::1]", "0x7f.1", "user:password@", "A", "\n", "\t", "*", "**", "xn--", "*.example.com"),
]
ALLOWED = [
    "https://charts.example.com/team/a",
    "https://a.apps.example.com/x/team",
    "ssh://git@git.example.com/team-a/x",
    "git@git.example.com:team-a/x",
]


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> PolicyGate:
    maker = Maker(tmp_path_factory.mktemp("policy") / "policy.yaml")
    return maker.gate(
        "fetch: ['https://charts.example.com/team/**', 'https://*.apps.example.com/*/team']",
        "fetch: ['ssh://git@git.example.com/{{ project }}/**']",
        "denyFetch: ['https://charts.example.com/team/secret']",
    )


@given(
    st.sampled_from(ALLOWED),
    st.lists(st.tuples(st.integers(0, 40), st.sampled_from(PIECES) | st.characters()), max_size=4),
)
def test_what_is_allowed_is_what_a_person_reads(
    everything: PolicyGate, beginning: str, insertions: list[tuple[int, str]]
) -> None:
    written = beginning
    for place, piece in insertions:
        written = written[:place] + piece + written[place:]
    for url in (written, *normalised(written)):
        try:
            everything.check_fetch(RemoteFile(url), by_default=True)
        except FetchError:
            continue
        assert HOSTS.match(url)
        parts, other = urlsplit(url), parse_url(url)
        assert (parts.scheme, parts.hostname, parts.port, parts.username) == (
            *(other.scheme, other.host, other.port, other.auth),
        )
        assert parts.port is None
        assert HOSTS.fullmatch(f"{parts.scheme}://{parts.netloc}")
        # However often a server decodes it, it stays where it is.
        path = posixpath.normpath(unquote(unquote(parts.path)).replace("\\", "/"))
        for host, allowed in (
            ("charts.example.com", r"/team(?!/secret(\.git)?(/|\Z))(/.*)?"),
            ("git.example.com", r"/team-a(/.*)?"),
        ):
            assert parts.hostname != host or re.fullmatch(allowed, path, re.DOTALL)


def normalised(url: str) -> list[str]:
    try:
        return [normalise(url)]
    except FetchError:
        return []


def test_the_property_is_about_urls_that_are_allowed(everything: PolicyGate) -> None:
    assert all(allows(everything, url) for url in ALLOWED)
    assert not allows(everything, "https://charts.example.com/team/secret.git/x")
