"""The Helm chart: what it makes of values, and which values it refuses."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from avp_py import __version__
from avp_py.settings import TABLE, Trust, parse
from tests.conftest import Run
from tests.integration.helm import CASES, CHART, Document, Helm, read
from tests.integration.repo_server import NAME
from tests.pages import blocks

pytestmark = pytest.mark.both_helms

MINIMAL: dict[str, Any] = {"image": {"repository": "registry.example/avp-py"}}

CREDENTIALS = [setting.name for setting in TABLE if setting.parse in (parse.sensitive, parse.token)]

by_case = pytest.mark.parametrize("values", CASES, ids=lambda file: file.stem)


ASK_PASS = "avp-py-ask-pass"
"""The volume with the repo-server's socket for credentials."""


def containers(patch: Document) -> Sequence[Document]:
    """The containers that a patch of the Deployment adds."""
    found: Sequence[Document] = patch["spec"]["template"]["spec"]["containers"]
    return [each for each in found if each["name"] != NAME]


def of_argo_cd(patch: Document) -> Document:
    """What a patch of the Deployment changes in the container that is Argo CD's own."""
    found = patch["spec"]["template"]["spec"]["containers"]
    return next((each for each in found if each["name"] == NAME), {"name": NAME})


def test_the_chart_is_of_the_release_that_it_installs() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert (chart["version"], chart["appVersion"]) == (__version__, __version__)


@by_case
def test_lint_has_nothing_to_say(helm: Helm, values: Path) -> None:
    done = helm.run("lint", "--strict", CHART, "--values", values)
    assert done.returncode == 0, done.stdout
    # The icon is for catalogues, and would be a URL to maintain.
    assert done.stdout.count("[") == 1, done.stdout
    assert "[INFO] Chart.yaml: icon is recommended" in done.stdout


@by_case
def test_every_object_has_a_name_and_namespace_of_its_own(helm: Helm, values: Path) -> None:
    objects = read(helm.template(values))
    names = [
        (each["kind"], each["metadata"].get("namespace"), each["metadata"]["name"])
        for each in objects
    ]
    assert len(set(names)) == len(names)
    for kind, namespace, _ in names:
        is_cluster_scoped = kind.startswith("ValidatingAdmissionPolicy")
        assert namespace in ((None,) if is_cluster_scoped else ("argocd", "team-a"))
    assert all(name.startswith("avp-py-") for _, _, name in names)
    assert not [each for each in objects if each["kind"] == "Secret"]


