"""Plain files: which are read, in which order, and errors."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from avp_py.render.files import read_file
from tests.conftest import Run
from tests.processes import AVP, run_as_anybody
from tests.trees import snapshot, write

NO_PROGRAMS: Final[Mapping[str, str]] = {"PATH": ""}
"""Plain files need none."""


def config_map(name: str) -> str:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n"


def names(output: str) -> list[str]:
    """The names of the objects in an output, in its order."""
    return [line.split()[-1] for line in output.splitlines() if line.startswith("  name: ")]


def test_files_and_folders_are_read_in_the_order_of_their_names(tmp_path: Path, run: Run) -> None:
    found = ["a/z.yaml", "a.yaml", "b/c/d.yml", "b/c.yaml", "b-.yaml", "c.yml", "é.yaml"]
    write(tmp_path, {name: config_map(f"m{number}") for number, name in enumerate(found)})
    write(tmp_path, {"0.json": '{"kind": "Secret", "apiVersion": "v1", "metadata": {}}'})
    write(tmp_path, {"README.md": "# Notes\n", "x.YAML": "}", "yaml": "}", "z.yaml.bak": "}"})
    before = snapshot(tmp_path)

    result = run("generate", tmp_path, env=NO_PROGRAMS)

    assert (result.code, result.err) == (0, "")
    assert result.out.startswith('---\n{"kind": "Secret"')
    # As Go's filepath.Walk: names are compared folder by folder, not as whole paths.
    assert names(result.out) == ["m0", "m1", "m2", "m3", "m4", "m5", "m6"]
    assert snapshot(tmp_path) == before


def test_one_file_is_given_as_it_is(tmp_path: Path, run: Run) -> None:
    text = "# A comment.\n" + config_map("one") + "---\n" + config_map("two").rstrip("\n")
    write(tmp_path, {"some.yml": text})

    result = run("generate", tmp_path / "some.yml", env=NO_PROGRAMS)

    assert (result.code, result.err, result.out) == (0, "", text)


def test_the_name_says_whether_one_file_is_read(tmp_path: Path, run: Run) -> None:
    write(tmp_path, {name: config_map("a") for name in ("a.txt", "a.YAML", "yaml", ".json")})
    (tmp_path / "link.yaml").symlink_to("a.txt")
    (tmp_path / "link").symlink_to(".json")
    results = {each.name: run("generate", each, env=NO_PROGRAMS) for each in tmp_path.iterdir()}

    read = {name for name, result in results.items() if result.code == 0}
    assert read == {".json", "link.yaml"}
    result = results["a.txt"]
    assert (result.code, result.out) == (1, "")
    assert "/a.txt is not a .yaml, .yml or .json file" in result.err
    assert "next: " in result.err


def test_files_without_a_line_break_at_their_end_stay_apart(tmp_path: Path, run: Run) -> None:
    write(tmp_path, {name: config_map(name[0]).rstrip() for name in ("a.yaml", "b.yaml")})

    result = run("generate", tmp_path, env=NO_PROGRAMS)

    assert (result.code, result.err) == (0, "")
    assert names(result.out) == ["a", "b"]
    assert "  name: a\n---\n" in result.out


def test_files_of_comments_only_hold_nothing_but_do_no_harm(tmp_path: Path, run: Run) -> None:
    write(tmp_path, {"a.yaml": "# Nothing.\n---\n", "b.yaml": config_map("b"), "c.yaml": ""})

    result = run("generate", tmp_path, env=NO_PROGRAMS)

    assert (result.code, result.err) == (0, "")
    assert names(result.out) == ["b"]


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({}, "has no kustomization, no chart, and no .yaml, .yml or .json file"),
        ({"notes.txt": "x"}, "has no kustomization, no chart, and no .yaml, .yml or .json"),
        ({"a.yaml": "# Nothing.\n"}, "holds no manifest"),
        ({"a.yaml": b"kind: \xff\n"}, "a.yaml"),
        ({"sub/a.yaml": "kind: [\n"}, "sub/a.yaml, line 2, column 1"),
    ],
)
def test_what_cannot_be_read_as_manifests_is_an_error(
    files: Mapping[str, str | bytes], says: str, tmp_path: Path, run: Run
) -> None:
    write(tmp_path, files)

    result = run("generate", tmp_path, env=NO_PROGRAMS)

    assert (result.code, result.out) == (1, "")
    assert says in result.err


def test_symlinked_files_within_the_folder_are_read(tmp_path: Path, run: Run) -> None:
    write(tmp_path, {"real/a.txt": config_map("a")})
    (tmp_path / "a.yaml").symlink_to("real/a.txt")
    (tmp_path / "linked").symlink_to("real")
    (tmp_path / "loop").symlink_to(".")

    result = run("generate", tmp_path, env=NO_PROGRAMS)

    assert (result.code, result.err) == (0, "")
    assert names(result.out) == ["a"]


@pytest.mark.parametrize(("swapped", "read"), [("a.yaml", "a.yaml"), ("sub", "sub/b.yaml")])
def test_a_symlink_that_comes_after_the_check_is_not_followed(
    swapped: str, read: str, tmp_path: Path
) -> None:
    write(tmp_path, {"in/a.yaml": "in", "in/sub/b.yaml": "in"})
    write(tmp_path, {"out/a.yaml": "out", "out/sub/b.yaml": "out"})
    root = tmp_path.resolve() / "in"
    assert read_file(root, root / read, 10) == b"in"

    (root / swapped).rename(root / "moved")
    (root / swapped).symlink_to(tmp_path / "out" / swapped)

    assert (root / read).read_text() == "out"
    with pytest.raises(OSError, match=r"symbolic links|Not a directory"):
        read_file(root, root / read, 10)


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("a.yaml", "a.yaml is a symlink that leads nowhere"),
        ("none", "a.yaml is a symlink that leads nowhere"),
        ("../outside.yaml", "a.yaml is a symlink that leads out of the folder"),
        ("/etc/passwd", "a.yaml is a symlink that leads out of the folder"),
        ("sub", "a.yaml is not a regular file"),
    ],
)
def test_a_symlink_to_anything_else_is_an_error(
    target: str, says: str, tmp_path: Path, run: Run
) -> None:
    write(tmp_path, {"outside.yaml": config_map("outside"), "in/sub/b.yaml": config_map("b")})
    (tmp_path / "in/a.yaml").symlink_to(target)

    result = run("generate", tmp_path / "in", env=NO_PROGRAMS)

    assert (result.code, result.out) == (1, "")
    assert says in result.err


def test_a_fifo_is_an_error_and_nothing_waits_for_it(tmp_path: Path, run: Run) -> None:
    os.mkfifo(tmp_path / "a.yaml")

    folder = run("generate", tmp_path, env=NO_PROGRAMS)
    alone = run("generate", tmp_path / "a.yaml", env=NO_PROGRAMS)

    assert (folder.code, folder.out) == (alone.code, alone.out) == (1, "")
    assert "a.yaml is not a regular file" in folder.err
    assert "a.yaml cannot be read: Not a directory" in alone.err
    assert "- reads standard input" in alone.err


@pytest.mark.parametrize("mode", ["auto", "plain", "kustomize", "helm"])
@pytest.mark.parametrize("unreadable", ["app", "app/a.yaml", "app/sub"])
def test_what_may_not_be_read_is_an_error_that_names_it(
    unreadable: str, mode: str, tmp_path: Path
) -> None:
    files = {"app/a.yaml": config_map("a"), "app/sub/b.yaml": config_map("b")}
    app = write(tmp_path, files) / "app"
    (tmp_path / unreadable).chmod(0)

    result = run_as_anybody([*AVP, "generate", "--render", mode, app], NO_PROGRAMS)

    (tmp_path / unreadable).chmod(0o755)
    assert (result.returncode, result.stdout) == (1, "")
    assert "internal error" not in result.stderr
    if mode in ("auto", "plain") or unreadable == "app":
        assert f"{Path(unreadable).name} cannot be read: Permission denied" in result.stderr


def test_folders_may_nest_deeper_than_python_may_call(tmp_path: Path, run: Run) -> None:
    folders = [tmp_path]
    for _ in range(sys.getrecursionlimit() + 100):
        folders.append(folders[-1] / "d")
        folders[-1].mkdir()
    file = folders[-1] / "a.yaml"
    file.write_text(config_map("deep"))

    result = run("generate", tmp_path, env=NO_PROGRAMS)

    # Removing temporary folders is recursive.
    file.unlink()
    for folder in reversed(folders[1:]):
        folder.rmdir()
    assert (result.code, result.err) == (0, "")
    assert names(result.out) == ["deep"]


def test_the_requested_mode_is_used(tmp_path: Path, run: Run) -> None:
    write(
        tmp_path,
        {
            "kustomization.yaml": config_map("kustomization"),
            "Chart.yaml": config_map("chart"),
            "a.yaml": config_map("a"),
        },
    )

    plain = run("generate", "--render", "plain", tmp_path, env=NO_PROGRAMS)
    missing = {
        mode: run("generate", "--render", mode, tmp_path, env=NO_PROGRAMS).err
        for mode in ("auto", "kustomize", "helm")
    }

    assert names(plain.out) == ["chart", "a", "kustomization"]
    assert "kustomize not found on PATH" in missing["auto"]
    assert "kustomize not found on PATH" in missing["kustomize"]
    assert "helm not found on PATH" in missing["helm"]
    (tmp_path / "kustomization.yaml").unlink()
    assert "helm not found on PATH" in run("generate", tmp_path, env=NO_PROGRAMS).err
    (tmp_path / "Chart.yaml").unlink()
    assert names(run("generate", tmp_path, env=NO_PROGRAMS).out) == ["a"]


@pytest.mark.parametrize("mode", ["kustomize", "helm"])
def test_kustomize_and_helm_need_a_folder(mode: str, tmp_path: Path, run: Run) -> None:
    write(tmp_path, {"a.yaml": config_map("a")})

    result = run("generate", "--render", mode, tmp_path / "a.yaml", env=NO_PROGRAMS)

    assert (result.code, result.out) == (1, "")
    assert ("is not a directory" if mode == "helm" else "name the folder of the") in result.err


def test_an_unknown_mode_is_wrong_usage(tmp_path: Path, run: Run) -> None:
    result = run("generate", "--render", "jsonnet", tmp_path, env=NO_PROGRAMS)

    assert (result.code, result.out) == (2, "")
    assert "unknown --render 'jsonnet'\n   next: choose from auto, " in result.err
