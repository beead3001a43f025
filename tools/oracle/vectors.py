#!/usr/bin/env python3
"""Compare our modifiers with the oracle's, and write the test vectors.

    python tools/oracle/vectors.py write            tests/unit/data/{jsonpath,modifiers}.json
    python tools/oracle/vectors.py fuzz 50000 [7]   that many generated cases, from seed 7

Both need Go and the modules of go.mod. `fuzz` prints each case in which the two differ, and counts
those in which they do so on purpose. Exit status: 0, or 1 when a case differs that should not.
"""

from __future__ import annotations

import argparse
import base64
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
DATA = ROOT / "tests" / "unit" / "data"
sys.path[:0] = [str(ROOT), str(HERE)]

from cases import Case, hand_written_jsonpath, hand_written_modifiers  # noqa: E402
from generated import Generator  # noqa: E402

from avp_py.golang import gojson  # noqa: E402
from avp_py.modifiers import ModifierError, apply  # noqa: E402
from avp_py.values import Number  # noqa: E402

RUNS = 24
"""How often the oracle repeats a case that walks through maps, to see Go's different orders."""

MORE_RUNS = 3000
"""The same where our answer was not among the first ones."""

BATCH = 5000
SEED = 20240131
GENERATED = {"jsonpath": 200, "modifiers": 200}


@dataclass(frozen=True)
class Answer:
    """What the oracle or our code says to a case.

    Attributes:
        results: the different results; empty for an error.
        error: why there is none.
        panicked: whether Go panicked.
    """

    results: tuple[Any, ...]
    error: str = ""
    panicked: bool = False


class Oracle:
    """The Go program, built for this run."""

    def __init__(self, folder: str) -> None:
        self._program = str(Path(folder) / "oracle")
        go = shutil.which("go") or "go"
        subprocess.run([go, "build", "-o", self._program, "."], cwd=HERE, check=True)

    def ask(self, asked: Sequence[Case], runs: int = RUNS) -> list[Answer]:
        """Its answers to the cases, in their order."""
        lines = [
            gojson.write(
                {
                    "op": case.op,
                    "args": case.arguments,
                    "input": case.value,
                    "typed": case.typed,
                    "runs": Number(str(runs if case.walks_maps else 1)),
                }
            )
            for case in asked
        ]
        answered = subprocess.run(
            [self._program], input="\n".join(lines), capture_output=True, check=True, text=True
        )
        return [
            _answer(json.loads(line, parse_int=Number, parse_float=Number))
            for line in answered.stdout.split("\n")[:-1]
        ]


def _answer(line: Mapping[str, Any]) -> Answer:
    if not line["ok"]:
        return Answer((), line["error"], line.get("panic", False))
    return Answer(tuple(map(_result, line["results"])))


def _result(result: Any) -> Any:
    if isinstance(result, Mapping) and list(result) == ["base64"]:
        return base64.b64decode(result["base64"]).decode("utf-8", "surrogateescape")
    return result


def ours(case: Case) -> Answer:
    """What our code says."""
    value = case.value
    if not isinstance(value, str) and not case.typed:
        value = gojson.read(gojson.write(value))
    try:
        return Answer((apply(case.op, case.arguments, value),))
    except ModifierError as error:
        return Answer((), str(error))


_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
_MAX_FLOAT32 = 3.4028235e38


_ONLY_IN_THE_PORT = ("unknown escape character", "did not find expected ',' or")
_ONLY_IN_LIBYAML = ("not YAML", "a key is a list or a mapping")


def difference(case: Case, theirs: Answer, mine: Answer) -> str:
    """How the two differ: empty where they do not; beginning with `on purpose` where they may."""
    if not theirs.results and not mine.results:
        return ""
    if not theirs.results:
        if theirs.panicked:
            return "on purpose: no panic"
        if any(known in theirs.error for known in _ONLY_IN_THE_PORT):
            return "on purpose: libyaml 0.2.5 reads more of YAML 1.2"
        return "a result where the oracle has none"
    if not mine.results:
        if case.op == "yamlParse" and any(known in mine.error for known in _ONLY_IN_LIBYAML):
            return "on purpose: an error where yaml.v2 reads on, or drops the rest"
        return f"an error where the oracle has none: {mine.error}"
    if mine.results[0] in theirs.results:
        return ""
    if any(_rounded(mine.results[0]) == _rounded(each) for each in theirs.results):
        return "on purpose: all digits of a number"
    if case.op == "yamlParse" and re.search(r"![^\s\[\]{},]*,", case.value):
        return "on purpose: a tag ends before a comma"
    return "another result"


