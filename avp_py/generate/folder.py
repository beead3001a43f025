"""The first step of a request for a folder: rendering it, with what the keeper fetches for it."""

import logging
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from avp_py.errors import Failure
from avp_py.generate.keeper import Keeper
from avp_py.limits import Limits
from avp_py.remotes import Fetched, Fetcher, Remote
from avp_py.render import Remotes, Rendered, Source
from avp_py.render.detect import open_renderer

if TYPE_CHECKING:
    from avp_py.generate.core import Request

logger: Final = logging.getLogger(__name__)


def render_folder(
    source: Source, request: "Request", limits: Limits, keeper: Keeper
) -> Sequence[Rendered]:
    """Return the manifests of a folder as text.

    Args:
        source: the folder, or one plain file.
        request: how to render it, and for whom.
        limits: how much it may use.
        keeper: fetches what it needs from other machines.

    Raises:
        AvpError: it cannot be rendered, or renders nothing.
    """
    settings = request.settings
    renderer = open_renderer(
        source,
        request.mode,
        settings.render,
        limits,
        settings.identity,
        request.environ,
        Remotes(_KeepersFetcher(keeper, limits), settings.fetch.ranges),
    )
    begin = limits.clock()
    rendered = renderer.render()
    logger.info("rendered by %s in %.2f s", renderer.name, limits.clock() - begin)
    return rendered


class _KeepersFetcher(Fetcher):
    """What the keeper fetches for one request.

    kustomize fetches a base again for each kustomization that names it. So what was fetched is kept
    for the request, as long as it is no more than one input may have.
    """

    def __init__(self, keeper: Keeper, limits: Limits) -> None:
        self._keeper = keeper
        self._limits = limits
        self._kept: dict[Remote, Fetched] = {}
        self._left = limits.input_bytes

    def fetch(
        self, wanted: Sequence[Remote], seconds: float = math.inf
    ) -> Sequence[Fetched | Failure]:
        """Ask the keeper for what is not kept."""
        self._limits.check_deadline()
        new = [each for each in dict.fromkeys(wanted) if each not in self._kept]
        found: dict[Remote, Fetched | Failure] = {}
        if new:
            begin = self._limits.clock()
            answers = self._keeper.fetch(new, min(self._limits.deadline, begin + seconds))
            logger.info("fetched %d in %.2f s", len(new), self._limits.clock() - begin)
            found = dict(zip(new, answers, strict=True))
        fetched = [self._kept.get(each) or found[each] for each in wanted]
        for remote, answer in found.items():
            if isinstance(answer, Fetched) and len(answer.data) <= self._left:
                self._left -= len(answer.data)
                # A warning is for once.
                self._kept[remote] = replace(answer, warning=None)
        return fetched
