"""Credentials from the texts that a file or a Secret has for them, with their form checked."""

import base64
from collections.abc import Callable, Mapping
from typing import Any, Final

from avp_py.errors import SettingsError
from avp_py.fetch.credential import Credential
from avp_py.settings import Sensitive
from avp_py.settings.parse import MalformedError
from avp_py.settings.parse import token as parse_token

_CERTIFICATE: Final = ("-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----")
_OPENSSH: Final = ("-----BEGIN OPENSSH PRIVATE KEY-----", "-----END OPENSSH PRIVATE KEY-----")
_MAGIC: Final = b"openssh-key-v1\0\0\0\0\4none"
"""How a key of OpenSSH without a passphrase begins (PROTOCOL.key in OpenSSH, 9.9)."""


def build(url: str, source: str, texts: Mapping[str, str], **permitted: Any) -> Credential:
    """Return a credential.

    Args:
        url: its URL, normalised.
        source: where it is from, for messages.
        texts: its credentials and certificates, by the name of the attribute. Line breaks at the
            end do not count.
        permitted: further attributes.

    Raises:
        SettingsError: a text does not have its form; the message does not show it, nor the source.
    """
    try:
        read = {name: _READERS[name](text.rstrip("\r\n")) for name, text in texts.items()}
    except _FormError as error:
        raise SettingsError(str(error), hint=error.hint) from None
    return Credential(url=url, source=source, **read, **permitted)


class _FormError(Exception):
    """A text does not have its form."""

    def __init__(self, reason: str, hint: str) -> None:
        super().__init__(reason)
        self.hint = hint


def _username(text: str) -> str:
    if ":" in text or not _is_line(text):
        raise _FormError("the user name is not one line without a colon", "correct it")
    return text


def _password(text: str) -> Sensitive:
    if not _is_line(text):
        raise _FormError(
            "the password is not one line of text",
            "it must not be empty, and have no line break and no control character",
        )
    return Sensitive(text)


def _token(text: str) -> Sensitive:
    try:
        return parse_token(text)
    except MalformedError:
        raise _FormError(
            "the token is not printable ASCII", "it must be the token and nothing else"
        ) from None


def _is_line(text: str) -> bool:
    return bool(text) and not any(each < " " or each == "\x7f" for each in text)


def _certificates(what: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if any(each not in text for each in _CERTIFICATE):
            raise _FormError(f"{what} is not in PEM", "a certificate begins with BEGIN CERTIFICATE")
        return f"{text}\n"

    return read


def _private_key(what: str) -> Callable[[str], Sensitive]:
    def read(text: str) -> Sensitive:
        if "-----BEGIN " not in text or "PRIVATE KEY-----" not in text:
            raise _FormError(f"{what} is not in PEM", "a private key begins with BEGIN")
        if _is_encrypted(text):
            raise _FormError(
                f"{what} has a passphrase, which nobody can type",
                "use a key without a passphrase, which only this repository knows",
            )
        # OpenSSH wants the line break.
        return Sensitive(f"{text}\n")

    return read


def _is_encrypted(text: str) -> bool:
    begin, end = _OPENSSH
    if begin not in text:
        return "ENCRYPTED" in text
    body = text.partition(begin)[2].partition(end)[0]
    try:
        return not base64.b64decode("".join(body.split())).startswith(_MAGIC)
    except ValueError:
        return False  # It is damaged, which ssh will say.


def _known_hosts(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if not all(len(line.split()) >= 3 for line in lines) or not lines:
        raise _FormError(
            "the known hosts are not lines of a known_hosts file",
            "`ssh-keyscan HOST` prints such lines; compare the keys with those that the host's "
            "operator publishes",
        )
    return "".join(f"{line}\n" for line in lines)


_READERS: Final[Mapping[str, Callable[[str], Any]]] = {
    "username": _username,
    "password": _password,
    "token": _token,
    "ca": _certificates("the CA certificate"),
    "certificate": _certificates("the client certificate"),
    "key": _private_key("the key of the client certificate"),
    "ssh_key": _private_key("the SSH key"),
    "known_hosts": _known_hosts,
}
