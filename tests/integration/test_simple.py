"""A document that is passed on without being parsed is one object to Argo CD's own reader."""

import random

import pytest

from avp_py.manifests.simple import Scanner
from tests.integration.reader import Reader, UnreadableError
from tests.unit.test_simple import mutant


@pytest.mark.parametrize("seed", range(10, 14))
def test_argo_cd_reads_one_object(reader: Reader, seed: int) -> None:
    draw = random.Random(seed)  # noqa: S311 - nothing is secret
    simple = rejected = 0
    for _ in range(1500):
        text = mutant(draw)
        is_simple = bool(Scanner(text).blanked()[1])
        try:
            read = reader.read(text)
        except UnreadableError:
            assert not is_simple, text
            rejected += 1
            continue
        if not is_simple:
            continue
        simple += 1
        (only,) = read
        assert (only.kind in text, only.kind != "Secret", only.is_list) == (True, True, False)
        annotations = only.annotations if isinstance(only.annotations, dict) else {}
        assert not [key for key in annotations if "avp" in key]
    # The control: what is simple and what Argo CD rejects are both there.
    assert simple > 300
    assert rejected > 100
