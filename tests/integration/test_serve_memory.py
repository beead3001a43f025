"""Where credentials and secrets are while requests run: in the memory of no tenant's process."""

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.integration import memory
from tests.integration.core import Core, serve
from tests.integration.stand_in import StandIn
from tests.integration.vault import Vault
from tests.processes import children, is_running, until
from tests.servers import free_ports

pytestmark = pytest.mark.skipif(
    not memory.can_read_any(), reason="the memory of these processes is hidden from us"
)

_DOCUMENT = """\
kind: Secret
metadata: {{name: a, annotations: {{avp.kubernetes.io/path: {path}}}}}
stringData: {{a: <password>}}
---
kind: ConfigMap
metadata: {{name: b}}
data: {{b: {filling}}}
"""

_KUSTOMIZE = """\
#!/bin/sh
read line <../held
while read line; do echo "$line"; done <manifests
"""
"""A render that waits: the sandbox lets it start nothing but its shell."""

_COMMAND = """
one() {{ cd {root}/_cmp_server/$1/app && ARGOCD_APP_NAME=$1 ARGOCD_ENV_NOTE=note-of-$1-{mark} \
    ARGOCD_GIT_AUTH_HEADER="Authorization: lent-to-$1-{mark}" avp-py generate .; }}
(one done) >{root}/done.out
(one held) >{root}/held.out &
(one full) | (read line <{root}/go; cat >{root}/full.out) &
wait
"""


@dataclass
class Scene:
    """A core whose COMMAND has made three requests.

    Attributes:
        core: it. One request is done; one waits for kustomize; one has its secret, and waits for
            the reader of its output.
        credentials: the operator's, and the tokens that Vault has issued.
        secrets: what each request reads.
        notes: what each Application has in its plugin.env.
        lent: what Argo CD lends each of them for git.
        processes: by name, all that belongs to the core.
    """

    core: Core
    credentials: list[str]
    secrets: Mapping[str, str]
    notes: Mapping[str, str]
    lent: Mapping[str, str]
    processes: dict[str, int] = field(default_factory=dict)

    def found(self, name: str, texts: Mapping[str, str] | list[str]) -> list[str]:
        """Return which texts are in the memory of a process."""
        known = list(texts.values() if isinstance(texts, Mapping) else texts)
        return sorted(memory.found(self.processes[name], known))


@pytest.fixture(params=["approle", "token", "userpass"])
def scene(
    request: pytest.FixtureRequest, vault: Vault, proxy: StandIn, kv2: str, tmp_path: Path
) -> Iterator[Scene]:
    mark = secrets.token_hex(8)
    names = ("done", "held", "full")
    values = {name: f"secret-of-{name}-{mark}" for name in names}
    for name, value in values.items():
        vault.write(f"{kv2}/data/{name}", {"password": value})
    env, credentials = _credentials(vault, kv2, mark)
    (tmp_path / "kustomize").write_text(_KUSTOMIZE)
    (tmp_path / "kustomize").chmod(0o755)
    env |= {
        "AVP_AUTH_TYPE": request.param,
        "AVP_KUSTOMIZE": str(tmp_path / "kustomize"),
        "AVP_SANDBOX": "required",
        "AVP_PARALLEL": "4",
        "AVP_METRICS_ADDRESS": f"127.0.0.1:{free_ports(1)[0]}",
        "VAULT_ADDR": proxy.address,
        "TMPDIR": str(tmp_path),
    }
    for name in names:
        app = tmp_path / "_cmp_server" / name / "app"
        app.mkdir(parents=True)
        filling = (1 << 18 if name == "full" else 1) * "x"
        text = _DOCUMENT.format(path=f"{kv2}/data/{name}", filling=filling)
        (app / ("manifests" if name == "held" else "a.yaml")).write_text(text)
    (tmp_path / "_cmp_server/held/app/kustomization.yaml").write_text("resources: []\n")
    for fifo in ("_cmp_server/held/held", "go"):
        os.mkfifo(tmp_path / fifo)
    with serve(env, "sh", "-c", _COMMAND.format(root=tmp_path, mark=mark)) as core:
        notes = {name: f"note-of-{name}-{mark}" for name in names}
        lent = {name: f"lent-to-{name}-{mark}" for name in names}
        made = Scene(core, credentials, values, notes, lent)
        assert until(lambda: _is_held(made), 30), core.log.read_text()
        issued = {each.headers.get("X-Vault-Token", "") for each in proxy.asked}
        credentials += issued - {"", *credentials}
        yield made
        for fifo in ("_cmp_server/held/held", "go"):
            (tmp_path / fifo).write_text("go\n")
        assert core.process.wait(30) == 0
        for name, value in values.items():
            assert value in (tmp_path / f"{name}.out").read_text()


