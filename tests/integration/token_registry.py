"""A stand-in for a registry that hands out tokens, as those of Docker Hub and GitHub do."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qs, urlsplit

from tests.integration.repositories import package, redirect
from tests.integration.stand_in import Answer, Exchange, StandIn, stand_in
from tests.registry import CHART_CONFIG, CHART_LAYER, MANIFEST, chart_manifest, descriptor

TOKEN: Final = "a-token-for-a-while"
"""The token that it hands out, and wants."""


@dataclass
class Tokens:
    """A registry with one chart.

    Attributes:
        login: what it wants for a token; empty for nobody's.
        blobs: where blobs are; empty for here.
        realm: where tokens are; empty for here.
        page: the number of tags on a page.
        answers: answers to certain paths instead of its own.
    """

    archive: bytes = field(default_factory=lambda: package("web", "1.9.0"))
    login: str = ""
    blobs: str = ""
    realm: str = ""
    page: int = 1
    answers: dict[str, Answer] = field(default_factory=dict)
    server: StandIn = field(init=False)

    @property
    def url(self) -> str:
        return f"oci://{self.server.address.partition('://')[2]}/team"

    @property
    def manifest(self) -> bytes:
        return chart_manifest(
            descriptor(b"{}", CHART_CONFIG), descriptor(self.archive, CHART_LAYER)
        )

    @property
    def digest(self) -> str:
        return str(descriptor(self.archive, CHART_LAYER)["digest"])

    def answer(self, exchange: Exchange) -> None:
        """Answer a request."""
        url = urlsplit(exchange.asked.path)
        query, sent = parse_qs(url.query), exchange.asked.headers.get("Authorization", "")
        if url.path in self.answers:
            self.answers[url.path](exchange)
        elif url.path == "/token":
            is_known = sent == self.login and query["service"] == ["charts"]
            token = json.dumps({"token": TOKEN}).encode()
            exchange.reply(200 if is_known else 401, token if is_known else b"")
        elif sent != f"Bearer {TOKEN}":
            realm = self.realm or f"{self.server.address}/token"
            challenge = f'realm="{realm}",service="charts",scope="repository:team/web:pull"'
            exchange.reply(401, b"", WWW_Authenticate=f"Bearer {challenge}")
        elif url.path == "/v2/team/web/tags/list":
            self._list_tags(exchange, query)
        elif url.path == "/v2/team/web/manifests/1.9.0":
            digest = f"sha256:{hashlib.sha256(self.manifest).hexdigest()}"
            headers = {"Content_Type": MANIFEST, "Docker_Content_Digest": digest}
            exchange.reply(200, self.manifest, **headers)
        elif url.path == f"/v2/team/web/blobs/{self.digest}" and self.blobs:
            redirect(self.blobs, 307)(exchange)
        elif url.path == f"/v2/team/web/blobs/{self.digest}":
            exchange.reply(200, self.archive)
        else:
            exchange.reply(404, b"{}")

    def _list_tags(self, exchange: Exchange, query: Mapping[str, list[str]]) -> None:
        tags = ["1.8.0", "latest", "1.9.0", "0.1.0"]
        last = query.get("last", [""])[0]
        start = tags.index(last) + 1 if last else 0
        found = tags[start : start + self.page]
        body = json.dumps({"name": "team/web", "tags": found}).encode()
        more = start + self.page < len(tags)
        following = f'</v2/team/web/tags/list?last={found[-1]}>; rel="next"'
        exchange.reply(200, body, **({"Link": following} if more else {}))


@contextmanager
def serve_tokens(tokens: Tokens) -> Iterator[Tokens]:
    """Serve it over HTTP without TLS."""
    with stand_in(tokens.answer) as server:
        tokens.server = server
        yield tokens
