"""The OpenAI-compatible door, through the real `openai` SDK and a real server on loopback."""

from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI

from house import House, Person
from page_site import serve
from scripted_model import Scripted
from undertone.errors import ModelFailed
from undertone.llm.embedder import MiniLM

ME = {"role": "user"}
IT = {"role": "assistant"}


@pytest.fixture(scope="module")
def speaker() -> Scripted:
    return Scripted()


@pytest.fixture(scope="module")
async def address(house: House, embedder: MiniLM, speaker: Scripted) -> AsyncIterator[str]:
    async with serve(house.dsn, embedder, speaker) as site:
        yield f"{site.address}/v1"


@pytest.fixture
async def sdk(house: House, address: str, speaker: Scripted) -> AsyncIterator[AsyncOpenAI]:
    """The SDK as a platform would set it up: a key of ours, our address."""
    speaker.forget()
    secret = (await house.key())["Authorization"].removeprefix("Bearer ")
    async with AsyncOpenAI(api_key=secret, base_url=address, max_retries=0) as client:
        yield client


@pytest.fixture
def anna(house: House) -> Person:
    return house.person()


def said(*turns: tuple[dict[str, str], str]) -> Any:
    return [who | {"content": text} for who, text in turns]


async def ask(sdk: AsyncOpenAI, person: Person, messages: Any, **more: Any) -> Any:
    return await sdk.chat.completions.create(
        model=f"undertone/{person.persona}", user=str(person.name), messages=messages, **more
    )


async def test_the_personas_are_the_models(sdk: AsyncOpenAI) -> None:
    found = [model async for model in await sdk.models.list()]
    assert {model.id for model in found} >= {"undertone/mira", "undertone/theo"}
    assert {model.owned_by for model in found} == {"undertone"}


async def test_a_whole_completion(sdk: AsyncOpenAI, anna: Person, speaker: Scripted) -> None:
    speaker.will("The tea ", "is ready.")
    answer = await ask(sdk, anna, said((ME, "Hello.")), temperature=0.1, max_tokens=5)
    choice = answer.choices[0]
    assert choice.message.role == "assistant"
    assert choice.message.content.endswith("The tea is ready.")
    assert choice.finish_reason == "stop"
    assert answer.model == "undertone/mira"
    assert answer.usage.prompt_tokens == speaker_tokens(speaker)
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer.usage.prompt_tokens_details.cached_tokens == 7
    assert answer.model_extra["undertone"]["ai_generated"] is True
    assert speaker.last.temperature != 0.1, "sampling belongs to the persona"


def speaker_tokens(speaker: Scripted) -> int:
    return sum(len(message.content) for message in speaker.last.messages) // 4


async def test_a_streamed_completion(sdk: AsyncOpenAI, anna: Person, speaker: Scripted) -> None:
    await ask(sdk, anna, said((ME, "Hello.")))
    speaker.will("One. ", "Two. ", "Three.")
    stream = await ask(sdk, anna, said((ME, "Count.")), stream=True, stream_options={"include_usage": True})
    chunks = [chunk async for chunk in stream]
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "One. Two. Three."
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage.prompt_tokens == speaker_tokens(speaker)
    assert len({chunk.id for chunk in chunks}) == 1


async def test_no_usage_is_streamed_unasked(sdk: AsyncOpenAI, anna: Person) -> None:
    chunks = [chunk async for chunk in await ask(sdk, anna, said((ME, "Hello.")), stream=True)]
    assert all(chunk.choices and chunk.usage is None for chunk in chunks)


async def talk(sdk: AsyncOpenAI, person: Person, *texts: str) -> tuple[list[Any], str]:
    """Say these as a chat client does, resending everything each time; returns its history and the conversation."""
    history: list[Any] = []
    conversation = ""
    for text in texts:
        history += said((ME, text))
        answer = await ask(sdk, person, history)
        history += said((IT, answer.choices[0].message.content))
        conversation = answer.model_extra["undertone"]["conversation"]
    return history, conversation


