"""A model of a few thousand numbers in the GGUF format: it knows nothing, and is loaded in an instant."""

import random
import struct
from pathlib import Path
from typing import Any

TEMPLATE = "{% for message in messages %}<{{ message.role }}>{{ message.content }}{% endfor %}<reply>"
CONTEXT = 2048
WIDTH, HEADS, HIDDEN = 32, 2, 64
TEXT, ARRAY = 8, 9
KINDS = {int: (4, "I"), float: (6, "f"), bool: (7, "?")}
SIGNED = (5, "i")
ALIGNMENT = 32
LETTERS = [chr(code) for code in range(33, 127)]
TOKENS = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "\u2581", *LETTERS]
SORTS = [2, 3, 3, *[6] * 256, *[1] * (len(LETTERS) + 1)]  # unknown, control, byte, normal


def write(path: Path, first: dict[str, Any] | None = None, **more: Any) -> Path:
    """A Llama of one layer at `path`; `more` are pairs of its own, with `__` for a dot, `first` those ahead of all."""
    given = {name.replace("__", "."): value for name, value in more.items()}
    usual = {name: given.pop(name, value) for name, value in _pairs().items()}
    pairs = {**(first or {}), **given, **usual}
    tensors = _tensors()
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(pairs))
    head += b"".join(_text(name) + _value(value) for name, value in pairs.items())
    place = 0
    for name, shape in tensors.items():
        head += _text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, 0, place)
        place += _padded(_size(shape) * 4)
    numbers = random.Random(5)
    body = b"".join(_numbers(shape, numbers) for shape in tensors.values())
    path.write_bytes(head + bytes(-len(head) % ALIGNMENT) + body)
    return path


def _pairs() -> dict[str, Any]:
    return {
        "general.architecture": "llama",
        "llama.context_length": CONTEXT,
        "llama.embedding_length": WIDTH,
        "llama.block_count": 1,
        "llama.feed_forward_length": HIDDEN,
        "llama.attention.head_count": HEADS,
        "llama.attention.layer_norm_rms_epsilon": 1e-5,
        "llama.rope.dimension_count": WIDTH // HEADS,
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.tokens": TOKENS,
        "tokenizer.ggml.scores": [0.0] * len(TOKENS),
        "tokenizer.ggml.token_type": SORTS,
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.chat_template": TEMPLATE,
    }


def _tensors() -> dict[str, tuple[int, ...]]:
    square, wide, narrow = (WIDTH, WIDTH), (WIDTH, HIDDEN), (HIDDEN, WIDTH)
    layer = {
        "attn_norm": (WIDTH,),
        "attn_q": square,
        "attn_k": square,
        "attn_v": square,
        "attn_output": square,
        "ffn_norm": (WIDTH,),
        "ffn_gate": wide,
        "ffn_up": wide,
        "ffn_down": narrow,
    }
    return {
        "token_embd.weight": (WIDTH, len(TOKENS)),
        "output_norm.weight": (WIDTH,),
        "output.weight": (WIDTH, len(TOKENS)),
        **{f"blk.0.{name}.weight": shape for name, shape in layer.items()},
    }


def _text(text: str) -> bytes:
    said = text.encode()
    return struct.pack("<Q", len(said)) + said


def _value(value: Any) -> bytes:
    if isinstance(value, str):
        return struct.pack("<I", TEXT) + _text(value)
    if isinstance(value, list):
        return struct.pack("<I", ARRAY) + _array(value)
    kind, letter = SIGNED if value < 0 else KINDS[type(value)]
    return struct.pack(f"<I{letter}", kind, value)


def _array(values: list[Any]) -> bytes:
    if isinstance(values[0], str):
        return struct.pack("<IQ", TEXT, len(values)) + b"".join(map(_text, values))
    kind, letter = SIGNED if isinstance(values[0], int) else KINDS[float]
    return struct.pack(f"<IQ{len(values)}{letter}", kind, len(values), *values)


def _size(shape: tuple[int, ...]) -> int:
    return shape[0] * (shape[1] if len(shape) > 1 else 1)


def _padded(size: int) -> int:
    return size + -size % ALIGNMENT


def _numbers(shape: tuple[int, ...], numbers: random.Random) -> bytes:
    count = _size(shape)
    packed = struct.pack(f"<{count}f", *(numbers.gauss(0, 0.3) for _ in range(count)))
    return packed + bytes(-len(packed) % ALIGNMENT)
