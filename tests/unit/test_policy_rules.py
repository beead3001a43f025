"""What a policy's rules allow: selectors, patterns, templates, kinds, Secrets."""

from pathlib import Path

import pytest

from avp_py.errors import PathError, SettingsError
from avp_py.policy import PolicyGate
from avp_py.policy.verdict import Verdict
from avp_py.settings import Identity, Trust
from tests.unit.policies import NOBODY, WEB, Policies


@pytest.fixture
def permissions(tmp_path: Path) -> "Maker":
    return Maker(tmp_path / "policy.yaml")


class Maker(Policies):
    """The same, and what they allow."""

    def allows(
        self, path: str, *rules: str, identity: Identity = WEB, kind: str | None = None
    ) -> bool:
        return self(*rules, identity=identity).path(path, kind).allowed


@pytest.mark.parametrize(
    ("pattern", "fitting", "others"),
    [
        ("kv/data/a", ["kv/data/a"], ["kv/data/A", "kv/data/ab", "xkv/data/a", "kv/data/a/b"]),
        ("kv/*/a", ["kv/data/a", "kv/x y/a"], ["kv/a", "kv/b/c/a"]),
        ("kv/a*c*e", ["kv/ace", "kv/abcde", "kv/acce"], ["kv/ac", "kv/acd", "kv/a/ce", "kv/aec"]),
        ("kv/*", ["kv/a", "kv/*", "kv/?"], ["kv", "kv/a/b"]),
        ("kv/**", ["kv", "kv/a", "kv/a/b/c"], ["kva", "k/v", "x/kv/a"]),
        ("**/a", ["a", "b/a", "b/c/a"], ["b/aa", "a/b"]),
        ("a/**/b/**/c", ["a/b/c", "a/x/b/b/y/c"], ["a/c", "a/b", "a/b/c/d"]),
        ("**", ["a", "a/b"], []),
        ("ab*ba", ["abba", "abxba"], ["aba", "abab"]),
    ],
)
def test_a_pattern_matches_whole_paths_and_a_star_one_segment(
    permissions: Maker, pattern: str, fitting: list[str], others: list[str]
) -> None:
    found = permissions(f"allow: ['{pattern}']")
    assert [path for path in fitting if not found.path(path, None).allowed] == []
    assert [path for path in others if found.path(path, None).allowed] == []


BESIDE = ["metadata", "subkeys", "delete", "undelete", "destroy"]


@pytest.mark.parametrize("word", BESIDE)
@pytest.mark.parametrize(
    "pattern", ["**", "*/**", "kv/**", "kv/*/team/*", "kv/{w}*/**", "kv/*{w}/**"]
)
def test_a_star_does_not_match_metadata(permissions: Maker, pattern: str, word: str) -> None:
    rule = f"allow: ['{pattern.format(w=word[:3])}', 'kv/data/team/*']"
    path = f"kv/{word}/team/app"
    assert not permissions.allows(path, rule)
    assert permissions.allows("kv/data/team/app", rule)
    assert permissions.allows(path, rule, f"allow: ['*/{word}/team/**']")
    assert permissions.allows(path, rule, f"allow: ['**/{word}/**']")
    why = permissions("allow: ['kv/**']").path(path, None).why
    assert why.endswith(f"; kv/** does not spell out {word!r}")


@pytest.mark.parametrize("word", BESIDE)
def test_later_segments_are_names_even_if_they_are_reserved(permissions: Maker, word: str) -> None:
    assert permissions.allows(f"kv/data/team/{word}", "allow: ['kv/data/team/*']")
    assert permissions.allows(f"kv/data/{word}/app", "allow: ['kv/**']")
    assert permissions.allows(f"{word}/data/app", "allow: ['*/data/*']")


