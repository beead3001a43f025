"""Shows the main job on examples/web: the command, what it prints, and what it changed.

Takes no argument. kustomize and helm come from the cache of tools/build.py. Fails as the command
fails.
"""

import difflib
import os
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON = Path(sys.executable)

SETTINGS = {
    # What the operator sets on the sidecar.
    "AVP_TYPE": "file",
    "AVP_FILE": "examples/secrets.yaml",
    # What Argo CD says of the Application.
    "ARGOCD_APP_NAME": "web",
    "ARGOCD_APP_NAMESPACE": "demo",
    # What CI sets with --plugin-env.
    "ARGOCD_ENV_AVP_SECRET": "vault-settings",
    "ARGOCD_ENV_APP_REPO": "https://github.com/example/web",
    "ARGOCD_ENV_IMAGE_NAME": "registry.example/team/web",
    "ARGOCD_ENV_IMAGE_TAG": "1.4.2",
}


def main() -> None:
    """Runs the command and prints the difference to what git holds."""
    tools = subprocess.run(
        [PYTHON, "tools/build.py", "kustomize", "helm4"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    paths = dict(line.split(" ", 1) for line in tools.splitlines())
    env = os.environ | SETTINGS
    env["PATH"] = os.pathsep.join(str(Path(path).parent) for path in paths.values())

    print("\n".join(f"{name}={shlex.quote(value)}" for name, value in SETTINGS.items()))
    print("avp-py generate examples/web\n", flush=True)
    generated = _output([PYTHON.parent / "avp-py", "generate", "examples/web"], env)
    print(generated)

    print("What that changed, against what git holds (kustomize build --enable-helm):\n")
    built = _output([paths["kustomize"], "build", "--enable-helm", "examples/web"], env)
    before, after = built.splitlines(keepends=True), generated.splitlines(keepends=True)
    sys.stdout.writelines(difflib.unified_diff(before, after, "in git", "generated", n=1))


def _output(command: list[str | Path], env: dict[str, str]) -> str:
    done = subprocess.run(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        sys.exit(done.returncode)
    return done.stdout.decode()


if __name__ == "__main__":
    main()
