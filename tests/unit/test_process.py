"""Child processes: their environment, time limit, end, and messages."""

import contextlib
import dataclasses
import errno
import math
import os
import resource
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import pytest

from avp_py.errors import ChildError
from avp_py.limits import Limits
from avp_py.sandbox import Places, child_environment, process
from avp_py.sandbox.environment import DEAD_PROXY, DEFAULTS
from avp_py.sandbox.process import MARK, Family
from avp_py.sandbox.process import run as run_child
from tests.conftest import Run
from tests.processes import is_running, until
from tests.trees import write

MAP: Final = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: map\n"

LIMITS: Final = Limits(
    seconds=30, timeout=30, deadline=math.inf, input_bytes=1, files=1, output_bytes=10_000_000
)

Program = Callable[[str], Path]

# The programs of these tests are scripts, which start others: by their paths in a render.
ENV: Final = shutil.which("env")
PATH: Final[Mapping[str, str]] = {"PATH": os.environ["PATH"], "AVP_SANDBOX": "off"}


def run(argv: Sequence[str], *, cwd: Path, limits: Limits, hide: Path = Path("/none")) -> bytes:
    """Run a child without a sandbox."""
    places = Places(hide, Path("/none/workspace"), None)
    return run_child(argv, cwd=cwd, env=PATH, limits=limits, access=None, places=places)


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """Make a program of lines of shell."""

    def make(script: str) -> Path:
        path = tmp_path / "kustomize"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    return make


@pytest.fixture
def app(tmp_path: Path) -> Path:
    return write(
        tmp_path / "app", {"kustomization.yaml": "resources: [map.yaml]\n", "map.yaml": MAP}
    )


@pytest.fixture
def run_command(run: Run) -> Run:
    """The fixture `run`, under another name, as there is a function of that name."""
    return run


OURS: Final[Mapping[str, str]] = {
    "VAULT_TOKEN": "hvs.not-for-kustomize",
    "VAULT_ADDR": "http://127.0.0.1:9",
    "AVP_SECRET_ID": "not-for-kustomize",
    "AVP_ROLE_ID": "not-for-kustomize",
    "ARGOCD_ENV_APP_REPO": "https://git.example",
    "ARGOCD_APP_NAME": "web",
    "ARGOCD_APP_PARAMETERS": "[]",
    "PARAM_X": "x",
    "LD_PRELOAD": "/none.so",
    "LD_LIBRARY_PATH": "/none",
    "PYTHONPATH": "/none",
    "HELM_PLUGINS": "/none",
    "KUSTOMIZE_PLUGIN_HOME": "/none",
    "GIT_SSH_COMMAND": "/none",
    "GIT_CONFIG_COUNT": "0",
    "XDG_CONFIG_HOME": "/none",
    "GODEBUG": "x",
    "HOME": "/home/somebody",
    "TMPDIR": "/none",
    "LANG": "C.UTF-8",
    "https_proxy": "http://proxy.example:3128",
}  # fmt: skip


def test_children_get_only_path_and_network_variables(
    app: Path, program: Program, run_command: Run
) -> None:
    kustomize = program(f'{ENV} > "$0.$1"; [ "$1" = edit ] || printf "{MAP}"')
    # Such a key only kustomize edits.
    (app / "kustomization.yaml").write_text('"resources": [map.yaml]\n')

    result = run_command("generate", app, env={**PATH, **OURS, "AVP_KUSTOMIZE": str(kustomize)})

    assert (result.code, result.out, result.err) == (0, MAP, "")
    for command in ("edit", "build"):
        seen = dict(
            line.split("=", 1)
            for line in kustomize.with_name(f"kustomize.{command}").read_text().splitlines()
        )
        for set_by_the_shell in ("PWD", "OLDPWD", "SHLVL", "_"):
            seen.pop(set_by_the_shell, None)
        home, scratch = Path(seen["HOME"]), Path(seen["TMPDIR"])
        # There is no git, and no way to another machine.
        assert seen.pop("GIT_ALLOW_PROTOCOL") == "none"
        assert Path(seen.pop("PATH")) == home.parent / "provided"
        for name in ("http", "https", "all"):
            assert seen.pop(f"{name}_proxy") == DEAD_PROXY
            assert seen.pop(f"{name.upper()}_PROXY") == DEAD_PROXY
        (mark,) = (name for name in seen if name.startswith(MARK))
        assert seen.pop(mark)
        assert seen.pop("GIT_HTTP_LOW_SPEED_LIMIT") == "1"
        assert seen.pop("GIT_HTTP_LOW_SPEED_TIME") == "20"
        assert home.parent == scratch.parent
        assert home.parent.name.startswith("avp-py-run-")
        assert not home.exists()
        directories = {
            name: seen.pop(name)
            for name in list(seen)
            if name in ("HOME", "TMPDIR", "DOCKER_CONFIG") or name.startswith(("HELM_", "XDG_"))
        }
        for path in directories.values():
            assert Path(path).is_relative_to(home) or Path(path).is_relative_to(scratch)
        assert seen == {"LANG": "C.UTF-8"}


