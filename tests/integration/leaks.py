"""Finds secrets in a text, in any form that a program may have turned them into."""

import base64
import json
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

SHORTEST = 6
"""Shorter secrets are not looked for: they occur in any text."""


def found(text: str, secrets: Iterable[str]) -> list[str]:
    """Return the secrets that a text contains, unchanged or encoded."""
    return [
        secret
        for secret in secrets
        if len(secret) >= SHORTEST and any(form in text for form in _forms(secret))
    ]


def _forms(secret: str) -> Iterator[str]:
    data = secret.encode()
    yield secret
    yield secret.encode("unicode_escape").decode()
    yield data.hex()
    yield from (quote(secret), quote(secret, safe=""), quote_plus(secret))
    for ensure_ascii in (True, False):
        yield json.dumps(secret, ensure_ascii=ensure_ascii)[1:-1]
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        # Inside a longer text the encoding depends on where the secret begins, modulo 3; its
        # first and last characters depend on the neighbours.
        for shift, cut in ((0, 0), (1, 2), (2, 3)):
            encoded = encode(b"\0" * shift + data).decode()
            yield encoded[cut : len(encoded) - 4]
