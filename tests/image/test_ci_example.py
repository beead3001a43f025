"""The application of examples/ci: its image is built without a network, and runs."""

import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree
from typing import Final

import pytest

from tests.ci_examples import FOLDER
from tests.image.conftest import CONFINED, command

DATABASE: Final = "postgres://web:hunter2@db/web"
PROBE: Final = """
import urllib.request
print(urllib.request.urlopen("http://127.0.0.1:8080/healthz").status)
"""


def build(folder: Path, image: str, tag: str) -> subprocess.CompletedProcess[str]:
    """Build a Dockerfile; the image of avp-py is the base, since it has Python."""
    docker = ["docker", "build", "--network", "none", "--build-arg", f"BASE_IMAGE={image}"]
    return subprocess.run(
        [*docker, "--tag", tag, folder], capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def web(image: str) -> Iterator[str]:
    """The name of the application's image."""
    tag = f"avp-py-example:{uuid.uuid4().hex}"
    built = build(FOLDER / "app", image, tag)
    assert built.returncode == 0, built.stdout + built.stderr
    yield tag
    command("docker", "image", "rm", "--force", tag)


def test_it_answers_the_probe_of_the_deployment(web: str) -> None:
    options = ("--detach", *CONFINED, "--env", f"DATABASE_URL={DATABASE}")
    name = command("docker", "run", *options, web).strip()
    try:
        deadline = time.monotonic() + 30
        while "port 8080" not in command("docker", "logs", name) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert command("docker", "exec", name, "python3", "-c", PROBE) == "200\n"
        assert "hunter2" not in command("docker", "logs", name)
        assert command("docker", "exec", name, "id", "-u") == "65534\n"
    finally:
        command("docker", "rm", "--force", name)


def test_without_its_secret_it_does_not_start(web: str) -> None:
    docker = ["docker", "run", "--rm", *CONFINED, web]
    done = subprocess.run(docker, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "DATABASE_URL" in done.stderr


def test_there_is_no_image_if_a_test_of_the_code_fails(image: str, tmp_path: Path) -> None:
    folder = Path(copytree(FOLDER / "app", tmp_path / "app"))
    source = folder / "src" / "web.py"
    source.write_text(source.read_text().replace("200 if", "500 if"))

    built = build(folder, image, f"avp-py-example:{uuid.uuid4().hex}")

    assert built.returncode != 0
    assert "HTTP Error 500" in built.stdout + built.stderr
