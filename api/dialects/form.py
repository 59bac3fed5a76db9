"""How one endpoint's question and answer are written: the names that a form's module offers.

A form is to an endpoint what a dialect is to a conversation: pure functions, no sockets. Where the caller's form is
the provider's, bytes pass; where not, the endpoint's vocabulary stands between (`embeddings/asked.py`,
`images/asked.py`). A form may know one side only: nobody is asked in the form of Ollama's older embeddings.
"""

from typing import Any, Protocol

from api.dialects.dialect import Written


class Form(Protocol):
    """One of the modules in `embeddings` and `images`. `Any` is the endpoint's own vocabulary."""

    NAME: str

    def path(self, model: str) -> str | None:
        """Where below the base URL a provider of this form is asked for `model`; None where its endpoint says that."""

    def read_request(self, body: bytes, model: str) -> Any:
        """The caller's question; `InvalidRequest` names the field that is wrong. `model` is what the URL named."""

    async def read(self, upload: Any) -> Any:
        """The same for a question that came as a form with files, in forms that know such."""

    def write_request(self, request: Any, model: str) -> Written:
        """The question as a provider of this form takes it, which calls the model `model`."""

    def read_reply(self, body: bytes) -> Any:
        """A provider's answer. `ValueError` if it is none."""

    def write_reply(self, reply: Any, request: Any) -> bytes:
        """The answer as the caller of `request` takes it."""

    def media_type(self, request: Any) -> str:
        """What `write_reply` writes, in forms whose answers are not always JSON."""

    def rename(self, body: bytes, asked: str, model: str) -> bytes:
        """A question that passes, naming the provider's `model` for `asked`, in forms that do so below the top."""

    def mend(self, asked: bytes, reply: bytes) -> bytes:
        """An answer that passes, brought into shape where the provider strayed from the form, in forms that see to it.

        `asked` is the question as it went out. `ValueError` if `reply` is no answer.
        """
