"""Any OpenAI-compatible server (vLLM, NIM, Ollama, the demo engine) over a kept-alive pool."""

import asyncio
from collections.abc import AsyncIterator, Mapping

import aiohttp

from gateway.upstreams.base import NOTHING, USUAL, Patience, UpstreamError

#: Shorter than the five seconds after which uvicorn, and with it most engines, ends an idle
#: connection: a request sent into that moment would come back as a failure.
IDLE = 4.0
#: So much of an answer is read ahead of a slow client, twice: a thousand of them fit into memory.
READ_AHEAD = 32 * 1024


class OpenAIAnswer:
    """An answer over HTTP."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self._first = b""
        self.status = response.status

    async def begin(self) -> None:
        """Wait for the first part of the body; a refusal may have none."""
        self._first = await self._response.content.readany()
        if not self._first and self.status == 200:
            raise UpstreamError("the answer is empty", reached=True)

    def allow_silence(self, seconds: float) -> None:
        """Let the rest of the body come with no longer pauses than this."""
        connection = self._response.connection
        if connection is not None and connection.protocol is not None:
            connection.protocol.read_timeout = seconds
            connection.protocol.start_timeout()

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it arrives."""
        first, self._first = self._first, b""
        if first:
            yield first
        try:
            async for chunk in self._response.content.iter_any():
                yield chunk
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise UpstreamError(f"the answer broke off: {error!r}", reached=True) from error

    async def read(self, limit: int) -> bytes:
        """Return the whole body."""
        parts, size = [], 0
        async for chunk in self.chunks():
            size += len(chunk)
            if size > limit:
                raise UpstreamError("the answer is too large", reached=True)
            parts.append(chunk)
        return b"".join(parts)

    def close(self) -> None:
        """Give a finished connection back to the pool, cut an unfinished one."""
        if self._response.content.at_eof():
            self._response.release()
        else:
            self._response.close()


class OpenAICompatible:
    """A pool of connections to all engines of this process."""

    def __init__(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE),
            auto_decompress=True,
            cookie_jar=aiohttp.DummyCookieJar(),
            read_bufsize=READ_AHEAD,
        )

    async def post(
        self,
        base_url: str,
        credential: str,
        path: str,
        body: bytes,
        patience: Patience = USUAL,
        headers: Mapping[str, str] = NOTHING,
    ) -> OpenAIAnswer:
        """Send the body; redirects are not followed, so a credential goes nowhere else."""
        lines = {"content-type": "application/json", "accept-encoding": "identity", **headers}
        if credential:
            lines["authorization"] = f"Bearer {credential}"
        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=patience.connect, sock_read=patience.first_byte
        )
        response: aiohttp.ClientResponse | None = None
        try:
            async with asyncio.timeout(patience.connect + patience.first_byte):
                response = await self._session.post(
                    base_url.rstrip("/") + path,
                    data=body,
                    headers=lines,
                    allow_redirects=False,
                    timeout=timeout,
                )
                answer = OpenAIAnswer(response)
                await answer.begin()
                answer.allow_silence(patience.idle)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise UpstreamError(f"no connection: {error}", reached=False) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            _cut(response)
            raise UpstreamError(f"no answer: {error!r}", reached=True) from error
        except BaseException:
            _cut(response)
            raise
        return answer

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()


def _cut(response: aiohttp.ClientResponse | None) -> None:
    if response is not None:
        response.close()
