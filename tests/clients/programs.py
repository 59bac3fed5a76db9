"""Small programs that each use one library as its own documentation does: they ask twice, the second time with a tool.

Where the gateway is, its key and a model's name come in the environment. Each prints the two answers, a line each.
"""

from typing import Final

_ANY: Final = """\
import os
URL, KEY, MODEL = (os.environ[name] for name in ("GATEWAY_URL", "GATEWAY_KEY", "GATEWAY_MODEL"))
BASE = URL + "/v1"
CHAT, TASK = "What is the capital of France?", "How is the weather in Paris?"

def weather(city: str) -> str:
    '''The weather of a city.

    Args:
        city: The city's name.
    '''
    return f"sunny in {city}"
"""

_LANGCHAIN: Final = """
from langchain_core.messages import HumanMessage
from langchain_core.tools import tool

print(model.invoke(CHAT).text)
told = tool(weather)
asked = [HumanMessage(TASK)]
grown = None
for chunk in model.bind_tools([told]).stream(asked):
    grown = chunk if grown is None else grown + chunk
asked += [grown, *map(told.invoke, grown.tool_calls)]
print(model.bind_tools([told]).invoke(asked).text)
"""

_PYDANTIC_AI: Final = """
from pydantic_ai import Agent

print(Agent(model).run_sync(CHAT).output)
print(Agent(model, tools=[weather]).run_sync(TASK).output)
"""

_OPENAI_AGENTS: Final = """
from agents import (
    Agent, OpenAIChatCompletionsModel, OpenAIResponsesModel, Runner, function_tool, set_tracing_disabled
)
from openai import AsyncOpenAI

set_tracing_disabled(True)
model = SPOKEN(model=MODEL, openai_client=AsyncOpenAI(base_url=BASE, api_key=KEY))
print(Runner.run_sync(Agent(name="a", model=model), CHAT).final_output)
print(Runner.run_sync(Agent(name="a", model=model, tools=[function_tool(weather)]), TASK).final_output)
"""

_LITELLM: Final = """
import json
import litellm

litellm.suppress_debug_info = True

def ask(messages, **more):
    reply = litellm.completion(model=NAME, api_base=WHERE, api_key=KEY, messages=messages, **more)
    return reply.choices[0].message

tools = [{"type": "function", "function": {"name": "weather", "description": "The weather of a city.", "parameters": {
    "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}]
print(ask([{"role": "user", "content": CHAT}]).content)
asked = [{"role": "user", "content": TASK}]
said = ask(asked, tools=tools)
[call] = said.tool_calls
told = weather(**json.loads(call.function.arguments))
asked += [said, {"role": "tool", "tool_call_id": call.id, "content": told}]
print(ask(asked, tools=tools).content)
"""

_LLAMA_INDEX: Final = """
import asyncio
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.llms.openai_like import OpenAILike

async def main():
    model = OpenAILike(
        model=MODEL, api_base=BASE, api_key=KEY, is_chat_model=True, is_function_calling_model=True
    )
    print(await model.acomplete(CHAT))
    print(await FunctionAgent(tools=[weather], llm=model).run(TASK))

asyncio.run(main())
"""

_INSTRUCTOR: Final = """
import instructor
from pydantic import BaseModel

class weather(BaseModel):
    city: str

def ask(words, shape):
    asked = [{"role": "user", "content": words}]
    return client.create(model=MODEL, messages=asked, response_model=shape, max_tokens=100)

print(READ(ask(CHAT, None)))
print("Done: sunny in", ask(TASK, weather).city)
"""

_SMOLAGENTS: Final = """
from smolagents import OpenAIModel, ToolCallingAgent, tool

model = OpenAIModel(model_id=MODEL, api_base=BASE, api_key=KEY)
print(model.generate([{"role": "user", "content": CHAT}]).content)
print(ToolCallingAgent(tools=[tool(weather)], model=model, verbosity_level=0).run(TASK))
"""

_VERCEL: Final = """
import { generateText, isStepCount, jsonSchema, streamText, tool } from "ai";

const { GATEWAY_URL: url, GATEWAY_KEY: apiKey, GATEWAY_MODEL: name } = process.env;
const baseURL = `${url}/v1`;
const model = MADE;
const city = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const weather = tool({
  description: "The weather of a city.",
  inputSchema: jsonSchema(city),
  execute: async ({ city }) => `sunny in ${city}`,
});
console.log((await generateText({ model, prompt: "What is the capital of France?" })).text);
const asked = { model, prompt: "How is the weather in Paris?", tools: { weather }, stopWhen: isStepCount(3) };
console.log(await streamText(asked).text);
"""


