"""Answers for the documentation: what the test model says to the examples, and what stands beside that."""

from typing import Any, Final

Sample = dict[str, Any]
NUMBER: Final = "req_0123456789abcdef01234567"
AT: Final = 1795479729

CHAT: Final[Sample] = {
    "id": f"chatcmpl-{NUMBER}",
    "object": "chat.completion",
    "created": AT,
    "model": "morello:echo",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Say hello"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 2, "completion_tokens": 2, "total_tokens": 4},
}
RESPONSE: Final[Sample] = {
    "id": f"resp_{NUMBER}",
    "object": "response",
    "created_at": AT,
    "status": "completed",
    "completed_at": AT,
    "error": None,
    "incomplete_details": None,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "model": "morello:echo",
    "output": [
        {
            "id": f"msg_{NUMBER}_0",
            "type": "message",
            "status": "completed",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "Say hello", "annotations": [], "logprobs": []}],
        }
    ],
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "prompt_cache_key": None,
    "reasoning": None,
    "safety_identifier": None,
    "service_tier": "auto",
    "store": True,
    "background": False,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}, "verbosity": "medium"},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "usage": {
        "input_tokens": 2,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": 2,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 4,
    },
    "user": None,
    "metadata": {},
}
INPUT_TOKENS: Final[Sample] = {"object": "response.input_tokens", "input_tokens": 7}
INPUT_ITEMS: Final[Sample] = {
    "object": "list",
    "data": [
        {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": "Say hello"}],
            "id": "msg_21c392f0598b36024e2c3edd",
            "status": "completed",
        }
    ],
    "first_id": "msg_21c392f0598b36024e2c3edd",
    "last_id": "msg_21c392f0598b36024e2c3edd",
    "has_more": False,
}
DELETED: Final[Sample] = {"id": f"resp_{NUMBER}", "object": "response", "deleted": True}
MESSAGE: Final[Sample] = {
    "id": f"msg_{NUMBER}",
    "type": "message",
    "role": "assistant",
    "model": "morello:echo",
    "content": [{"type": "text", "text": "Say hello"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 2, "output_tokens": 2, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0},
}
TOKENS: Final[Sample] = {"input_tokens": 7}
GENERATED: Final[Sample] = {
    "candidates": [
        {"content": {"parts": [{"text": "Say hello"}], "role": "model"}, "finishReason": "STOP", "index": 0},
    ],
    "usageMetadata": {"promptTokenCount": 2, "candidatesTokenCount": 2, "totalTokenCount": 4},
    "modelVersion": "morello:echo",
    "responseId": NUMBER,
}
STREAMED: Final[list[Sample]] = [
    {
        "candidates": [{"content": {"parts": [{"text": "Say hello"}], "role": "model"}, "index": 0}],
        "modelVersion": "morello:echo",
        "responseId": NUMBER,
    },
    {
        "candidates": [
            {"content": {"parts": [{"text": ""}], "role": "model"}, "finishReason": "STOP", "index": 0},
        ],
        "usageMetadata": {"promptTokenCount": 2, "candidatesTokenCount": 2, "totalTokenCount": 4},
        "modelVersion": "morello:echo",
        "responseId": NUMBER,
    },
]
TOTAL_TOKENS: Final[Sample] = {"totalTokens": 7}
GEMINI_MODEL: Final[Sample] = {
    "name": "models/morello:echo",
    "displayName": "Echo: answers with your last message",
    "supportedGenerationMethods": ["generateContent", "streamGenerateContent", "countTokens"],
}
GEMINI_MODELS: Final[Sample] = {"models": [GEMINI_MODEL], "nextPageToken": "1"}
MODEL: Final[Sample] = {
    "id": "morello:echo",
    "object": "model",
    "created": 1763856000,
    "owned_by": "morello",
    "name": "Echo: answers with your last message",
    "provider": "morello",
    "provider_name": "Morello test models",
    "provider_type": "openai_chat",
    "provider_model_id": "echo",
}
MODELS: Final[Sample] = {"object": "list", "data": [MODEL], "total": 5, "offset": 0, "limit": 1}
FRONT: Final[Sample] = {
    "name": "Morello",
    "version": "0.1.0",
    "endpoints": {"chat_completions": "/v1/chat/completions"},
}
HEALTH: Final[Sample] = {
    "status": "ok",
    "name": "Morello",
    "version": "0.1.0",
    "timestamp": "2026-11-24T00:22:09.529+00:00",
    "dashboard": None,
}

DETAILS: Final[Sample] = {
    "parent_model": "",
    "format": "",
    "family": "",
    "families": [],
    "parameter_size": "",
    "quantization_level": "",
}
COMPLETED: Final[Sample] = {
    "model": "morello:echo",
    "created_at": "2026-11-24T08:00:00.000000Z",
    "response": "Say hello",
    "done": True,
    "done_reason": "stop",
    "total_duration": 180147,
    "load_duration": 0,
    "prompt_eval_duration": 0,
    "prompt_eval_count": 2,
    "eval_count": 2,
    "eval_duration": 180147,
}
EMBEDDED: Final[Sample] = {"model": "local:gemma-3-270m", "embeddings": [[0.011, -0.042, 0.037]]}
EMBEDDED_OF_OLD: Final[Sample] = {"embedding": [0.011, -0.042, 0.037]}
TAGS: Final[Sample] = {
    "models": [
        {
            "name": "morello:echo",
            "model": "morello:echo",
            "modified_at": "2025-11-23T00:00:00Z",
            "size": 0,
            "digest": "ca634867e05e6daeb2872ba5ba7fdebd3048808fad23b56ecd52789f4c3e9899",
            "details": DETAILS,
        }
    ]
}
SHOWN: Final[Sample] = {
    "modelfile": "# Asked of the provider morello by Morello\nFROM morello:echo\n",
    "parameters": "",
    "template": "{{ .Prompt }}",
    "details": DETAILS,
    "model_info": {"general.architecture": "morello", "general.basename": "Echo: answers with your last message"},
    "capabilities": ["completion", "tools"],
    "modified_at": "2025-11-23T00:00:00Z",
}
RUNNING: Final[Sample] = {"models": []}
VERSION: Final[Sample] = {"version": "0.34.0"}
PULLED: Final[Sample] = {"status": "success"}
