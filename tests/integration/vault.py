"""A real Vault for tests, and the mounts and secrets that they write to it."""

import itertools
import json
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import hvac
import hvac.exceptions

READY_SECONDS: Final = 30
"""How long a fresh KV 2 mount may say that it is not ready; it takes milliseconds."""

_NUMBERS = itertools.count(1)


class Vault:
    """A running Vault, used as root.

    Attributes:
        address: its URL.
        root_token: a token that may do anything.
        written: every string that was written as a value; none may appear in an error.
        client: the client of hvac, as root; it gets the arguments for TLS.
    """

    def __init__(self, address: str, root_token: str, **tls: Any) -> None:
        self.address = address
        self.root_token = root_token
        self.written: set[str] = set()
        self.client = hvac.Client(url=address, token=root_token, **tls)
        self.client.session.trust_env = False

    def mount(self, version: int) -> str:
        """Return the name of a fresh KV mount that accepts writes."""
        name = f"kv{next(_NUMBERS)}"
        self.client.sys.enable_secrets_engine("kv", path=name, options={"version": str(version)})
        return name

    def enable(self, method: str, mount: str) -> None:
        """Mount an auth method, unless something is mounted there."""
        if f"{mount}/" not in self.client.adapter.get("/v1/sys/auth")["data"]:
            self.client.sys.enable_auth_method(method, path=mount)

    def write(self, path: str, values: Mapping[str, Any] | str) -> None:
        """Write a secret; JSON given as text reaches Vault as it is.

        The path is the one that a read uses, with `/data/` for version 2.
        """
        text = values if isinstance(values, str) else json.dumps(values)
        self.written.update(_strings(json.loads(text)))
        rest = path.partition("/")[2]
        body = f'{{"data": {text}}}' if rest.startswith("data/") else text
        self._when_ready("post", f"/v1/{quote(path)}", data=body.encode())

    def names(self, folder: str) -> Sequence[str]:
        """The names that Vault lists in a folder."""
        response = self.client.adapter.list(f"/v1/{folder}")
        names: list[str] = response["data"]["keys"]
        return names

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Send a request as root; return the answer."""
        return self._when_ready(method, f"/v1/{path}", json=body)

    def policy(self, *paths: str) -> str:
        """The name of a fresh policy that may read these paths."""
        name = f"policy{next(_NUMBERS)}"
        rules = [f'path "{path}" {{ capabilities = ["read"] }}' for path in (*paths, "none")]
        self.client.sys.create_or_update_policy(name, "\n".join(rules))
        return name

    def token(self, *paths: str, **options: Any) -> str:
        """A fresh token that may read these paths."""
        answer = self.client.auth.token.create(policies=[self.policy(*paths)], **options)
        token: str = answer["auth"]["client_token"]
        return token

    def approle(self, *paths: str, mount: str = "approle", **options: Any) -> tuple[str, str]:
        """Role id and secret id of a fresh role that may read these paths."""
        self.enable("approle", mount)
        name = f"role{next(_NUMBERS)}"
        api = self.client.auth.approle
        role = {"token_policies": [self.policy(*paths)], **options}
        self.call("post", f"auth/{mount}/role/{name}", role)
        role_id = api.read_role_id(name, mount_point=mount)["data"]["role_id"]
        secret_id = api.generate_secret_id(name, mount_point=mount)["data"]["secret_id"]
        return role_id, secret_id

    def _when_ready(self, method: str, url: str, **body: Any) -> Any:
        end = time.monotonic() + READY_SECONDS
        while True:
            try:
                return self.client.adapter.request(method, url, **body)
            except hvac.exceptions.InvalidRequest as error:
                # A fresh mount of version 2 is "Upgrading from non-versioned to versioned data".
                if "Upgrading" not in str(error) or time.monotonic() > end:
                    raise
                time.sleep(0.01)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _strings(each)


@contextmanager
def serve(program: Path, *arguments: object) -> Iterator[Mapping[str, str]]:
    """Run the real Vault: yield its address, root token and process id, and stop it.

    It also ends by itself when this process is killed, as its standard input ends then.
    """
    with subprocess.Popen(
        [program, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield {**json.loads(process.stdout.readline()), "pid": str(process.pid)}
        finally:
            process.stdin.close()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
