"""One call from start to finish.

The same dialect on both sides: the bytes pass (`passing`). Two dialects: the vocabulary between them (`translating`),
as for the test models, which answer in events. Whatever happens, the upstream is closed and one row is written; but
of a dry run (`rehearsing`) nothing is.
"""

import asyncio
import logging
from functools import partial
from typing import Final

from api.calls import Calls
from api.dialects.envelope import Envelope
from api.errors import GatewayError
from api.gateway import Gateway
from api.providers.provider import TESTING, Route
from api.relay import attempts, forwarding, passing, translating
from api.relay.asked import Answer, Asked, Delivery, Named
from api.relay.choosing import bytes_pass, choose
from api.relay.rehearsing import is_rehearsal, rehearse
from api.relay.turn import Dialect, Turn
from api.store.calls import CALLER_GONE
from api.usage import Tally

__all__ = ["Answer", "Asked", "Delivery", "Dialect", "Named", "is_rehearsal", "relay"]

INTERNAL: Final = "Morello failed at this request. Its log says more; the request id finds the place."
log = logging.getLogger("morello.relay")


async def relay(asked: Asked, gateway: Gateway, calls: Calls, caller: Dialect, delivery: Delivery) -> Answer | None:
    """Answer one call: the answer to send, or None if it went out through `delivery`. Raises `GatewayError`."""
    size = asked.upload.size if asked.upload else len(asked.body)
    tally = Tally(asked.request_id, asked.route, caller.NAME, size)
    if is_rehearsal(asked.headers):
        return await rehearse(Turn(asked, gateway, calls.running(), caller, delivery, tally, rehearsed=True))
    with calls.running(tally) as call:
        gateway.news.tell()
        turn = Turn(asked, gateway, call, caller, delivery, tally)
        try:
            answer = await _answer(turn)
            return turn.whole(answer) if answer else None
        except asyncio.CancelledError:
            if call.broken is None:
                tally.status, tally.error = CALLER_GONE, "caller_gone"
                raise
            call.task.uncancel()
            await turn.fail(call.broken)
        except GatewayError as error:
            await turn.fail(error)
        except Exception:
            log.exception("request %s failed", asked.request_id)
            await turn.fail(GatewayError(INTERNAL))
        finally:
            turn.close()
            gateway.ledger.record(tally, turn.attempts)
    return None


async def _answer(turn: Turn) -> Answer | None:
    if turn.asked.endpoint:
        return await forwarding.forward(turn, turn.asked.endpoint)
    envelope, plan = await choose(turn)
    return await attempts.answered(turn, plan, partial(_ask, turn, envelope))


async def _ask(turn: Turn, envelope: Envelope, route: Route) -> Answer | None:
    if route.provider.id == TESTING:
        return await translating.interpret(turn, envelope, route)
    if bytes_pass(turn.caller, route.provider, envelope):
        return await passing.pass_on(turn, envelope, route)
    return await translating.translate(turn, envelope, route)
