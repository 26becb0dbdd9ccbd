"""What attackers have: two tenants of a running stack, a finished job of one, and all tokens of the other."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import jwt
import nats
from nats.aio.client import Client as BusClient
from tests.trust.attacks.cases import Attack

from queuebit import Client
from queuebit.credentials import find
from queuebit_contracts.delegation import AccessToken
from queuebit_contracts.intake import ERR_MALFORMED
from queuebit_kernel import digest
from queuebit_runtime.keys import new_seed
from queuebit_runtime.server_errors import WRONG_LAST_SEQUENCE
from queuebit_testing.build import BELL, submitted
from queuebit_testing.embedded import EmbeddedStack
from queuebit_testing.issuer import GITHUB, TestIssuer
from queuebit_testing.signed_requests import signed_headers

__all__ = ["World"]

_LARGE: Final = BELL + "// padding\n" * 3000
"""Large enough to lie in the payload store."""
_OWN: Final = submitted("of evil", tenant="evil")
_GRANT: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
_TYPE: Final = "urn:ietf:params:oauth:token-type:id_token"
_ELSEWHERE: Final = "127.0.0.9"
"""Another address of this machine."""
_ENTRY: Final = """
[tenant.evil.issuer.local]
url = "{url}"
audience = "queuebit:evil"
jwks_url = "{url}/.well-known/jwks"
claims = {{ repository = "acme/chem" }}
user = "me"
project = "main"
"""
_ISSUER: Final = TestIssuer()


class _Keys(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps(_ISSUER.jwks()).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


class World:
    """Tries attacks, and says in the words of the list what came back."""

    def __init__(self, stack: EmbeddedStack, issuer: str, job: str, tokens: dict[str, str]) -> None:
        self.stack, self.job, self._issuer, self._tokens = stack, job, issuer, tokens
        self._refusals = asyncio.Queue[str]()
        """Of the bus, to any of the users: one attack is tried after the other."""
        self._users: dict[str, BusClient] = {}
        self._address = urlsplit(stack.listens("gateway"))
        self._names = {
            "job": job,
            "digest": digest(_LARGE.encode()),
            "size": str(len(_LARGE)),
            "own": _OWN.data.job,
            "submission": _OWN.to_bytes().decode(),
            "bell": BELL.replace('"', "'").replace("\n", " "),
        }

    @classmethod
    @contextmanager
    def made(cls, stack: EmbeddedStack, folder: Path) -> Iterator[World]:
        """Two tenants, and what evil can get by right."""
        for tenant in ("acme", "evil"):
            stack.qb("tenant", "add", tenant, "--budget", "100")
        for tenant, user, role in (("acme", "ann", "admin"), ("acme", "vic", "viewer"), ("evil", "eve", "submitter")):
            stack.qb("tenant", "user", "add", tenant, user, "--role", role)
        with ThreadingHTTPServer(("127.0.0.1", 0), _Keys) as server:
            serving = Thread(target=server.serve_forever)
            serving.start()
            url, file = f"http://127.0.0.1:{server.server_address[1]}", folder / "tenants.toml"
            stack.qb("tenant", "export", "--output", str(file))
            file.write_text(file.read_text() + _ENTRY.format(url=url))
            stack.qb("tenant", "apply", str(file), "--by", "ci")
            with Client(find(stack.home, "acme", "me")) as client:
                job = client.submit(_LARGE, shots=100, backend="aer")
                job.receipt(timeout=30)
            yield cls(stack, url, job.id, _tokens(stack))
            server.shutdown()
            serving.join()

    async def tried(self, attack: Attack) -> str:
        """What came back, in the words of the list."""
        match attack.door:
            case "gateway":
                return await self._request(attack)
            case "sign-in":
                return await self._sign_in(attack)
            case "bus login":
                return await self._login(attack.tried)
            case "bus send" | "bus request":
                return await self._answered(attack)
        return await self._on_bus(attack)

    async def _request(self, attack: Attack) -> str:
        method, _, path = attack.tried.partition(" ")
        path, body = self._filled(path), attack.body
        if body == "{bomb}":
            body = gzip.compress(bytes(64 << 20))
        content = self._filled(body).encode() if isinstance(body, str) else body
        headers = [*attack.headers]
        given = {name for name, _ in headers}
        headers += [] if "host" in given else [("host", str(self._address.netloc))]
        headers += [] if "content-length" in given or not content else [("content-length", str(len(content)))]
        headers += self._proof(attack.token, method, path)
        head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers)
        source = "127.0.0.1" if attack.times == 1 else _ELSEWHERE
        for _ in range(attack.times):
            status, answer = await self._sent(head.encode() + b"connection: close\r\n\r\n" + content, source)
        if status == 200:
            own = self.job not in answer.decode() and "acme" not in answer.decode()
            return "it is answered, with objects of the own tenant alone" if own else "OBJECTS OF ANOTHER TENANT"
        return f"{status} {_code(answer)}".strip()

    async def _sent(self, request: bytes, source: str = "127.0.0.1") -> tuple[int, bytes]:
        where = self._address.hostname, self._address.port
        reader, writer = await asyncio.open_connection(*where, local_addr=(source, 0))
        answer = b""
        try:
            writer.write(request)
            async with asyncio.timeout(20):
                while part := await reader.read(65_536):
                    answer += part
        except ConnectionError:  # the gateway does not read a body that it refuses
            pass
        finally:
            writer.close()
        head, _, body = answer.partition(b"\r\n\r\n")
        return int(head.split(b" ", 2)[1]) if head else 0, body

    def _proof(self, token: str, method: str, path: str) -> list[tuple[str, str]]:
        base, seed = f"http://{self._address.netloc}", find(self.stack.home, "evil", "me").seed
        hour_ago = datetime.now(UTC).timestamp() - 3600
        makers: dict[str, Callable[[], dict[str, str]]] = {
            "": dict,
            "signed-old": lambda: {**signed_headers(seed, method, base + path, created=hour_ago)},
            "signed-other": lambda: {**signed_headers(seed, method, f"{base}/v1/me")},
            "signed-unknown": lambda: {**signed_headers(new_seed(), method, base + path)},
            "signed-nothing": lambda: {"signature-input": "sig1=();alg=none", "signature": "sig1=::"},
        }
        if token in makers:
            return [*makers[token]().items()]
        return [("authorization", f"Bearer {self._tokens[token]}")]

    async def _sign_in(self, attack: Attack) -> str:
        form = {"grant_type": _GRANT, "subject_token_type": _TYPE, "audience": "evil"}
        if attack.tried == "tenant":
            form["audience"] = "acme"
        proof = self._claim(attack.tried)
        for _ in range(2 if attack.tried == "replayed" else 1):
            body = urlencode({**form, "subject_token": proof}).encode()
            head = f"POST /oauth/token HTTP/1.1\r\nhost: {self._address.netloc}\r\nconnection: close\r\n"
            head += f"content-type: application/x-www-form-urlencoded\r\ncontent-length: {len(body)}\r\n\r\n"
            status, answer = await self._sent(head.encode() + body)
        document = json.loads(answer)
        return f"{status} {document['reasons'][0]['code'] if 'reasons' in document else document.get('error')}"

    def _claim(self, how: str) -> str:
        now, mine = datetime.now(UTC), {"audience": "queuebit:evil", "iss": self._issuer, "jti": how}
        claims = {**GITHUB, "iss": self._issuer, "aud": "queuebit:evil", "exp": int(now.timestamp()) + 300}
        claims |= {"iat": int(now.timestamp()), "nbf": int(now.timestamp())}
        kid = {"kid": _ISSUER.key_id("RS256")}
        match how:
            case "alg none":
                return jwt.encode(claims, "", algorithm="none", headers=kid)
            case "alg HS256":
                return jwt.encode(claims, _ISSUER.jwk("RS256")["n"], algorithm="HS256", headers=kid)
            case "forged":
                return TestIssuer("two").token(GITHUB, now, headers=kid, **mine)  # type: ignore[arg-type]  # by name
            case "kid":
                return _ISSUER.token(GITHUB, now, headers={"kid": "other"}, **mine)  # type: ignore[arg-type]  # by name
            case "expired":
                return _ISSUER.token(GITHUB, now - timedelta(hours=2), **mine)  # type: ignore[arg-type]  # by name
            case "audience":
                return _ISSUER.token(GITHUB, now, **{**mine, "audience": "queuebit:other"})  # type: ignore[arg-type]  # by name
            case "claims":
                return _ISSUER.token(GITHUB, now, repository="evil/chem", **mine)  # type: ignore[arg-type]  # by name
            case "garbage":
                return "x.y.z"
        return _ISSUER.token(GITHUB, now, **mine)  # type: ignore[arg-type]  # by name

    async def _login(self, how: str) -> str:
        options: dict[str, str] = {
            "key": {"nkeys_seed_str": new_seed()},
            "password": {"user": "broker", "password": "broker"},
            "token": {"token": "x"},
            "forged name": {"nkeys_seed_str": new_seed(), "name": "broker"},
        }.get(how, {})
        try:
            client = await nats.connect(
                self.stack.listens("nats-server"), allow_reconnect=False, error_cb=_quiet, connect_timeout=5, **options
            )
        except (nats.errors.Error, OSError) as error:
            return "authentication_failed" if "Authorization" in str(error) else repr(error)
        await client.close()
        return "IT IS IN"

    async def _on_bus(self, attack: Attack) -> str:
        client = self._users.get(attack.who) or await self._connected(attack.who)
        if attack.door == "bus publish":
            await client.publish(attack.tried, b"{}")
        else:
            await client.subscribe(attack.tried)
        try:
            said = await asyncio.wait_for(self._refusals.get(), 5)
        except TimeoutError:
            return "NOT REFUSED"
        return "not_permitted" if "permissions violation" in said and attack.tried.lower() in said else said

    async def _answered(self, attack: Attack) -> str:
        client = self._users.get(attack.who) or await self._connected(attack.who)
        headers = {name: self._filled(value) for name, value in attack.headers}
        body = self._filled(str(attack.body)).encode()
        message = await client.request(self._filled(attack.tried), body, timeout=20, headers=headers or None)
        return self._said(json.loads(message.data))

    def _said(self, answer: dict[str, Any]) -> str:
        """The code of a refusal, or what the stream did."""
        refused = answer.get("error") or next(iter(answer.get("errors", ())), None)
        if refused is None:
            self._names["sequence"] = str(answer["seq"])
            return "stored"
        codes = {ERR_MALFORMED: "malformed", WRONG_LAST_SEQUENCE: "not stored"}
        return str(codes.get(refused.get("err_code"), refused["code"]))

    async def _connected(self, who: str) -> BusClient:
        async def refused(error: Exception) -> None:
            self._refusals.put_nowait(str(error).lower())

        self._users[who] = await self.stack.connect(who, refused)
        return self._users[who]

    async def close(self) -> None:
        """End the connections to the bus."""
        for it in self._users.values():
            await it.close()

    def _filled(self, text: str) -> str:
        for name, value in self._names.items():
            text = text.replace(f"{{{name}}}", value)
        return text


def _tokens(stack: EmbeddedStack) -> dict[str, str]:
    """Tokens of evil by name: valid ones, and what is made of them."""

    def new(user: str, *words: str) -> str:
        return str(stack.ask("token", "new", "--tenant", "evil", "--user", user, *words)["access_token"])

    found = {"read": new("eve", "--scope", "read"), "submit": new("eve", "--scope", "submit")}
    found |= {"admin": new("me", "--scope", "admin"), "revoked": new("eve", "--scope", "read")}
    found["bound"] = new("eve", "--scope", "submit", "--project", "main")
    found["expired"] = new("eve", "--scope", "read", "--for", "1s")
    good = AccessToken.read(found["read"])
    stack.qb("token", "revoke", AccessToken.read(found["revoked"]).delegation, "--tenant", "evil", "--user", "eve")
    found["garbage"] = "x" * 40
    found["forged"] = AccessToken(good.tenant, good.delegation, new_seed()).text()
    found["renamed"] = AccessToken("acme", good.delegation, good.seed).text()
    found["look-alike"] = AccessToken("\N{CYRILLIC SMALL LETTER A}cme", good.delegation, good.seed).text()
    found["both"] = f"{found['read']}, Bearer {found['submit']}"
    return found


def _code(answer: bytes) -> str:
    try:
        return str(json.loads(answer)["code"])
    except (ValueError, KeyError):
        return ""


async def _quiet(_: Exception) -> None:
    """Errors come back from the call."""
