"""YAML, read with care: no objects, no anchors within anchors, nothing large or deep. The only room that knows yaml."""

from typing import Any, Final

import yaml

from api.importing.drafts import ImportRefused

LARGEST: Final = 2 * 1024 * 1024
DEEPEST: Final = 32
MOST_ALIASES: Final = 1000
# libyaml's where there is one: fifteen times as fast.
LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_OPENS: Final = (yaml.MappingStartEvent, yaml.SequenceStartEvent)
_CLOSES: Final = (yaml.MappingEndEvent, yaml.SequenceEndEvent)


def read(content: bytes) -> Any:
    """The one document in `content`; `ImportRefused` names the line that is wrong, and never what stands in it."""
    if len(content) > LARGEST:
        raise ImportRefused("The file is larger than %(most)d MiB. It is no configuration.", most=LARGEST // 1024**2)
    try:
        text = content.decode("utf-8-sig")
        _look_over(text)
        loader = LOADER(text)
        try:
            return loader.get_single_data()
        finally:
            loader.dispose()
    except UnicodeDecodeError:
        raise ImportRefused("The file is not UTF-8 text. Save it as UTF-8.") from None
    except yaml.MarkedYAMLError as error:
        raise _at(error, content) from None
    except (yaml.YAMLError, ValueError, TypeError, RecursionError, OverflowError):
        raise ImportRefused("The file is not YAML, nor anything else that can be imported.") from None


def _look_over(text: str) -> None:
    """Refuse what would grow or sink while it is put together."""
    depth = aliases = 0
    anchors: list[int] = []  # how deep those began that are still open
    for event in yaml.parse(text, Loader=LOADER):
        if isinstance(event, yaml.AliasEvent):
            aliases += 1
            if anchors or aliases > MOST_ALIASES:
                raise ImportRefused("The file repeats itself (&, *) within what is repeated. Write it out.")
        elif isinstance(event, _OPENS):
            depth += 1
            if event.anchor:
                anchors.append(depth)
            if depth > DEEPEST:
                raise ImportRefused("The file is nested too deeply to be read.")
        elif isinstance(event, _CLOSES):
            if anchors and anchors[-1] == depth:
                anchors.pop()
            depth -= 1


def _at(error: yaml.MarkedYAMLError, content: bytes) -> ImportRefused:
    mark = error.problem_mark or error.context_mark
    if mark is None:
        return ImportRefused("The file is not YAML, nor anything else that can be imported.")
    lines = content.decode("utf-8-sig", "replace").splitlines()
    line = lines[mark.line] if mark.line < len(lines) else ""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return ImportRefused("Line %(line)d is indented with a tab. YAML wants spaces.", line=mark.line + 1)
    return ImportRefused("Line %(line)d is not YAML. Look at its indentation and quotes.", line=mark.line + 1)
