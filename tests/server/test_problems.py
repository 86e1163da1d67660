"""Every error is a problem document that says what to do, and never a trace."""

import json
from collections.abc import AsyncIterator
from typing import Annotated, cast

import httpx
import pytest
from fastapi import FastAPI, Query
from psycopg_pool import PoolTimeout
from pydantic import BaseModel

from undertone.errors import LimitReached, ModelFailed, UndertoneError
from undertone.resources import Pool
from undertone.server import problems


class Order(BaseModel):
    tea: str
    cups: int = 1


@pytest.fixture
async def shop() -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    problems.install(app)

    @app.post("/orders")
    async def order(order: Order, table: Annotated[int, Query(ge=1)] = 1) -> str:
        return order.tea

    @app.get("/busy")
    async def busy() -> None:
        raise LimitReached("Wait a moment.", retry_after=1.4, status="spoofed", limit=20)

    @app.get("/broken")
    async def broken() -> None:
        whispered = "".join(["a person's", " words"])
        raise KeyError(len(whispered))

    @app.get("/closed")
    async def closed() -> None:
        raise PoolTimeout("no connection within ten seconds")

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop.test") as client:
        yield client


def checked(answer: httpx.Response, status: int, code: str) -> dict[str, object]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found = answer.json()
    assert found["type"] == f"urn:undertone:problem:{code}"
    assert (found["status"], found["code"]) == (status, code)
    assert found["title"]
    assert found["detail"]
    assert "Traceback" not in answer.text
    return found


async def test_our_own_errors_keep_their_words_and_members(shop: httpx.AsyncClient) -> None:
    answer = await shop.get("/busy")
    found = checked(answer, 429, "limit_reached")
    assert found["detail"] == "Wait a moment."
    assert found["limit"] == 20
    assert answer.headers["retry-after"] == "1"


@pytest.mark.parametrize(
    ("body", "content_type", "status", "words"),
    [
        (b"", "application/json", 422, "send a JSON object"),
        (b"[]", "application/json", 422, "body"),
        (b'"tea"', "application/json", 422, "body"),
        (b'{"tea": "green"}', "text/plain", 422, "Content-Type: application/json"),
        (b'{"tea": ', "application/json", 400, "not valid JSON"),
        (b"\xff\xfe\xfa", "application/json", 400, "not valid JSON"),
        (b'{"tea": "\xc3"}', "application/json", 400, "UTF-8"),
        (b"[" * 100_000, "application/json", 400, "not valid JSON"),
        (b"{}", "application/json", 422, "tea: field required"),
        (b'{"tea": 1, "cups": "many"}', "application/json", 422, "cups:"),
    ],
)
async def test_a_body_that_cannot_be_read_is_answered_in_words(
    shop: httpx.AsyncClient, body: bytes, content_type: str, status: int, words: str
) -> None:
    answer = await shop.post("/orders", content=body, headers={"Content-Type": content_type})
    found = checked(answer, status, "bad_input" if status == 400 else "unprocessable")
    assert words in str(found["detail"])


async def test_a_field_is_named_and_what_was_sent_is_not_repeated(shop: httpx.AsyncClient) -> None:
    answer = await shop.post("/orders?table=0", json={"tea": ["something private"], "cups": 1})
    found = checked(answer, 422, "unprocessable")
    assert [fault["field"] for fault in answer.json()["errors"]] == ["table (in the query)", "tea"]
    assert "private" not in json.dumps(found)


async def test_an_unknown_address_and_a_wrong_method(shop: httpx.AsyncClient) -> None:
    assert "/docs" in str(checked(await shop.get("/nowhere"), 404, "not_found")["detail"])
    wrong = await shop.delete("/orders")
    assert "it takes POST" in str(checked(wrong, 405, "method_not_allowed")["detail"])
    assert wrong.headers["allow"] == "POST"


async def test_what_nobody_foresaw_gets_a_number_and_gives_nothing_away(
    shop: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    found = checked(await shop.get("/broken"), 500, "internal")
    assert "words" not in json.dumps(found)
    logged = capsys.readouterr().err
    assert str(found["incident"]) in logged
    assert "/broken" in logged
    assert "KeyError" in logged
    assert "a person's words" not in logged, "a trace must not show the values of variables"


async def test_a_database_that_is_away_is_worth_another_try(shop: httpx.AsyncClient) -> None:
    answer = await shop.get("/closed")
    checked(answer, 503, "not_ready")
    assert answer.headers["retry-after"] == "5"


async def test_what_postgresql_cannot_hold_is_the_callers_mistake(shop: httpx.AsyncClient, db: Pool) -> None:
    app = cast(FastAPI, cast(httpx.ASGITransport, shop._transport).app)  # pyright: ignore[reportPrivateUsage]

    @app.get("/search")
    async def search(words: str) -> None:
        async with db.connection() as conn:
            await conn.execute("select %s::text", (words,))

    assert (await shop.get("/search?words=tea")).status_code == 200
    checked(await shop.get("/search?words=%00"), 400, "bad_input")


@pytest.mark.parametrize("error", [ModelFailed("Try again."), UndertoneError("It broke.")])
def test_a_stream_can_carry_the_same_document(error: UndertoneError) -> None:
    assert problems.document(error) == json.loads(bytes(problems.respond(error).body))