@pytest.mark.parametrize("word", ["data", *BESIDE])
def test_a_tenants_name_cannot_be_a_reserved_word(permissions: Maker, word: str) -> None:
    identity = Identity(app=word[2:], namespace=word, project=word[:2])
    for pattern in ("kv/{{ namespace }}/**", "kv/{{ project }}{{ app }}/**"):
        rule = f"allow: ['{pattern}']"
        assert not permissions.allows(f"kv/{word}/other/app", rule, identity=identity)
        assert permissions.allows("kv/demo/app", "allow: ['kv/{{ namespace }}/**']")
    own = "allow: ['kv/data/{{ namespace }}/*']"
    assert permissions.allows(f"kv/data/{word}/app", own, identity=identity)


@pytest.mark.parametrize("word", BESIDE)
@pytest.mark.parametrize("denied", ["kv/data/team/root", "kv/data/**", "kv/**", "*/*/team/root"])
def test_a_denied_secret_has_no_metadata_either(permissions: Maker, denied: str, word: str) -> None:
    allow = f"allow: ['kv/{word}/**']"
    assert permissions.allows(f"kv/{word}/team/root", allow)
    assert not permissions.allows(f"kv/{word}/team/root", allow, f"deny: ['{denied}']")
    only_metadata = f"deny: ['kv/{word}/team/root']"
    assert permissions.allows("kv/data/team/root", "allow: ['kv/data/**']", only_metadata)


def test_deny_wins_in_any_order(permissions: Maker) -> None:
    deny, allow = "deny: [kv/data/shared/root]", "allow: [kv/data/shared/*]"
    for rules in ((deny, allow), (allow, deny), ("allow: ['**']", deny, allow)):
        assert not permissions.allows("kv/data/shared/root", *rules)
        assert permissions.allows("kv/data/shared/smtp", *rules)


def test_what_no_rule_allows_is_denied(permissions: Maker) -> None:
    assert not permissions.allows("kv/data/x", "deny: [kv/data/y]")
    assert not permissions.allows("kv/data/x", "{projects: [team-b], allow: ['**']}")


@pytest.mark.parametrize(
    ("selectors", "applies"),
    [
        ("projects: [team-a]", True),
        ("projects: [team-b, 'team-*']", True),
        ("projects: [team]", False),
        ("projects: [Team-a]", False),
        ("projects: ['*-b']", False),
        ("namespaces: [demo]", True),
        ("namespaces: [dem]", False),
        ("applications: ['w*b']", True),
        ("applications: ['*/web']", False),
        ("projects: [team-a], namespaces: [demo], applications: [web]", True),
        ("projects: [team-a], namespaces: [other], applications: [web]", False),
    ],
)
def test_all_selectors_of_a_rule_must_fit_whole_names(
    permissions: Maker, selectors: str, applies: bool
) -> None:
    assert permissions.allows("kv/a", f"{{{selectors}, allow: [kv/a]}}") is applies


@pytest.mark.parametrize(
    "written", ["Billing", "billing ", " billing", "bil ling", "b\u0456lling", "\uff42illing"]
)
@pytest.mark.parametrize("selector", ["projects", "namespaces", "applications"])
def test_a_selector_compares_byte_for_byte(permissions: Maker, selector: str, written: str) -> None:
    billing = Identity(app="billing", namespace="billing", project="billing")
    other = Identity(app=written, namespace=written, project=written)
    rule = f"{{{selector}: [billing], allow: [kv/a]}}"
    assert permissions.allows("kv/a", rule, identity=billing)
    assert not permissions.allows("kv/a", rule, identity=other)
    assert not permissions.allows(
        "kv/a", f"{{{selector}: ['{written}'], allow: [kv/a]}}", identity=billing
    )


@pytest.mark.parametrize("selector", ["projects", "namespaces", "applications"])
def test_a_selector_on_a_name_that_argo_cd_did_not_say_fits_nothing(
    permissions: Maker, selector: str
) -> None:
    rule = f"{{{selector}: ['*'], allow: [kv/a]}}"
    assert permissions.allows("kv/a", rule)
    assert not permissions.allows("kv/a", rule, identity=NOBODY)


