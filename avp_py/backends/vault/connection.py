"""Connections to one Vault: hvac's client behind the two calls that are needed."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import hvac
import hvac.exceptions
import requests
import urllib3.exceptions

from avp_py.backends.vault.auth import AuthMethod
from avp_py.backends.vault.translate import Translator
from avp_py.backends.vault.transport import LimitedAdapter, open_session
from avp_py.settings import VaultSettings
from avp_py.values import Number


class Connection:
    """Connections to one Vault, kept alive, that any thread may use."""

    def __init__(self, client: hvac.Client, translator: Translator) -> None:
        self._client = client
        self._translator = translator

    @classmethod
    def open(cls, settings: VaultSettings, concurrency: int) -> "Connection":
        """Makes the client; nothing is sent.

        Args:
            settings: Vault's.
            concurrency: how many threads will read at once, and so how many connections are kept.

        Raises:
            SettingsError: a file for TLS is not there, or half of a pair.
        """
        session = open_session(settings, concurrency)
        client = hvac.Client(
            url=settings.address,
            token="",  # none yet; hvac would look for one in the environment and the home folder
            verify=session.verify,
            cert=session.cert,  # type: ignore[arg-type]  # never the single file that requests allows
            timeout=settings.timeout,  # type: ignore[arg-type]  # its stubs know whole seconds only
            namespace=settings.namespace,
            session=session,
            adapter=LimitedAdapter,
        )
        return cls(client, Translator(settings))

    def log_in(self, auth: AuthMethod) -> None:
        """Gets a token by an auth method.

        Raises:
            BackendError: Vault cannot be reached, or refuses.
        """
        with self._translated():
            auth.login(self._client)

    def read(self, path: str, parameters: Mapping[str, str]) -> Mapping[str, Any]:
        """Vault's answer to a read of a path, numbers with their text.

        Raises:
            ForbiddenError: the token may not read the path.
            BackendError: any other answer that is none, but for 404, which is returned.
        """
        url = f"/v1/{quote(path, safe='/')}"
        with self._translated():
            try:
                response = self._client.adapter.get(url, params=dict(parameters))
            except hvac.exceptions.InvalidPath as error:
                # Vault says in the body which kind of nothing it found.
                return self._answer(error.text or "")
            return self._answer(response.content)

    def close(self) -> None:
        """Closes the connections."""
        self._client.adapter.close()

    def _answer(self, body: str | bytes) -> Mapping[str, Any]:
        try:
            answer = json.loads(body, parse_int=Number, parse_float=Number)
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            raise self._translator.not_vault()
        return answer

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except hvac.exceptions.VaultError as error:
            raise self._translator.vault_error(error) from None
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise self._translator.transport_error(error) from None
        except (KeyError, TypeError, ValueError):
            # hvac takes the answer to a login apart without looking.
            raise self._translator.not_vault() from None
