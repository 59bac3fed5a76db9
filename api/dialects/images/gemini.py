"""Images as Google draws them: by Gemini's models that answer with pictures, and by Imagen's.

The two have nothing in common but the base URL. Google itself shut Imagen down in August 2026; others still serve it.
"""

from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from api.conversation import Finish, Inline, Source, Stored
from api.dialects.dialect import Written
from api.dialects.embeddings.gemini import resource
from api.dialects.gemini import NAME as NAME
from api.dialects.gemini.answering import source_part
from api.dialects.gemini.chunks import NOTHING, Blob, Feedback
from api.dialects.gemini.ending import REASONS, Counted, Modality, read_usage
from api.dialects.gemini.losses import Losses
from api.dialects.images.asked import Drawn, ImageRequest
from api.dialects.images.canvas import Fit, canvas_of, fit
from api.dialects.silent import SILENT
from api.errors import InvalidRequest, UpstreamRefused

BLOCKED: Final = "content_policy_violation"  # OpenAI's word for it
LONGEST_WORDS: Final = 2000
_DEFAULTS: Final = ("auto", "", "0", 0)  # values that wish for nothing
_NONE: Final = "The body is no reply of this form."
_UNSAID: Final = "BLOCKED_REASON_UNSPECIFIED"


class _Part(Struct, rename="camel"):
    text: str | None = None
    thought: bool | None = None
    inline_data: Blob | None = None


class _Content(Struct):
    parts: list[_Part] | None = None


class _Candidate(Struct, rename="camel"):
    content: _Content | None = None
    finish_reason: str | None = None
    finish_message: str | None = None


class _Prediction(Struct, rename="camel"):
    bytes_base64_encoded: str | None = None
    mime_type: str | None = None
    prompt: str | None = None
    rai_filtered_reason: str | None = None


class _Reply(Struct, rename="camel"):
    candidates: list[_Candidate] | None = None
    prompt_feedback: Feedback | None = None
    usage_metadata: Raw = NOTHING
    predictions: list[_Prediction] | None = None


_REPLY: Final = msgspec.json.Decoder(_Reply)
_COUNTED: Final = msgspec.json.Decoder(Counted | None, strict=False)


def path(model: str) -> str:
    """Where below the base URL a provider of this form is asked for `model`."""
    return f"/{resource(model)}:{'predict' if _is_imagen(model) else 'generateContent'}"


def write_request(request: ImageRequest, model: str) -> Written:
    """The question as Google takes it. `InvalidRequest` where it cannot be said at all."""
    losses = Losses()
    _lose(request, losses)
    fitted = _fit(request.size, model, losses)
    told = _predict(request, fitted) if _is_imagen(model) else _generate(request, fitted)
    return Written(msgspec.json.encode(told), losses.dropped, losses.renamed)


def read_reply(body: bytes) -> Drawn:
    """The pictures. `UpstreamRefused` where there are none because they must not be, `ValueError` for no reply."""
    try:
        reply = _REPLY.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(_NONE) from error
    if reply.predictions is not None:
        return _predicted(reply.predictions)
    if reply.candidates is None and reply.prompt_feedback is None:
        raise ValueError(_NONE)
    return _generated(reply)


# Asking


def _is_imagen(model: str) -> bool:
    return _bare(model).startswith("imagen")


def _bare(model: str) -> str:
    return model.rpartition("/")[2]


def _lose(request: ImageRequest, losses: Losses) -> None:
    """Name what Google cannot be told."""
    wishes = {
        "quality": request.quality,
        "background": request.background,
        "output_format": request.output_format,
        "user": request.user,
        **{name: value for name, value in request.extra.items() if name not in SILENT},
    }
    losses.drop(*(name for name, value in wishes.items() if value is not None and value not in _DEFAULTS))
    if request.mask:
        losses.drop("mask")
    if request.wants_url:
        losses.drop("response_format")


def _fit(size: str | None, model: str, losses: Losses) -> Fit | None:
    """The size as the model can be told it; a shape that is far from the wish is said, and named as lost."""
    if size is None or size.strip().lower() in ("auto", ""):
        return None
    fitted = fit(size, canvas_of(_bare(model)))
    if fitted.far:
        losses.drop("size")
    elif not fitted.exact:
        losses.rename("size")
    return fitted