def test_a_template_is_filled_for_the_one_who_asks(permissions: Maker) -> None:
    rule = "allow: ['kv/data/{{ namespace }}/{{ app }}', '{{ project | upper }}/*']"
    assert permissions.allows("kv/data/demo/web", rule)
    assert permissions.allows("TEAM-A/x", rule)
    assert not permissions.allows("kv/data/demo/web2", rule)
    assert not permissions.allows("kv/data/other/web", rule)


@pytest.mark.parametrize("name", ["*", "**", "w*", "?", "[a-z]"])
def test_what_a_template_inserts_is_no_pattern(permissions: Maker, name: str) -> None:
    identity = Identity(app=name, namespace="demo", project=None)
    rule = "allow: ['kv/data/{{ app }}']"
    assert permissions.allows(f"kv/data/{name}", rule, identity=identity)
    assert not permissions.allows("kv/data/web", rule, identity=identity)
    assert not permissions.allows("kv/data/web/x", rule, identity=identity)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../x", "/", "a\\b", "a\0", "a\nb", None])
def test_a_name_that_is_no_single_part_makes_a_pattern_match_nothing(
    permissions: Maker, name: str | None
) -> None:
    identity = Identity(app=name, namespace="demo", project=None)
    found = permissions("allow: ['kv/{{ app }}', 'kv/x{{ app }}', '{{ app }}']", identity=identity)
    paths = ("kv", "kv/x", "x", "a/b", "kv/a/b", "kv/a", f"kv/{name}", "kv/None", "kv/xNone")
    for path in paths:
        verdict = found.path(path, None)
        assert not verdict.allowed, path
        assert "matches nothing: " in verdict.why


@pytest.mark.parametrize("name", ["", "a/b", "..", "a" * 4096])
def test_a_denying_pattern_that_cannot_be_filled_denies_everything(
    permissions: Maker, name: str
) -> None:
    identity = Identity(app=name, namespace="demo", project=None)
    found = permissions("allow: ['**']", "deny: ['kv/{{ app }}/root']", identity=identity)
    verdict = found.path("kv/x", None)
    assert not verdict.allowed
    assert "rule 2 (line 3) denies kv/{{ app }}/root, which cannot be filled" in verdict.why
    missing = permissions("allow: ['**']", "deny: ['{{ project }}/root']", identity=identity)
    assert not missing.path("kv/x", None).allowed


def test_what_an_expression_makes_is_no_pattern_either(permissions: Maker) -> None:
    assert not permissions.allows("kv/a", "allow: ['kv/{{ \"*\" }}']")
    assert permissions.allows("kv/*", "allow: ['kv/{{ \"*\" }}']")
    assert permissions.allows("kv/a", "allow: ['kv/{% if project == \"team-a\" %}*{% endif %}']")


def test_kinds_bind_what_their_own_rule_allows_and_denies(permissions: Maker) -> None:
    rules = (
        "{kinds: [Secret, '*Config'], allow: [kv/a]}",
        "allow: [kv/b]",
        "{kinds: [ConfigMap], deny: ['**']}",
    )
    found = permissions(*rules)
    assert found.depends_on_kind
    expected = {
        ("kv/a", "Secret"): True,
        ("kv/a", "AppConfig"): True,
        ("kv/a", "secret"): False,
        ("kv/a", "Deployment"): False,
        ("kv/a", None): False,
        ("kv/b", "Deployment"): True,
        ("kv/b", None): True,
        ("kv/b", "ConfigMap"): False,
    }
    assert {key: found.path(*key).allowed for key in expected} == expected
    assert found.path("kv/a", "Deployment").kinds == ("Secret", "*Config")
    assert not permissions("allow: [kv/a]").depends_on_kind


