"""Starting, restarting and ending real processes: small ones, that only tell their health."""

import errno
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import FrameType

import pytest

from queuebit_stack.child import Backoff
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.home import Home
from queuebit_stack.log_mark import LogLost
from queuebit_stack.overview import overview
from queuebit_stack.place import Place
from queuebit_stack.ports import is_free
from queuebit_stack.probe import look
from queuebit_stack.process import Identity, end
from queuebit_stack.process_specs import NATS, Executors, Inherits, Spec
from queuebit_stack.stack import Running, Stack, in_order, take_down
from queuebit_stack.supervisor import Supervisor
from queuebit_testing.server import free_port

pytestmark = pytest.mark.server

HANDLED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)

FAKE = """
import http.server, os, signal, sys
signal.signal(signal.SIGTERM, lambda *_: (open(sys.argv[2], "a").write(sys.argv[3] + "\\n"), os._exit(0)))
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        sick = os.path.exists(sys.argv[4])
        body = b'{"ready": true, "alive": true, "behind": 7}' if not sick else b'{"error": "no room"}'
        self.send_response(503 if sick else 200); self.end_headers(); self.wfile.write(body)
    def log_message(self, *_): pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    it = Home(tmp_path / "home")
    it.prepare()
    it.jetstream.mkdir()
    return it


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    kept = {number: signal.getsignal(number) for number in HANDLED}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


def fake(home: Home, name: str, wave: int = 0, code: str = FAKE) -> Spec:
    port = free_port()
    ended, sick = home.root / "ended", home.root / f"{name}.sick"
    argv = (sys.executable, "-S", "-c", code, str(port), str(ended), name, str(sick))
    return Spec(name, argv, dict(os.environ), f"http://127.0.0.1:{port}", partial(look, port), wave)


def port_of(spec: Spec) -> int:
    return int(spec.listens.rpartition(":")[2])


def steps(*conditions: Callable[[Supervisor], bool]) -> Callable[[Supervisor], None]:
    """Go through conditions, tick by tick, and stop the supervisor after the last."""
    left = list(conditions)
    deadline = time.monotonic() + 20

    def show(supervisor: Supervisor) -> None:
        assert time.monotonic() < deadline, [child.seen for child in supervisor.children]
        if left and left[0](supervisor):
            left.pop(0)
        if not left:
            supervisor.stop()

    return show


def is_up(supervisor: Supervisor) -> bool:
    return supervisor.up


def test_what_dies_is_started_again_and_all_end_in_order(home: Home) -> None:
    prepared: list[str] = []
    specs = [fake(home, NATS), fake(home, "warehouse", 2), fake(home, "broker", 1)]
    supervisor = Supervisor(home, {}, specs)

    def kill_broker(it: Supervisor) -> bool:
        os.kill(it.children[2].identity.pid, signal.SIGKILL)  # type: ignore[union-attr]
        return True

    def restarted(it: Supervisor) -> bool:
        return it.up and it.children[2].restarts == 1

    supervisor.run(
        lambda: prepared.append("yes"), steps(is_up, lambda _: written(home).state == "up", kill_broker, restarted)
    )
    assert prepared == ["yes"]
    assert (home.root / "ended").read_text().split() == ["broker", "warehouse", NATS]
    assert all(is_free(port_of(spec)) for spec in specs)
    assert written(home).state == "down"


def test_executors_come_change_and_go_while_the_others_stay(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("queuebit_stack.supervisor._FOLLOW_S", 0.0)
    bus, first, second = fake(home, NATS), fake(home, "executor-aer", 1), fake(home, "executor-acme", 2)
    plans = [[first, second], [first, replace(second, version="acme 2")], [first]]
    given: list[list[Spec]] = []
    began: list[Identity | None] = []

    def follow() -> Executors | None:
        """The next plan, once the one before was carried out."""
        if len(given) > len(began):
            return None
        given.append(plans[len(began)])
        return Executors(given[-1], {})

    def carried_out(it: Supervisor) -> bool:
        wanted = [bus, *plans[len(began)]]
        if not it.up or [child.spec for child in it.children] != wanted or written(home).state != "up":
            return False
        assert written(home).processes.keys() == {spec.name for spec in wanted}
        assert it.children[1].restarts == 0
        began.append(it.children[-1].identity)
        return len(began) == len(plans)

    Supervisor(home, {}, [bus, first]).run(lambda: None, steps(carried_out), follow=follow)
    assert (home.root / "ended").read_text().split()[:2] == ["executor-acme"] * 2
    assert began[0] != began[1], "another version is another process"


def test_an_executor_that_never_gets_ready_is_replaced_while_the_stack_starts(home: Home) -> None:
    bus, broken = fake(home, NATS), fake(home, "executor-acme", 1, code="raise SystemExit('no token')")
    mended = replace(fake(home, "executor-acme", 1), version="acme 2")
    plans = [Executors([mended], {})]

    def follow() -> Executors | None:
        return plans.pop() if plans and supervisor.children[-1].restarts else None

    supervisor = Supervisor(home, {}, [bus, broken])
    supervisor.run(lambda: None, steps(lambda _: written(home).state == "up"), follow=follow)
    assert supervisor.children[-1].spec == mended


GATED = FAKE.replace("503 if sick", "503 if sick or waiting").replace(
    "class Handler",
    """
