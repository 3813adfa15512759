"""What all checks share: the server under test, stubs, tools, one line a check.

Proves nothing itself. The last line is `N passed, N failed, N skipped`, and
whatever is left out says `SKIP name: reason`, as scripts/test wants it.
"""

import concurrent.futures
import os
import pathlib
import shutil
import sys

import pytest

from asgard_server import Asgard
from stub_servers import NameServer, PeeringDb

HERE = pathlib.Path(__file__).parent
counts = {"passed": 0, "failed": 0, "skipped": 0}


def pytest_addoption(parser):
    parser.addoption("--binary", help="the asgard to test")
    parser.addoption("--echo-server", default="", help="the example ws_echo")
    parser.addoption("--render", default="", help="the example render")


def pytest_report_teststatus(report):
    """No letters: the lines below say it."""
    if report.when == "call" or report.outcome != "passed":
        return report.outcome, "", ""
    return "", "", ""


def pytest_runtest_logreport(report):
    """One line a check, as soon as it is known."""
    if report.when != "call" and report.outcome == "passed":
        return
    name = report.nodeid.split("::", 1)[-1].removeprefix("test_")
    counts[report.outcome] += 1
    if report.outcome == "skipped":
        reason = report.longrepr[2].removeprefix("Skipped: ")
        print(f"SKIP {name}: {reason}", flush=True)
        return
    told = "; ".join(f"{k} {v}" for k, v in report.user_properties)
    verdict = "ok    " if report.outcome == "passed" else "FAILED"
    print(
        f"{verdict} {name.replace('_', ' ')} ({report.duration:.1f} s)"
        + (f": {told}" if told else ""),
        flush=True,
    )


def pytest_unconfigure():
    print(
        "{passed} passed, {failed} failed, {skipped} skipped".format(**counts),
        flush=True,
    )


@pytest.fixture(scope="session")
def binary(request):
    return request.config.getoption("--binary")


@pytest.fixture(scope="session")
def tools():
    """Where `run` has put the Python and Node packages."""
    return pathlib.Path(os.environ["ASGARD_COMPAT_TOOLS"])


@pytest.fixture(scope="session")
def python_tools():
    """Where the programs of the Python packages are."""
    return pathlib.Path(sys.prefix) / "bin"


@pytest.fixture(scope="session")
def node_modules(tools):
    modules = tools / "node" / "node_modules"
    if not shutil.which("node") or not modules.is_dir():
        pytest.skip("no Node.js, or its packages could not be installed")
    return modules


@pytest.fixture
def need():
    """`need("jq")` skips a check that cannot be made here."""

    def check(command):
        if not shutil.which(command):
            pytest.skip(f"no `{command}`, and it could not be installed")

    return check


@pytest.fixture(scope="session")
def names():
    with NameServer() as server:
        yield server


@pytest.fixture(scope="session")
def peeringdb():
    with PeeringDb() as server:
        yield server


@pytest.fixture(scope="session")
def outside(names, peeringdb):
    """Flags that turn the server's questions to the world to the stubs."""
    return ["--resolver", names.address, "--peeringdb-url", peeringdb.url]


@pytest.fixture(scope="session", autouse=True)
def early(request, binary, outside):
    """What mostly waits begins at once and is judged in its place: modules
    name such work in `EARLY`, `early(name)` gives its result."""
    modules = {item.module for item in request.session.items}
    works = {}
    for module in modules:
        works.update(getattr(module, "EARLY", {}))
    with concurrent.futures.ThreadPoolExecutor(len(works) or 1) as pool:
        begun = {
            name: pool.submit(work, binary, outside)
            for name, work in works.items()
        }
        yield lambda name: begun[name].result()


@pytest.fixture(scope="module")
def asgard(binary, outside):
    """A demo without a rate limit, fresh for each file of checks."""
    with Asgard(binary, "--rate-limit", "0", *outside) as server:
        yield server