@by_case
def test_a_container_has_just_what_a_sidecar_needs(helm: Helm, values: Path) -> None:
    given = yaml.safe_load(values.read_text())
    patch = helm.printed(values, "patch")
    assert [each["name"] for each in containers(patch)] == given.get("plugins", ["avp-kustomize"])
    (plugins,) = (
        each["data"]
        for each in read(helm.template(values))
        if each["metadata"]["name"] == "avp-py-plugins"
    )
    volumes = {each["name"] for each in patch["spec"]["template"]["spec"]["volumes"]}
    for container in containers(patch):
        mounts = {each["mountPath"]: each for each in container["volumeMounts"]}
        assert len(mounts) == len(container["volumeMounts"])
        assert {each["name"] for each in mounts.values()} <= volumes | {"var-files", "plugins"}
        assert mounts["/tmp"]["name"] == f"{container['name']}-tmp"  # noqa: S108
        plugin = plugins[mounts["/home/argocd/cmp-server/config/plugin.yaml"]["subPath"]]
        assert yaml.safe_load(plugin)["metadata"]["name"] == container["name"]
        assert container["command"] == [
            *("/usr/bin/tini", "--"),
            *("avp-py", "serve", "--"),
            "/var/run/argocd/argocd-cmp-server",
        ]
        socket = {"name": "AVP_SOCKET", "value": "/tmp/avp-py/core.sock"}  # noqa: S108
        assert socket in container["env"]
        assert container["securityContext"] == {
            "runAsNonRoot": True,
            "runAsUser": 999,
            "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        }


@pytest.mark.parametrize("plugin", ["avp-kustomize", "avp-helm", "avp"])
def test_discovery_can_be_left_out(helm: Helm, plugin: str) -> None:
    base = {"image": {"repository": "registry.example/avp-py"}, "plugins": [plugin]}

    def rendered(discovery: bool) -> dict[str, Any]:
        values = helm.values({**base, "discovery": discovery})
        only = ("--show-only", "templates/configmaps.yaml")
        (found,) = (
            each["data"][f"{plugin}.yaml"]
            for each in read(helm.template(values, *only))
            if each["metadata"]["name"] == "avp-py-plugins"
        )
        document: dict[str, Any] = yaml.safe_load(found)
        return document

    expected = rendered(discovery=True)
    assert ("discover" in expected["spec"]) == (plugin != "avp")
    expected["spec"].pop("discover", None)
    assert rendered(discovery=False) == expected


def test_argo_cd_lends_credentials_by_a_socket_that_is_shared(helm: Helm) -> None:
    plugins = ["avp-kustomize", "avp-helm", "avp"]
    base = {**MINIMAL, "plugins": plugins}

    def files(values: Path) -> dict[str, Document]:
        objects = {each["metadata"]["name"]: each for each in read(helm.template(values))}
        return {
            name: yaml.safe_load(text) for name, text in objects["avp-py-plugins"]["data"].items()
        }

    values = helm.values({**base, "provideGitCreds": True})
    expected = files(helm.values(base))
    for plugin in expected.values():
        assert "provideGitCreds" not in plugin["spec"]
        plugin["spec"]["provideGitCreds"] = True
    assert files(values) == expected

    patch = helm.printed(values, "patch")
    pod = patch["spec"]["template"]["spec"]
    assert {"name": ASK_PASS, "emptyDir": {}} in pod["volumes"]
    theirs = of_argo_cd(patch)
    assert set(theirs) == {"name", "env", "volumeMounts"}
    (mount,) = theirs["volumeMounts"]
    assert mount["name"] == ASK_PASS
    (variable,) = theirs["env"]
    folder, _, socket = variable["value"].rpartition("/")
    assert (variable["name"], folder) == ("ARGOCD_ASK_PASS_SOCK", mount["mountPath"])
    assert socket
    # The repo-server names the path to the plugin, which has to find it at the same place.
    for container in containers(patch):
        assert {**mount, "readOnly": True} in container["volumeMounts"]

    # As the page shows it for those without the chart.
    (block,) = blocks("docs/charts.md", "provideGitCreds", "yaml")
    page = yaml.safe_load(block.text)
    assert of_argo_cd(page) == theirs
    (sidecar,) = containers(page)
    assert sidecar["volumeMounts"] == [{**mount, "readOnly": True}]
    assert page["spec"]["template"]["spec"]["volumes"] == [{"name": ASK_PASS, "emptyDir": {}}]

    without = helm.printed(helm.values(base), "patch")
    assert of_argo_cd(without) == {"name": NAME}
    assert ASK_PASS not in json.dumps(without)


def test_the_repo_server_s_container_may_have_another_name(helm: Helm) -> None:
    server = {"container": "repo-server"}
    values = helm.values({**MINIMAL, "provideGitCreds": True, "repoServer": server})
    found = helm.printed(values, "patch")["spec"]["template"]["spec"]["containers"]
    assert [each["name"] for each in found] == ["avp-kustomize", "repo-server"]


@by_case
def test_the_server_can_run_without_a_core(helm: Helm, values: Path) -> None:
    given = {**yaml.safe_load(values.read_text()), "metrics": {}}
    modes = [
        containers(helm.printed(helm.values({**given, "mode": mode}), "patch"))
        for mode in ("serve", "plain")
    ]
    for serve, plain in zip(*modes, strict=True):
        assert plain["command"] == ["/usr/bin/tini", "--", "/var/run/argocd/argocd-cmp-server"]
        # Nothing else differs: the probes are the same.
        others = [each for each in serve["env"] if each["name"] != "AVP_SOCKET"]
        assert plain.get("env", []) == others
        apart = {"command": None, "env": None}
        assert {**serve, **apart} == {**plain, **apart}


@by_case
def test_values_and_patch_say_the_same(helm: Helm, values: Path) -> None:
    patch, printed = helm.printed(values, "patch"), helm.printed(values, "values")["repoServer"]
    pod = patch["spec"]["template"]["spec"]
    assert printed["extraContainers"] == containers(patch)
    names = {"env", "volumeMounts"}
    assert {"name": NAME, **{k: v for k, v in printed.items() if k in names}} == of_argo_cd(patch)
    assert printed["volumes"] == pod["volumes"]
    assert printed.get("imagePullSecrets") == pod.get("imagePullSecrets")
    assert printed["podAnnotations"] == patch["spec"]["template"]["metadata"]["annotations"]


def test_credentials_come_from_secrets_and_settings_from_a_config_map(helm: Helm) -> None:
    values = CHART / "ci" / "approle-values.yaml"
    (container,) = containers(helm.printed(values, "patch"))
    assert container["envFrom"] == [{"configMapRef": {"name": "avp-py-settings"}}]
    key = {"secretKeyRef": {"name": "avp-approle", "key": "secret-id"}}
    assert {"name": "AVP_SECRET_ID", "valueFrom": key} in container["env"]
    (settings,) = (
        each["data"]
        for each in read(helm.template(values))
        if each["metadata"]["name"] == "avp-py-settings"
    )
    assert settings == {
        "AVP_AUTH_TYPE": "approle",
        "AVP_CHART_CACHE": "/var/cache/avp-py",
        "AVP_CHART_CACHE_SIZE": "1Gi",
        "AVP_CONCURRENCY": "16",
        "AVP_SANDBOX": "required",
        "VAULT_ADDR": "https://vault.example:8200",
        "VAULT_SKIP_VERIFY": "false",
    }


def test_every_operator_setting_but_credentials_is_accepted(helm: Helm) -> None:
    names = [
        setting.name
        for setting in TABLE
        if setting.is_operators and setting.name not in (*CREDENTIALS, "AVP_SOCKET")
    ]
    without = {"chartCache": {"enabled": False}}
    values = helm.values({**MINIMAL, **without, "settings": dict.fromkeys(names, 1000000)})
    (settings,) = (
        each["data"]
        for each in read(helm.template(values))
        if each["metadata"]["name"] == "avp-py-settings"
    )
    assert settings == dict.fromkeys(names, "1000000")


@by_case
def test_the_probes_of_a_sidecar_succeed(
    helm: Helm, values: Path, run: Run, environ: Mapping[str, str], tmp_path: Path
) -> None:
    made = {each["metadata"]["name"]: each.get("data", {}) for each in read(helm.template(values))}
    sidecars = containers(helm.printed(values, "patch"))
    given = {entry["name"]: entry.get("value", "made-up") for entry in sidecars[0].get("env", [])}
    settings = dict(made["avp-py-settings"])
    if "AVP_POLICY" in settings:
        settings["AVP_POLICY"] = str(tmp_path / "policy.yaml")
        (tmp_path / "policy.yaml").write_text(made["avp-py-policy"]["policy.yaml"])
    probes = ("startupProbe", "livenessProbe", "readinessProbe")
    commands = {
        tuple(sidecar[probe]["exec"]["command"])
        for sidecar in sidecars
        for probe in probes
        if probe in sidecar
    }
    assert len(commands) == (0 if values.stem == "all-plugins-values" else 1)
    for program, *words in commands:
        assert program == "avp-py"
        result = run(*words, env={**environ, **given, **settings})
        assert result.code == 0, result.out


def test_avp_py_accepts_the_policy(helm: Helm, run: Run, tmp_path: Path) -> None:
    rule = json.loads((CHART / "values.schema.json").read_text())["properties"]["policy"][
        "properties"
    ]["rules"]["items"]["properties"]
    every_key = {key: "a" if value["type"] == "string" else ["a"] for key, value in rule.items()}
    urls = {key: ["https://charts.example.com/**"] for key in ("fetch", "denyFetch")}
    for_kinds = {key: value for key, value in every_key.items() if key not in urls}
    for_urls = {key: value for key, value in every_key.items() if key != "kinds"}
    well_formed = {"secrets": ["argocd:a"], "trust": [each.value for each in Trust]}
    rules = [
        {**for_kinds, **well_formed},
        {**for_urls, **well_formed, **urls},
        {"name": "own", "allow": ["kv/data/{{ namespace }}/**"]},
        {"deny": ["kv/data/demo/root"]},
    ]
    values = helm.values({**MINIMAL, "policy": {"rules": rules}})
    objects = read(helm.template(values))
    made = {each["metadata"]["name"]: each["data"] for each in objects if "data" in each}
    assert made["avp-py-settings"]["AVP_POLICY"] == "/etc/avp-py/policy/policy.yaml"
    policy = tmp_path / "policy.yaml"
    policy.write_text(made["avp-py-policy"]["policy.yaml"])
    check = ("policy", "check", "--namespace", "demo", policy, "kv/data/demo/web")
    assert run(*check, env={}).code == 0
    denied = run(*check, "kv/data/demo/root", "kv/data/other/web", env={})
    assert denied.out.count("denied ") == 2


def test_the_pods_start_anew_when_what_they_read_changes(helm: Helm) -> None:
    rules = {"rules": [{"allow": ["kv/**"]}]}
    checksums = [
        helm.printed(helm.values(MINIMAL | more), "values")["repoServer"]["podAnnotations"]
        for more in (
            {},
            {"settings": {"VAULT_ADDR": "https://vault.example"}},
            {"policy": rules},
            {"plugins": ["avp-helm"]},
            {"discovery": False},
            {"provideGitCreds": True},
        )
    ]
    assert len({each["avp-py/checksum"] for each in checksums}) == len(checksums)


@pytest.mark.parametrize("name", CREDENTIALS)
def test_a_credential_is_refused_among_plain_values(helm: Helm, name: str) -> None:
    advice = "put it into a Secret, and name that under credentials." + name
    said = helm.refuses({**MINIMAL, "settings": {name: "canary-1"}})
    assert f"settings.{name}: a credential does not belong into values; {advice}" in said
    assert "canary-1" not in said
    said = helm.refuses({**MINIMAL, "extraEnv": [{"name": name, "value": "canary-2"}]})
    assert f"extraEnv {name}: a credential does not belong into values; {advice}" in said
    assert "canary-2" not in said


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "at '/image/repository': '' does not match pattern"),
        ({"imagee": {}}, "additional properties 'imagee' not allowed"),
        ({"image": {"repository": "a", "digest": "abc"}}, "at '/image/digest': 'abc' does not"),
        ({"image": {"repository": "a/b:1.2"}}, "at '/image/repository': 'a/b:1.2' does not match"),
        ({"settings": {"VAULT_ADR": "x"}}, "at '/settings': additional properties 'VAULT_ADR'"),
        ({"settings": {"ARGOCD_APP_NAME": "x"}}, "additional properties 'ARGOCD_APP_NAME' not"),
        ({"settings": {"VAULT_ADDR": ["x"]}}, "at '/settings/VAULT_ADDR': got array, want"),
        ({"plugins": []}, "at '/plugins': minItems: got 0, want 1"),
        ({"plugins": ["kustomize"]}, "at '/plugins/0': value must be one of 'avp-kustomize', "),
        ({"plugins": ["avp", "avp"]}, "at '/plugins': items at 0 and 1 are equal"),
        ({"credentials": {"VAULT_TOKEN": "t"}}, "at '/credentials/VAULT_TOKEN': got string, want"),
        ({"credentials": {"VAULT_TOKEN": {"secret": "a"}}}, "missing property 'key'"),
        (
            {"credentials": {"VAULT_TOKN": {"secret": "a", "key": "b"}}},
            "at '/credentials': additional properties 'VAULT_TOKN' not allowed",
        ),
        (
            {"policy": {"rules": [{"secrets": ["argocd:a"], "trust": ["file"]}]}},
            "at '/policy/rules/0/trust/0': value must be one of 'address', 'files'",
        ),
        (
            {"policy": {"rules": [{"allow": ["a"], "trust": ["files"]}]}},
            "at '/policy/rules/0': properties 'secrets' required, if 'trust' exists",
        ),
        (
            {"policy": {"rules": [{"kinds": ["Secret"], "fetch": ["https://a.example/**"]}]}},
            "at '/policy/rules/0': 'not' failed",
        ),
        ({"rbac": {"secrets": ["avp"]}}, "at '/rbac/secrets': got array, want object"),
        ({"rbac": {"secrets": {"argocd": []}}}, "at '/rbac/secrets/argocd': minItems: got 0"),
        ({"rbac": {"secrets": {"argocd": ["*"]}}}, "at '/rbac/secrets/argocd/0': '*' does not"),
        ({"vault": {"kubernetesAuth": {"mountPath": "k"}}}, "'k' does not match pattern '^(auth/"),
        ({"vault": {"kubernetesAuth": {"expirationSeconds": 60}}}, "minimum: got 60, want 600"),
        ({"probes": {"liveness": {"periodSeconds": 0}}}, "minimum: got 0, want 1"),
        ({"networkPolicy": {"vault": {"to": [{"cidr": "a"}]}}}, "properties 'cidr' not allowed"),
        ({"networkPolicy": {"vault": {"ports": ["x"]}}}, "got string, want integer"),
        ({"policy": {"rule": []}}, "at '/policy': additional properties 'rule' not allowed"),
        ({"policy": {"rules": [{"name": "a"}]}}, "at '/policy/rules/0': missing property 'allow'"),
        ({"policy": {"rules": 1}}, "at '/policy/rules': got number, want array"),
        ({"print": "yaml"}, "at '/print': value must be one of '', 'values', 'patch'"),
        ({"vault": {"ca": {"secret": "a", "configMap": "b"}}}, "give configMap or secret, not"),
        (
            {"settings": {"AVP_K8S_ROLE": "a"}, "vault": {"kubernetesAuth": {"role": "a"}}},
            "settings.AVP_K8S_ROLE and vault.kubernetesAuth say the same thing; leave one out",
        ),
        (
            {"settings": {"AVP_REPOSITORIES": "/a"}, "repositories": {"secret": "a"}},
            "settings.AVP_REPOSITORIES and repositories.secret say the same thing; leave one out",
        ),
        (
            {
                "settings": {"AVP_ARGOCD_REPOSITORIES": "a"},
                "argocdRepositories": {"labels": True},
            },
            "settings.AVP_ARGOCD_REPOSITORIES and argocdRepositories say the same thing; leave one",
        ),
        (
            {"settings": {"AVP_CHART_CACHE": "/a"}},
            "settings.AVP_CHART_CACHE and chartCache say the same thing; leave one out",
        ),
        (
            {"argocdRepositories": {"secrets": ["labels"]}},
            "argocdRepositories.secrets: a Secret of the name labels cannot be used",
        ),
        (
            {"argocdRepositories": {"secrets": ["team:a"]}},
            "at '/argocdRepositories/secrets/0': 'team:a' does not match pattern",
        ),
        ({"chartCache": {"size": "1GB"}}, "at '/chartCache/size': '1GB' does not match pattern"),
        ({"chartCache": {"sizeLimit": "1GB"}}, "at '/chartCache/sizeLimit': '1GB' does not match"),
        (
            {"chartCache": {"size": "4Gi"}},
            "chartCache.sizeLimit (2Gi) has to be larger than chartCache.size (4Gi), as Kubernetes "
            "evicts a pod that exceeds it; make it larger, or empty for no limit",
        ),
        ({"chartCache": {"sizeLimit": "1G"}}, "(1G) has to be larger than chartCache.size (1Gi)"),
        ({"chartCache": {"sizeLimit": "1024Mi"}}, "(1024Mi) has to be larger than chartCache.size"),
        ({"chartCache": {"size": "9999999999"}}, "has to be larger than chartCache.size (9999999"),
        (
            {"admission": {"placeholders": {"failurePolicy": "fail"}}},
            "at '/admission/placeholders/failurePolicy': value must be one of 'Fail', 'Ignore'",
        ),
        (
            {"admission": {"applications": {"validationActions": []}}},
            "at '/admission/applications/validationActions': minItems: got 0, want 1",
        ),
        (
            {"admission": {"applications": {"enabled": True, "requirePluginFor": ["a|b"]}}},
            "at '/admission/applications/requirePluginFor/0': 'a|b' does not match pattern",
        ),
        (
            {"admission": {"applications": {"requirePluginFor": ["a"]}}},
            "admission.applications.requirePluginFor has no effect without admission.applications.",
        ),
        ({"mode": "none"}, "at '/mode': value must be one of 'serve', 'plain'"),
        (
            {"mode": "plain", "metrics": {"enabled": True}},
            "metrics.enabled: only the resident core has metrics; set mode to serve",
        ),
        (
            {"mode": "plain", "settings": {"AVP_SOCKET": "/a"}},
            "settings.AVP_SOCKET: there is no core with mode plain; leave it out",
        ),
        (
            {"settings": {"AVP_SOCKET": "/a"}},
            "settings.AVP_SOCKET and mode say the same thing; leave settings.AVP_SOCKET out",
        ),
        (
            {"extraEnv": [{"name": "AVP_SOCKET", "value": "/a"}]},
            "extraEnv AVP_SOCKET and mode say the same thing; leave extraEnv AVP_SOCKET out",
        ),
        (
            {"settings": {"AVP_METRICS_ADDRESS": "0.0.0.0:1"}, "metrics": {"enabled": True}},
            "settings.AVP_METRICS_ADDRESS and metrics say the same thing; leave",
        ),
        (
            {
                "settings": {"AVP_USERNAME": "a"},
                "credentials": {"AVP_USERNAME": {"secret": "a", "key": "b"}},
            },
            "AVP_USERNAME is set twice: among the settings and under credentials",
        ),
    ],
)
def test_values_that_are_refused(helm: Helm, values: Document, said: str) -> None:
    assert said in helm.refuses(values if not values else MINIMAL | values)