def _generate(request: ImageRequest, fitted: Fit | None) -> dict[str, Any]:
    if request.n is not None and request.n > 1:
        raise InvalidRequest("Gemini's models draw one picture at a time. Ask once for each.", "n")
    parts = [{"text": request.prompt}, *(_part(source) for source in request.images)]
    config: dict[str, Any] = {"responseModalities": ["IMAGE"]}
    if fitted:
        size = {"imageSize": fitted.tier} if fitted.tier else {}
        config["imageConfig"] = {"aspectRatio": fitted.ratio, **size}
    return {"contents": [{"role": "user", "parts": parts}], "generationConfig": config}


def _part(source: Source) -> dict[str, Any]:
    if isinstance(source, Stored):
        raise InvalidRequest("“file_id” names a file of another provider. Send the picture itself.", "images")
    return source_part(source)


def _predict(request: ImageRequest, fitted: Fit | None) -> dict[str, Any]:
    if request.images:
        raise InvalidRequest("Imagen draws from words alone. Name a Gemini model to change pictures.", "model")
    # Without a count it draws four. Without `includeRaiReason` a picture that was filtered is missing without a word.
    parameters: dict[str, Any] = {"sampleCount": request.n or 1, "includeRaiReason": True}
    if fitted:
        parameters["aspectRatio"] = fitted.ratio
        if fitted.tier:
            parameters["sampleImageSize"] = fitted.tier
    return {"instances": [{"prompt": request.prompt}], "parameters": parameters}


# Hearing


def _generated(reply: _Reply) -> Drawn:
    candidates = reply.candidates or []
    parts = [part for candidate in candidates for part in (candidate.content and candidate.content.parts) or ()]
    # Drafts that a model thinks with are pictures too.
    shown = [part.inline_data for part in parts if part.inline_data and not part.thought]
    pictures = tuple(Inline(blob.mime_type or "image/png", blob.data) for blob in shown if blob.data)
    if not pictures:
        raise _nothing_drawn(reply, candidates, [part.text for part in parts if part.text and not part.thought])
    counted = _counted(reply.usage_metadata)
    came, went = _pictures(counted.prompt_tokens_details), _pictures(counted.candidates_tokens_details)
    return Drawn(pictures, (), read_usage(reply.usage_metadata), came, went)


def _predicted(predictions: list[_Prediction]) -> Drawn:
    drawn = [prediction for prediction in predictions if prediction.bytes_base64_encoded]
    if not drawn:
        why = next((told.rai_filtered_reason for told in predictions if told.rai_filtered_reason), None)
        raise _refused(why or "The provider filtered every picture and did not say why. Ask in other words.")
    images = tuple(Inline(told.mime_type or "image/png", told.bytes_base64_encoded or "") for told in drawn)
    return Drawn(images, tuple(told.prompt or None for told in drawn))


def _nothing_drawn(reply: _Reply, candidates: list[_Candidate], texts: list[str]) -> UpstreamRefused:
    """Why there is no picture: the prompt was blocked, the picture was, or the model chose to talk instead."""
    feedback = reply.prompt_feedback
    if feedback and feedback.block_reason and feedback.block_reason != _UNSAID:
        words = feedback.block_reason_message
        return _refused(words or f"The provider blocked this prompt ({feedback.block_reason}). Ask in other words.")
    first = candidates[0] if candidates else _Candidate()
    reason = first.finish_reason or "no reason given"
    words = first.finish_message or "".join(texts)
    if REASONS.get(reason) is Finish.REFUSAL:
        return _refused(words or f"The provider held the picture back ({reason}). Ask in other words.")
    ending = f": {words[:LONGEST_WORDS]}" if words else ". Ask in other words."
    said = f"The model drew no picture ({reason}){ending}"
    return UpstreamRefused(said, 400, "no_image")


def _refused(words: str) -> UpstreamRefused:
    return UpstreamRefused(words[:LONGEST_WORDS], 400, BLOCKED)


def _counted(raw: Raw) -> Counted:
    try:
        return _COUNTED.decode(raw) or Counted()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Counted()


def _pictures(details: list[Modality] | None) -> int:
    return sum(max(0, detail.token_count or 0) for detail in details or () if detail.modality == "IMAGE")
