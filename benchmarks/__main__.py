"""`make bench`: measures, and writes benchmarks/results.json, docs/performance.md and its plot."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import report, results, runner
from benchmarks.cases import CASES


def main() -> None:
    """Run the cases, all or some."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Compare avp-py with argocd-vault-plugin: time, memory, requests to Vault.",
    )
    parser.add_argument("--rounds", type=int, default=5, help="how often (default: %(default)s)")
    parser.add_argument(
        "--only",
        default="",
        metavar="TEXT",
        help="run the cases whose name contains it, and print the goals; nothing is written",
    )
    arguments = parser.parse_args()
    chosen = [each for each in CASES if arguments.only in f"{each.kind}: {each.title}"]
    if not chosen:
        parser.error(f"no case contains {arguments.only!r}")
    started, machine = time.monotonic(), results.machine()

    def say(text: str) -> None:
        seconds = time.monotonic() - started
        stamp = f"{int(seconds) // 60}:{int(seconds) % 60:02}"
        print(f"{stamp} {label}{text}", file=sys.stderr, flush=True)

    label = ""
    outcomes = []
    with (
        tempfile.TemporaryDirectory(prefix="avp-") as folder,
        runner.stage(Path(folder), say) as stage,
    ):
        for number, case in enumerate(chosen, 1):
            label = f"[{number}/{len(chosen)}] {case.kind}: {case.title}: "
            result = runner.run(case, stage, arguments.rounds, say)
            outcomes.append(results.outcome(case, result.values, result.own_share))
        versions = results.versions(stage.programs.versions)
    found = results.Results(
        results.today(),
        arguments.rounds,
        round(time.monotonic() - started),
        machine,
        versions,
        outcomes,
    )
    if arguments.only:
        print(*report.goals(found), sep="\n")
        return
    results.save(found)
    report.write(found)
    print(*report.goals(found), sep="\n")
    print("written: benchmarks/results.json, docs/performance.md, docs/performance.svg")


if __name__ == "__main__":
    main()
