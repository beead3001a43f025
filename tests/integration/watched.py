"""The command as a watched process: what it prints, writes, starts and leaves behind."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from tests.conftest import HELM
from tests.integration import leaks
from tests.trees import write

_DRIVER: Final = """
import os, sys
from avp_py import cli, entry, errors

report = int(sys.argv.pop(1))
first = errors.AvpError.__init__

def tell(kind, what):
    os.write(report, f"{kind} {what}\\n".encode(errors="surrogateescape"))

def raised(self, *args, **kwargs):
    public = (each for each in type(self).__mro__ if each.__module__ == "avp_py.errors")
    tell("raised", next(public).__name__)
    first(self, *args, **kwargs)

def audit(event, args):
    if event == "open" and not isinstance(args[0], int) and args[2] & (os.O_WRONLY | os.O_RDWR):
        tell("wrote", os.fsdecode(args[0]))
    elif event in ("os.mkdir", "os.rename", "os.link", "os.symlink"):
        tell("wrote", os.fsdecode(args[0 if event == "os.mkdir" else 1]))

errors.AvpError.__init__ = raised
sys.addaudithook(audit)
BEFORE
entry.entrypoint()
"""
"""The console script's own entry point, with an eye on each error that is made (also one that
becomes a part of another) and on each file that Python opens for writing or makes."""

_WRAPPER: Final = """#!{python} -IS
import json, os, sys
files = {{}}
for root in {roots}:
    for folder, _, names in os.walk(root):
        for name in names:
            path = os.path.join(folder, name)
            if os.path.isfile(path) and not os.path.islink(path):
                with open(path, encoding="latin-1") as file:
                    files[path] = file.read()
told = {{"files": files}}
for name in ("cmdline", "environ"):
    with open("/proc/self/" + name, encoding="latin-1") as file:
        told[name] = file.read()
with open({record!r} % os.getpid(), "w") as file:
    json.dump(told, file)
os.execv({program!r}, [{program!r}, *sys.argv[1:]])
"""
"""Stands in for kustomize or helm: notes what it sees, and becomes the real one."""


@dataclass(frozen=True)
class Ended:
    """The result of a run, and all that could be observed of it.

    Attributes:
        code: the exit code.
        out: standard output.
        err: standard error.
        raised: the names of the classes in errors.py that were instantiated.
        wrote: each path that Python opened for writing, or made.
        seen: all other places where something could have leaked to, with what was there.
    """

    code: int
    out: str
    err: str
    raised: frozenset[str]
    wrote: frozenset[str]
    seen: Mapping[str, str]

    def leaks(self, secrets: Iterable[str]) -> list[str]:
        """The places that hold a secret, except standard output."""
        known = list(secrets)
        places = {"stderr": self.err, **self.seen}
        return [place for place, text in places.items() if leaks.found(text, known)]

    @property
    def children(self) -> int:
        """How many programs were started."""
        return sum(place.endswith("cmdline") for place in self.seen)


class Sandbox:
    """Folders of its own for each run: HOME, TMPDIR, the working directory.

    Attributes:
        cwd: the working directory.
    """

    def __init__(self, folder: Path, tools: Mapping[str, Path]) -> None:
        self._folder = folder
        self.cwd = folder / "cwd"
        self._roots = [str(folder / name) for name in ("cwd", "home", "tmp")]
        self._records = folder / "records"
        for name in ("cwd", "home", "tmp", "records"):
            (folder / name).mkdir()
        self.environ = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(folder / "home"),
            "TMPDIR": str(folder / "tmp"),
            # The stand-ins for kustomize and helm read more than the sandbox allows.
            "AVP_SANDBOX": "off",
        }
        for name, program in (("kustomize", "kustomize"), ("helm", HELM)):
            self.environ[f"AVP_{name.upper()}"] = str(self._wrap(name, tools[program]))

    def run(
        self,
        *argv: str | Path,
        env: Mapping[str, str],
        stdin: bytes = b"",
        before: str = "",
        stdout: IO[bytes] | None = None,
    ) -> Ended:
        """Run the command.

        Args:
            argv: its arguments.
            env: its environment, in addition to that of the sandbox.
            stdin: its standard input.
            before: Python that runs in the process first.
            stdout: where its output goes, if it is not captured.
        """
        driver = _DRIVER.replace("BEFORE", before)
        report = self._folder / "report"
        with report.open("wb") as file:
            done = subprocess.run(
                [sys.executable, "-IB", "-c", driver, str(file.fileno()), *map(str, argv)],
                env={**self.environ, **env},
                cwd=self.cwd,
                input=stdin,
                stdout=stdout or subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=[file.fileno()],
                timeout=120,
                check=False,
            )
        told = report.read_text(errors="surrogateescape").splitlines()
        return Ended(
            done.returncode,
            (done.stdout or b"").decode(errors="replace"),
            done.stderr.decode(errors="replace"),
            frozenset(line.removeprefix("raised ") for line in told if line.startswith("raised ")),
            frozenset(line.removeprefix("wrote ") for line in told if line.startswith("wrote ")),
            dict(self._seen()),
        )

    def _wrap(self, name: str, program: Path) -> Path:
        wrapper = self._folder / "bin" / name
        script = _WRAPPER.format(
            python=sys.executable,
            roots=self._roots,
            record=f"{self._records}/%d.json",
            program=str(program),
        )
        write(wrapper.parent, {name: script})
        wrapper.chmod(0o755)
        return wrapper

    def _seen(self) -> Iterator[tuple[str, str]]:
        for record in sorted(self._records.iterdir()):
            told = json.loads(record.read_text())
            for name in ("cmdline", "environ"):
                yield f"{record.stem} {name}", told[name]
            for path, text in told["files"].items():
                yield f"{path} during {record.stem}", text
        for root in self._roots:
            for folder, _, names in os.walk(root):
                for path in (Path(folder, name) for name in names):
                    yield str(path), path.read_text(encoding="latin-1") if path.is_file() else ""
                yield f"names in {folder}", "\n".join(names)
