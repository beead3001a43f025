"""What Vault says to a read, and what each program makes of it."""

import json
import posixpath
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

import requests

from avp_py.values import Number, Value
from tests.compat.model.side import FailedError, PanicError, Side
from tests.integration.vault import Vault

SECONDS: Final = 20

_MOUNTS: Final = {"kv": "2", "old": "1"}
_OWN: Final = frozenset({"audit", "auth", "cubbyhole", "identity", "sys"})
_VERSION: Final = re.compile(
    r"[+-]?(?:[0-9]{1,18}|0[xX][0-9a-fA-F]{1,16}|0[bB][01]{1,63}|0[oO][0-7]{1,20})"
)
_MISWRITTEN: Final = re.compile(r"[\x00-\x1f\x7f\\]")

Answer = Mapping[str, Any] | None


class Store:
    """Reads as root, each once."""

    def __init__(self, vault: Vault) -> None:
        self._address = vault.address
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["X-Vault-Token"] = vault.root_token
        self._answers: dict[tuple[str, str], Answer | FailedError] = {}

    def read(self, side: Side, path: str, version: str, kv: str | None) -> Mapping[str, Value]:
        """The values at a path.

        Raises:
            FailedError: the program tells that there are none.
            PanicError: it crashes on what Vault answers.
        """
        if side.is_avp:
            return self._as_avp(side, path, version, "2" if kv is None else kv)
        return self._as_ours(side, path, version, kv)

    def _as_avp(self, side: Side, path: str, version: str, kv: str) -> Mapping[str, Value]:
        cleaned = posixpath.normpath(f"/v1/{path}")
        answer = self._get(cleaned, version if kv == "2" else "")
        if answer is None:
            raise FailedError("nothing there")
        if posixpath.normpath(path.strip("/") or ".").startswith(".."):
            side.deviates("path-climbs")
        data = answer.get("data")
        if kv == "1":
            if data is None:
                side.deviates("nothing-is-no-keys")
            return data or {}
        if kv != "2":
            raise FailedError("no such KV version")
        inner = (data or {}).get("data")
        if inner is None:
            raise FailedError("deleted, or no secret of KV 2")
        if not isinstance(inner, dict):
            side.deviates("panic-data-is-no-object")
            raise PanicError
        if cleaned.startswith("/v1/old/"):
            side.deviates("kv-1-read-as-kv-2")
        return inner

    def _as_ours(self, side: Side, path: str, version: str, kv: str | None) -> Mapping[str, Value]:
        segments = normalised(path)
        if kv not in (None, "1", "2"):
            raise FailedError("no such KV version")
        if version and not _VERSION.fullmatch(version):
            raise FailedError("no version")
        if segments[0] in _OWN:
            side.deviates("vaults-own-paths")
            raise FailedError("a path of Vault's own")
        if kv is None:
            kv = self._detected(segments, version)
            if kv is None:
                side.deviates("kv-version-is-detected")
                kv = _MOUNTS.get(segments[0], "2")
                if kv == "2" and segments[1:2] != ["data"]:
                    segments.insert(1, "data")
        answer = self._get("/v1/" + "/".join(segments), version if kv == "2" else "")
        data = answer.get("data") if answer is not None else None
        if data is None:
            raise FailedError("nothing there")
        found = data if kv == "1" else data.get("data")
        if not isinstance(found, dict):
            raise FailedError("deleted, or no secret of KV 2")
        return found

    def _detected(self, segments: Sequence[str], version: str) -> str | None:
        """The version as the path and the answer show it; None where the mount has to say it."""
        if segments[0] not in _MOUNTS:
            return "2"
        if "data" not in segments[1:]:
            return None
        try:
            answer = self._get("/v1/" + "/".join(segments), version)
        except FailedError:
            answer = None
        data = answer.get("data") if answer is not None else None
        if data is None:
            return "2" if segments[1] == "data" else None
        return "2" if data.keys() == {"data", "metadata"} else None

    def _get(self, path: str, version: str) -> Answer:
        key = (path, version)
        if key not in self._answers:
            try:
                self._answers[key] = self._ask(path, version)
            except FailedError as error:
                self._answers[key] = error
        answer = self._answers[key]
        if isinstance(answer, FailedError):
            raise answer
        return answer

    def _ask(self, path: str, version: str) -> Answer:
        """What Vault's own client makes of an answer (Logical.Read in its api module, v1.12)."""
        response = self._session.get(
            self._address + quote(path, errors="surrogateescape"),
            params={"version": version.encode(errors="surrogateescape")} if version else {},
            timeout=SECONDS,
        )
        try:
            answer = json.loads(response.content, parse_int=Number, parse_float=Number)
        except ValueError:
            raise FailedError("no JSON") from None
        if not isinstance(answer, dict):
            raise FailedError("no answer of Vault's")
        if response.status_code == requests.codes.not_found:
            return answer if answer.get("data") or answer.get("warnings") else None
        if not response.ok or not isinstance(answer.get("data"), dict | None):
            raise FailedError("refused")
        return answer


def normalised(path: str) -> list[str]:
    """The segments of a path as avp-py asks for it."""
    if _MISWRITTEN.search(path):
        raise FailedError("a control character or a backslash")
    segments: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            if not segments:
                raise FailedError("climbs above its beginning")
            segments.pop()
        elif segment not in ("", "."):
            segments.append(segment)
    if not segments:
        raise FailedError("empty")
    return segments
