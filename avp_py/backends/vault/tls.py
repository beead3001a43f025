"""TLS to Vault: which CA certificates are trusted, and the client certificate.

The meaning of the settings is that of Vault's own client (api/client.go, v1.22, and go-rootcerts,
v1.0.2): VAULT_CACERT wins over VAULT_CACERT_BYTES, and that over VAULT_CAPATH; each replaces the
CA certificates of the system, and each certificate in it is trusted, whether it is a root or not.
"""

import ssl
from collections.abc import Callable
from pathlib import Path

from avp_py.errors import SettingsError
from avp_py.network.tls import new_context, trust_system
from avp_py.settings import VaultSettings


def open_context(settings: VaultSettings) -> ssl.SSLContext:
    """Return the context of every TLS connection to Vault.

    Raises:
        SettingsError: a file is missing, invalid, or half of a pair.
    """
    context = new_context(verify=not settings.skip_verify)
    _trust(context, settings)
    _identify(context, settings)
    return context


def names_files(settings: VaultSettings) -> bool:
    """Return whether there is a file to load, even if it is not needed for this address.

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
                f"VAULT_CAPATH: there is no file in {folder}",
                hint="set it to a directory with PEM files",
            )
        for file in files:
            _load("VAULT_CAPATH", str(file), lambda path: context.load_verify_locations(path))
    elif not settings.skip_verify:
        trust_system(context)


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
        why = (error.reason or "not PEM").replace("_", " ").lower()
        raise SettingsError(
            f"{name}: {path} cannot be used: {why}",
            hint="set it to a PEM file; a key must belong to its certificate, and have no password",
        ) from None
    except OSError as error:
        raise SettingsError(
            f"{name}: {path} cannot be read: {error.strerror}", hint="set it to a file that exists"
        ) from error
