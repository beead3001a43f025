#!/usr/bin/env python3
"""What the sandbox costs: the renders of tests/integration/kustomizations, with it and without.

    python benchmarks/sandbox.py [ROUNDS]

Each kustomization is rendered as it is and with an edit, by the command as a whole process, in
turns with AVP_SANDBOX=required and off. Only the ratio counts: machines are noisy.
"""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CASES = ROOT / "tests" / "integration" / "kustomizations"
EDITS: tuple[Mapping[str, str], ...] = (
    {},
    {"ARGOCD_ENV_APP_REPO": "https://git.example/team/web"},
)


def tools() -> Mapping[str, str]:
    """Return the settings that name kustomize and helm, built if need be."""
    argv = [sys.executable, str(ROOT / "tools" / "build.py"), "kustomize", "helm"]
    lines = subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    return {f"AVP_{name.upper()}": path for name, path in (line.split(" ", 1) for line in lines)}


def seconds(app: Path, env: Mapping[str, str]) -> float:
    """Return how long one render takes, from start to end of its process."""
    started = time.perf_counter()
    argv = [sys.executable, "-m", "avp_py", "generate", "."]
    subprocess.run(argv, cwd=app, env=env, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> None:
    """Print the medians and the ratio."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    base = {"PATH": os.environ["PATH"], **tools()}
    apps = [case / "app" for case in sorted(CASES.iterdir()) if (case / "app").is_dir()]
    renders = [(app, edit) for app in apps for edit in EDITS]
    ratios, inside, outside = [], [], []
    for number in range(rounds):
        for app, edit in renders:
            pair = [
                seconds(app, {**base, **edit, "AVP_SANDBOX": mode}) for mode in ("required", "off")
            ]
            inside.append(pair[0])
            outside.append(pair[1])
            ratios.append(pair[0] / pair[1])
        print(f"round {number + 1} of {rounds}", file=sys.stderr, flush=True)
    print(f"{len(renders)} renders, {rounds} rounds")
    print(f"with the sandbox     {statistics.median(inside) * 1000:7.1f} ms (median)")
    print(f"without              {statistics.median(outside) * 1000:7.1f} ms (median)")
    print(f"ratio, pair by pair  {statistics.median(ratios):7.3f} (median)")
    low, *_, high = statistics.quantiles(ratios, n=10)
    print(f"                     {low:7.3f} to {high:.3f} (10th to 90th percentile)")


if __name__ == "__main__":
    main()
