"""The Linkrunner API as documented, on this machine: deduplication, limits, a ledger, and faults on demand.

``POST /api/v1/capture-payment`` and ``/api/v1/remove-payment`` are the API, and one path that only reads;
everything else is for whoever tests against it (``docs/simulator.md``). The lab's own paths have no
authentication: serve on loopback.
"""

import json
import math
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from aiohttp import web

from consumer.lab import bodies, fault_grammar, faults
from consumer.lab.ledger import Bucket, Entry, Journal, Ledger, Outcome
from consumer.lab.misbehaviour import Exchange, answer_badly, page, say

#: The documented limit of a body (413 above it).
MAX_BODY_BYTES: Final = 1024 * 1024

_ACTIONS: Final = {"/api/v1/capture-payment": "capture", "/api/v1/remove-payment": "remove"}
#: Reads only; here so that a key can be tried without a payment.
_REPORTING: Final = "/api/v1/reporting/campaigns"
_JSON_LINES: Final = "application/x-ndjson"


@dataclass(frozen=True, slots=True)
class Reply:
    """What the API has to say to a call, and what it did to the ledger."""

    status: int
    message: str
    outcome: Outcome
    retry_after: int | None = None


@dataclass(slots=True)
class Simulator:
    """The API's state and its answers. ``rate`` is calls per second; None: unlimited.

    Only with ``erasures`` may a removal name a user: else it is a mistake of ours, and it shall be seen.

    ``clock`` gives monotonic seconds; on Linux they are the same for every process of the machine, so times
    of the request log can be compared with times noted elsewhere.
    """

    key: str
    rate: float | None = None
    script: faults.Script = field(default_factory=faults.Script)
    clock: Callable[[], float] = time.monotonic
    ledger: Ledger = field(default_factory=Ledger)
    journal: Journal = field(default_factory=Journal)
    erasures: bool = False
    _counts: tuple[int, ...] = ()
    _began: float = 0.0
    _bucket: Bucket | None = None

    def __post_init__(self) -> None:
        """Start the clock of the fault script and fill the bucket."""
        self.misbehave(self.script)
        self._bucket = Bucket(self.rate) if self.rate else None

    def misbehave(self, script: faults.Script) -> None:
        """Replace the fault script; its counters and its time begin anew."""
        self.script, self._counts, self._began = script, (), self.clock()

    def reset(self) -> None:
        """Forget all payments and requests; key and faults stay, the script begins anew."""
        self.ledger, self.journal = Ledger(), Journal()
        self.misbehave(self.script)

    def limit(self) -> Reply | None:
        """Return the refusal of a call above the rate, or None."""
        wait = self._bucket.wait(self.clock()) if self._bucket else 0.0
        if not wait:
            return None
        return Reply(429, "Too many requests", Outcome.LIMITED, retry_after=max(1, math.ceil(wait)))

    def fault(self, action: str, document: object) -> faults.Rule | None:
        """Return what shall go wrong with this call, or None."""
        named = document.get("payment_id") if isinstance(document, dict) else None
        sighting = faults.Sighting(action, named if isinstance(named, str) else None)
        decision = faults.decide(self.script, self._counts, sighting, self.clock() - self._began)
        self._counts = decision.counts
        return decision.rule

    def handle(self, action: str, key: str | None, document: object, seq: int) -> Reply:
        """Do what the API does with one call. ``document`` is the parsed body, or why it can't be parsed."""
        if key != self.key:
            return Reply(401, "Invalid server key", Outcome.UNAUTHORIZED)
        try:
            if isinstance(document, bodies.Malformed):
                raise document
            if action == "capture":
                outcome = self.ledger.capture(bodies.capture(document), seq)
            elif self.erasures and isinstance(document, dict) and "user_id" in document:
                outcome = self.ledger.erase(bodies.erase(document))
            else:
                outcome = self.ledger.remove(bodies.remove(document))
        except bodies.Malformed as error:
            return Reply(error.status, str(error), Outcome.MALFORMED)
        if outcome is Outcome.NOTHING:
            return Reply(400, "No payment found", outcome)
        return Reply(201 if action == "capture" else 200, "Success", outcome)

    def summary(self) -> dict[str, object]:
        """Return the ledger's totals and the log's counts, without single payments."""
        return {
            "totals": [total.document() for total in self.ledger.totals()],
            "removals": len(self.ledger.removed),
            "outcomes": self.journal.outcomes(),
            "faults": self.journal.faults(),
        }


