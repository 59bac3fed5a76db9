"""Connect a client: what each one is to be given, and the proof that calls arrive.

Which client is looked at is kept in a cookie, for the next visit, and with the session, for `/live`: its request
was made before the reader chose another one.
"""

import re
from collections.abc import Iterator
from itertools import chain
from typing import Final

from msgspec import Struct
from sanic import HTTPResponse, Request
from sanic.exceptions import NotFound
from sanic.response import text

from api.keys import PREFIX
from api.providers.provider import LOCAL, TESTING
from api.providers.registry import Providers
from webui.card import LAST
from webui.choice import Choice
from webui.clients import BY_ID, CLIENTS, Block, Client, Values
from webui.colours import Piece, pieces
from webui.gate import field
from webui.house import House
from webui.view import Part, answer

STEP: Final = 10  # seconds between two looks that differ by the time of the last call alone
LONGEST_MODEL: Final = 256
CLIENT: Final = Choice("client", BY_ID)
# Models of a list that answer no question; a list may begin with them.
_NO_CHAT: Final = re.compile(
    r"audio|babbage|dall-e|davinci|embed|image|moderation|ocr|realtime|rerank|sora|transcri|tts|whisper"
)


class Shown(Struct, frozen=True):
    """A block as the page shows it."""

    number: int
    block: Block
    text: str

    @property
    def pieces(self) -> list[Piece]:
        """The text in pieces, each after its colour's name."""
        return list(pieces(self.text, self.block.language))


class Connect(Struct, frozen=True):
    """What the card shows. `last` is when the last call ended, in steps; a call in progress makes it `busy`."""

    client: Client
    shown: Values
    is_built_in: bool
    state: str
    busy: bool
    last: int | None

    @property
    def clients(self) -> tuple[Client, ...]:
        """Every tab."""
        return CLIENTS

    @property
    def blocks(self) -> list[Shown]:
        """What there is to copy, the key masked."""
        return [Shown(number, block, block.write(self.shown)) for number, block in enumerate(self.client.blocks)]


def look(request: Request, house: House) -> Connect:
    """The card as things are now."""
    client = chosen(request, house)
    key = house.gateway.keys.main()
    last = house.gateway.activity.look().last_at
    model, is_built_in = _model(house, client)
    return Connect(
        client=client,
        shown=Values(house.door.address, f"{PREFIX}{'•' * 8}{key[-LAST:]}", model),
        is_built_in=is_built_in,
        state=house.door.state.name,
        busy=bool(house.door.calls.in_progress()),
        last=None if last is None else int(last // STEP) * STEP,
    )


PARTS: Final = (Part("connect", look),)


async def choose_client(request: Request, house: House, client: str) -> HTTPResponse:
    """The card of another client."""
    if client not in BY_ID:
        raise NotFound
    house.show_client(request.ctx.session, client)
    return CLIENT.keep(request, answer(request, house, "parts/connect.html", connect=look(request, house)), client)


async def copy_block(request: Request, house: House) -> HTTPResponse:
    """One block, complete: with the whole key, which the page never holds."""
    client = BY_ID.get(field(request, "client") or "")
    number = field(request, "block") or ""
    if client is None or number not in map(str, range(len(client.blocks))):
        raise NotFound
    values = Values(house.door.address, house.gateway.keys.main(), _model(house, client)[0])
    return text(client.blocks[int(number)].write(values))


def chosen(request: Request, house: House) -> Client:
    """The client that is looked at: the one the address names, else this session's last, else an earlier visit's."""
    names = request.args.get("client"), house.client_of(request.ctx.session), CLIENT.of(request)
    return next((BY_ID[name] for name in names if name in BY_ID), CLIENTS[0])


def remember(request: Request, house: House, response: HTTPResponse) -> HTTPResponse:
    """The page that was asked for, and the client that its address names kept for the next one."""
    named = request.args.get("client")
    if named not in BY_ID:
        return response
    house.show_client(request.ctx.session, named)
    return CLIENT.keep(request, response, named)


def _model(house: House, client: Client) -> tuple[str, bool]:
    """The model that a client's snippets name, and whether it is a built-in one."""
    own = _usable(house.gateway.providers)
    if first := next(own, None):
        return next((name for name in chain([first], own) if _may_chat(name)), first), False
    if client.uses_tools:
        return f"{TESTING}:tools", True
    # Its context is too small for what an editor of files is told to do.
    local = () if client.edits_files else house.gateway.providers.models(house.gateway.providers.known(LOCAL))
    return (f"{LOCAL}:{local[0].id}" if local else f"{TESTING}:echo"), True


def _usable(providers: Providers) -> Iterator[str]:
    """The owner's models, but for names that no file or command line can hold."""
    for provider in providers.all():
        for model in providers.models(provider):
            if "\0" not in model.id and len(model.id) <= LONGEST_MODEL:
                yield f"{provider.id}:{model.id}"


def _may_chat(name: str) -> bool:
    return not _NO_CHAT.search(name.partition(":")[2].lower())