import threading
gate = int(os.environ.get("QUEUEBIT_BUS_GATE_FD", -1))
waiting = [gate] if gate >= 0 else []
def wait():
    assert len(os.read(gate, 1)) == 1
    waiting.clear()
if waiting:
    threading.Thread(target=wait, daemon=True).start()
class Handler""",
)


def test_services_start_while_the_bus_is_prepared_and_wait_at_the_gate(home: Home) -> None:
    prepared = threading.Event()
    specs = [fake(home, NATS), *(replace(fake(home, name, at, GATED), gated=True) for name, at in (("a", 1), ("b", 2)))]
    supervisor = Supervisor(home, {}, specs)

    def waits(it: Supervisor) -> bool:
        seen = [child.seen for child in it.children[1:]]
        return all(look.answered and not look.ready for look in seen)

    def kill(it: Supervisor) -> bool:
        os.kill(it.children[1].identity.pid, signal.SIGKILL)  # type: ignore[union-attr]
        return True

    def waits_again(it: Supervisor) -> bool:
        return it.children[1].restarts == 1 and waits(it)

    def finish(_: Supervisor) -> bool:
        prepared.set()
        return True

    def restarted(it: Supervisor) -> bool:
        return it.up and it.children[1].restarts == 2

    supervisor.run(
        lambda: None if prepared.wait(20) else pytest.fail("nothing waits"),
        steps(waits, kill, waits_again, finish, is_up, kill, restarted),
    )


def test_a_log_that_was_lost_ends_the_start_before_any_service_connects(home: Home) -> None:
    def lost() -> None:
        raise LogLost(home, "the log is gone")

    supervisor = Supervisor(home, {}, [fake(home, NATS), replace(fake(home, "broker", 1, GATED), gated=True)])
    with pytest.raises(LogLost):
        supervisor.run(lost, steps(is_up))
    assert written(home).state == "down"


def test_a_bus_that_was_started_again_is_laid_out_again_until_that_succeeds(home: Home) -> None:
    output: list[str] = []

    def prepare() -> None:
        output.append("laid out")
        if len(output) == 2:
            raise Stop(Exit.UNREACHABLE, "not yet")

    def kill_bus(it: Supervisor) -> bool:
        os.kill(it.children[0].identity.pid, signal.SIGKILL)  # type: ignore[union-attr]
        return True

    supervisor = Supervisor(home, {}, [fake(home, NATS), fake(home, "broker", 1)])
    supervisor.run(prepare, steps(is_up, kill_bus, lambda _: len(output) == 3))
    assert len(output) == 3


def test_a_process_that_cannot_start_is_tried_ever_more_slowly_and_says_why(home: Home) -> None:
    spec = fake(home, "broker", code="raise SystemExit('no seed: make one')")
    supervisor = Supervisor(home, {}, [spec])
    supervisor.run(
        lambda: None,
        steps(
            lambda it: it.children[0].reason == "ended with 1: no seed: make one",
            lambda it: it.children[0].restarts == 2,
        ),
    )
    assert supervisor.children[0].restarts == 2


def test_a_server_that_lost_its_disk_is_started_anew(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("queuebit_stack.supervisor._SICK_S", 0.1)
    sick = home.root / f"{NATS}.sick"
    supervisor = Supervisor(home, {}, [fake(home, NATS)])

    def fall_ill(_: Supervisor) -> bool:
        sick.touch()
        return True

    def output(it: Supervisor) -> bool:
        return it.children[0].sick_since is not None and it.children[0].seen.reason == "no room"

    def heal(it: Supervisor) -> bool:
        if it.children[0].restarts:
            sick.unlink(missing_ok=True)
        return it.up and it.children[0].restarts >= 1

    supervisor.run(lambda: None, steps(is_up, fall_ill, output, heal))


@pytest.mark.parametrize("damage", ["", '{"state": "up", "po', "[]", '{"version": 9, "state": "up"}', None])
def test_what_is_written_down_about_a_stack_heals(home: Home, damage: str | None) -> None:
    def hurt(_: Supervisor) -> bool:
        home.stack_file.unlink()
        if damage is not None:
            home.stack_file.write_text(damage)
        assert Stack.load(home) is None
        return True

    Supervisor(home, {}, [fake(home, NATS)]).run(
        lambda: None, steps(is_up, hurt, lambda _: (it := Stack.load(home)) is not None and it.state == "up")
    )


def test_a_stack_whose_home_is_moved_away_ends_and_leaves_the_new_one_alone(home: Home, tmp_path: Path) -> None:
    spec = fake(home, NATS)
    supervisor = Supervisor(home, {}, [spec])

    def move(_: Supervisor) -> bool:
        home.root.rename(tmp_path / "elsewhere")
        home.root.mkdir()
        return True

    with pytest.raises(Stop, match="deleted or moved"):
        supervisor.run(lambda: None, steps(is_up, move, lambda _: False))
    assert is_free(port_of(spec))
    assert not home.stack_file.exists()


def test_a_full_disk_is_reported_once_and_does_not_end_the_stack(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tries = []

    def full(*_: object) -> None:
        tries.append(1)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("queuebit_stack.stack.write_private", full)
    Supervisor(home, {}, [fake(home, NATS)]).run(lambda: None, steps(is_up, lambda _: len(tries) > 3))
    assert capsys.readouterr().err.count("No space left") == 1


def test_who_is_halted_is_reported_and_ends_all_the_same(home: Home) -> None:
    sleeper = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"], start_new_session=True)
    identity = Identity.of(sleeper.pid)
    assert identity is not None
    sleeper.send_signal(signal.SIGSTOP)
    deadline = time.monotonic() + 10
    while not identity.stopped:
        assert time.monotonic() < deadline
        os.sched_yield()
    stack = Stack("up", {"broker": free_port()}, {}, Running(), {"broker": Running.of(identity)})
    assert overview(home, stack)[0]["reason"] == f"stopped by a signal: kill -CONT {sleeper.pid} resumes it"
    end([identity], timeout_s=60)  # longer than the test's own limit: the process must handle SIGTERM
    assert not identity.alive
    sleeper.wait()


def test_the_pause_grows_to_ten_seconds_and_starts_over_after_health() -> None:
    backoff = Backoff()
    assert [round(backoff.after(1), 1) for _ in range(8)] == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]
    assert backoff.after(9) == 0.2
    assert backoff.after(1) == 0.4


def test_down_ends_what_a_killed_supervisor_left_and_nothing_else(home: Home) -> None:
    ours = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"], start_new_session=True)
    theirs = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"], start_new_session=True)
    mine, other = Identity.of(ours.pid), Identity.of(theirs.pid)
    assert mine is not None
    assert other is not None
    reused = Running(other.pid, other.start - 1)  # the pid belongs to another process by now
    stack = Stack("up", {}, {}, Running(), {"broker": Running.of(mine), "scheduler": reused})
    assert take_down(home, stack) == ["broker"]
    assert not mine.alive
    assert other.alive
    theirs.kill()
    theirs.wait()
    ours.wait()


def test_who_does_not_end_when_asked_is_killed() -> None:
    stubborn = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('x', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-S", "-c", stubborn], stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    identity = Identity.of(process.pid)
    assert identity is not None
    end([identity], timeout_s=0.05)
    assert not identity.alive
    process.wait()


def test_children_end_with_a_supervisor_that_is_killed(home: Home) -> None:
    code = (
        "import sys; from pathlib import Path; from queuebit_stack.process import launch; import time\n"
        "child = launch([sys.executable, '-S', '-c', 'import time; time.sleep(60)'], {}, Path(sys.argv[1]))\n"
        "print(child.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, str(home.log_file("x"))], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = Identity.of(int(parent.stdout.readline()))
    parent.stdout.close()
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 10
    while child is not None and child.alive:
        assert time.monotonic() < deadline
        os.sched_yield()


def test_services_end_before_what_they_need() -> None:
    one = Identity(1, 1)
    order = in_order({NATS: one, "warehouse": Identity(2, 1), "broker": Identity(3, 1), "telemetry": Identity(4, 1)})
    assert [[it.pid for it in group] for group in order] == [[3, 4], [2], [1]]


def test_a_stack_is_read_as_it_was_written(home: Home) -> None:
    stack = Stack("up", {"broker": 1}, {"broker": "http://x"}, Running(1, 2), {"broker": Running(3, 4, 5, "why")})
    stack.save(home)
    assert written(home) == replace(stack, place=Place.of(home.root))
    assert home.stack_file.stat().st_mode & 0o077 == 0


def written(home: Home) -> Stack:
    stack = Stack.load(home)
    assert stack is not None
    return stack


INHERITING = FAKE.replace(
    'http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()',
    """
