"""TLS to Vault: whom we trust, and who we are.

The meaning of the settings is that of Vault's own client (api/client.go, v1.22, and go-rootcerts,
v1.0.2): VAULT_CACERT beats VAULT_CACERT_BYTES, and that VAULT_CAPATH; each takes the place of the
system's authorities, and each certificate named there is trusted, whether it is a root or not.
"""

import ssl
from collections.abc import Callable
from pathlib import Path

import urllib3
import urllib3.exceptions

from avp_py.errors import SettingsError
from avp_py.settings import VaultSettings


def open_context(settings: VaultSettings) -> ssl.SSLContext:
    """The context of every TLS connection to Vault.

    Raises:
        SettingsError: a file is not there, is not what it should be, or half of a pair.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.hostname_checks_common_name = False  # as Go
    if settings.skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        # The operator has said so; urllib3 would say on each connection what that means.
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    else:
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    _trust(context, settings)
    _identify(context, settings)
    return context


def names_files(settings: VaultSettings) -> bool:
    """Whether there is something to load that may be wrong, be it needed for this address or not.

    Vault's own client loads it in any case.
    """
    named = settings.ca_cert, settings.ca_cert_text, settings.ca_path
    return any(each is not None for each in (*named, settings.client_cert, settings.client_key))


def _trust(context: ssl.SSLContext, settings: VaultSettings) -> None:
    if settings.ca_cert is not None:
        _load("VAULT_CACERT", settings.ca_cert, lambda path: context.load_verify_locations(path))
    elif settings.ca_cert_text is not None:
        text = settings.ca_cert_text
        _load(
            "VAULT_CACERT_BYTES", "its text", lambda _: context.load_verify_locations(cadata=text)
        )
    elif settings.ca_path is not None:
        # OpenSSL alone would look for files that `openssl rehash` has named.
        folder = Path(settings.ca_path)
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        if not files:
            raise SettingsError(
                f"VAULT_CAPATH: there is no file in {folder}", hint="name a folder of PEM files"
            )
        for file in files:
            _load("VAULT_CAPATH", str(file), lambda path: context.load_verify_locations(path))
    elif not settings.skip_verify:
        context.load_default_certs()
        known = ssl.get_default_verify_paths()
        if not known.cafile and not known.capath:
            # This machine keeps none where OpenSSL looks, as Python for macOS does.
            import certifi

            context.load_verify_locations(certifi.where())


def _identify(context: ssl.SSLContext, settings: VaultSettings) -> None:
    cert, key = settings.client_cert, settings.client_key
    if cert is None and key is None:
        return
    if cert is None or key is None:
        raise SettingsError(
            f"{'VAULT_CLIENT_CERT' if cert is None else 'VAULT_CLIENT_KEY'} is not set",
            hint="set VAULT_CLIENT_CERT and VAULT_CLIENT_KEY, or neither",
        )
    for name, file in (("VAULT_CLIENT_CERT", cert), ("VAULT_CLIENT_KEY", key)):
        _load(name, file, lambda path: Path(path).open("rb").close())
    # An empty password: without one, OpenSSL would ask for it at the terminal.
    _load(
        "VAULT_CLIENT_CERT and VAULT_CLIENT_KEY",
        f"{cert} and {key}",
        lambda _: context.load_cert_chain(cert, key, password=""),
    )


def _load(name: str, path: str, load: Callable[[str], None]) -> None:
    try:
        load(path)
    except ssl.SSLError as error:
        why = (error.reason or "no PEM").replace("_", " ").lower()
        raise SettingsError(
            f"{name}: {path} cannot be used: {why}",
            hint="name a PEM file; a key must fit its certificate, and have no password",
        ) from None
    except OSError as error:
        raise SettingsError(
            f"{name}: {path} cannot be read: {error.strerror}", hint="name a file that is there"
        ) from None
