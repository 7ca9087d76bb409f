"""Files to and from the server: streamed, resumed where a connection broke, checked."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import httpx

from .client import Backoff, Client, ClientError, Unreachable, WrongChecksum, refusal, refuse_absent
from .operations import COMPLETE_UPLOAD, CREATE_UPLOAD, UPLOAD

#: What is read, hashed or sent at a time.
CHUNK = 1 << 20


async def download(client: Client, url: str, path: Path, sha256: str) -> None:
    """Puts the file at `path`, whole and checked. What came before a connection broke stays for the next call."""
    part = path.with_name(f".nunatak-{path.name}.part")
    found = await _fetch(client, url, part)
    if found != sha256:
        part.unlink(missing_ok=True)
        raise WrongChecksum(f"the file has SHA-256 {found} instead of {sha256}")
    await asyncio.to_thread(part.replace, path)


async def _fetch(client: Client, url: str, part: Path) -> str:
    digest = hashlib.sha256()
    there = part.stat().st_size if part.exists() else 0
    headers = client.headers(url) | ({"Range": f"bytes={there}-"} if there else {})
    try:
        async with client.http.stream("GET", client.resolve(url), headers=headers) as answer:
            if answer.status_code == 416:
                # More is there than the file has: it is another's.
                part.unlink(missing_ok=True)
                raise Unreachable("the part that was there is not of this file")
            if answer.status_code not in (200, 206):
                refuse_absent(answer)
                raise refusal(answer.status_code, _json(await answer.aread()))
            goes_on = answer.status_code == 206
            if goes_on:
                await asyncio.to_thread(_hash, part, digest)
            with part.open("ab" if goes_on else "wb") as file:
                async for chunk in answer.aiter_bytes(CHUNK):
                    await asyncio.to_thread(_take, file, digest, chunk)
    except httpx.TransportError as error:
        raise Unreachable(str(error) or type(error).__name__) from None
    return digest.hexdigest()


def _hash(path: Path, digest) -> None:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)


def _take(file, digest, chunk: bytes) -> None:
    digest.update(chunk)
    file.write(chunk)


def checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


async def upload(client: Client, project: str, path: Path, name: str, key: str) -> str:
    """The id of the completed upload. With the same `key` a repetition goes on with what is there."""
    size, sha256 = path.stat().st_size, await asyncio.to_thread(checksum, path)
    given = {"project": project, "fileName": name, "size": size, "sha256": sha256, "idempotencyKey": f"{key}-{sha256[:16]}"}
    made = (await client.mutate("CreateUpload", CREATE_UPLOAD, given))["upload"]
    if made["status"] != "COMPLETED":
        await _send(client, made["id"], made["url"], path, int(made["received"]), size)
        await _complete(client, made["id"])
    return made["id"]


async def _send(client: Client, upload_id: str, url: str, path: Path, offset: int, size: int) -> None:
    failures, backoff = 0, Backoff(0.2, 2.0)
    while offset < size:
        try:
            await _put(client, url, path, offset, size)
            return
        except Unreachable:
            failures += 1
            if failures > client.retries:
                raise
        await asyncio.sleep(backoff.next_delay())
        there = (await client.call("Upload", UPLOAD, {"id": upload_id}))["upload"]
        received = int((there or {}).get("received", offset))
        if received > offset:
            failures = 0
            backoff.reset()
        offset = min(received, size)


async def _put(client: Client, url: str, path: Path, offset: int, size: int) -> None:
    headers = client.headers(url) | {"Content-Type": "application/octet-stream", "Content-Length": str(size - offset)}
    if offset:
        headers["Content-Range"] = f"bytes {offset}-{size - 1}/{size}"
    try:
        answer = await client.http.put(client.resolve(url), content=_read(path, offset), headers=headers)
    except httpx.TransportError as error:
        raise Unreachable(str(error) or type(error).__name__) from None
    if answer.is_success:
        return
    refuse_absent(answer)
    error = refusal(answer.status_code, _json(answer.content))
    # The server has another idea of where we are, or is still busy with the connection that broke: ask and go on.
    if answer.status_code in (408, 409, 416) and not error.has_code("UPLOAD_CLOSED"):
        raise Unreachable(str(error))
    raise error


async def _read(path: Path, offset: int) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        file.seek(offset)
        while chunk := await asyncio.to_thread(file.read, CHUNK):
            yield chunk


async def _complete(client: Client, upload_id: str) -> None:
    """After a broken connection the server may for a moment still be busy with the bytes that it got over that one."""
    backoff = Backoff(0.2, 2.0)
    for left in range(client.retries, -1, -1):
        try:
            await client.mutate("CompleteUpload", COMPLETE_UPLOAD, {"id": upload_id})
            return
        except ClientError as error:
            if not left or not error.has_code("UPLOAD_BUSY"):
                raise
        await asyncio.sleep(backoff.next_delay())


def _json(body: bytes) -> object:
    try:
        return httpx.Response(200, content=body).json()
    except ValueError:
        return None
