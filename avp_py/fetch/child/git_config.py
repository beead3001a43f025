"""The configuration of git for one repository: files of the run, which hold its credential.

Nothing of it is on a command line or in the environment, where other processes could see it.
"""

import os
import ssl
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from shlex import quote
from typing import Any, Final
from urllib.parse import quote as quote_url
from urllib.parse import urlsplit

from avp_py.errors import FetchError
from avp_py.fetch.child.git_url import GitUrl
from avp_py.fetch.job import HEADERS, LOGIN, PASSWORD
from avp_py.network.authorization import basic

CONFIG: Final = "git-config"

_NOBODY: Final = "x-access-token"
"""The name for a password without one, as in Argo CD (githubAccessTokenUsername)."""

_OURS: Final = (*HEADERS, *LOGIN)
"""What is in the configuration, and in no environment."""

_BUNDLES: Final = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
"""Where distributions have the system's CA certificates in one file."""

_SETTINGS: Final = (
    ("core", "hooksPath", os.devnull),
    ("core", "fsmonitor", "false"),
    ("core", "attributesFile", os.devnull),
    ("core", "bigFileThreshold", "64m"),
    ("fetch", "unpackLimit", "1"),
    ("fetch", "recurseSubmodules", "false"),
    ("gc", "auto", "0"),
    ("maintenance", "auto", "false"),
    ("pack", "threads", "1"),
    ("submodule", "recurse", "false"),
    ("tar", "umask", "0022"),
    # A server could name other ones, of which nobody has checked the address.
    ("transfer", "bundleURI", "false"),
    ("http", "followRedirects", "false"),
)
"""Whatever the repository; the names are those of git-config(1)."""

_CONNECT_SECONDS: Final = 20
"""How long ssh may take to connect; with several addresses, each has a part of it."""

_LEAST_CONNECT_SECONDS: Final = 5
"""How long it may take at least for each."""


