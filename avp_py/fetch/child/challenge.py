"""What a registry wants to know before it answers: WWW-Authenticate, and tokens.

Source: https://distribution.github.io/distribution/spec/auth/token/, and the package
registry/remote/auth of oras-go v2.6.1, which helm uses.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import quote, urlencode

from avp_py.errors import FetchError
from avp_py.fetch.child.http import Answer, Client, Grant, basic
from avp_py.fetch.child.target import Target

_MAX_TOKEN: Final = 1 << 20
"""How many bytes the answer with a token may have."""

_SPACES: Final = " \t"


def authorize(answer: Answer, client: Client, credential: Mapping[str, Any], scope: str) -> str:
    """Return the value of Authorization that a registry asks for.

    Args:
        answer: its answer, of status 401.
        client: sends requests.
        credential: the credential for the registry; empty without one.
        scope: what is to be read, if the registry does not say so.

    Returns:
        An empty text without such credentials.

    Raises:
        FetchError: there is no token.
    """
    scheme, parameters = read_challenge(answer.headers.get("WWW-Authenticate", ""))
    if scheme == "basic":
        return basic(credential)
    if scheme != "bearer":
        return ""
    if token := credential.get("token"):
        return f"Bearer {token}"
    parameters = {"scope": scope, **parameters}
    return f"Bearer {_fetch_token(answer, client, parameters, basic(credential))}"


def read_challenge(header: str) -> tuple[str, Mapping[str, str]]:
    """Return the scheme of a challenge in small letters, and its parameters.

    Only the first challenge of the header counts (RFC 7235, 2.1).
    """
    scheme, _, rest = header.strip(_SPACES).partition(" ")
    parameters: dict[str, str] = {}
    while rest:
        name, equals, rest = rest.partition("=")
        if not equals:
            break
        rest = rest.lstrip(_SPACES)
        if rest.startswith('"'):
            value, rest = _read_quoted(rest)
        else:
            value, rest = rest.partition(",")[0].strip(_SPACES), rest
        parameters.setdefault(name.strip(_SPACES).lower(), value)
        rest = rest.partition(",")[2]
    return scheme.lower(), parameters


def _read_quoted(text: str) -> tuple[str, str]:
    """Return the content of a quoted string, and what follows it."""
    value: list[str] = []
    position = 1
    while position < len(text) and text[position] != '"':
        position += text[position] == "\\"
        value.append(text[position : position + 1])
        position += 1
    return "".join(value), text[position + 1 :]


def _fetch_token(answer: Answer, client: Client, parameters: Mapping[str, str], login: str) -> str:
    realm = Target.read(parameters.get("realm", ""))
    if realm.scheme != "https" and answer.target.scheme == "https":
        raise FetchError(
            f"the registry at {answer.target.netloc} wants a token from {realm}: not https",
            hint="check the registry's configuration of its realm",
        )
    query = {name: each for name in ("service", "scope") if (each := parameters.get(name))}
    joint = "&" if "?" in realm.path else "?"
    found = client.get(
        replace(realm, path=f"{realm.path}{joint}{urlencode(query, quote_via=quote)}"),
        _MAX_TOKEN,
        headers={"Accept": "application/json"},
        grant=Grant(login, realm) if login else None,
        decode=True,
    )
    try:
        read = json.loads(found.body)
        token = read.get("access_token") or read.get("token")
    except (ValueError, AttributeError, RecursionError):
        token = None
    if not isinstance(token, str) or not token.isascii() or not token.isprintable():
        raise FetchError(f"{realm} sends no token", hint="check the registry")
    return token