def _vercel(package: str, create: str, options: str = "", model: str = "") -> str:
    made = f"{create}({{ baseURL, apiKey{options} }}){model}(name)"
    return f'import {{ {create} }} from "@ai-sdk/{package}";' + _VERCEL.replace("MADE", made)


# The installed package, and the program.
PYTHON: Final = {
    "langchain-openai": (
        "langchain-openai",
        _ANY
        + "from langchain_openai import ChatOpenAI\nmodel = ChatOpenAI(base_url=BASE, api_key=KEY, model=MODEL)\n"
        + _LANGCHAIN,
    ),
    "langchain-openai responses": (
        "langchain-openai",
        _ANY
        + "from langchain_openai import ChatOpenAI\n"
        + "model = ChatOpenAI(base_url=BASE, api_key=KEY, model=MODEL, use_responses_api=True)\n"
        + _LANGCHAIN,
    ),
    "langchain-anthropic": (
        "langchain-anthropic",
        _ANY
        + "from langchain_anthropic import ChatAnthropic\n"
        + "model = ChatAnthropic(base_url=URL, api_key=KEY, model=MODEL)\n"
        + _LANGCHAIN,
    ),
    "pydantic-ai chat": (
        "pydantic-ai-slim",
        _ANY
        + "from pydantic_ai.models.openai import OpenAIChatModel\n"
        + "from pydantic_ai.providers.openai import OpenAIProvider\n"
        + "model = OpenAIChatModel(MODEL, provider=OpenAIProvider(base_url=BASE, api_key=KEY))\n"
        + _PYDANTIC_AI,
    ),
    "pydantic-ai responses": (
        "pydantic-ai-slim",
        _ANY
        + "from pydantic_ai.models.openai import OpenAIResponsesModel\n"
        + "from pydantic_ai.providers.openai import OpenAIProvider\n"
        + "model = OpenAIResponsesModel(MODEL, provider=OpenAIProvider(base_url=BASE, api_key=KEY))\n"
        + _PYDANTIC_AI,
    ),
    "pydantic-ai anthropic": (
        "pydantic-ai-slim",
        _ANY
        + "from pydantic_ai.models.anthropic import AnthropicModel\n"
        + "from pydantic_ai.providers.anthropic import AnthropicProvider\n"
        + "model = AnthropicModel(MODEL, provider=AnthropicProvider(base_url=URL, api_key=KEY))\n"
        + _PYDANTIC_AI,
    ),
    "openai-agents responses": ("openai-agents", _ANY + _OPENAI_AGENTS.replace("SPOKEN", "OpenAIResponsesModel")),
    "openai-agents chat": ("openai-agents", _ANY + _OPENAI_AGENTS.replace("SPOKEN", "OpenAIChatCompletionsModel")),
    "litellm openai": ("litellm", _ANY + 'NAME, WHERE = "openai/" + MODEL, BASE\n' + _LITELLM),
    "litellm anthropic": ("litellm", _ANY + 'NAME, WHERE = "anthropic/" + MODEL, URL\n' + _LITELLM),
    "llama-index": ("llama-index-llms-openai-like", _ANY + _LLAMA_INDEX),
    "instructor openai": (
        "instructor",
        _ANY
        + "from openai import OpenAI\nimport instructor\n"
        + "client = instructor.from_openai(OpenAI(base_url=BASE, api_key=KEY))\n"
        + "READ = lambda reply: reply.choices[0].message.content\n"
        + _INSTRUCTOR,
    ),
    "instructor anthropic": (
        "instructor",
        _ANY
        + "from anthropic import Anthropic\nimport instructor\n"
        + "client = instructor.from_anthropic(Anthropic(base_url=URL, api_key=KEY))\n"
        + "READ = lambda reply: reply.content[0].text\n"
        + _INSTRUCTOR,
    ),
    "smolagents": ("smolagents", _ANY + _SMOLAGENTS),
}
NODE: Final = {
    "@ai-sdk/openai": _vercel("openai", "createOpenAI"),
    "@ai-sdk/openai chat": _vercel("openai", "createOpenAI", model=".chat"),
    "@ai-sdk/openai-compatible": _vercel("openai-compatible", "createOpenAICompatible", ', name: "morello"'),
    "@ai-sdk/anthropic": _vercel("anthropic", "createAnthropic"),
}
