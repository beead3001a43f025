"""Writes what the tests read; runs in the container of Vault, as only that can reach Vault.

Standard input has a JSON object with `root_token`, `role_id`, `secret_id` and `secrets`, the values
by path below `kv/data/`. Only those below `demo/` may be read with the role.
"""

import functools
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import hvac
import hvac.exceptions

TRIES, PAUSE_SECONDS = 200, 0.05

facts = json.load(sys.stdin)
client = hvac.Client(url="http://127.0.0.1:8200", token=facts["root_token"])


def patiently(action: Callable[[], Any]) -> Any:
    """Retry, as Vault may not listen yet, and a fresh mount is not ready at once."""
    for _ in range(TRIES - 1):
        try:
            return action()
        except (OSError, hvac.exceptions.InvalidRequest):
            time.sleep(PAUSE_SECONDS)
    return action()


patiently(client.sys.list_mounted_secrets_engines)
client.sys.enable_secrets_engine("kv", path="kv", options={"version": "2"})
write = client.secrets.kv.v2.create_or_update_secret
for path, values in facts["secrets"].items():
    patiently(functools.partial(write, path, values, mount_point="kv"))
client.sys.create_or_update_policy("demo", 'path "kv/data/demo/*" { capabilities = ["read"] }')
client.sys.enable_auth_method("approle")
client.auth.approle.create_or_update_approle("sidecar", token_policies=["demo"])
client.auth.approle.update_role_id("sidecar", facts["role_id"])
client.auth.approle.create_custom_secret_id("sidecar", facts["secret_id"])
