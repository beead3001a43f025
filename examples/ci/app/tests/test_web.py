"""The tests of the example application; the Dockerfile runs them."""

import os
import subprocess
import sys
import unittest
import urllib.request
from pathlib import Path

WEB = Path(__file__).resolve().parent.parent / "src" / "web.py"
SECRET = "not-in-the-log"  # noqa: S105 (made up)


class WebTest(unittest.TestCase):
    """Starts the application as a program of its own."""

    def test_it_answers_the_probe_and_logs_no_password(self) -> None:
        env = {**os.environ, "PORT": "0", "DATABASE_URL": f"postgres://web:{SECRET}@db/web"}
        command = [sys.executable, "-B", str(WEB)]
        with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as web:
            try:
                assert web.stdout is not None
                line = web.stdout.readline()
                port = line.split("port ")[1].split(",")[0]
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz") as answer:
                    self.assertEqual(answer.status, 200)
                self.assertNotIn(SECRET, line)
            finally:
                web.terminate()
        self.assertEqual(web.returncode, 0)

    def test_it_does_not_start_without_its_secret(self) -> None:
        env = {**os.environ, "PORT": "0", "DATABASE_URL": ""}
        command = [sys.executable, "-B", str(WEB)]
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("DATABASE_URL", done.stderr)


if __name__ == "__main__":
    unittest.main()