@asynccontextmanager
async def serving(simulator: Simulator, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Serve ``simulator`` and yield its origin (``http://127.0.0.1:8099``). Port 0 takes a free one.

    Raises :class:`OSError` where the address can't be bound. Calls that hang at the end are cut off.
    """
    runner = web.AppRunner(
        _Endpoints(simulator).application(), access_log=None, handler_cancellation=True, shutdown_timeout=0.2
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        bound = runner.addresses[0]
        yield f"http://{bound[0]}:{bound[1]}"
    finally:
        await runner.cleanup()


@dataclass(frozen=True, slots=True)
class _Endpoints:
    """The HTTP side: each method is the handler of one path."""

    simulator: Simulator

    def application(self) -> web.Application:
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        app.router.add_get("/healthz", self.healthz)
        app.router.add_get("/ledger", self.show_ledger)
        app.router.add_get("/ledger/summary", self.show_summary)
        app.router.add_get("/ledger/requests", self.show_requests)
        app.router.add_post("/ledger/reset", self.reset)
        app.router.add_put("/faults", self.set_faults)
        app.router.add_put("/key", self.set_key)
        for path in _ACTIONS:
            app.router.add_post(path, self.call)
            app.router.add_get(path, self.unread)
        app.router.add_get(_REPORTING, self.report)
        app.router.add_route("*", "/{rest:.*}", self.elsewhere)
        return app

    async def call(self, request: web.Request) -> web.StreamResponse:
        """Serve one call of the API, truthfully or not. A caller that goes away cancels this."""
        simulator = self.simulator
        entry = simulator.journal.open(request.path, simulator.clock())
        action = _ACTIONS[request.path]
        document = await self._document(request, entry)
        limited = simulator.limit()
        if limited:
            return self._answer(entry, limited)
        rule = simulator.fault(action, document)
        if rule:
            entry.fault = rule.name
            entry.outcome = f"fault:{rule.name}"
        if rule and not (rule.truthful or rule.applied):
            return await self._fail(request, entry, rule, None)
        reply = simulator.handle(action, request.headers.get("linkrunner-key"), document, entry.seq)
        entry.outcome = reply.outcome
        if rule:
            return await self._fail(request, entry, rule, reply)
        return self._answer(entry, reply)

    async def _document(self, request: web.Request, entry: Entry) -> object:
        """Return the parsed body, or a :class:`bodies.Malformed` that says why there is none."""
        try:
            entry.body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return bodies.TooLarge("the body is too large")
        try:
            document = bodies.parse_json(entry.body)
        except bodies.Malformed as error:
            return error
        entry.readable = True
        if request.content_type != "application/json":
            return bodies.Malformed("the content type is not application/json")
        return document

    async def _fail(
        self, request: web.Request, entry: Entry, rule: faults.Rule, reply: Reply | None
    ) -> web.StreamResponse:
        """Answer as ``rule`` says; ``reply`` is the true answer, where the call was handled."""
        truth = say(reply.status, reply.message) if reply else page(rule)
        return await answer_badly(Exchange(request, rule, truth, lambda status: self._note(entry, status)))

    def _answer(self, entry: Entry, reply: Reply) -> web.Response:
        """Answer the truth."""
        self._note(entry, reply.status)
        entry.outcome = reply.outcome
        return say(reply.status, reply.message, reply.retry_after)

    def _note(self, entry: Entry, status: int | None) -> None:
        """Note the answer before it is on the wire: no caller can have acted on it earlier than that."""
        entry.status, entry.answered = status, self.simulator.clock()

    async def elsewhere(self, request: web.Request) -> web.Response:
        """Log a call to a path that the API lacks: a wrong address, or a redirect that was followed."""
        entry = self.simulator.journal.open(request.path, self.simulator.clock())
        await self._document(request, entry)
        return self._answer(entry, Reply(404, "Not found", Outcome.UNKNOWN_PATH))

    async def unread(self, _request: web.Request) -> web.Response:
        """Say that a path of calls has nothing to read. Not in the log, which is of calls."""
        return say(404, "Not found")

    async def report(self, request: web.Request) -> web.Response:
        """Report no campaigns to whoever has the key. Not in the log, which is of calls."""
        if request.headers.get("linkrunner-key") != self.simulator.key:
            return say(401, "Invalid server key")
        return web.json_response({"msg": "Success", "status": 200, "data": {"campaigns": []}})

    async def healthz(self, _request: web.Request) -> web.Response:
        """Say that the simulator is up."""
        return web.json_response({"ok": True})

    async def show_ledger(self, _request: web.Request) -> web.Response:
        """Show all recorded and removed payments, with the totals."""
        ledger = self.simulator.ledger
        return web.json_response(
            {
                **self.simulator.summary(),
                "records": [payment.document() for payment in ledger.payments()],
                "removed": [payment.document() for payment in ledger.removed],
            }
        )

    async def show_summary(self, _request: web.Request) -> web.Response:
        """Show totals and counts alone: cheap enough to poll."""
        return web.json_response(self.simulator.summary())

    async def show_requests(self, request: web.Request) -> web.StreamResponse:
        """Stream the request log as JSON lines, from after the ``since`` of the query."""
        since = request.query.get("since", "0")
        if not since.isdecimal():
            raise web.HTTPBadRequest(text="since is a seq, a whole number\n")
        response = web.StreamResponse(headers={"Content-Type": _JSON_LINES})
        await response.prepare(request)
        for entry in self.simulator.journal.entries(int(since)):
            await response.write(entry.line().encode() + b"\n")
        await response.write_eof()
        return response

    async def reset(self, _request: web.Request) -> web.Response:
        """Forget everything but the key and the script."""
        self.simulator.reset()
        return web.json_response({"ok": True})

    async def set_faults(self, request: web.Request) -> web.Response:
        """Replace the fault script by the one in the body."""
        try:
            script = fault_grammar.load(await request.json())
        except (fault_grammar.FaultScriptError, json.JSONDecodeError, UnicodeDecodeError) as error:
            raise web.HTTPBadRequest(text=f"{error}\n") from None
        self.simulator.misbehave(script)
        return web.json_response({"ok": True, "rules": len(script.rules)})

    async def set_key(self, request: web.Request) -> web.Response:
        """Replace the accepted key by ``{"key": …}``."""
        try:
            document = await request.json()
        except (json.JSONDecodeError, UnicodeDecodeError):
            document = None
        key = document.get("key") if isinstance(document, dict) else None
        if not isinstance(key, str) or not key:
            raise web.HTTPBadRequest(text='the body is {"key": "..."}\n')
        self.simulator.key = key
        return web.json_response({"ok": True})
