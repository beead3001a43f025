"""`avp-py policy check`: verdicts, the deciding rule, exit codes; and the page about it."""

import re
from pathlib import Path

import pytest

from avp_py.policy.decide import Permissions
from avp_py.policy.document import read_policy
from avp_py.settings import Identity
from tests.conftest import ROOT, Result, Run

PAGE = (ROOT / "docs" / "policy.md").read_text()
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    file = tmp_path / "policy.yaml"
    file.write_text(EXAMPLES[0])
    return file


def check(run: Run, policy: Path, *argv: str) -> Result:
    return run("policy", "check", policy, *argv, env={})


WEB = ("--project", "team-a", "--app", "web", "--namespace", "demo")


def test_all_allowed_is_0_and_something_denied_is_1(run: Run, policy: Path) -> None:
    result = check(run, policy, *WEB, "kv/data/demo/web", "kv/data/team-a/x/y")
    assert (result.code, result.err) == (0, "")
    assert result.out.count("allowed ") == 2
    result = check(run, policy, *WEB, "kv/data/demo/web", "kv/data/demo/other")
    assert result.code == 1
    assert result.out.splitlines()[2:] == [
        "denied  kv/data/demo/other",
        "        none of the rules that apply allows it: rule 'own secrets' (line 2), "
        "rule 'shared' (line 7), rule 'settings of a team' (line 10)",
    ]


def test_without_names_only_rules_without_selectors_apply(run: Run, policy: Path) -> None:
    assert check(run, policy, "kv/data/shared/a").code == 0
    result = check(run, policy, "--namespace", "demo", "--app", "web", "kv/data/demo/web")
    assert result.code == 1
    assert "own secrets" not in result.out


def test_a_path_is_shown_normalised(run: Run, policy: Path) -> None:
    result = check(run, policy, *WEB, "kv//data/x/../demo/web")
    assert result.code == 0
    assert "kv/data/demo/web (written kv//data/x/../demo/web)" in result.out
    result = check(run, policy, *WEB, "../x", "a\\b", "")
    assert result.code == 1
    assert result.out.count("denied ") == 3
    assert "climbs above its beginning" in result.out


def test_secrets_and_kinds_are_reported(run: Run, policy: Path, tmp_path: Path) -> None:
    secrets = ("--secret", "avp-team-a", "--secret", "argocd:other")
    result = check(run, policy, *WEB, *secrets, "kv/data/demo/web")
    assert result.code == 1
    assert result.out.splitlines()[2:6] == [
        "allowed the Secret argocd:avp-team-a",
        "        rule 'settings of a team' (line 10) allows argocd:avp-{{ project }}",
        "        no rule trusts it with address: it may not say where the sidecar's own "
        "credentials are sent",
        "        no rule trusts it with files: it may not name files of the sidecar",
    ]
    assert "denied  the Secret argocd:other" in result.out
    assert result.out.count("trusts it with") == 2
    trusting = tmp_path / "trusting.yaml"
    trusting.write_text("rules: [{allow: [a], secrets: ['argocd:avp-team-a'], trust: [address]}]\n")
    result = check(run, trusting, *WEB, *secrets, "a")
    assert result.out.splitlines()[4:6] == [
        "        rule 1 (line 1) trusts it with address: it may say where the sidecar's own "
        "credentials are sent",
        "        no rule trusts it with files: it may not name files of the sidecar",
    ]
    kinds = tmp_path / "kinds.yaml"
    kinds.write_text("rules: [{kinds: [Secret], allow: [kv/a]}]\n")
    assert check(run, kinds, "--kind", "Secret", "kv/a").code == 0
    for argv in (("kv/a",), ("--kind", "Job", "kv/a")):
        result = check(run, kinds, *argv)
        assert result.code == 1
        assert "rule 1 (line 1) allows kv/a in documents of kind Secret" in result.out