@dataclass(frozen=True)
class GitConfig:
    """What decides how git reaches a repository.

    Attributes:
        url: the repository.
        credential: Credential.as_mapping(); empty without one.
        askpass: the variables that Argo CD lends its own with; empty without any.
        addresses: the addresses that its host may have, in the order to try them; none where a
            proxy resolves it.
        proxy: the URL of the proxy to it; empty for none.
        environ: the environment.
    """

    url: GitUrl
    credential: Mapping[str, Any] = field(repr=False)
    askpass: Mapping[str, str] = field(repr=False)
    addresses: Sequence[str]
    proxy: str = field(repr=False)
    environ: Mapping[str, str] = field(repr=False)

    @property
    def has_one_address(self) -> bool:
        """Whether git connects to the first address only, which is the one that ssh is given."""
        return bool(self._pins) and (bool(self._lent_ssh) or not self._has_operators_ssh)

    @property
    def hidden(self) -> Sequence[str]:
        """The credentials in it, in the forms in which they are sent."""
        given = {**self.credential, **self.askpass}
        texts = [str(given.get(name) or "") for name in (PASSWORD, "token")]
        if PASSWORD in self.askpass:
            # git makes the header of them.
            texts.append(basic(*(self.askpass[name] for name in LOGIN)))
        headers = (each.partition(":")[2].split() for each in self._headers())
        texts += (words[-1] for words in headers if words)
        return [*texts, *(quote_url(each, safe="") for each in texts)]

    @property
    def _has_operators_ssh(self) -> bool:
        return not self.environ.keys().isdisjoint(("GIT_SSH_COMMAND", "GIT_SSH"))

    @property
    def _lent_ssh(self) -> str:
        return self.askpass.get("GIT_SSH_COMMAND", "")

    @property
    def _pins(self) -> Mapping[str, str]:
        """The options of ssh for the address that was checked; none where ssh does not resolve."""
        if self.url.scheme != "ssh" or not self.addresses or "ProxyCommand" in self._lent_ssh:
            return {}
        # known_hosts has a name, with its port unless that is 22 (sshd(8)).
        host, port = self.url.host, self.url.port
        alias = host if port == 22 else f"[{host}]:{port}"
        return {"HostName": self.addresses[0], "HostKeyAlias": alias}

    def write(self, folder: Path) -> Mapping[str, str]:
        """Write the files into a directory; return the variables with which git reads them.

        What the operator's environment says of ssh and of certificates stays as it is.

        Raises:
            OSError: they cannot be written.
        """
        lines = []
        if own := self.environ.get("GIT_CONFIG_GLOBAL"):
            lines.append(_line("include", "path", own))
        lines += (_line(*each) for each in _SETTINGS)
        lines.append(_line("protocol", "allow", "never"))
        lines.append(_line(f'protocol "{self.url.scheme}"', "allow", "always"))
        if self.url.scheme == "ssh":
            lines += self._ssh(folder)
        else:
            lines += self._http(folder)
        _write(folder / CONFIG, "".join(lines))
        return self._variables(folder)

    def _variables(self, folder: Path) -> Mapping[str, str]:
        # The proxy is decided, and in the file.
        env = {name: text for name, text in self.environ.items() if not _is_proxy(name)}
        env.setdefault("GIT_CONFIG_NOSYSTEM", "1")
        env |= {name: text for name, text in self.askpass.items() if name not in _OURS}
        if self._lent_ssh:
            env["GIT_SSH_COMMAND"] = " ".join((self._lent_ssh, *_options(self._pins)))
        if self._certificates():
            env.pop("GIT_SSL_CAINFO", None)
        directories = dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "TMPDIR"), str(folder))
        return env | directories | {
            "GIT_CONFIG_GLOBAL": str(folder / CONFIG),
            "GIT_ALLOW_PROTOCOL": self.url.scheme,
            "GIT_TERMINAL_PROMPT": "0",
            "LC_ALL": "C",
        }  # fmt: skip

    def _http(self, folder: Path) -> Sequence[str]:
        url, credential = self.url, self.credential
        section = f'http "{_escaped(url.text)}"'
        lines = [_line("http", "proxy", self.proxy)]
        if not self.proxy and self.addresses:
            places = ",".join(f"[{each}]" if ":" in each else each for each in self.addresses)
            lines.append(_line("http", "curloptResolve", f"{url.netloc}:{url.port}:{places}"))
        for header in self._headers():
            lines.append(_line(section, "extraHeader", header))
        if PASSWORD in self.askpass:
            lines.append(self._lent(folder))
        if bundle := self._certificates():
            _write(folder / "git-ca.pem", bundle)
            lines.append(_line(section, "sslCAInfo", str(folder / "git-ca.pem")))
        if credential.get("certificate"):
            _write(folder / "git-certificate.pem", credential["certificate"])
            lines.append(_line(section, "sslCert", str(folder / "git-certificate.pem")))
        if credential.get("key"):
            _write(folder / "git-key.pem", credential["key"])
            lines.append(_line(section, "sslKey", str(folder / "git-key.pem")))
        if not self._verify:
            lines.append(_line(section, "sslVerify", "false"))
        return lines

    def _lent(self, folder: Path) -> str:
        """Write what Argo CD lends, to be sent where the server asks (git-credential-store(1)).

        A server may refuse credentials of one repository even for another that is public.
        """
        # As the URL has it: to git a port that is written is another one than the default.
        server = f"{self.url.scheme}://{urlsplit(self.url.text).netloc}"
        pair = ":".join(quote_url(self.askpass[name], safe="") for name in LOGIN)
        _write(folder / "git-credentials", f"{server.replace('://', f'://{pair}@')}\n")
        place = quote(str(folder / "git-credentials"))
        return _line(f'credential "{server}"', "helper", f"store --file={place}")

    @property
    def _verify(self) -> bool:
        return not self.credential or bool(self.credential.get("verify"))

    def _headers(self) -> Sequence[str]:
        """Return the header that authenticates, which git then sends with its first request."""
        credential = self.credential
        if token := credential.get("token"):
            return (f"Authorization: Bearer {_one_line(token)}",)
        if password := credential.get("password"):
            name = credential.get("username") or self.url.user or _NOBODY
            return (f"Authorization: Basic {basic(name, password)}",)
        return [_one_line(self.askpass[name]) for name in HEADERS if self.askpass.get(name)]

    def _certificates(self) -> str:
        """Return the CA certificates, which replace git's; an empty text for git's own."""
        environ, ca = self.environ, self.credential.get("ca", "")
        named = environ.get("GIT_SSL_CAINFO") or environ.get("SSL_CERT_FILE") or ""
        if not ca and not named:
            return ""
        return f"{_read_bundle([named] if named else _system_bundles())}\n{ca}"

    def _ssh(self, folder: Path) -> Sequence[str]:
        if self._lent_ssh or self._has_operators_ssh:
            return ()
        return _line("core", "sshCommand", self._ssh_command(folder)), _line(
            "ssh", "variant", "ssh"
        )

    def _ssh_command(self, folder: Path) -> str:
        """Return the command that starts ssh; a shell reads it."""
        credential = self.credential
        # So that time is left for the next address.
        seconds = max(_CONNECT_SECONDS // max(len(self.addresses), 1), _LEAST_CONNECT_SECONDS)
        options = {"BatchMode": "yes", "ConnectTimeout": str(seconds)}
        if self._verify:
            options["StrictHostKeyChecking"] = "yes"
            known = folder / "git-known-hosts"
            _write(known, credential.get("known_hosts", "").rstrip("\n") + "\n")
            options["UserKnownHostsFile"] = _ssh_path(known)
        else:
            options["StrictHostKeyChecking"] = "no"
            options["UserKnownHostsFile"] = options["GlobalKnownHostsFile"] = os.devnull
        options |= self._pins
        if "SSH_AUTH_SOCK" not in self.environ:
            options["IdentityAgent"] = "none"
        options["IdentityFile"] = "none"
        if key := credential.get("ssh_key"):
            _write(folder / "git-ssh-key", key.rstrip("\n") + "\n")
            options["IdentityFile"] = _ssh_path(folder / "git-ssh-key")
            options["IdentitiesOnly"] = "yes"
        return " ".join(("ssh", "-F", os.devnull, *_options(options)))


def _options(options: Mapping[str, str]) -> Iterator[str]:
    """Yield the words of a command of ssh that are its options, for a shell."""
    for name, value in options.items():
        yield "-o"
        yield quote(f"{name}={value}")


def _ssh_path(path: Path) -> str:
    """Return a path as an option of ssh has it: words in quotes, with tokens (ssh_config(5))."""
    return f'"{str(path).replace("%", "%%")}"'


def _system_bundles() -> Sequence[str]:
    return (ssl.get_default_verify_paths().cafile or "", *_BUNDLES)


def _read_bundle(paths: Sequence[str]) -> str:
    for path in paths:
        try:
            return Path(path).read_text("utf-8", "replace")
        except OSError:
            continue
    import certifi

    return certifi.contents()


def _one_line(text: str) -> str:
    if not text.isprintable():
        raise FetchError(
            "the credentials for this URL contain a line break, or what cannot be in a header",
            hint="write them without; a line break at the end of a file is one, too",
        )
    return text


def _is_proxy(name: str) -> bool:
    return name.lower() in {"http_proxy", "https_proxy", "all_proxy", "no_proxy"}


def _line(section: str, name: str, value: str) -> str:
    """Return a variable as a configuration file has it (git-config(1), "Syntax")."""
    return f'[{section}]\n\t{name} = "{_escaped(value)}"\n'


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _write(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor
        file.write(text)