def test_the_port_of_the_repo_server_is_open_to_argo_cd_alone(helm: Helm) -> None:
    policies = {
        each["metadata"]["name"]: each["spec"]
        for each in read(helm.template(helm.values(MINIMAL)))
        if each["kind"] == "NetworkPolicy"
    }
    assert list(policies) == ["avp-py-ingress"]
    manifests, metrics = policies["avp-py-ingress"]["ingress"]
    assert policies["avp-py-ingress"]["policyTypes"] == ["Ingress"]
    assert manifests["ports"] == [{"protocol": "TCP", "port": 8081}]
    (peer,) = manifests["from"]
    (expression,) = peer["podSelector"]["matchExpressions"]
    assert set(expression["values"]) == {
        "argocd-server",
        "argocd-application-controller",
        "argocd-applicationset-controller",
        "argocd-notifications-controller",
    }
    assert [each["port"] for each in metrics["ports"]] == [8084]
    without = {**MINIMAL, "networkPolicy": {"ingress": {"enabled": False}}}
    assert "NetworkPolicy" not in helm.template(helm.values(without))


def test_the_sandbox_is_required_unless_the_operator_says_otherwise(helm: Helm) -> None:
    for given, expected in (({}, "required"), ({"AVP_SANDBOX": "auto"}, "auto")):
        values = helm.values({**MINIMAL, "settings": given})
        objects = read(helm.template(values))
        (settings,) = (o["data"] for o in objects if o["metadata"]["name"] == "avp-py-settings")
        assert settings["AVP_SANDBOX"] == expected