def _rounded(value: Any) -> Any:
    """The value with its numbers as float64, in texts as well."""
    if isinstance(value, Number):
        return float(value.text)
    if isinstance(value, str):
        return _NUMBER.sub(lambda match: repr(float(match[0])), value)
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    if isinstance(value, dict):
        return {_NUMBER.sub(_float32, key): _rounded(item) for key, item in value.items()}
    return value


def _float32(match: re.Match[str]) -> str:
    number = float(match[0])
    return f"{number:.6g}" if abs(number) <= _MAX_FLOAT32 else ".inf"


def fuzz(oracle: Oracle, count: int, seed: int) -> int:
    """Compares generated cases, and prints what differs."""
    generator = Generator(seed)
    seen: Counter[str] = Counter()
    failures = 0
    for start in range(0, count, BATCH):
        asked = [
            generator.jsonpath() if index % 2 else generator.modifier()
            for index in range(min(BATCH, count - start))
        ]
        for case, theirs in zip(asked, oracle.ask(asked), strict=True):
            mine = ours(case)
            found = difference(case, theirs, mine)
            if found == "another result" and case.walks_maps:
                (theirs,) = oracle.ask([case], MORE_RUNS)
                found = difference(case, theirs, mine)
            outcome = "result" if theirs.results else "panic" if theirs.panicked else "error"
            seen[found if found.startswith("on purpose") else f"{case.op}: {outcome}"] += 1
            if found and not found.startswith("on purpose"):
                failures += 1
                print(f"{found}\n  {case}\n  oracle {theirs}\n  ours   {mine}")
    print("\n".join(f"{number:7} {name}" for name, number in sorted(seen.items())))
    print(f"{failures} of {count} cases differ")
    return 1 if failures else 0


def write(oracle: Oracle) -> int:
    """Writes the vectors: for each input the arguments, and the oracle's result or error."""
    generator = Generator(SEED)
    for name, written, generate in (
        ("jsonpath", hand_written_jsonpath(), generator.jsonpath),
        ("modifiers", hand_written_modifiers(), generator.modifier),
    ):
        asked = written + [generate() for _ in range(GENERATED[name])]
        groups: dict[str, list[str]] = {}
        for case, theirs in zip(asked, oracle.ask(asked), strict=True):
            # What Go gives in no order, as bytes or in another way on purpose has its own tests.
            outcome = _outcome(case, theirs)
            is_stable = len(theirs.results) < 2 and "\\ufffd" not in outcome
            if is_stable and not difference(case, theirs, ours(case)):
                lines = groups.setdefault(_input(case), [])
                lines += [outcome] if outcome not in lines else []
        texts = (group + ",\n".join(lines) + "\n]}" for group, lines in groups.items())
        text = "[\n" + ",\n".join(texts) + "\n]\n"
        (DATA / f"{name}.json").write_text(text, encoding="utf-8")
        print(f"{sum(map(len, groups.values()))} vectors in {name}.json")
    return 0


def _input(case: Case) -> str:
    fields = {"op": case.op, "typed": case.typed, "input": case.value}
    return gojson.write(fields).removesuffix("}") + ',"cases":[\n'


def _outcome(case: Case, theirs: Answer) -> str:
    outcome = {"result": theirs.results[0]} if theirs.results else {"error": theirs.error}
    return gojson.write({"args": case.arguments, **outcome})


def main() -> int:
    """Reads the command line and does what it says."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("write")
    fuzzing = commands.add_parser("fuzz")
    fuzzing.add_argument("count", type=int)
    fuzzing.add_argument("seed", type=int, nargs="?", default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        oracle = Oracle(folder)
        if arguments.command == "write":
            return write(oracle)
        return fuzz(oracle, arguments.count, arguments.seed)


if __name__ == "__main__":
    sys.exit(main())