async def test_a_resent_history_goes_on_in_the_same_conversation(
    sdk: AsyncOpenAI, anna: Person, speaker: Scripted
) -> None:
    texts = ["My cat is called Figaro.", "He likes milk.", "What does he like?"]
    _, conversation = await talk(sdk, anna, *texts)
    assert [text for role, text in await anna.messages(conversation) if role == "user"] == texts
    assert len(await anna.get("/v1/conversations")) == 1
    assert [m.content for m in speaker.last.messages if m.role == "user"][:2] == texts[:2]


async def test_a_client_that_begins_anew_begins_a_new_conversation(sdk: AsyncOpenAI, anna: Person) -> None:
    _, first = await talk(sdk, anna, "My cat is called Figaro.", "He likes milk.")
    _, second = await talk(sdk, anna, "Good morning.", "Any news?")
    assert first != second
    assert len(await anna.get("/v1/conversations")) == 2


async def test_a_client_that_leaves_out_the_beginning_goes_on_too(sdk: AsyncOpenAI, anna: Person) -> None:
    history, conversation = await talk(sdk, anna, "One.", "Two.", "Three.", "Four.")
    answer = await ask(sdk, anna, history[4:] + said((ME, "Five.")))
    assert answer.model_extra["undertone"]["conversation"] == conversation
    theirs = [text for role, text in await anna.messages(conversation) if role == "user"]
    assert theirs == ["One.", "Two.", "Three.", "Four.", "Five."]


async def test_an_edited_message_makes_a_branch(sdk: AsyncOpenAI, anna: Person, speaker: Scripted) -> None:
    history, conversation = await talk(sdk, anna, "One.", "My cat is called Figaro.", "Three.")
    edited = history[:2] + said((ME, "My cat is called Tosca."))
    answer = await ask(sdk, anna, edited)
    assert answer.model_extra["undertone"]["conversation"] == conversation
    theirs = [text for role, text in await anna.messages(conversation) if role == "user"]
    assert theirs == ["One.", "My cat is called Tosca."]
    assert "Figaro" not in str(speaker.last.messages), "what a branch left is neither history nor recalled"


async def test_asking_again_is_another_reply_and_no_second_message(
    sdk: AsyncOpenAI, anna: Person, speaker: Scripted
) -> None:
    history, conversation = await talk(sdk, anna, "One.", "Two.")
    speaker.will("Another one.")
    await ask(sdk, anna, history[:3])
    assert (await anna.messages(conversation))[-2:] == [("user", "Two."), ("assistant", "Another one.")]
    assert len(await anna.messages(conversation)) == 4


async def test_a_history_nobody_knows_is_the_past_of_a_new_conversation(
    sdk: AsyncOpenAI, anna: Person, speaker: Scripted
) -> None:
    past = said((ME, "My cat is called Figaro."), (IT, "What a name."), (ME, "What is he called?"))
    answer = await ask(sdk, anna, past)
    told = await anna.messages(answer.model_extra["undertone"]["conversation"])
    assert told[:2] == [("user", "My cat is called Figaro."), ("assistant", "What a name.")]
    assert [message.content for message in speaker.last.messages[1:3]] == ["My cat is called Figaro.", "What a name."]


async def test_the_same_key_gets_the_same_completion(sdk: AsyncOpenAI, anna: Person, speaker: Scripted) -> None:
    headers = {"Idempotency-Key": f"once-{anna.name}"}
    first = await ask(sdk, anna, said((ME, "Hello.")), extra_headers=headers)
    again = await ask(sdk, anna, said((ME, "Hello.")), extra_headers=headers)
    assert again.id == first.id
    assert again.choices[0].message.content == first.choices[0].message.content
    assert len(speaker.requests) == 1
    assert len(await anna.get("/v1/conversations")) == 1


async def test_system_messages_are_the_platforms_words(
    sdk: AsyncOpenAI, anna: Person, house: House, speaker: Scripted
) -> None:
    note = {"role": "system", "content": "Today is the spring festival."}
    await ask(sdk, anna, [note, *said((ME, "Hello."))])
    assert "The platform adds:\nToday is the spring festival." in speaker.last.messages[0].content
    token = (await house.token_of(anna)).headers["Authorization"].removeprefix("Bearer ")
    with pytest.raises(openai.PermissionDeniedError, match="come from the platform"):
        await ask(sdk.with_options(api_key=token), anna, [note, *said((ME, "Hello."))])


