"""The chat API end to end in process: what a stream looks like, what a person is owed in it."""

from house import House
from scripted_model import Scripted

FIELDS = {
    "turn",
    "conversation",
    "message",
    "text",
    "ai_generated",
    "persona",
    "persona_version",
    "stopped",
    "notice",
    "user_type",
    "strategy",
    "memories",
    "usage",
}


async def test_a_stream_starts_speaks_and_ends(house: House, model: Scripted) -> None:
    anna = house.person()
    model.will("It rains. ", "The tea is ready.")
    heard = await anna.say("What is it like there?")
    assert [event.name for event in heard.events][0] == "turn.started"
    assert {event.name for event in heard.events[1:-1]} == {"text.delta"}
    assert heard.text == heard.done["text"]
    assert heard.text.endswith("It rains. The tea is ready.")
    assert [event.id for event in heard.events if event.name == "turn.started"] == [f"{heard.turn}:0"]
    assert heard.last.id == f"{heard.turn}:{len(heard.text)}"
