"""GraphQL and files over HTTP: what may be sent again is, what went wrong says what can be done."""

from __future__ import annotations

import asyncio
import random
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx

#: Repetition changes nothing: upserts, and what the server fences by the job's attempt. Not here: `claimJob`, whose lost
#: answer is a claim that runs out by itself; asking again would take a second job.
REPEATABLE = frozenset(
    [
        "RegisterRunner",
        "DrainRunner",
        "ReportProgress",
        "ReportLogs",
        "CompleteJob",
        "FailJob",
        "CompleteUpload",
        "CreateUpload",
    ]
)
#: Seconds for an ordinary answer.
TIMEOUT = 30.0
#: What proxies say in front of a server that is not there.
_ABSENT = frozenset([502, 503, 504])


class ClientError(Exception):
    """Why a call gave no result."""

    def has_code(self, code: str) -> bool:
        return code in getattr(self, "codes", ())


class Unreachable(ClientError):
    """Nobody answered. Try again later; what may be repeated has been."""


class Unauthenticated(ClientError):
    """The token is missing, expired or revoked."""


class Rejected(ClientError):
    """The server refused the request as a whole."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.codes = [code]


class UserErrors(ClientError):
    """The input was understood and is not acceptable."""

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        super().__init__("; ".join(f"{error.get('message')} ({error.get('code')})" for error in errors))
        self.codes = [str(error.get("code")) for error in errors]


class WrongChecksum(ClientError):
    """The bytes that arrived are not those that were promised."""


class WrongAnswer(ClientError):
    """Not what the protocol promises: wrong address, or a server of another version."""


class Backoff:
    """Waiting times that double up to a limit, each shortened at random by up to half, so that many runners that lost the
    same server do not come back together."""

    def __init__(self, first: float, most: float) -> None:
        self._first, self._most, self._next = first, most, first

    def next_delay(self) -> float:
        full = min(self._next, self._most)
        self._next = full * 2
        return full * random.uniform(0.5, 1.0)

    def reset(self) -> None:
        self._next = self._first


class Client:
    """One server and one token. `with_token` shares the connections."""

    def __init__(self, server_url: str, token: str, *, retries: int = 4, http: httpx.AsyncClient | None = None) -> None:
        self.base = server_url.rstrip("/") + "/"
        self.token = token
        self.retries = retries
        # Files go through the same connections as calls; a redirect could carry the token elsewhere.
        self.http = http or httpx.AsyncClient(
            timeout=httpx.Timeout(TIMEOUT, connect=5.0),
            limits=httpx.Limits(max_connections=100, max_keepalive_connections=20),
            follow_redirects=False,
        )

    def with_token(self, token: str) -> Client:
        return Client(self.base, token, retries=self.retries, http=self.http)

    async def close(self) -> None:
        await self.http.aclose()

    async def call(self, operation: str, document: str, variables: dict[str, Any], *, timeout: float = TIMEOUT) -> Any:
        """The `data` of an answer; raises `ClientError`, also for `userErrors`."""
        backoff = Backoff(0.2, 2.0)
        for left in range(self.retries if _is_repeatable(operation, document) else 0, -1, -1):
            try:
                return await self._once(operation, document, variables, timeout)
            except Unreachable:
                if not left:
                    raise
            await asyncio.sleep(backoff.next_delay())
        raise AssertionError("unreachable")

    async def mutate(
        self, operation: str, document: str, given: dict[str, Any], *, timeout: float = TIMEOUT
    ) -> dict[str, Any]:
        """The payload of a mutation with one input."""
        data = await self.call(operation, document, {"input": given}, timeout=timeout)
        return data[operation[0].lower() + operation[1:]]

    async def _once(self, operation: str, document: str, variables: dict[str, Any], timeout: float) -> Any:
        body = {"query": document, "operationName": operation, "variables": variables}
        limits = httpx.Timeout(timeout, connect=5.0)
        try:
            request = self.http.post(self.resolve("graphql"), json=body, headers=self.headers(self.base), timeout=limits)
            # httpx counts the seconds between bytes; a server that trickles must not hold a call for ever.
            answer = await asyncio.wait_for(request, timeout + 10)
        except (httpx.TransportError, TimeoutError) as error:
            raise Unreachable(_why(error)) from None
        return _data(answer)

    def resolve(self, url: str) -> str:
        return urljoin(self.base, url.lstrip("/") if not urlsplit(url).netloc else url)

    def headers(self, url: str) -> dict[str, str]:
        """With the token for this server and nobody else."""
        same = urlsplit(self.resolve(url))[:2] == urlsplit(self.base)[:2]
        return {"Authorization": f"Bearer {self.token}"} if same else {}


def _is_repeatable(operation: str, document: str) -> bool:
    return operation in REPEATABLE or document.lstrip().startswith("query")


def _why(error: BaseException) -> str:
    return str(error) or type(error).__name__


def _data(answer: httpx.Response) -> Any:
    refuse_absent(answer)
    if answer.status_code == 401:
        raise Unauthenticated("the server does not accept the token")
    try:
        body = answer.json()
    except ValueError:
        raise WrongAnswer(f"HTTP {answer.status_code} without JSON: is this the address of a Nunatak server?") from None
    if not isinstance(body, dict):
        raise WrongAnswer("the answer is no GraphQL answer")
    if body.get("errors"):
        raise _rejection(body["errors"][0])
    data = body.get("data")
    if not isinstance(data, dict):
        raise refusal(answer.status_code, body)
    for payload in data.values():
        if isinstance(payload, dict) and payload.get("userErrors"):
            raise UserErrors(payload["userErrors"])
    return data


def _rejection(error: dict[str, Any]) -> ClientError:
    code = str(error.get("extensions", {}).get("code", "UNKNOWN"))
    if code == "UNAUTHENTICATED":
        return Unauthenticated("the server does not accept the token")
    return Rejected(code, str(error.get("message", ""))[:500])


def refuse_absent(answer: httpx.Response) -> None:
    if answer.status_code in _ABSENT:
        raise Unreachable(f"HTTP {answer.status_code}")


def refusal(status: int, body: Any) -> ClientError:
    """For what is not GraphQL: `{ "error": { "code", "message" } }`."""
    if status == 401:
        return Unauthenticated("the server does not accept the token")
    told = body.get("error", {}) if isinstance(body, dict) else {}
    told = told if isinstance(told, dict) else {}
    code = str(told.get("code", f"HTTP_{status}"))
    return Rejected(code, str(told.get("message", f"the server answered with HTTP {status}"))[:500])