def test_the_operator_can_pass_further_variables(
    app: Path, program: Program, run_command: Run
) -> None:
    kustomize = program(f'{ENV} > "$0.env"; printf "{MAP}"')

    run_command(
        "generate", app,
        env={
            **PATH, **OURS, "AVP_KUSTOMIZE": str(kustomize),
            "AVP_RENDER_ENV": "GODEBUG,GIT_SSH_COMMAND,HELM_PLUGINS HOME,NOT_THERE",
        },
    )  # fmt: skip

    seen = kustomize.with_name("kustomize.env").read_text().splitlines()
    assert "GODEBUG=x" in seen
    # That is for what fetches, and may name a key.
    assert not any(line.startswith("GIT_SSH_COMMAND") for line in seen)
    # A child always has its own home, and no plugins.
    assert "HOME=/home/somebody" not in seen
    assert "HELM_PLUGINS=/none" not in seen
    assert not any(line.startswith(("VAULT_", "NOT_THERE")) for line in seen)


def test_relative_folders_of_path_are_not_passed_on() -> None:
    for path, handed_on in (
        ("/a:.:/b::bin:/c", {"PATH": "/a:/b:/c"}),
        (".", {}),
        ("", {}),
    ):
        assert child_environment({"PATH": path}, (), {}) == {**DEFAULTS, **handed_on}
    assert child_environment({}, ("X",), {"HOME": "/h"}) == {**DEFAULTS, "HOME": "/h"}


def test_time_out_ends_the_child_and_all_that_it_started(tmp_path: Path, program: Program) -> None:
    pids = tmp_path / "pids"
    # The grandchild keeps standard output open: waiting for its end would hang.
    script = program(f"(sleep 60 & echo $! $$ >{pids}; wait) & wait")
    started = time.monotonic()

    with pytest.raises(ChildError) as raised:
        run(
            [str(script), "build"],
            cwd=tmp_path,
            limits=dataclasses.replace(LIMITS, timeout=1),
        )

    assert time.monotonic() - started < 10
    assert raised.value.reason == "kustomize build did not finish within 1 s"
    assert "AVP_RENDER_TIMEOUT" in raised.value.hint
    family = [int(pid) for pid in pids.read_text().split()]
    assert len(family) == 2
    assert until(lambda: not any(is_running(pid) for pid in family), 10)


OUTLIVING: Final = {
    "a background job": "sleep 60 & echo $!",
    "one in a session of its own": "setsid sh -c 'sleep 60 & echo $! $$; wait' &",
    "one that ignores SIGTERM": "sh -c 'trap : TERM; echo $$; while :; do sleep 60; done' &",
}


@pytest.mark.parametrize("code", [0, 4])
@pytest.mark.parametrize("what", OUTLIVING)
def test_what_outlives_a_child_is_ended(
    what: str, code: int, tmp_path: Path, program: Program
) -> None:
    pids = tmp_path / "pids"
    job = f">{pids}; ({OUTLIVING[what]}) >{pids} 2>&1"
    script = program(f"{job}; until [ -s {pids} ]; do sleep 0.01; done; exit {code}")

    def outliving() -> Sequence[int]:
        found = [int(pid) for pid in pids.read_text().split()]
        assert found
        return [pid for pid in found if Path(f"/proc/{pid}").exists()]

    # Without avp-py, it leaves them behind.
    assert subprocess.run([str(script), "build"], check=False, env=PATH).returncode == code
    left = outliving()
    assert left
    for pid in left:
        os.kill(pid, signal.SIGKILL)

    with contextlib.nullcontext() if code == 0 else pytest.raises(ChildError):
        run([str(script), "build"], cwd=tmp_path, limits=LIMITS)

    assert outliving() == []