@pytest.mark.parametrize(
    ("given", "setting", "rules"),
    [
        ({}, None, []),
        ({"secrets": [], "labels": False}, None, []),
        ({"secrets": ["a", "b"]}, "argo:a,argo:b", [("secrets", ["a", "b"], "get")]),
        ({"labels": True}, "argo:labels", [("secrets", None, "list")]),
        (
            {"secrets": ["a"], "labels": True},
            "argo:a,argo:labels",
            [("secrets", ["a"], "get"), ("secrets", None, "list")],
        ),
    ],
)
def test_argo_cds_secrets_for_repositories_may_be_read(
    helm: Helm, given: Document, setting: str | None, rules: list[tuple[str, Any, str]]
) -> None:
    values = helm.values({**MINIMAL, "argocdRepositories": given})
    objects = {
        (each["kind"], each["metadata"]["name"]): each
        for each in read(helm.template(values, namespace="argo"))
    }
    settings = objects["ConfigMap", "avp-py-settings"]["data"]
    assert settings.get("AVP_ARGOCD_REPOSITORIES") == setting
    pod = helm.printed(values, "patch", namespace="argo")["spec"]["template"]["spec"]
    mounted = {each["name"] for each in pod["containers"][0]["volumeMounts"]}
    assert ("avp-py-kubernetes-token" in mounted) == bool(rules)
    assert ("Role" in {kind for kind, _ in objects}) == bool(rules)
    if rules:
        maps = ("configmaps", ["argocd-tls-certs-cm", "argocd-ssh-known-hosts-cm"], "get")
        assert [
            (*each["resources"], each.get("resourceNames"), *each["verbs"])
            for each in objects["Role", "avp-py-repositories"]["rules"]
        ] == [*rules, maps]
        (subject,) = objects["RoleBinding", "avp-py-repositories"]["subjects"]
        assert subject["namespace"] == "argo"


