"""Credentials for repositories: for which URLs they are, and how they are used."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Final, Protocol, TypeVar

from avp_py.settings import Sensitive
from avp_py.urls import comparable, is_below

_OURS: Final = frozenset({"source", "project"})
"""What the process that fetches does not need."""


class Offer(Protocol):
    """A credential that may be read when it is chosen: it can be in files of its own."""

    @property
    def url(self) -> str:
        """The URL, normalised: every URL that begins with it, at the end of a segment, is meant."""

    @property
    def project(self) -> str:
        """The only project of Argo CD that it is for; empty for all."""

    def read(self) -> "Credential":
        """Return it.

        Raises:
            SettingsError: it cannot be read, or does not have its form.
        """


AnOffer = TypeVar("AnOffer", bound=Offer)


@dataclass(frozen=True, kw_only=True)
class Credential:
    """The way to the repositories below a URL: credentials, certificates, and what is permitted.

    Attributes:
        url: the URL, normalised: every URL that begins with it, at the end of a segment, is meant.
        source: where it is from, for messages: a file and a line, or a Secret.
        username: the name for basic authentication; with `password`.
        password: the password, or a token instead of one.
        token: a bearer token, instead.
        ca: further CA certificates in PEM; empty for those of the system only.
        certificate: a client certificate in PEM, with what it depends on; empty for none.
        key: its private key, in PEM.
        ssh_key: a private key for SSH, as OpenSSH writes it.
        known_hosts: the lines of a known_hosts file for SSH; empty if there is none.
        verify: whether the server's certificate, or its key for SSH, is verified.
        plain_http: whether a registry (`oci://`) is reached over HTTP without TLS.
        pass_credentials: whether a chart's archive on another host gets the credentials, too.
        project: the only project of Argo CD that it is for; empty for all.
    """

    url: str
    source: str
    username: str = ""
    password: Sensitive | None = None
    token: Sensitive | None = None
    ca: str = ""
    certificate: str = ""
    key: Sensitive | None = None
    ssh_key: Sensitive | None = None
    known_hosts: str = ""
    verify: bool = True
    plain_http: bool = False
    pass_credentials: bool = False
    project: str = ""

    def read(self) -> "Credential":
        """Return it: it was read already."""
        return self

    def as_mapping(self) -> dict[str, str | bool]:
        """Return its attributes with the credentials revealed, for the process that fetches."""
        values = ((each.name, getattr(self, each.name)) for each in fields(self))
        return {
            name: value.reveal() if isinstance(value, Sensitive) else "" if value is None else value
            for name, value in values
            if name not in _OURS
        }

    @property
    def has_login(self) -> bool:
        """Whether it says who asks, and not only which server to trust."""
        parts = (self.password, self.token, self.key, self.ssh_key)
        return any(each is not None for each in parts)

    @property
    def fingerprint(self) -> str:
        """A digest of all that decides what a server shows for it; it reveals no credential.

        Where it differs, nothing that was fetched with another credential may be seen.
        """
        text = json.dumps(self.as_mapping(), sort_keys=True)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def choose(credentials: Iterable[AnOffer], url: str, project: str | None) -> AnOffer | None:
    """Return the credential for a URL; None if there is none.

    It is the one with the longest prefix. Of equally long ones, one that is for the project alone
    is preferred, and then the first.

    Args:
        credentials: all of them, those that win first.
        url: the URL, normalised.
        project: the Argo CD project of the request; None where it is not known.
    """
    meant = [
        each for each in credentials if each.project in ("", project) and is_below(url, each.url)
    ]
    return max(
        meant, key=lambda each: (len(comparable(each.url)), each.project != ""), default=None
    )
