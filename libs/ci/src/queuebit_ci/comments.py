"""Keeps one comment on a pull request of GitHub, or a merge request of GitLab, up to date."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from queuebit.errors import InvalidInput, Unreachable
from queuebit_ci.markdown import MARKER

__all__ = ["Conversation", "conversation_of", "post"]

_TOKEN = "QUEUEBIT_CI_TOKEN"  # noqa: S105  # a name
_PULL = re.compile(r"refs/pull/(\d+)/")
_PAGE, _MOST_PAGES = 100, 50
_SECONDS = 30.0
_NOT_OURS = (403, 404)


@dataclass(frozen=True, slots=True)
class Conversation:
    """The comments of one change."""

    comments: str
    """The address of their list, which also takes a new one."""
    comment: str
    """The address of one, with `{id}`."""
    replace: Literal["PATCH", "PUT"]
    headers: Mapping[str, str]


def conversation_of(environment: Mapping[str, str]) -> Conversation:
    """The comments of the change that this CI job is about, from the variables of GitHub or GitLab.

    Raises:
        InvalidInput: this is no job of a pull or merge request, or there is no token.
    """
    pull = _PULL.match(environment.get("GITHUB_REF", ""))
    if pull and (token := environment.get(_TOKEN) or environment.get("GITHUB_TOKEN")):
        root = f"{environment['GITHUB_API_URL']}/repos/{environment['GITHUB_REPOSITORY']}/issues"
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/vnd.github+json"}
        return Conversation(f"{root}/{pull[1]}/comments", f"{root}/comments/{{id}}", "PATCH", headers)
    merge = environment.get("CI_MERGE_REQUEST_IID")
    if merge and (token := environment.get(_TOKEN)):
        root = f"{environment['CI_API_V4_URL']}/projects/{environment['CI_PROJECT_ID']}/merge_requests/{merge}/notes"
        return Conversation(root, f"{root}/{{id}}", "PUT", {"PRIVATE-TOKEN": token})
    if pull or merge:
        raise InvalidInput(f"there is no token to comment with: set {_TOKEN}{' or GITHUB_TOKEN' if pull else ''}")
    raise InvalidInput("this is no job of a pull request or merge request, so that there is nothing to comment on")


def post(conversation: Conversation, text: str) -> None:
    """Replace the comment of an earlier run, or write the first one.

    Raises:
        InvalidInput: the token may not comment.
        Unreachable: the server did not take the comment.
    """
    for id_ in _earlier(conversation):
        try:
            _ask(conversation, conversation.replace, conversation.comment.format(id=id_), {"body": text})
        except HTTPError as error:
            if error.code not in _NOT_OURS:  # another author may have copied the marker
                raise _refused(error) from error
        else:
            return
    try:
        _ask(conversation, "POST", conversation.comments, {"body": text})
    except HTTPError as error:
        raise _refused(error) from error


def _earlier(conversation: Conversation) -> Iterator[int]:
    for page in range(1, _MOST_PAGES + 1):
        try:
            found = _ask(conversation, "GET", f"{conversation.comments}?per_page={_PAGE}&page={page}")
        except HTTPError as error:
            raise _refused(error) from error
        yield from (it["id"] for it in found if str(it.get("body", "")).startswith(MARKER))
        if len(found) < _PAGE:
            return


def _ask(conversation: Conversation, method: str, url: str, body: object = None) -> Any:  # plain JSON
    if urlsplit(url).scheme not in ("http", "https"):
        raise InvalidInput(f"{url} is no address of a web server")
    headers = {**conversation.headers, "Content-Type": "application/json", "User-Agent": "queuebit-ci"}
    content = None if body is None else json.dumps(body).encode()
    try:
        with urlopen(Request(url, content, headers, method=method), timeout=_SECONDS) as answer:  # noqa: S310
            return json.loads(answer.read())
    except HTTPError:
        raise
    except (URLError, TimeoutError, ValueError) as error:
        raise Unreachable(
            f"{urlsplit(url).netloc} did not take the comment: {getattr(error, 'reason', error)}"
        ) from error


def _refused(error: HTTPError) -> Exception:
    with error:
        if error.code in (401, *_NOT_OURS):
            return InvalidInput(
                f"the token may not comment here (HTTP {error.code}): give it the right to write on pull requests; "
                "in a change from a fork there is none"
            )
        return Unreachable(f"the comment was not taken (HTTP {error.code})")
