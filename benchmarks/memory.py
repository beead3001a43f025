"""Measure the memory and the CPU time that `generate -` needs for dense YAML.

Each shape is written in several sizes, and each text is rendered by a process of its own, for which
the kernel reports what it used at its peak.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final, TypeAlias

MEGABYTE: Final = 1_000_000

HEAD: Final = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: dense\n"

CONFIG_MAP: Final = """\
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: config-{}
  namespace: demo
  labels:
    app: web
    tier: backend
data:
  LOG_LEVEL: info
  DATABASE_HOST: db-{}.demo.svc.cluster.local
  application.yaml: |
    server:
      port: 8080
    features: [one, two, three]
"""

Shape: TypeAlias = Callable[[int], Iterator[str]]
"""Yields the pieces of a text of about so many characters."""


def repeated(before: str, item: str, after: str = "") -> Shape:
    """Return the shape of one item over and over; each `{}` in it becomes its number."""

    def pieces(size: int) -> Iterator[str]:
        yield before
        length = number = 0
        while length < size:
            piece = item.replace("{}", str(number))
            yield piece
            length += len(piece)
            number += 1
        yield after

    return pieces


SHAPES: Final[Mapping[str, Shape]] = {
    "[a,a,…]": repeated(HEAD + "a: [", "a,", "a]\n"),
    "[[],[],…]": repeated(HEAD + "a: [", "[],", "[]]\n"),
    "[{ },{ },…]": repeated(HEAD + "a: [", "{ },", "{ }]\n"),
    "{k0,k1,…}": repeated(HEAD + "a: {", "k{},", "z}\n"),
    "[a: b,…]": repeated(HEAD + "a: [", "a: b,", "a]\n"),
    "- a": repeated(HEAD + "a:\n", "- a\n"),
    "- - a": repeated(HEAD + "a:\n", "- - a\n"),
    "- a: b": repeated(HEAD + "a:\n", "- a: b\n"),
    "k0: v": repeated(HEAD + "a:\n", "  k{}: v\n"),
    '["a","a",…]': repeated(HEAD + "a: [", '"a",', '"a"]\n'),
    "['''',…]": repeated(HEAD + "a: [", "'''',", "a]\n"),
    "[! ,! ,…]": repeated(HEAD + "a: [", "! ,", "a]\n"),
    "[&k0 ,…]": repeated(HEAD + "a: [", "&k{} ,", "a]\n"),
    "JSON [[],…]": repeated('{"kind":"X","a":[', "[],", "[]]}\n"),
    "JSON [{},…]": repeated('{"kind":"X","a":[', '{"":0},', "[]]}\n"),
    "JSON documents": repeated("", '{"kind":"X"}\n'),
    "doubtful": repeated(HEAD + "b: ! x\na: [", "a,", "a]\n"),
    "placeholders": repeated(HEAD + "data:\n", "  k{}: <path:kv/data/x#k>\n"),
    "references": repeated(HEAD + "data:\n", "  k{}: <path:kv/data/x#k | default {}>\n"),
    "one placeholder": repeated(HEAD + "data:\n  k: <path:kv/data/x#k>\na: [", "a,", "a]\n"),
    "ConfigMaps": repeated("", CONFIG_MAP),
}


def run(shape: Shape, size: int) -> tuple[float, float, float, int]:
    """Render a text; return its length in MB, the peak in MiB, the CPU seconds, the exit code."""
    with tempfile.TemporaryDirectory() as folder:
        file, secrets = Path(folder, "input.yaml"), Path(folder, "secrets.yaml")
        with file.open("w") as output:
            # Piece by piece: what a child uses counts from what this process uses at its start.
            output.writelines(shape(size))
        secrets.write_text("kv/data/x: {k: value}\n")
        environ = {"PATH": "", "AVP_TYPE": "file", "AVP_FILE": str(secrets)}
        command = [sys.executable, "-I", "-m", "avp_py", "generate", "-"]
        with file.open("rb") as stdin:
            child = subprocess.Popen(command, stdin=stdin, stdout=subprocess.DEVNULL, env=environ)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        megabytes = file.stat().st_size / MEGABYTE
    kibibytes = usage.ru_maxrss if sys.platform == "linux" else usage.ru_maxrss // 1024
    return megabytes, kibibytes / 1024, usage.ru_utime + usage.ru_stime, child.returncode


def main() -> None:
    """Print a table, a line for each shape and size."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("shapes", nargs="*", metavar="SHAPE", default=list(SHAPES))
    parser.add_argument("--sizes", default="1,4", help="in MB, with commas (default: %(default)s)")
    arguments = parser.parse_args()
    sizes = [float(each) for each in arguments.sizes.split(",")]
    _, empty, _, _ = run(repeated(HEAD, ""), 0)
    print(f"an empty run: {empty:.0f} MiB")
    print(f"{'shape':16} {'MB':>6} {'peak MiB':>9} {'MiB per MB':>11} {'CPU s':>6} {'exit':>5}")
    for shape in arguments.shapes:
        for size in sizes:
            megabytes, peak, seconds, code = run(SHAPES[shape], int(size * MEGABYTE))
            each = (peak - empty) / megabytes
            print(
                f"{shape:16} {megabytes:6.2f} {peak:9.0f} {each:11.1f} {seconds:6.2f} {code:5}",
                flush=True,
            )


if __name__ == "__main__":
    main()
