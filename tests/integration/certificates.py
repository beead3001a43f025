"""Certificates and keys for tests, made by the openssl program; they last for a day."""

import secrets
import subprocess
from pathlib import Path
from typing import NamedTuple

_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


class Certificate(NamedTuple):
    """A certificate and its key, each in a file, in PEM."""

    certificate: Path
    key: Path


def self_signed(folder: Path, name: str, *alternatives: str) -> Certificate:
    """A self-signed certificate.

    Args:
        folder: where it is put, as `<name>.crt` and `<name>.key`.
        name: its subject's common name.
        alternatives: its alternative names, such as `IP:127.0.0.1` or `DNS:localhost`.
    """
    made = Certificate(folder / f"{name}.crt", folder / f"{name}.key")
    # Python 3.13 requires a CA certificate to say what its key is for.
    also = ["-addext", "keyUsage=keyCertSign,digitalSignature"]
    if alternatives:
        also += ["-addext", f"subjectAltName={','.join(alternatives)}"]
    openssl(
        "req", "-x509", *_NEW_KEY, "-days", "1", "-subj", f"/CN={name}", *also,
        "-keyout", made.key, "-out", made.certificate,
    )  # fmt: skip
    return made


def signed(authority: Certificate, folder: Path, subject: str) -> Certificate:
    """A certificate for a subject, such as `/O=group/CN=name`, that a CA signed."""
    serial = secrets.token_hex(8)
    made = Certificate(folder / f"{serial}.crt", folder / f"{serial}.key")
    request = folder / f"{serial}.csr"
    openssl("req", "-new", *_NEW_KEY, "-keyout", made.key, "-out", request, "-subj", subject)
    openssl(
        "x509", "-req", "-in", request, "-out", made.certificate, "-days", "1",
        "-CA", authority.certificate, "-CAkey", authority.key, "-set_serial", f"0x{serial}",
    )  # fmt: skip
    return made


def openssl(*arguments: object) -> None:
    """Run openssl."""
    argv = ["openssl", *map(str, arguments)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