async def test_parts_of_text_are_read_as_one(sdk: AsyncOpenAI, anna: Person, speaker: Scripted) -> None:
    parts = [{"type": "text", "text": "Hello"}, {"type": "text", "text": "there."}]
    await ask(sdk, anna, [ME | {"content": parts}])
    assert speaker.last_words.endswith("Hello\nthere.")


@pytest.mark.parametrize(
    ("part", "word"),
    [
        ({"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}, "image_url"),
        ({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}, "input_audio"),
        ({"type": "file", "file": {"file_id": "f"}}, "file"),
    ],
)
async def test_what_is_not_text_is_refused_in_words(
    sdk: AsyncOpenAI, anna: Person, speaker: Scripted, part: dict[str, Any], word: str
) -> None:
    mixed = [ME | {"content": [{"type": "text", "text": "Look!"}, part]}]
    for messages in (mixed, mixed + said((IT, "Nice."), (ME, "Is it?"))):
        with pytest.raises(openai.UnprocessableEntityError) as refused:
            await ask(sdk, anna, messages)
        assert f"'{word}' are not supported: only text" in refused.value.message
    assert speaker.requests == []


@pytest.mark.parametrize(
    ("more", "word"),
    [
        ({"n": 2}, "`n` must be 1"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "Tools"),
        ({"modalities": ["text", "audio"]}, "Only text"),
        ({"audio": {"voice": "ash", "format": "wav"}}, "Only text"),
    ],
)
async def test_what_cannot_be_honoured_is_refused_not_dropped(
    sdk: AsyncOpenAI, anna: Person, more: dict[str, Any], word: str
) -> None:
    with pytest.raises(openai.UnprocessableEntityError, match=word):
        await ask(sdk, anna, said((ME, "Hello.")), **more)


async def test_without_user_nobody_could_be_remembered(sdk: AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        await sdk.chat.completions.create(model="undertone/mira", messages=said((ME, "Hello.")))
    assert "`user` is missing" in refused.value.message
    assert refused.value.code == "bad_input"


@pytest.mark.parametrize("messages", [[], [{"role": "system", "content": "Hello."}], said((ME, "Hi."), (IT, "Yes?"))])
async def test_the_last_word_must_be_the_users(sdk: AsyncOpenAI, anna: Person, messages: Any) -> None:
    with pytest.raises((openai.BadRequestError, openai.UnprocessableEntityError), match=r"messages|last message"):
        await ask(sdk, anna, messages)


@pytest.mark.parametrize("model", ["gpt-5", "mira", "undertone/nobody"])
async def test_an_unknown_model_is_not_found(sdk: AsyncOpenAI, model: str) -> None:
    with pytest.raises(openai.NotFoundError) as refused:
        await sdk.chat.completions.create(model=model, user="anna", messages=said((ME, "Hello.")))
    assert refused.value.code == "not_found"
    assert "undertone/<persona>" in refused.value.message or "mira" in refused.value.message


async def test_a_wrong_key_is_an_authentication_error(sdk: AsyncOpenAI, anna: Person) -> None:
    with pytest.raises(openai.AuthenticationError, match="API key"):
        await ask(sdk.with_options(api_key="sk-wrong"), anna, said((ME, "Hello.")))


async def test_a_model_that_fails_is_an_error_the_sdk_can_read(
    sdk: AsyncOpenAI, anna: Person, speaker: Scripted
) -> None:
    speaker.will(ModelFailed("The model is away. Try again."))
    with pytest.raises(openai.InternalServerError, match=r"The model is away\. Try again\."):
        await ask(sdk, anna, said((ME, "Hello.")))
    speaker.will("It began well. ", ModelFailed("The model is away. Try again."))
    heard = ""
    with pytest.raises(openai.APIError, match=r"The model is away\. Try again\."):  # noqa: PT012
        async for chunk in await ask(sdk, anna, said((ME, "Hello again.")), stream=True):
            heard += chunk.choices[0].delta.content or ""
    assert "It began well." in heard


async def test_a_crisis_is_met_here_too(sdk: AsyncOpenAI, anna: Person, speaker: Scripted) -> None:
    answer = await ask(sdk, anna, said((ME, "I want to kill myself tonight")))
    assert "findahelpline.com" in answer.choices[0].message.content
    assert speaker.requests == []