def test_a_secret_is_trusted_with_what_the_rules_that_fit_it_say(permissions: Maker) -> None:
    found = permissions(
        "secrets: ['argocd:*']",
        "{secrets: ['argocd:avp-{{ project }}'], trust: [address]}",
        "{projects: [team-b], secrets: ['*:*'], trust: [address, files]}",
        "{secrets: ['argocd:avp-{{ project }}', 'demo:own'], trust: [files]}",
    )
    assert set(found.trust("argocd", "avp-team-a")) == {Trust.ADDRESS, Trust.FILES}
    assert found.trust("argocd", "avp-team-a")[Trust.ADDRESS].number == 2
    assert set(found.trust("demo", "own")) == {Trust.FILES}
    for namespace, name in (("argocd", "avp-team-b"), ("demo", "other"), ("argocd", "own")):
        assert not found.trust(namespace, name)


def test_the_secrets_that_an_application_may_name(permissions: Maker) -> None:
    rule = "secrets: ['argocd:avp-{{ project }}', 'shared-*:avp']"
    found = permissions(rule)
    assert found.secret("argocd", "avp-team-a").allowed
    assert found.secret("shared-1", "avp").allowed
    for namespace, name in (
        ("argocd", "avp-team-b"),
        ("argocd", "avp-team-a2"),
        ("demo", "avp-team-a"),
        ("shared-1", "avp2"),
    ):
        assert not found.secret(namespace, name).allowed
    assert not permissions("{projects: [b], secrets: ['*:*']}").secret("argocd", "avp").allowed
    assert not permissions("allow: ['**']").secret("argocd", "avp").allowed
    assert not permissions(rule, identity=NOBODY).secret("argocd", "avp-").allowed


def test_a_verdict_names_the_rule_that_decides(permissions: Maker) -> None:
    found = permissions(
        "{name: own, allow: ['kv/data/{{ namespace }}/*']}", "{name: no root, deny: ['**/root']}"
    )
    assert found.path("kv/data/demo/a", None) == Verdict(
        True, "rule 'own' (line 2) allows kv/data/{{ namespace }}/*"
    )
    assert found.path("kv/data/demo/root", None).why == "rule 'no root' (line 3) denies **/root"
    assert found.path("kv/x", None).why == (
        "none of the rules that apply allows it: rule 'own' (line 2), rule 'no root' (line 3)"
    )
    assert permissions("{projects: [b], allow: [a]}").path("a", None).why == "no rule applies"


def test_the_gate_says_what_to_request_and_shows_no_rule(permissions: Maker) -> None:
    rules = ("{name: hidden-rule, kinds: [Secret], allow: [kv/a], secrets: ['argocd:hidden']}",)
    gate = PolicyGate(WEB, permissions(*rules))
    gate("kv/a", "Secret")
    for path, kind, reason, hint in (
        ("kv/b", "Secret", "the policy does not allow the path kv/b", "ask the operator to allow"),
        ("kv/a", "Job", "the policy does not allow the path kv/a in a Job", "allowed in Secret"),
    ):
        with pytest.raises(PathError) as caught:
            gate(path, kind)
        assert caught.value.reason == reason
        assert hint in caught.value.hint
        assert "hidden" not in f"{caught.value.reason} {caught.value.hint}"
    with pytest.raises(SettingsError, match="name the Secret argocd:other") as refused:
        gate.check_secret("argocd", "other")
    assert "the application web, the namespace demo, the project team-a" in refused.value.hint
    assert "hidden" not in refused.value.hint
    unknown = PolicyGate(NOBODY, permissions("allow: [a]", identity=NOBODY))
    with pytest.raises(PathError) as caught:
        unknown("b", "")
    assert "the project (not known)" in caught.value.hint


@pytest.mark.parametrize("path", ["kv//a", "kv/a/", "/kv/a", "kv/./a", "kv/b/../a"])
def test_the_gate_accepts_normalised_paths_only(path: str) -> None:
    with pytest.raises(PathError, match="is not normalised"):
        PolicyGate(WEB, None)(path, "")


def test_matching_takes_linear_time(permissions: Maker) -> None:
    # With backtracking this would not end.
    pattern = "/".join(["**", "a*a*a*a*a*a*a*b"] * 20)
    path = "/".join(["a" * 60] * 60)
    assert not permissions.allows(path, f"allow: ['{pattern}']")
