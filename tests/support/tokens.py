"""An issuer of OAuth tokens in this process: client credentials go in, tokens come out, as a test says."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ssl import SSLContext

from aiohttp import web


class Issuer:
    """Gives ``token-1``, ``token-2``, … to ``client`` with ``secret``; ``asked`` has each request's form."""

    def __init__(self, client: str, secret: str) -> None:
        self._expected = f"Basic {base64.b64encode(f'{client}:{secret}'.encode()).decode()}"
        self.asked: list[dict[str, str]] = []
        self.lifetime: int | None = 3600
        self.status = 200
        self.url = ""

    @asynccontextmanager
    async def serving(self, tls: SSLContext | None = None) -> AsyncIterator[str]:
        """Answer on a free port of this machine; gives the address of the tokens."""
        application = web.Application()
        application.router.add_post("/token", self._handle)
        runner = web.AppRunner(application, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}/token"
        try:
            yield self.url
        finally:
            await runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        form = await request.post()
        self.asked.append({name: str(value) for name, value in form.items()})
        if self.status != 200 or request.headers.get("Authorization") != self._expected:
            return web.json_response({"error": "invalid_client"}, status=max(self.status, 401))
        token: dict[str, object] = {"access_token": f"token-{len(self.asked)}", "token_type": "Bearer"}
        if self.lifetime is not None:
            token["expires_in"] = self.lifetime
        return web.json_response(token)
