"""What is in the image, and what is not."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from tests.conftest import ROOT
from tests.image.conftest import PYTHON, SCRATCH, Start, WithHelm, command

READ_ALL: Final = ("--user", "0", "--cap-add", "DAC_READ_SEARCH")
"""Whom no folder is closed to, so that a search sees all of them."""

WALK: Final = """
import json, os, stat
found = {"privileged": [], "writable": []}
for folder, folders, files in os.walk("/"):
    if folder == "/":
        folders[:] = [name for name in folders if name not in ("proc", "sys", "dev")]
    for name in (*folders, *files):
        path = os.path.join(folder, name)
        facts = os.lstat(path)
        if stat.S_ISLNK(facts.st_mode):
            continue
        if facts.st_mode & (stat.S_ISUID | stat.S_ISGID):
            found["privileged"].append(path)
        if facts.st_uid or facts.st_gid == 999 or facts.st_mode & stat.S_IWOTH:
            found["writable"].append(path)
print(json.dumps(found))
"""

BUILD_TOOLS: Final = """
apt apt-get as cc curl gcc git go ld make perl pip pip3 su sudo wget
"""

MODULES: Final = """
import importlib.util, json, pathlib, sysconfig
left = []
for source in pathlib.Path(sysconfig.get_paths()["purelib"]).rglob("*.py"):
    cached = pathlib.Path(importlib.util.cache_from_source(str(source)))
    # PEP 552: flags 1 is a hash that is not checked, so the time of the file does not matter.
    if not cached.exists() or cached.read_bytes()[4] != 1:
        left.append(str(source))
print(json.dumps(left))
"""

LICENCES: Final = """
import importlib.metadata, json
print(json.dumps({
    found.metadata["Name"]: [
        str(file) for file in found.files or ()
        if file.name.upper().startswith(("LICEN", "COPYING")) and file.locate().is_file()
    ]
    for found in importlib.metadata.distributions()
}))
"""


def test_it_runs_as_nobody_of_the_machine_with_tini_first(about: Mapping[str, Any]) -> None:
    config = about["Config"]

    assert config["User"] == "999:999"
    assert config["Entrypoint"] == ["/usr/bin/tini", "--"]
    assert config["Cmd"] == ["avp-py", "serve", "--", "/var/run/argocd/argocd-cmp-server"]


def test_its_labels_tell_what_it_is(about: Mapping[str, Any]) -> None:
    labels = {
        name.removeprefix("org.opencontainers.image."): value
        for name, value in about["Config"]["Labels"].items()
    }

    assert labels["title"] == "avp-py"
    assert labels["licenses"] == "Apache-2.0"
    assert labels["version"] in (ROOT / "avp_py" / "__init__.py").read_text()
    assert labels["revision"][:40] == command("git", "-C", str(ROOT), "rev-parse", "HEAD").strip()
    assert "placeholders" in labels["description"] or "secrets" in labels["description"]


def test_nothing_of_the_machine_that_built_it_is_in_it(
    about: Mapping[str, Any], image: str, start: Start
) -> None:
    history = command("docker", "history", "--no-trunc", "--format", "{{.CreatedBy}}", image)
    names = {each.partition("=")[0] for each in about["Config"]["Env"]}

    assert names == {"PATH", "LANG", "HOME", "AVP_SANDBOX"}
    assert not [word for word in ("://", "PIP_", "GOPROXY", "authorities") if word in history]
    listed = start("ls", "-A", "/etc", "/home/argocd", "/opt").stdout.split()
    assert not {"authorities.pem", "pip.conf", ".cache", "go"} & set(listed)


def test_no_file_grants_privileges_and_only_tmp_is_writable(start: Start) -> None:
    walked = start(*PYTHON, "-c", WALK, options=READ_ALL)

    found = json.loads(walked.stdout)
    assert found["privileged"] == []
    assert found["writable"] == [SCRATCH]


def test_what_builds_or_fetches_is_not_there(start: Start) -> None:
    looked = start("sh", "-c", f"command -v {BUILD_TOOLS.strip()}")
    pip = start(*PYTHON, "-c", "import pip")

    assert looked.stdout == ""
    assert "ModuleNotFoundError" in pip.stderr


def test_every_module_is_compiled(start: Start) -> None:
    assert json.loads(start(*PYTHON, "-c", MODULES).stdout) == []


def test_the_licences_of_all_parts_are_there(with_helm: WithHelm) -> None:
    start = with_helm.start
    python = json.loads(start(*PYTHON, "-c", LICENCES).stdout)
    programs = start(
        *("sh", "-c", "cat /usr/share/licenses/kustomize/sigs.k8s.io/kustomize/kustomize/v5*/L*"),
    )
    major = with_helm.major
    charts = start("sh", "-c", f"cat /usr/share/licenses/helm/helm.sh/helm/{major}@*/LICENSE")
    parts = start("ls", "/usr/share/licenses", "/usr/share/licenses/helm/helm.sh/helm")
    debian = start("ls", "/usr/share/doc/tini/copyright", "/usr/share/doc/python3/copyright")

    assert {"avp-py", "hvac", "bcrypt", "google-re2"} <= python.keys()
    assert [name for name, files in python.items() if not files] == []
    assert "Apache License" in programs.stdout
    assert "Apache License" in charts.stdout
    # The other Helm is not in it.
    assert re.findall(r"^(?:helm4?|v\d)\b", parts.stdout, re.MULTILINE) == ["helm", major]
    assert debian.returncode == 0, debian.stderr


def test_the_plugin_files_are_where_the_docs_say(start: Start) -> None:
    for name in ("plugin.yaml", "plugin-avp-helm.yaml", "plugin-avp.yaml"):
        assert start("cat", f"/usr/share/avp-py/{name}").stdout == (ROOT / name).read_text()