def test_what_a_star_does_not_match_is_reported(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text("rules:\n- allow: ['kv/**']\n- deny: [kv/data/root]\n")
    result = check(run, file, "kv/data/web", "kv/metadata/web", "kv/subkeys/root")
    assert result.code == 1
    assert result.out.splitlines() == [
        "allowed kv/data/web",
        "        rule 1 (line 2) allows kv/**",
        "denied  kv/metadata/web",
        "        none of the rules that apply allows it: rule 1 (line 2), rule 2 (line 3); kv/** "
        "does not spell out 'metadata'",
        "denied  kv/subkeys/root",
        "        rule 2 (line 3) denies kv/data/root",
    ]


def test_urls_are_reported(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text(
        "rules:\n"
        "- {name: charts, fetch: [https://charts.example.com/team]}\n"
        "- {name: git, fetch: ['ssh://git@git.example.com/{{ project }}/*']}\n"
        "- denyFetch: ['https://*.example.com/secret']\n"
    )
    result = check(
        *(run, file, *WEB),
        *("--fetch", "https://Charts.example.com:443/team"),
        *("--fetch", "https://charts.example.com/team/nginx"),
        *("--fetch", "git@git.example.com:team-a/app.git"),
        *("--fetch", "https://charts.example.com/secret/x?token=canary"),
        *("--fetch", "https://user:canary@charts.example.com/team"),
        *("--fetch", "charts.example.com"),
    )
    assert (result.code, result.err) == (1, "")
    assert "canary" not in result.out
    assert result.out.splitlines() == [
        "allowed https://charts.example.com/team (written https://Charts.example.com:443/team)",
        "        rule 'charts' (line 2) allows https://charts.example.com/team",
        "denied  https://charts.example.com/team/nginx",
        "        none of the rules that apply allows it: rule 'charts' (line 2), rule 'git' "
        "(line 3), rule 3 (line 4); https://charts.example.com/team does not allow what is below "
        "it, which /** at its end would",
        "allowed ssh://git@git.example.com/team-a/app.git (written git@git.example.com:team-a/"
        "app.git)",
        "        rule 'git' (line 3) allows ssh://git@git.example.com/{{ project }}/*",
        "denied  https://charts.example.com/secret/x (written https://charts.example.com/secret/x)",
        "        rule 3 (line 4) denies https://*.example.com/secret",
        "denied  'https://charts.example.com/team'",
        "        the URL 'https://…' has a user or a password; leave it out: credentials are in "
        "the operator's file (AVP_REPOSITORIES)",
        "denied  'charts.example.com'",
        "        the URL 'charts.example.com' is not complete; write it with its scheme, as "
        "https://host/path or oci://host/path; of git's short forms, user@host:path is known",
    ]


def test_without_rules_for_urls_the_setting_decides(run: Run, policy: Path) -> None:
    result = check(run, policy, "--fetch", "https://charts.example.com/team/nginx")
    assert result.code == 0
    assert result.out.splitlines() == [
        "allowed https://charts.example.com/team/nginx",
        "        no rule of the policy has fetch or denyFetch: it is allowed unless "
        "AVP_RENDER_NETWORK=false",
    ]


def test_a_missing_name_is_reported(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text("rules: [{allow: ['kv/{{ project }}/*']}]\n")
    result = check(run, file, "kv/team-a/x")
    assert result.code == 1
    assert "kv/{{ project }}/* matches nothing: 'project' is undefined" in result.out


def test_one_thing_to_check_is_enough(run: Run, policy: Path) -> None:
    for argv in (["kv/data/shared/a"], ["--fetch", "https://a.example"]):
        assert check(run, policy, *argv).code == 0
    assert check(run, policy, "--secret", "argocd:avp-team-a", *WEB).code == 0
    result = check(run, policy, *WEB)
    assert (result.code, result.out) == (2, "")
    assert "nothing to check" in result.err
    assert "give a PATH, --fetch URL or --secret [NAMESPACE:]NAME" in result.err


def test_wrong_usage_is_2(run: Run, policy: Path, tmp_path: Path) -> None:
    assert check(run, tmp_path / "none.yaml", "a").code == 2
    for argv in (
        ("policy",),
        ("policy", "check"),
        ("policy", "check", str(policy)),
        ("policy", "check", "f", "--nonsense", "a"),
    ):
        assert run(*argv, env={}).code == 2


def test_a_malformed_policy_is_1_with_its_place(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text("rules:\n- alow: [a]\n")
    result = check(run, file, "a")
    assert (result.code, result.out) == (1, "")
    assert f"{file}, line 2, column 3: a rule has no key 'alow'" in result.err
    assert "did you mean allow?" in result.err


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_every_example_of_the_page_is_a_policy(tmp_path: Path, number: int) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(EXAMPLES[number])
    namespace = "team-a-web" if "team-a-*" in EXAMPLES[number] else "demo"
    identity = Identity(app="web", namespace=namespace, project="team-a")
    found = Permissions(read_policy(file), identity)
    own = (
        "kv/data/team-a/x"
        if "kv/data/{{ project }}" in EXAMPLES[number]
        else f"kv/data/{namespace}/web"
    )
    assert found.path(own, "Secret").allowed
    others = ("kv/data/other/web", "kv/data/shared/root", "kv/data/team-b/x", "sys/mounts")
    assert [path for path in others if found.path(path, "Secret").allowed] == []


def test_the_examples_of_the_page_are_six() -> None:
    assert len(EXAMPLES) == 6


def test_an_example_binds_projects_to_repositories(tmp_path: Path) -> None:
    (example,) = (each for each in EXAMPLES if "fetch:" in each)
    file = tmp_path / "policy.yaml"
    file.write_text(example)
    found = Permissions(read_policy(file), Identity(app="web", namespace="demo", project="team-a"))
    verdicts = {
        "https://charts.example.com/stable/web": True,
        "https://charts.example.com/stable": False,
        "https://charts.example.com/other/web": False,
        "oci://registry.example.com/charts/base/web": True,
        "https://git.example.com/team-a/app.git": True,
        "https://git.example.com/team-a/archive.git": False,
        "https://git.example.com/team-b/app.git": False,
    }
    for url, allowed in verdicts.items():
        verdict = found.fetch(url)
        assert verdict is not None
        assert verdict.allowed is allowed, url


def test_an_example_binds_projects_to_namespaces(tmp_path: Path) -> None:
    (example,) = (each for each in EXAMPLES if "team-a-*" in each)
    file = tmp_path / "policy.yaml"
    file.write_text(example)
    for namespace, allowed in (("team-a-web", True), ("team-b-web", False)):
        identity = Identity(app="web", namespace=namespace, project="team-a")
        found = Permissions(read_policy(file), identity)
        assert found.path(f"kv/data/{namespace}/web", "Secret").allowed is allowed
