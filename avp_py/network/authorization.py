"""Credentials as HTTP has them in its headers."""

import base64


def basic(name: str, password: str) -> str:
    """Return a name and a password as basic authentication has them (RFC 7617), after `Basic`."""
    pair = f"{name}:{password}".encode("utf-8", "surrogatepass")
    return base64.b64encode(pair).decode("ascii")