def test_no_other_child_of_ours_is_ended_or_waited_for(tmp_path: Path, program: Program) -> None:
    script = program(f"sleep 60 >/dev/null 2>&1 & echo $! >{tmp_path}/pid")
    shell = ["/bin/sh", "-c"]
    argv = [*shell, "sleep 60 >/dev/null 2>&1 & echo $!"]
    orphan = int(subprocess.run(argv, capture_output=True, check=True).stdout)
    with (
        subprocess.Popen([*shell, "exit 3"]) as dead,
        subprocess.Popen([*shell, "exec sleep 60"]) as job,
    ):
        try:
            assert until(lambda: not is_running(dead.pid), 10)

            run([str(script), "build"], cwd=tmp_path, limits=LIMITS)

            assert not is_running(int((tmp_path / "pid").read_text()))
            assert is_running(orphan)
            assert is_running(job.pid)
        finally:
            job.kill()
            os.kill(orphan, signal.SIGKILL)
    assert os.waitpid(orphan, 0) == (orphan, signal.SIGKILL)
    assert (dead.returncode, job.returncode) == (3, -signal.SIGKILL)


def test_a_marked_process_is_killed_before_the_next_is_looked_at(
    tmp_path: Path, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It may be there for a moment only, and there may be hundreds of others to look at.
    script = program(f"sleep 60 >/dev/null 2>&1 & echo $! >{tmp_path}/pid")
    was_killed: list[bool] = []

    def children() -> Iterator[int]:
        pid = int((tmp_path / "pid").read_text())
        yield pid
        was_killed.append(until(lambda: not is_running(pid), 10))

    monkeypatch.setattr(process, "children", children)
    # Something is left to wait for, in any case.
    with subprocess.Popen(["/bin/sh", "-c", "exec sleep 60"]) as other:
        run([str(script), "build"], cwd=tmp_path, limits=LIMITS)
        other.kill()

    assert was_killed
    assert all(was_killed)


def test_time_out_is_a_setting(app: Path, program: Program, run_command: Run) -> None:
    kustomize = program(f"exec {shutil.which('sleep')} 60")

    result = run_command(
        "generate", app,
        env={**PATH, "AVP_KUSTOMIZE": str(kustomize), "AVP_RENDER_TIMEOUT": "0.2"},
    )  # fmt: skip

    assert (result.code, result.out) == (1, "")
    assert "kustomize build did not finish within 0.2 s" in result.err


def test_ctrl_c_ends_the_child(tmp_path: Path, program: Program) -> None:
    # Its limits are set once `run` has got hold of it.
    script = program(
        'echo $$ > "$0.pid"\n'
        "while [ $(ulimit -t) = unlimited ]; do sleep 0.01; done\n"
        "kill -INT $PPID; exec sleep 60"
    )
    # A shell starts what it runs in the background with the signal ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    try:
        with pytest.raises(KeyboardInterrupt):
            run([str(script), "build"], cwd=tmp_path, limits=LIMITS)
    finally:
        signal.signal(signal.SIGINT, before)

    pid = script.with_name("kustomize.pid").read_text().strip()
    assert not Path(f"/proc/{pid}").exists()


def test_a_child_that_nobody_has_heard_of_is_ended(tmp_path: Path, program: Program) -> None:
    # Ctrl-C can come after the child was started, and before its caller gets it.
    with ThreadPoolExecutor(max_workers=1) as starter:
        family = Family(starter, None)
        child = family.start("x", [str(program("exec sleep 60"))], tmp_path, PATH)
        family.end()

    with child:
        assert not Path(f"/proc/{child.pid}").exists()


def test_runs_of_several_threads_leave_our_limits_as_they_were(
    tmp_path: Path, program: Program
) -> None:
    script = str(program("exit 0"))
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    with ThreadPoolExecutor(max_workers=4) as threads:
        printed = threads.map(lambda _: run([script, "x"], cwd=tmp_path, limits=LIMITS), range(40))
        assert list(printed) == 40 * [b""]

    assert resource.getrlimit(resource.RLIMIT_NOFILE) == before


def test_standard_input_is_empty(tmp_path: Path, program: Program) -> None:
    assert run([str(program("cat; echo read")), "x"], cwd=tmp_path, limits=LIMITS) == (b"read\n")


def test_a_child_stays_in_our_process_group(tmp_path: Path, program: Program) -> None:
    script = program("cut -d' ' -f5 /proc/$$/stat")

    group = run([str(script), "x"], cwd=tmp_path, limits=LIMITS)

    assert int(group) == os.getpgid(0)


def test_much_output_and_many_messages_do_not_block(tmp_path: Path, program: Program) -> None:
    script = program("head -c 3000000 /dev/zero >&2; head -c 3000000 /dev/zero")

    assert len(run([str(script), "x"], cwd=tmp_path, limits=LIMITS)) == 3_000_000


def test_a_program_that_cannot_be_started_is_an_error(
    app: Path, tmp_path: Path, run_command: Run
) -> None:
    for text, says in (("\x7fELF", "Exec format error"), ("#!/none/such\n", "No such file")):
        (tmp_path / "kustomize").write_text(text)
        (tmp_path / "kustomize").chmod(0o755)

        result = run_command(
            "generate", app, env={**PATH, "AVP_KUSTOMIZE": str(tmp_path / "kustomize")}
        )

        assert (result.code, result.out) == (1, "")
        assert f"kustomize build cannot be started: {says}" in result.err


def test_an_error_of_a_child_is_shown_without_temporary_paths(
    tmp_path: Path, program: Program
) -> None:
    message = "Error: /tmp/x/tree/repo/app: no, with env=[HELM_CONFIG_HOME=/h HELM_X=y] (so)"
    usage = "Usage:\\n  kustomize edit set image [flags]\\n\\nFlags:\\n"
    script = program(f"printf '{message}\\n{usage}' >&2; exit 4")

    with pytest.raises(ChildError) as raised:
        run(
            [str(script), "edit"],
            cwd=tmp_path,
            limits=LIMITS,
            hide=Path("/tmp/x/tree"),  # noqa: S108
        )

    assert raised.value.reason == "kustomize edit failed (exit code 4)"
    assert raised.value.detail == "Error: /repo/app: no, (so)"


@pytest.mark.parametrize(
    "said",
    [
        "fatal error: runtime: out of memory",
        "runtime: out of memory: cannot allocate 4194304-byte block\nfatal error: out of memory",
        "SIGSEGV: segmentation violation\nPC=0x436cfd m=2 sigcode=1 addr=0x0\n\n"
        "goroutine 0 gp=0x2894d2bfeb40 m=2 mp=0x2894d2c56808 [idle]:\n"
        "runtime.(*spanQueue).tryDrain(0x800?, 0x1800?, 0xd7434000?)",
    ],
)
def test_gos_words_for_too_little_memory_are_known(
    tmp_path: Path, program: Program, said: str
) -> None:
    child = [str(program(f"cat >&2 <<'END'\n{said}\nEND\nexit 2")), "build"]
    with pytest.raises(ChildError, match="kustomize build needed more memory than it may use"):
        run(child, cwd=tmp_path, limits=LIMITS)


def test_another_crash_of_a_go_program_is_shown(tmp_path: Path, program: Program) -> None:
    said = "panic: runtime error: invalid memory address\n[signal SIGSEGV: segmentation violation]"
    child = [str(program(f"cat >&2 <<'END'\n{said}\nEND\nexit 2")), "build"]
    with pytest.raises(ChildError, match="kustomize build failed"):
        run(child, cwd=tmp_path, limits=LIMITS)


@pytest.mark.parametrize("function", ["tempfile.mkdtemp", "shutil.copyfile"])
def test_a_temporary_folder_that_cannot_be_made_or_filled_is_an_error(
    function: str, app: Path, program: Program, run_command: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_arguments: object, **_keywords: object) -> str:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(function, fails)

    result = run_command(
        "generate", app,
        env={
            **PATH, "AVP_KUSTOMIZE": str(program("exit 0")),
            "ARGOCD_ENV_APP_REPO": "https://git.example",
        },
    )  # fmt: skip

    assert (result.code, result.out) == (1, "")
    assert (
        "the temporary folder cannot be created or written: No space left on device" in result.err
    )
    assert "TMPDIR" in result.err


def test_threads_render_side_by_side(app: Path, program: Program, run_command: Run) -> None:
    kustomize = program(f'[ "$1" = edit ] || printf "{MAP}"')
    env = {**PATH, "AVP_KUSTOMIZE": str(kustomize), "ARGOCD_ENV_APP_REPO": "https://git.example"}
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(run_command("generate", app, env=env)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [(each.code, each.out) for each in results] == [(0, MAP)] * len(threads)


def test_a_child_that_prints_too_much_is_ended_while_it_prints(
    tmp_path: Path, program: Program
) -> None:
    limits = dataclasses.replace(LIMITS, output_bytes=1_000_000)

    with pytest.raises(ChildError) as raised:
        run([str(program("exec cat /dev/zero")), "build"], cwd=tmp_path, limits=limits)

    assert raised.value.reason == "kustomize build printed more than 1000000 bytes"
    assert "AVP_MAX_OUTPUT" in raised.value.hint


def test_the_time_of_the_run_ends_a_child_too(tmp_path: Path, program: Program) -> None:
    limits = dataclasses.replace(LIMITS, deadline=time.monotonic() + 0.2)

    with pytest.raises(ChildError) as raised:
        run([str(program("exec sleep 60")), "build"], cwd=tmp_path, limits=limits)

    assert "AVP_RUN_TIMEOUT" in raised.value.hint
