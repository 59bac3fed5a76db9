"""The clients that can be connected, and what each of them is to be given: snippets as data.

What a snippet says is proved by running it: tests/webui/test_connect.py and tests/clients copy every one of them
from the page. A sentence may hold `<code>`; names of files, programs and fields are the client's own. Files with
the key in them go into the home, never into a project, from where they would be published one day.
"""

from collections.abc import Callable
from typing import Final

from msgspec import Struct

from webui import quoting
from webui.locale import marked

QUESTION: Final = "What is the capital of France?"  # which the built-in model can answer


class Values(Struct, frozen=True):
    """What a snippet is filled in with: where the API is, its key (in clear or masked), and a model's name."""

    address: str
    key: str
    model: str

    @property
    def base_url(self) -> str:
        """Where OpenAI's clients begin."""
        return f"{self.address}/v1"


class Block(Struct, frozen=True):
    """One thing to copy: a file with the name `file`, lines for a terminal, or the value of the field `label`.

    `how` says where it goes. `title` begins a section, for a client that has more than one.
    """

    write: Callable[[Values], str]
    language: str = ""
    how: str | None = None
    file: str | None = None
    label: str | None = None
    title: str | None = None

    @property
    def holds_key(self) -> bool:
        """Whether the key is part of it."""
        return "the key" in self.write(Values("", "the key", ""))


class Client(Struct, frozen=True):
    """A program; one that `uses_tools` is of no use with a model that has none.

    One without blocks cannot be connected, and `why` says so.
    """

    id: str
    name: str
    blocks: tuple[Block, ...] = ()
    uses_tools: bool = False
    edits_files: bool = False
    why: tuple[str, ...] = ()


def _curl(at: Values) -> str:
    return f"""\
curl -N {at.base_url}/chat/completions \\
  -H {quoting.shell("Authorization: Bearer " + at.key)} \\
  -H "Content-Type: application/json" \\
  -d '{{"model": {quoting.json_in_shell(at.model)},
    "stream": true, "messages": [{{"role": "user",
    "content": {quoting.json_in_shell(QUESTION)}}}]}}'"""


def _python(at: Values) -> str:
    return f"""\
from openai import OpenAI

question = {quoting.python(QUESTION)}
client = OpenAI(
    base_url={quoting.python(at.base_url)},
    api_key={quoting.python(at.key)},
)
stream = client.chat.completions.create(
    model={quoting.python(at.model)},
    messages=[{{"role": "user", "content": question}}],
    stream=True,
)
for chunk in stream:
    if chunk.choices:
        print(chunk.choices[0].delta.content or "", end="", flush=True)
print()
"""


def _node(at: Values) -> str:
    return f"""\
import OpenAI from "openai";

const question = {quoting.json(QUESTION)};
const client = new OpenAI({{
  baseURL: {quoting.json(at.base_url)},
  apiKey: {quoting.json(at.key)},
}});
const stream = await client.chat.completions.create({{
  model: {quoting.json(at.model)},
  messages: [{{ role: "user", content: question }}],
  stream: true,
}});
for await (const chunk of stream) {{
  process.stdout.write(chunk.choices[0]?.delta?.content ?? "");
}}
console.log();
"""


def _anthropic(at: Values) -> str:
    return f"""\
from anthropic import Anthropic

question = {quoting.python(QUESTION)}
client = Anthropic(
    base_url={quoting.python(at.address)},
    api_key={quoting.python(at.key)},
)
with client.messages.stream(
    model={quoting.python(at.model)},
    max_tokens=1024,
    messages=[{{"role": "user", "content": question}}],
) as stream:
    for text in stream.text_stream:
        print(text, end="", flush=True)
print()
"""


def _claude_code(at: Values) -> str:
    return f"""\
unset ANTHROPIC_API_KEY
export ANTHROPIC_BASE_URL={quoting.shell(at.address)}
export ANTHROPIC_AUTH_TOKEN={quoting.shell(at.key)}
export ANTHROPIC_MODEL={quoting.shell(at.model)}
export ANTHROPIC_DEFAULT_HAIKU_MODEL="$ANTHROPIC_MODEL"
"""


def _codex(at: Values) -> str:
    return f"""\
model = {quoting.python(at.model)}
model_provider = "morello"

[model_providers.morello]
name = "Morello"
base_url = {quoting.python(at.base_url)}
wire_api = "responses"
experimental_bearer_token = {quoting.python(at.key)}
"""


def _gemini_cli(at: Values) -> str:
    return f"""\
export GOOGLE_GEMINI_BASE_URL={quoting.shell(at.address)}
export GEMINI_API_KEY={quoting.shell(at.key)}
export GEMINI_MODEL={quoting.shell(at.model)}
"""


_GEMINI_SETTINGS: Final = """\
{
  "security": {
    "auth": {
      "selectedType": "gemini-api-key"
    }
  }
}
"""


