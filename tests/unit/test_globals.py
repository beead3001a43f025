"""Only entry points touch the state of the process, so that runs can share one."""

import ast
from collections.abc import Iterator
from pathlib import Path

import avp_py

ROOT = Path(avp_py.__file__).parent

OF_THE_PROCESS = {
    "Path.cwd",
    "faulthandler.dump_traceback_later",
    "gc.disable",
    "os._exit",
    "os.chdir",
    "os.environ",
    "os.getcwd",
    "os.getenv",
    "os.putenv",
    "signal.setitimer",
    "signal.signal",
    "sys.argv",
    "sys.stderr",
    "sys.stdin",
    "sys.stdout",
    "tempfile.gettempdir",
    "warnings.simplefilter",
}

ENTRIES = (
    "cli/", "entry.py", "__main__.py", "fetch/child/__main__.py",
    *(f"serve/{name}.py" for name in ("client", "metrics", "parent", "supervisor", "worker")),
)  # fmt: skip


def uses(path: Path) -> Iterator[str]:
    """The state of the process that a module touches."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            name = f"{node.value.id}.{node.attr}"
            if name in OF_THE_PROCESS:
                yield name


def test_only_entry_points_touch_the_process() -> None:
    found = {
        str(path.relative_to(ROOT)): sorted(set(uses(path))) for path in sorted(ROOT.rglob("*.py"))
    }
    touching = {name: names for name, names in found.items() if names}
    assert {name for name in touching if not name.startswith(ENTRIES)} == set()
    seen = {each for names in touching.values() for each in names}
    assert {"os.environ", "gc.disable", "os._exit", "signal.signal"} <= seen
