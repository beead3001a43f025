"""No object of any of our classes prints a secret; settings and secrets are not pickled.

The classes are not listed: every object of ours that is alive in the middle of a run is tried.
"""

import dataclasses
import gc
import json
import pickle
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from avp_py import manifests
from avp_py.backends import Secret
from avp_py.backends.vault.auth import AUTH_METHODS
from tests.conftest import Run
from tests.integration import leaks
from tests.integration.manifests import manifest
from tests.integration.stand_in import Exchange, as_json, secret, stand_in
from tests.integration.test_leaks import CREDENTIALS, NUMBER, SECRETS, TOKEN, VALUE, WANTED
from tests.settings import load

pytestmark = pytest.mark.usefixtures("any_machine")

NODES: Final = "avp_py.golang.nodes"
"""Its tuples are text taken apart: they show what the text shows, and never a value on its own."""

SHOWS: Final[Mapping[str, Callable[[object], str]]] = {
    "repr": repr,
    "str": str,
    "format": format,
    "a list of it": lambda each: repr([each]),
    "json": json.dumps,
}


def ours() -> Iterator[object]:
    for each in gc.get_objects():
        module = getattr(type(each), "__module__", "")
        if isinstance(module, str) and module.startswith("avp_py") and module != NODES:
            yield each


def shown(each: object) -> Iterator[str]:
    for name, show in SHOWS.items():
        try:
            text = show(each)
        except Exception:  # noqa: S112 - what cannot be shown shows nothing
            continue
        if leaks.found(text, SECRETS):
            yield f"{type(each).__name__}: {name}"


def test_no_object_of_a_run_shows_a_secret(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen: set[str] = set()
    showing: set[str] = set()

    # The tables of settings and modifiers exist before any secret is known. They are kept alive, as
    # another object could get the id of one that is gone.
    before = list(ours())
    known = set(map(id, before))

    def look() -> None:
        for each in ours():
            if id(each) not in known:
                seen.add(type(each).__name__)
                showing.update(shown(each))

    def answer(exchange: Exchange) -> None:
        look()
        log_in = {"auth": {"client_token": TOKEN, "lease_duration": 600}}
        found = secret({"text": VALUE, "number": NUMBER})
        (as_json(200, log_in) if exchange.path.endswith("/login") else found)(exchange)

    first = manifests.rewrite

    def rewrite(*args: Any, **more: Any) -> str:
        look()
        return str(first(*args, **more))

    monkeypatch.setattr(manifests, "rewrite", rewrite)
    documents = WANTED + manifest({"a": "<number>"}, "kv/data/app")
    documents += manifest({}, None, **{"import": "kv/data/other"})
    with stand_in(answer) as server:
        env = {**CREDENTIALS, "AVP_AUTH_TYPE": "approle", "VAULT_ADDR": server.address}
        env |= {"VAULT_CLIENT_TIMEOUT": "600", "AVP_RUN_TIMEOUT": "600"}
        env["AVP_TOKEN_CACHE"] = str(tmp_path / "tokens")
        assert run("generate", "-", env=env, stdin=documents).code == 0

    assert showing == set()
    assert seen >= {
        "Settings", "VaultSettings", "Sensitive", "Secret", "Number", "Replacement", "Addition",
        "Request", "Console", "Connection", "Login", "LoginRequest", "AppRole", "TokenCache",
        "VaultBackend",
    }  # fmt: skip


def test_no_auth_method_shows_its_credentials(tmp_path: Path) -> None:
    file = tmp_path / "jwt"
    file.write_text(CREDENTIALS["AVP_JWT"])
    more = {"AVP_K8S_ROLE": "web", "AVP_K8S_TOKEN_PATH": str(file)}
    more |= {"VAULT_CLIENT_CERT": str(file), "VAULT_CLIENT_KEY": str(file)}
    settings = load({**CREDENTIALS, **more}).vault
    for kind in AUTH_METHODS.values():
        method = kind.from_settings(settings)
        assert method is not None
        for each in (method, method.credential()):
            assert list(shown(each)) == []


def test_a_settings_tree_is_not_pickled() -> None:
    settings = load(CREDENTIALS)
    with pytest.raises(TypeError, match="Sensitive holds secrets, and is not pickled"):
        pickle.dumps(settings)
    with pytest.raises(TypeError, match="Secret holds secrets, and is not pickled"):
        pickle.dumps(Secret({"a": VALUE}))
    assert leaks.found(repr(dataclasses.asdict(settings)), SECRETS) == []


def test_an_object_that_shows_a_secret_would_be_found() -> None:
    class Careless:
        def __repr__(self) -> str:
            return VALUE

    found = list(shown(Careless()))
    assert found == [f"Careless: {name}" for name in SHOWS if name != "json"]