def _continue(at: Values) -> str:
    return f"""\
name: Morello
version: 1.0.0
schema: v1
models:
  - name: Morello
    provider: openai
    apiBase: {quoting.python(at.base_url)}
    apiKey: {quoting.python(at.key)}
    model: {quoting.python(at.model)}
    roles: [chat, edit, apply]
    capabilities: [tool_use]
"""


def _aider(at: Values) -> str:
    return f"""\
openai-api-base: {quoting.python(at.base_url)}
openai-api-key: {quoting.python(at.key)}
model: {quoting.python("openai/" + at.model)}
"""


def _opencode(at: Values) -> str:
    return f"""\
{{
  "$schema": "https://opencode.ai/config.json",
  "provider": {{
    "morello": {{
      "npm": "@ai-sdk/openai-compatible",
      "name": "Morello",
      "options": {{
        "baseURL": {quoting.json(at.base_url)},
        "apiKey": {quoting.json(at.key)}
      }},
      "models": {{
        {quoting.json(at.model)}: {{}}
      }}
    }}
  }},
  "model": {quoting.json("morello/" + at.model)}
}}
"""


def _langchain(at: Values) -> str:
    return f"""\
from langchain_openai import ChatOpenAI

model = ChatOpenAI(
    base_url={quoting.python(at.base_url)},
    api_key={quoting.python(at.key)},
    model={quoting.python(at.model)},
)
for chunk in model.stream({quoting.python(QUESTION)}):
    print(chunk.text, end="", flush=True)
print()
"""


CLIENTS: Final = (
    Client("curl", "curl", (Block(_curl, "shell", marked("Paste this into a terminal.")),)),
    Client(
        "python",
        "Python",
        (
            Block(
                _python,
                "python",
                marked("Install the library with <code>pip install openai</code>. Then run this file."),
                file="hello.py",
            ),
        ),
    ),
    Client(
        "node",
        "Node",
        (
            Block(
                _node,
                "javascript",
                marked("Install the library with <code>npm install openai</code>. Then run this file."),
                file="hello.mjs",
            ),
        ),
    ),
    Client(
        "anthropic",
        "Anthropic",
        (
            Block(
                _anthropic,
                "python",
                marked("Install the library with <code>pip install anthropic</code>. Then run this Python file."),
                file="hello.py",
            ),
        ),
    ),
    Client(
        "claude-code",
        "Claude Code",
        (
            Block(
                _claude_code,
                "shell",
                marked("Add this to <code>~/.zshrc</code> or <code>~/.bashrc</code>. Open a new terminal."),
            ),
        ),
        uses_tools=True,
    ),
    Client(
        "codex",
        "Codex",
        (
            Block(
                _codex,
                "toml",
                marked("Save this file, or put its lines above those that you have. Then run <code>codex</code>."),
                file="~/.codex/config.toml",
            ),
        ),
        uses_tools=True,
    ),
    Client(
        "gemini-cli",
        "gemini-cli",
        (
            Block(
                _gemini_cli,
                "shell",
                marked("Add this to <code>~/.zshrc</code> or <code>~/.bashrc</code>. Open a new terminal."),
            ),
            Block(
                lambda _at: _GEMINI_SETTINGS,
                "json",
                marked("Save this file, so that it asks for no Google account. Then run <code>gemini</code>."),
                file="~/.gemini/settings.json",
            ),
        ),
        uses_tools=True,
    ),
    Client(
        "vscode",
        "VS Code",
        (
            Block(
                _continue,
                "yaml",
                marked("Save this as the settings of the extension Continue, or add the model to the ones you have."),
                file="~/.continue/config.yaml",
                title="Continue",
            ),
            Block(
                lambda at: at.base_url,
                how=marked(
                    "In the settings of the extension Cline choose <b>OpenAI Compatible</b> as the API provider. Then "
                    "fill in these fields."
                ),
                label="Base URL",
                title="Cline",
            ),
            Block(lambda at: at.key, label="API Key"),
            Block(lambda at: at.model, label="Model ID"),
        ),
        uses_tools=True,
    ),
    Client(
        "aider",
        "aider",
        (
            Block(
                _aider,
                "yaml",
                marked("Save this file. Then run <code>aider</code> in your project."),
                file="~/.aider.conf.yml",
            ),
        ),
        edits_files=True,
    ),
    Client(
        "opencode",
        "opencode",
        (
            Block(
                _opencode,
                "json",
                marked("Save this file. Then run <code>opencode</code> in your project."),
                file="~/.config/opencode/opencode.json",
            ),
        ),
        uses_tools=True,
    ),
    Client(
        "langchain",
        "LangChain",
        (
            Block(
                _langchain,
                "python",
                marked(
                    "Install the library with <code>pip install langchain-openai</code>. Then run this Python file."
                ),
                file="hello.py",
            ),
        ),
    ),
    Client(
        "cursor",
        "Cursor",
        why=(
            marked(
                "Cursor cannot use Morello. It calls models from its own servers, and those cannot reach an address "
                "on this computer."
            ),
            marked("VS Code calls from this computer: Continue and Cline work there."),
        ),
    ),
)
BY_ID: Final = {client.id: client for client in CLIENTS}
