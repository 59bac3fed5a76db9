"""Receipts: the last calls in four texts, bounded, without a secret."""

from typing import Any

from api.dialects import openai_chat
from api.receipts import KEPT, LONGEST, Pane, Receipts
from api.usage import Tally
from tests.conftest import Api
from tests.fakes import CHAT, answers, chat_frames, far_end, says

PATH = "/v1/chat/completions"


def asks(model: str, **more: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": "Hi"}], **more}


def test_a_pane_keeps_the_beginning_and_counts_the_rest():
    pane = Pane()
    for _ in range(3):
        pane.add(b"x" * 100_000)
    assert (len(pane.text()), pane.size) == (LONGEST, 300_000)


def test_a_pane_that_is_put_anew_forgets_what_was_there():
    pane = Pane()
    pane.add(b"x" * LONGEST)
    pane.put(b"new")
    assert (pane.text(), pane.size) == ("new", 3)


def test_a_letter_cut_in_two_hinders_nobody():
    pane = Pane()
    pane.add("é".encode()[:1])
    assert pane.text() == "\N{REPLACEMENT CHARACTER}"


def test_only_the_last_calls_are_kept_and_the_latest_comes_first():
    receipts = Receipts(str)
    for number in range(KEPT + 5):
        receipts.begin(Tally(f"req_{number}", "/", "openai_chat", 0), b"")
    latest = receipts.latest()
    assert [latest[0].request_id, latest[-1].request_id, len(latest)] == [f"req_{KEPT + 4}", "req_5", KEPT]
    assert [receipt.request_id for receipt in receipts.latest(2)] == [f"req_{KEPT + 4}", f"req_{KEPT + 3}"]
    assert receipts.find("req_4") is None
    assert receipts.find("req_5") is not None


def test_the_middle_of_a_secret_that_came_in_two_blocks_is_struck_out():
    receipts = Receipts(lambda text: text.replace("sk-secret", "[hidden]"))
    slip = receipts.begin(Tally("req_1", "/", "openai_chat", 0), b"")
    slip.came.add(b"the key sk-se")
    slip.came.add(b"cret is wrong")
    assert receipts.latest()[0].came.text == "the key [hidden] is wrong"


async def test_bytes_that_pass_leave_a_receipt(api: Api) -> None:
    sent = chat_frames(["Hel", "lo"])
    async with far_end(says(*sent)) as far, api.client() as client:
        await api.gateway.providers.add("far", openai_chat.NAME, f"{far.url}/v1", None)
        got = await client.post(PATH, json=asks("far:m", stream=True))
        receipt = api.gateway.receipts.find(got.headers["x-request-id"])
        assert receipt
        assert (receipt.provider, receipt.served, receipt.model) == ("far", "m", "far:m")
        assert (receipt.caller, receipt.dialect, receipt.status) == (openai_chat.NAME, openai_chat.NAME, 200)
        assert '"far:m"' in receipt.asked.text
        assert receipt.sent.text == far.last.body.decode()
        assert receipt.came.text == receipt.told.text == got.text
        assert receipt.came.size == len(got.content)


async def test_a_refusal_is_on_the_receipt_in_the_words_of_both(api: Api) -> None:
    async with far_end(answers(400, b'{"error":{"message":"no such thing"}}')) as far, api.client() as client:
        await api.gateway.providers.add("far", openai_chat.NAME, f"{far.url}/v1", None)
        got = await client.post(PATH, json=asks("far:m"))
    (receipt,) = api.gateway.receipts.latest()
    assert (receipt.status, receipt.came.text) == (400, "no such thing")
    assert receipt.told.text == got.text


async def test_a_request_that_goes_nowhere_has_a_receipt_too(api: Api) -> None:
    async with api.client() as client:
        got = await client.post(PATH, json=asks("morello:nothing"))
    (receipt,) = api.gateway.receipts.latest()
    assert (receipt.status, receipt.error, receipt.sent.text) == (404, "model_not_found", "")
    assert receipt.told.text == got.text


async def test_no_receipt_shows_a_key(api: Api) -> None:
    async with far_end(answers(200, CHAT.replace(b"Hello", b"sk-provider-123456"))) as far, api.client() as client:
        await api.gateway.providers.add("far", openai_chat.NAME, f"{far.url}/v1", "sk-provider-123456")
        await client.post(PATH, json=asks("far:m", user=api.key))
    shown = str(api.gateway.receipts.latest())
    assert "[hidden]" in shown
    assert "sk-provider" not in shown
    assert api.key not in shown
