"""Any OpenAI-compatible server (vLLM, NIM, Ollama, the demo engine) over a kept-alive pool."""

from collections.abc import AsyncIterator

import aiohttp

from gateway.upstreams.base import UpstreamError

CONNECT = 5.0
#: Silence that ends a request: before the first byte, and between two.
SILENCE = 120.0
#: Shorter than the five seconds after which uvicorn, and with it most engines, ends an idle
#: connection: a request sent into that moment would come back as a failure.
IDLE = 4.0
#: So much of an answer is read ahead of a slow client, twice: a thousand of them fit into memory.
READ_AHEAD = 32 * 1024


class OpenAIAnswer:
    """An answer over HTTP."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status = response.status

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it arrives."""
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
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT, sock_read=SILENCE),
            auto_decompress=True,
            cookie_jar=aiohttp.DummyCookieJar(),
            read_bufsize=READ_AHEAD,
        )

    async def post(self, base_url: str, credential: str, path: str, body: bytes) -> OpenAIAnswer:
        """Send the body; redirects are not followed, so a credential goes nowhere else."""
        headers = {"content-type": "application/json", "accept-encoding": "identity"}
        if credential:
            headers["authorization"] = f"Bearer {credential}"
        try:
            response = await self._session.post(
                base_url.rstrip("/") + path, data=body, headers=headers, allow_redirects=False
            )
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise UpstreamError(f"no connection: {error}", reached=False) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise UpstreamError(f"no answer: {error!r}", reached=True) from error
        return OpenAIAnswer(response)

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()
