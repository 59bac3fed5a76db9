"""How recordings are read and made: the bytes of a reply as they came, beside the events that they mean.

`tests/recordings/<dialect>/<case>.sse` or `.json` holds a stream or a whole reply. Its first line says where it comes
from and is no part of it: `: origin: ...` are the bytes of a server that others wrote, `: shaped after ...` were
written by us after what a provider documents or does. `<case>.events.jsonl` holds the golden events, one a line.
`<case>.error.json` is a refusal, `<case>.told.json` what it says.

    python -m tests.recording           writes the goldens that are missing; read each of them against its bytes
"""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct, structs

from api.conversation import Event, PartStarted, ToolCall
from api.dialects import sse
from api.dialects.dialect import Dialect, Told
from api.dialects.spoken import SPOKEN

FOLDER: Final = Path(__file__).with_name("recordings")
_EVENT: Final = msgspec.json.Decoder(Event)


class Recording(Struct, frozen=True):
    """A reply as it came."""

    path: Path

    @property
    def dialect(self) -> Dialect:
        """The dialect it is in."""
        return SPOKEN[self.path.parent.name]

    @property
    def name(self) -> str:
        """How tests call it."""
        return f"{self.path.parent.name}/{self.path.name}"

    @property
    def origin(self) -> str:
        """Where it comes from, in words."""
        return self.path.read_bytes().partition(b"\n")[0].decode()

    @property
    def body(self) -> bytes:
        """The bytes."""
        return self.path.read_bytes().partition(b"\n")[2]

    @property
    def streamed(self) -> bool:
        """Whether it is a stream, or a whole reply."""
        return self.path.suffix == ".sse"

    @property
    def golden(self) -> Path:
        """Where its events stand, or for a refusal what it says."""
        if self.path.name.endswith(".error.json"):
            return self.path.with_name(self.path.name.replace(".error.json", ".told.json"))
        return self.path.with_suffix(".events.jsonl")

    @property
    def events(self) -> list[Event]:
        """The golden events."""
        return [_EVENT.decode(line) for line in self.golden.read_bytes().splitlines()]

    @property
    def told(self) -> Told:
        """What a refusal says, by its golden."""
        return msgspec.json.decode(self.golden.read_bytes(), type=Told)

    def read(self) -> list[Event]:
        """The events as its dialect reads them now."""
        return settled(
            heard(self.dialect, self.body) if self.streamed else self.dialect.read_reply(self.body), self.body
        )


def recordings() -> list[Recording]:
    """All of them but the refusals."""
    found = [path for path in sorted(FOLDER.glob("*/*")) if path.suffix in (".sse", ".json")]
    return [Recording(path) for path in found if path.parent.name in SPOKEN and path.name.count(".") == 1]


def refusals() -> list[Recording]:
    """The refusals."""
    return [Recording(path) for path in sorted(FOLDER.glob("*/*.error.json"))]


def heard(dialect: Dialect, stream: bytes, at: Sequence[int] = ()) -> list[Event]:
    """The events of a stream that comes in portions, cut `at` these places, to its end."""
    return complete(dialect, stream, at)[0]


def complete(dialect: Dialect, stream: bytes, at: Sequence[int] = ()) -> tuple[list[Event], bool]:
    """The same, and whether the reply was complete."""
    frames, reader = sse.Reader(), dialect.Reader()
    events: list[Event] = []
    for start, end in zip((0, *at), (*at, len(stream)), strict=True):
        events += reader.feed(frames.feed(stream[start:end]))
    events += reader.end()
    return events, reader.finished


def settled(events: Iterable[Event], body: bytes) -> list[Event]:
    """The events with the ids that a reader had to make up called by their number: they differ each time."""
    made: dict[str, str] = {}
    found: list[Event] = []
    for event in events:
        match event:
            case PartStarted(part=ToolCall(id=call)) if msgspec.json.encode(call)[1:-1] not in body:
                name = made.setdefault(call, f"made_{len(made)}")
                event = structs.replace(event, part=structs.replace(event.part, id=name))
        found.append(event)
    return found


def lines(values: Iterable[Any]) -> bytes:
    """One JSON value a line."""
    return b"".join(msgspec.json.encode(value) + b"\n" for value in values)


def main() -> int:
    """Write what is missing and say what was written."""
    for recording in recordings():
        if not recording.golden.exists():
            recording.golden.write_bytes(lines(recording.read()))
            print(recording.golden.relative_to(FOLDER))
    for refusal in refusals():
        if not refusal.golden.exists():
            refusal.golden.write_bytes(lines([refusal.dialect.error_in(refusal.body)]))
            print(refusal.golden.relative_to(FOLDER))
    return 0


if __name__ == "__main__":
    sys.exit(main())