def _credentials(vault: Vault, kv: str, mark: str) -> tuple[dict[str, str], list[str]]:
    """The operator's credentials for each method, all at once."""
    role_id, secret_id = vault.approle(f"{kv}/data/*")
    vault.enable("userpass", "userpass")
    user = {"password": f"password-{mark}", "token_policies": [vault.policy(f"{kv}/data/*")]}
    vault.call("post", f"auth/userpass/users/user-{mark}", user)
    env = {
        "VAULT_TOKEN": vault.token(f"{kv}/data/*"),
        "AVP_ROLE_ID": role_id,
        "AVP_SECRET_ID": secret_id,
        "AVP_USERNAME": f"user-{mark}",
        "AVP_PASSWORD": f"password-{mark}",
        "AVP_GITHUB_TOKEN": f"ghp_{mark}",
        "AWS_SECRET_ACCESS_KEY": f"aws-{mark}",
        # Misspelt, and of a backend that only argocd-vault-plugin has.
        "AVP_PASWORD": f"misspelt-{mark}",
        "AVP_IBM_API_KEY": f"ibm-{mark}",
        "HTTPS_PROXY": f"http://user:proxy-{mark}@proxy.example:3128",
    }
    return env, list(env.values())


def _is_held(scene: Scene) -> bool:
    """Return whether two requests wait, and find the processes."""
    core = scene.core
    workers = core.workers
    if len(workers) != 2:
        return False
    (held, kustomize) = next(
        ((pid, kids[0]) for pid in workers if len(kids := sorted(children(pid))) == 1), (0, 0)
    )
    (full,) = [pid for pid in workers if pid != held] if held else [0]
    if not full or not _has(full, scene.secrets["full"]):
        return False
    scene.processes = {
        "serve": core.process.pid,
        "keeper": core.keeper,
        "supervisor": core.supervisor,
        "the worker that waits for kustomize": held,
        "kustomize": kustomize,
        "the worker with its secret": full,
    }
    known = set(scene.processes.values())
    waiting = [core.process.pid]
    for pid in waiting:
        waiting += [each for each in sorted(children(pid)) if is_running(each)]
    for pid in sorted(set(waiting) - known):
        with suppress(OSError):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            name = "a client" if any(word.endswith(b"avp-py") for word in words) else "a shell"
            if any(b"serve_metrics" in word for word in words):
                name = "metrics"
            scene.processes[f"{name}, {pid}"] = pid
    return True


def _has(pid: int, text: str) -> bool:
    # What runs gives memory back while it is read.
    with suppress(OSError):
        return bool(memory.found(pid, [text]))
    return False


def test_credentials_and_secrets_are_in_the_keeper_alone(scene: Scene) -> None:
    names = list(scene.processes)
    assert sum(name.startswith("a client") for name in names) == 2
    assert sum(name.startswith("a shell") for name in names) >= 2
    assert sum(name.startswith("metrics") for name in names) == 1
    # The control: what each process has for sure is found.
    assert {name for name in names if not scene.found(name, [str(scene.core.socket.parent)])} <= {
        "kustomize"
    }
    configured = scene.credentials[:10]
    assert scene.found("serve", configured) == sorted(configured)
    assert scene.found("keeper", scene.credentials) == sorted(scene.credentials)
    assert scene.secrets["full"] in scene.found("keeper", scene.secrets)

    others = [name for name in names if name not in ("serve", "keeper")]
    assert [name for name in others if scene.found(name, scene.credentials)] == []
    own = {"the worker with its secret": [scene.secrets["full"]]}
    others = [name for name in names if name != "keeper"]
    assert {name: scene.found(name, scene.secrets) for name in others} == {
        name: own.get(name, []) for name in others
    }
    # Nor has a worker what other Applications have in plugin.env.
    owners = {
        "the worker that waits for kustomize": [scene.notes["held"]],
        "the worker with its secret": [scene.notes["full"]],
    }
    for name in ("serve", "supervisor", "kustomize", *owners):
        assert scene.found(name, scene.notes) == owners.get(name, []), name
        assert scene.found(name, scene.lent) == [], name
    # The control: what is lent has come to the keeper.
    assert {scene.lent["held"], scene.lent["full"]} <= set(scene.found("keeper", scene.lent))