def test_the_file_of_repositories_is_mounted_read_only(helm: Helm) -> None:
    values = helm.values({**MINIMAL, "repositories": {"secret": "avp-repositories"}})
    pod = helm.printed(values, "patch")["spec"]["template"]["spec"]
    (volume,) = (each for each in pod["volumes"] if each["name"] == "avp-py-repositories")
    assert volume["secret"] == {"secretName": "avp-repositories"}
    (mount,) = (
        each
        for each in pod["containers"][0]["volumeMounts"]
        if each["name"] == "avp-py-repositories"
    )
    assert mount["readOnly"] is True
    objects = read(helm.template(values))
    (settings,) = (o["data"] for o in objects if o["metadata"]["name"] == "avp-py-settings")
    assert settings["AVP_REPOSITORIES"] == f"{mount['mountPath']}/repositories.yaml"


@pytest.mark.parametrize(
    ("given", "volume", "size"),
    [
        ({}, {"sizeLimit": "2Gi"}, "1Gi"),
        ({"size": "999999999", "sizeLimit": "1G"}, {"sizeLimit": "1G"}, "999999999"),
        ({"size": "1535Mi", "sizeLimit": "1.5Gi"}, {"sizeLimit": "1.5Gi"}, "1535Mi"),
        ({"size": "1023Gi", "sizeLimit": "1Ti"}, {"sizeLimit": "1Ti"}, "1023Gi"),
        ({"size": "5Gi", "sizeLimit": ""}, {}, "5Gi"),
        ({"enabled": False}, None, None),
        ({"enabled": False, "size": "3Gi"}, None, None),
    ],
)
def test_what_is_fetched_stays_in_a_volume(
    helm: Helm, given: Document, volume: Document | None, size: str | None
) -> None:
    plugins = ["avp-kustomize", "avp-helm"]
    values = helm.values({**MINIMAL, "plugins": plugins, "chartCache": given})
    pod = helm.printed(values, "patch")["spec"]["template"]["spec"]
    volumes = {each["name"]: each for each in pod["volumes"]}
    assert volumes.get("avp-py-charts", {}).get("emptyDir") == volume
    objects = read(helm.template(values))
    (settings,) = (o["data"] for o in objects if o["metadata"]["name"] == "avp-py-settings")
    assert settings.get("AVP_CHART_CACHE_SIZE") == size
    for container in pod["containers"]:
        mounts = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
        assert mounts.get("avp-py-charts") == settings.get("AVP_CHART_CACHE")
