"""A demo server as a child process, on a free port, in a directory of its own.

Proves nothing itself. Keys are made before the start, so that they are known
from the first request on; a server is stopped by its process id, and its
directory goes with it.
"""

import json
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

START_SECONDS = 60
STOP_SECONDS = 20
MOUNTS = ["/api/v1", "/v1", "/api", ""]


class Answer:
    """Status, headers (by lower-case name) and body of an answer."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = {name.lower(): value for name, value in headers}
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)


def fetch(url, method="GET", headers=None, body=None, timeout=30):
    """One request; an error status is an answer like any other."""
    if isinstance(body, (dict, list)):
        body = json.dumps(body).encode()
        headers = {"Content-Type": "application/json", **(headers or {})}
    request = urllib.request.Request(
        url, data=body, headers=headers or {}, method=method
    )
    try:
        response = urllib.request.urlopen(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        response = error
    with response:
        return Answer(
            response.status, response.headers.items(), response.read()
        )


class Process:
    """A child that prints `listening on http://…`."""

    def __init__(self, *command):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="asgard-compat-"))
        self.command = [str(part) for part in command]
        self.log = self.directory / "stderr"
        self.process = None
        self.url = None

    def __enter__(self):
        out = self.directory / "stdout"
        with out.open("wb") as stdout, self.log.open("wb") as stderr:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
            )
        try:
            self.url = self.wait_for(lambda: self.announced(out))
            self.started()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    def started(self):
        """What must hold before anybody may ask."""

    @staticmethod
    def announced(out):
        for line in out.read_text().splitlines():
            if line.startswith("listening on "):
                return line.removeprefix("listening on ")
        return None

    def wait_for(self, condition, seconds=START_SECONDS):
        """The first true value of a condition."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise RuntimeError(
                    f"ended early:\n{self.log.read_text()[-2000:]}"
                )
            value = condition()
            if value:
                return value
            time.sleep(0.02)
        raise TimeoutError(
            f"not within {seconds} s:\n{self.log.read_text()[-2000:]}"
        )

    @property
    def pid(self):
        return self.process.pid

    @property
    def port(self):
        return int(self.url.rsplit(":", 1)[1])

    @property
    def host(self):
        return self.url.removeprefix("http://")

    def kib(self, field="VmRSS"):
        """A line of /proc/PID/status that is in kB."""
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        line = next(x for x in status.splitlines() if x.startswith(field + ":"))
        return int(line.split()[1])


class Asgard(Process):
    """`asgard serve --demo` with an admin key and a key that may read."""

    def __init__(self, binary, *flags):
        super().__init__()
        self.binary = binary
        self.data = self.directory / "data"
        self.command = [
            binary, "serve", "--demo", "--data-dir", str(self.data),
            "--listen", "127.0.0.1:0", *flags,
        ]  # fmt: skip
        self.admin = self.make_key("admin")
        self.key = self.make_key("read")

    def make_key(self, scope, org=None):
        made = subprocess.run(
            [self.binary, "keys", "create", "--demo",
             "--data-dir", str(self.data), "--scope", scope,
             *(["--org", org] if org else [])],
            capture_output=True, text=True, timeout=START_SECONDS, check=True,
        )  # fmt: skip
        return made.stdout.split()[-1]

    def started(self):
        self.wait_for(lambda: fetch(self.url + "/readyz").status == 200)

    def get(self, path, key=None, **headers):
        return self.ask("GET", path, key=key, headers=headers)

    def ask(self, method, path, key=None, headers=None, body=None):
        headers = {"X-API-Key": key or self.key, **(headers or {})}
        return fetch(self.url + path, method, headers, body)

    def trust(self, asn):
        """Adds to the whitelist; one event, if the score was below 100."""
        answer = self.ask(
            "POST", "/v1/whitelist", self.admin,
            body={"asn": asn, "reason": "compat"},
        )  # fmt: skip
        assert answer.status == 200, answer.body

    def distrust(self, asn):
        """Removes from the whitelist: the opposite event."""
        answer = self.ask("DELETE", f"/v1/whitelist/{asn}", self.admin)
        assert answer.status in (200, 204), answer.body

    def worst(self):
        """The AS numbers of the default EDL, lowest score first."""
        text = fetch(self.url + "/feeds/edl").body.decode()
        return [int(line.removeprefix("AS")) for line in text.split()]