import socket
server = http.server.HTTPServer(("127.0.0.1", 0), Handler, bind_and_activate=False)
server.socket = socket.socket(fileno=int(os.environ["LISTEN_FD"]))
server.serve_forever()
""",
)


def test_while_a_process_restarts_no_one_else_can_listen_on_its_port(home: Home) -> None:
    spec = fake(home, NATS, code=INHERITING)
    spec = replace(spec, inherits=Inherits(port_of(spec), "LISTEN_FD"))
    supervisor = Supervisor(home, {}, [spec])
    waiting: list[socket.socket] = []

    def kill(it: Supervisor) -> bool:
        os.kill(it.children[0].identity.pid, signal.SIGKILL)  # type: ignore[union-attr]
        return True

    def dead(it: Supervisor) -> bool:
        if it.children[0].running:
            return False
        assert not is_free(port_of(spec))
        waiting.append(socket.create_connection(("127.0.0.1", port_of(spec)), timeout=10))
        waiting[0].sendall(b"GET /readyz HTTP/1.0\r\n\r\n")
        return True

    supervisor.run(lambda: None, steps(is_up, kill, dead, lambda it: it.up and it.children[0].restarts == 1))
    with waiting[0] as asked:
        assert asked.recv(4096).startswith(b"HTTP/1.0 200"), "who connected meanwhile is answered by the successor"
    assert is_free(port_of(spec))


def test_a_port_that_another_process_took_first_is_not_sent_secrets(home: Home) -> None:
    spec = fake(home, NATS)
    taken = f"port {port_of(spec)} is taken by process {os.getpid()} "
    with socket.create_server(("127.0.0.1", port_of(spec))), pytest.raises(Stop, match=taken):
        Supervisor(home, {}, [replace(spec, inherits=Inherits(port_of(spec), "LISTEN_FD"))])


@pytest.mark.parametrize("moment", range(12))
def test_a_signal_at_any_moment_of_the_wait_ends_it(home: Home, moment: int) -> None:
    """Defect: a handler that came while the supervisor held the lock of an event waited for that lock for ever."""
    supervisor = Supervisor(home, {}, [])
    left = moment

    def interrupt(frame: FrameType, event: str, called: object) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            sys.setprofile(None)
            signal.raise_signal(signal.SIGTERM)

    supervisor.run(lambda: None, lambda _: sys.setprofile(interrupt))
    assert supervisor.stopping
    assert written(home).state == "down"


def test_what_takes_long_does_not_delay_the_end(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("queuebit_stack.supervisor._FOLLOW_S", 0.0)
    looking, over = threading.Event(), threading.Event()

    def follow() -> None:
        looking.set()
        assert over.wait(20)

    try:
        Supervisor(home, {}, [fake(home, NATS)]).run(
            lambda: None, steps(is_up, lambda _: looking.is_set()), follow=follow
        )
        assert written(home).state == "down"
    finally:
        over.set()
