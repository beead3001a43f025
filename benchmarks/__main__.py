"""`make bench`: measures, and writes benchmarks/results.json, docs/performance.md and its plot."""

import argparse

from benchmarks import keep_files_in_memory, report, results, runner
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
    keep_files_in_memory()
    chosen = [each for each in CASES if arguments.only in f"{each.kind}: {each.title}"]
    if not chosen:
        parser.error(f"no case contains {arguments.only!r}")
    found = runner.measure(chosen, arguments.rounds, runner.each_way)
    if arguments.only:
        print(*report.goals(found), sep="\n")
        return
    results.save(found, results.FILE)
    report.write(found)
    print(*report.goals(found), sep="\n")
    print("written: benchmarks/results.json, docs/performance.md, docs/performance.svg")


if __name__ == "__main__":
    main()
