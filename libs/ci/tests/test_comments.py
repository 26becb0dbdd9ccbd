"""One comment per change, which later runs replace; on a server of this test."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from queuebit.errors import InvalidInput, Unreachable
from queuebit_ci.comments import conversation_of, post
from queuebit_ci.markdown import MARKER

THEIRS = {"id": 7, "body": f"{MARKER} copied", "locked": True}


class Server(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.comments: list[dict[str, Any]] = [{"id": it, "body": "hello"} for it in range(100, 220)]
        self.seen: list[tuple[str, str]] = []
        self.status = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def answer(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(size)) if size else None
        path, _, query = self.path.partition("?")
        self.server.seen.append((self.command, path))
        status, found = 200, self._done(path, query, body)
        if found is None:
            status, found = 403, {}
        content = json.dumps(found).encode()
        self.send_response(self.server.status or status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PATCH = do_PUT = answer

    def _done(self, path: str, query: str, body: Any) -> Any:
        comments = self.server.comments
        if self.command == "GET":
            page = int(
                query.partition("page=")[2].partition("&")[0] if query.startswith("page") else query.rpartition("=")[2]
            )
            return comments[(page - 1) * 100 : page * 100]
        if self.command == "POST":
            comments.append({"id": len(comments) + 1_000, **body})
            return comments[-1]
        (found,) = [it for it in comments if it["id"] == int(path.rpartition("/")[2])]
        if found.get("locked"):
            return None
        found.update(body)
        return found

    def log_message(self, *args: object) -> None:
        """Keep the output of tests clean."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def github(server: Server) -> dict[str, str]:
    names = {"GITHUB_API_URL": server.url, "GITHUB_REPOSITORY": "team/repo", "GITHUB_TOKEN": "t"}
    return {**names, "GITHUB_REF": "refs/pull/12/merge"}


def gitlab(server: Server) -> dict[str, str]:
    names = {"CI_API_V4_URL": server.url, "CI_PROJECT_ID": "5", "CI_MERGE_REQUEST_IID": "12"}
    return {**names, "QUEUEBIT_CI_TOKEN": "t"}


@pytest.mark.parametrize("kind", [github, gitlab])
def test_the_second_run_replaces_the_comment_of_the_first(server: Server, kind: Any) -> None:
    server.comments.insert(3, THEIRS)
    post(conversation_of(kind(server)), f"{MARKER}\nfirst")
    post(conversation_of(kind(server)), f"{MARKER}\nsecond")
    ours = [it["body"] for it in server.comments if it["body"].startswith(MARKER) and "locked" not in it]
    assert ours == [f"{MARKER}\nsecond"]
    methods = [method for method, _ in server.seen]
    assert methods.count("POST") == 1


def test_addresses_are_those_of_the_systems(server: Server) -> None:
    post(conversation_of(github(server)), MARKER)
    post(conversation_of(gitlab(server)), MARKER)
    assert server.seen[0] == ("GET", "/repos/team/repo/issues/12/comments")
    assert ("GET", "/projects/5/merge_requests/12/notes") in server.seen


@pytest.mark.parametrize(("status", "error"), [(403, InvalidInput), (401, InvalidInput), (500, Unreachable)])
def test_a_server_that_refuses(server: Server, status: int, error: type[Exception]) -> None:
    server.status = status
    with pytest.raises(error, match=str(status)):
        post(conversation_of(github(server)), MARKER)


def test_a_server_that_is_away() -> None:
    with Server() as gone:
        environment = github(gone)
    with pytest.raises(Unreachable, match="did not take the comment"):
        post(conversation_of(environment), MARKER)


@pytest.mark.parametrize(
    ("environment", "text"),
    [
        ({}, "no job of a pull request"),
        ({"GITHUB_REF": "refs/heads/main", "GITHUB_TOKEN": "t"}, "no job of a pull request"),
        ({"GITHUB_REF": "refs/pull/3/merge"}, "set QUEUEBIT_CI_TOKEN or GITHUB_TOKEN"),
        ({"CI_MERGE_REQUEST_IID": "3"}, "set QUEUEBIT_CI_TOKEN"),
    ],
)
def test_where_there_is_nothing_to_comment_on(environment: dict[str, str], text: str) -> None:
    with pytest.raises(InvalidInput, match=text):
        conversation_of(environment)
