"""The child's side of the built-in model: llama.cpp's own server, for as long as somebody holds its stdin.

Run by its path, so that it needs nothing of ours on `sys.path`: `local_child.py PLAN THREADS`, the plan being a
`local_files.Plan` as JSON. The key comes on stdin, because argv and environment are there for everybody to
read. One line goes back, `ready URL` or `failed REASON`. Stdin's end is the end: whatever happens to the
parent, the kernel closes its side of the pipe.
"""

import http.client
import json
import os
import sys
import threading
import time
from typing import Any, TextIO
from urllib.parse import urlsplit

# The weights are a base model: it continues a text, it has never been taught to chat. So it is shown
# a quiz with four answers given, and goes on with the next. An answer begins on its own line, because
# after "Answer:" the model would begin with a space.
CHAT_TEMPLATE = """\
Question: Hello
Answer:
Hello! How can I help you?

Question: What is the capital of Spain?
Answer:
Madrid

Question: Name three colours.
Answer:
Red, green and blue.

Question: Who wrote Faust?
Answer:
Goethe

{% for message in messages -%}
{%- if message.role == 'assistant' -%}
{{ message.content or '' }}

{% elif message.role in ('system', 'developer') -%}
{{ message.content or '' }}

{% else -%}
Question: {{ message.content or '' }}
Answer:
{% endif -%}
{%- endfor -%}"""

# The quiz goes on for ever if it may. The grammar ends every answer after one line, also for a caller
# who names stop words and a large max_tokens of his own; the stop word takes the blank line off again.
# A caller's JSON schema replaces the grammar, and must not meet a stop word that stands inside JSON:
# that is why it is a blank line, not a newline.
ONE_LINE = r'root ::= [^\n]{1,1000} "\n\n"'
BLANK_LINE = "\n\n"

SLOTS = 2


def main() -> None:
    """Serve until stdin ends, which it does with the parent."""
    report = _keep_stdout_for_the_report()
    plan, threads = json.loads(sys.argv[1]), int(sys.argv[2])
    key = sys.stdin.buffer.readline().decode().strip()
    watch = threading.Thread(target=_end_with_stdin, daemon=True)
    watch.start()
    try:
        server = _serve(plan, threads, key)
    except Exception as error:
        report.write(f"failed {' '.join(str(error).split()).rstrip('.')}\n")
        sys.exit(1)
    _wait_until_healthy(server.listening_address)
    report.write(f"ready {server.listening_address}\n")
    watch.join()


def _keep_stdout_for_the_report() -> TextIO:
    """What a C++ library prints must not stand between the parent and our one line."""
    report = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8", errors="replace")
    os.dup2(2, 1)
    return report


def _end_with_stdin() -> None:
    while os.read(0, 1024):
        pass
    os._exit(0)  # an orderly exit would wait for the answers that are still being written


def _serve(plan: dict[str, Any], threads: int, key: str) -> Any:
    import xllamacpp as llama

    params = llama.CommonParams()
    params.model.path = plan["path"]
    params.model_alias = {plan["name"]}
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [key]
    params.ui = False
    params.endpoint_slots = False
    params.cpuparams.n_threads = threads
    params.cpuparams_batch.n_threads = threads
    params.n_parallel = SLOTS
    params.cache_ram_mib = 0  # its default keeps up to 8 GB of old prompts
    params.use_jinja = True
    params.embedding = True
    params.n_batch = params.n_ubatch = plan["batch"]
    if not plan["pools"]:
        params.pooling_type = llama.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    if plan["own"]:
        params.n_ctx = plan["context"]
        params.kv_unified = True  # the callers share it: each may fill what the other leaves
    else:
        params.n_ctx = SLOTS * plan["context"]
        _set_the_quiz(llama, params)
    return llama.Server(params)


def _set_the_quiz(llama: Any, params: Any) -> None:
    params.chat_template = CHAT_TEMPLATE
    params.antiprompt = [BLANK_LINE]
    params.n_predict = 256  # where the caller names no limit
    params.sampling.grammar = llama.CommonGrammar(llama.common_grammar_type.COMMON_GRAMMAR_TYPE_USER, ONE_LINE)
    params.sampling.temp = 0
    params.sampling.penalty_repeat = 1.1  # without it "Tell me a joke" is "I'm a girl. I'm a girl. I'm ..."


def _wait_until_healthy(address: str) -> None:
    while not _is_healthy(address):
        time.sleep(0.02)  # the parent counts the seconds


def _is_healthy(address: str) -> bool:
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=5)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    main()
