"""The shapes of this dialect as its routes document them."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct


class InlineBlob(Struct, rename="camel"):
    """Media within the request."""

    mime_type: Annotated[str, Meta(examples=["image/png"])]
    data: Annotated[str, Meta(description="base64")]


class LinkedFile(Struct, rename="camel", omit_defaults=True):
    """Media that the provider fetches, or has."""

    file_uri: str
    mime_type: str | None = None


class FunctionCall(Struct, omit_defaults=True):
    name: str
    args: dict[str, Any] = {}
    id: str | None = None


class FunctionResponse(Struct, omit_defaults=True):
    name: str
    response: Annotated[dict[str, Any], Meta(description='{"output": ...} or {"error": ...}')]
    id: str | None = None


class ContentPart(Struct, rename="camel", omit_defaults=True):
    """One of text, inlineData, fileData, functionCall and functionResponse. Other kinds pass through."""

    text: str | None = None
    thought: Annotated[bool, Meta(description="The text is what the model thought")] = False
    thought_signature: str | None = None
    inline_data: InlineBlob | None = None
    file_data: LinkedFile | None = None
    function_call: FunctionCall | None = None
    function_response: FunctionResponse | None = None


class ConversationContent(Struct, omit_defaults=True):
    """What one side said."""

    parts: list[ContentPart]
    role: Literal["user", "model"] = "user"


class FunctionDeclaration(Struct, rename="camel", omit_defaults=True):
    name: str
    description: str | None = None
    parameters_json_schema: Annotated[dict[str, Any] | None, Meta(description="JSON Schema of the arguments")] = None
    parameters: Annotated[dict[str, Any] | None, Meta(description="The same in Google's own spelling")] = None


class OfferedTools(Struct, rename="camel", omit_defaults=True):
    """Functions of yours; tools that the provider runs itself stand beside them under their own names."""

    function_declarations: list[FunctionDeclaration] | None = None


class FunctionCallingConfig(Struct, rename="camel", omit_defaults=True):
    mode: Literal["AUTO", "ANY", "NONE", "VALIDATED"] = "AUTO"
    allowed_function_names: list[str] | None = None


class ToolConfig(Struct, rename="camel", omit_defaults=True):
    function_calling_config: FunctionCallingConfig | None = None


class ThinkingConfig(Struct, rename="camel", omit_defaults=True):
    include_thoughts: bool | None = None
    thinking_level: Literal["MINIMAL", "LOW", "MEDIUM", "HIGH", "XHIGH"] | None = None
    thinking_budget: Annotated[int | None, Meta(description="0 is off, -1 as the model likes")] = None


class GenerationConfig(Struct, rename="camel", omit_defaults=True):
    """How to answer."""

    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop_sequences: list[str] | None = None
    candidate_count: int | None = None
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    response_logprobs: bool | None = None
    logprobs: int | None = None
    response_mime_type: Annotated[str | None, Meta(examples=["application/json"])] = None
    response_json_schema: dict[str, Any] | None = None
    response_schema: dict[str, Any] | None = None
    thinking_config: ThinkingConfig | None = None


class GenerateContentRequest(Struct, rename="camel", omit_defaults=True):
    """The fields Morello looks at. The model stands in the URL; names may be written in snake_case too."""

    contents: Annotated[list[ConversationContent], Meta(min_length=1)]
    system_instruction: ConversationContent | None = None
    tools: list[OfferedTools] | None = None
    tool_config: ToolConfig | None = None
    generation_config: GenerationConfig | None = None
    safety_settings: list[dict[str, Any]] | None = None
    cached_content: str | None = None
    labels: dict[str, str] | None = None
    service_tier: str | None = None


class CandidateAnswer(Struct, rename="camel", omit_defaults=True):
    content: ConversationContent
    index: int
    finish_reason: Annotated[str | None, Meta(examples=["STOP"])] = None
    grounding_metadata: dict[str, Any] | None = None
    logprobs_result: dict[str, Any] | None = None


class UsageMetadata(Struct, rename="camel", omit_defaults=True):
    prompt_token_count: int
    candidates_token_count: int
    total_token_count: int
    thoughts_token_count: int | None = None
    cached_content_token_count: int | None = None


class GenerateContentResponse(Struct, rename="camel", omit_defaults=True):
    """A whole reply, or one chunk of a stream."""

    candidates: list[CandidateAnswer]
    model_version: str
    response_id: str
    usage_metadata: UsageMetadata | None = None


class CountTokensRequest(Struct, rename="camel", omit_defaults=True):
    """Contents alone, or a whole request with its instructions and tools."""

    contents: list[ConversationContent] | None = None
    generate_content_request: GenerateContentRequest | None = None


class CountTokensResponse(Struct, rename="camel"):
    total_tokens: int


class StatusDetail(Struct, omit_defaults=True):
    code: Annotated[int, Meta(description="The HTTP status")]
    message: Annotated[str, Meta(description="What happened, and what to do")]
    status: Annotated[str, Meta(examples=["INVALID_ARGUMENT"])]
    details: list[dict[str, Any]] | None = None


class StatusReply(Struct):
    """Every error on routes of this dialect."""

    error: StatusDetail
