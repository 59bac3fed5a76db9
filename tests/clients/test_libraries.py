"""Libraries ask and use a tool, with a provider at the far end of each dialect."""

import json
from typing import Final

import pytest

from tests.clients.conftest import Desk
from tests.clients.installing import from_npm, from_pypi
from tests.clients.programs import NODE, PYTHON
from tests.connecting import call, dialects_asked, models_asked, offered, providing, run, say, works_through
from tests.fakes import Received, Wire
from tests.webui.conftest import Dashboard

pytestmark = [pytest.mark.clients, pytest.mark.timeout(900)]

ALL: Final = ("openai_chat", "openai_responses", "anthropic", "gemini")
MODEL: Final = "some-model"
CALL: Final = ("weather", {"city": "Paris"})
TOLD: Final = ["Nothing to do.", "Done: sunny in Paris"]


def surroundings(dashboard: Dashboard, desk: Desk) -> dict[str, str]:
    """What each program is told."""
    return {
        "HOME": str(desk.home),
        "GATEWAY_URL": dashboard.api.url,
        "GATEWAY_KEY": dashboard.api.key,
        "GATEWAY_MODEL": f"far:{MODEL}",
        "LANGSMITH_TRACING": "false",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    }


@pytest.mark.parametrize("dialect", ALL)
@pytest.mark.parametrize("name", [name for name in PYTHON if name != "smolagents"])
async def test_a_library_for_python_asks_and_uses_a_tool(dashboard, desk, name, dialect):
    package, program = PYTHON[name]
    programs = from_pypi(package)
    async with providing(dashboard, MODEL, dialect=dialect, speaks=works_through(CALL)) as far:
        file = desk.save("program.py", program)
        told = await run(programs / "python", file, cwd=desk.project, **surroundings(dashboard, desk))
    assert told.splitlines() == TOLD
    assert (models_asked(far), dialects_asked(far)) == ({MODEL}, {dialect})


@pytest.mark.parametrize("dialect", ALL)
@pytest.mark.parametrize("name", NODE)
async def test_a_library_for_node_asks_and_uses_a_tool(dashboard, desk, name, dialect):
    (desk.project / "node_modules").symlink_to(from_npm("ai", *(name for name in NODE if " " not in name)))
    program = desk.save("program.mjs", NODE[name])
    async with providing(dashboard, MODEL, dialect=dialect, speaks=works_through(CALL)) as far:
        told = await run("node", program, cwd=desk.project, **surroundings(dashboard, desk))
    assert told.splitlines() == TOLD
    assert (models_asked(far), dialects_asked(far)) == ({MODEL}, {dialect})


@pytest.mark.parametrize("dialect", ALL)
async def test_smolagents_asks_and_uses_a_tool(dashboard, desk, dialect):
    package, program = PYTHON["smolagents"]
    programs = from_pypi(package)

    async def speaks(received: Received, wire: Wire) -> None:
        # It tells results as words of the user, and its own answer by a tool.
        if "weather" not in offered(json.loads(received.body)):
            await say(received, wire, TOLD[0])
        elif b"sunny in Paris" in received.body:
            await call(received, wire, ("call_1", "final_answer", json.dumps({"answer": TOLD[1]})))
        else:
            await call(received, wire, ("call_0", "weather", json.dumps({"city": "Paris"})))

    async with providing(dashboard, MODEL, dialect=dialect, speaks=speaks) as far:
        file = desk.save("program.py", program)
        told = await run(programs / "python", file, cwd=desk.project, **surroundings(dashboard, desk))
    assert told.splitlines() == TOLD
    assert (models_asked(far), dialects_asked(far)) == ({MODEL}, {dialect})


LLM_MODELS: Final = """\
- model_id: there
  model_name: {model}
  api_base: {url}/v1
  api_key_name: there
  supports_tools: true
"""
LLM_TOOL: Final = """\
def weather(city: str) -> str:
    "The weather of a city."
    return f"sunny in {city}"
"""


@pytest.mark.parametrize("dialect", ALL)
async def test_llm_asks_and_uses_a_tool(dashboard, desk, dialect):
    llm = from_pypi("llm") / "llm"
    models = LLM_MODELS.format(model=f"far:{MODEL}", url=dashboard.api.url)
    desk.save("~/llm/extra-openai-models.yaml", models)
    desk.save("~/llm/keys.json", json.dumps({"there": dashboard.api.key}))
    more = surroundings(dashboard, desk) | {"LLM_USER_PATH": str(desk.home / "llm")}
    async with providing(dashboard, MODEL, dialect=dialect, speaks=works_through(CALL)) as far:
        told = await run(llm, "-m", "there", "What is the capital of France?", cwd=desk.project, **more)
        told += await run(llm, "-m", "there", "--functions", LLM_TOOL, "And the weather?", cwd=desk.project, **more)
    assert told.split("\n")[:2] == TOLD
    assert (models_asked(far), dialects_asked(far)) == ({MODEL}, {dialect})
