"""What a person allowed, and whether they are known to be an adult.

    person = await standing(conn, principal, "user-17")     # one round trip, on the path of every message
    require_chat(person)

A person's own answer goes before what a platform attests; training and sharing are only ever what was explicitly
allowed or attested by name. Knows nothing of what a purpose is used for.
"""

from dataclasses import dataclass
from uuid import UUID

from uuid_utils.compat import uuid7

from undertone.errors import AdultRequired, BadInput, ConsentRequired, Unauthenticated
from undertone.people import store
from undertone.people.identity import Principal, check_external_id
from undertone.people.store import Answer, UserState
from undertone.resources import Connection

PURPOSES = {
    "chat": "talk with an AI persona, the words being stored",
    "memory": "remember facts from earlier conversations",
    "typing": "read the kind of conversation wanted, mood and habits, and keep them in a profile",
    "training": "use the conversations to train better models",
    "sharing": "let every persona know what was told to one of them",
    "offers": "be told, now and then and plainly marked, of something the platform sells",
    "reminders": "be written to at a time they asked for",
}
"""What can be agreed to, each by itself."""


@dataclass(frozen=True, slots=True)
class Person:
    """A person with what holds for them now."""

    user_id: UUID
    external_id: str
    country: str | None
    language: str | None
    consents: frozenset[str]
    """Purposes that may go ahead."""
    refused: frozenset[str]
    """Purposes the person said no to, or took back."""
    adult: bool


async def standing(conn: Connection, who: Principal, external_id: str) -> Person:
    """Whom a request is about and what they allowed; a person a key names for the first time is made.

    One round trip. Raises BadInput for an impossible id, Unauthenticated when a signed-in person was erased meanwhile.
    """
    if who.user_id is None:
        state = await store.load_or_create(conn, check_external_id(external_id), uuid7())
    else:
        known = await store.load_state(conn, who.user_id)
        if known is None:
            raise Unauthenticated("This sign-in has ended: the person it belonged to was erased.")
        state = known
    return weigh(state, who.attests)


def weigh(state: UserState, attests: frozenset[str]) -> Person:
    """Set a person's own answers against what a platform attests: answers win, and so does a negative age assertion."""
    granted = {purpose for purpose, yes in state.answers.items() if yes}
    unanswered = PURPOSES.keys() - state.answers.keys()
    user = state.user
    return Person(
        user_id=user.user_id,
        external_id=user.external_id,
        country=user.country,
        language=user.language,
        consents=frozenset(granted | (unanswered & attests)),
        refused=frozenset(state.answers.keys() - granted),
        adult=state.proven_adult or ("adult" in attests and not state.refuted_adult),
    )


async def answer(conn: Connection, user_id: UUID, purpose: str, version: str, granted: bool, source: str) -> Answer:
    """Record a person's yes or no to a purpose. `version` names the words they were shown, `source` who passed it on.

    Raises BadInput for an unknown purpose or a version that is not 1 to 64 printable characters.
    """
    if purpose not in PURPOSES:
        raise BadInput(f"Unknown purpose {purpose!r}; choose from: {', '.join(PURPOSES)}.")
    if not 1 <= len(version) <= 64 or not version.isprintable():
        raise BadInput("`version` names the words the person was shown: 1 to 64 printable characters.")
    return await store.add_answer(conn, user_id, purpose, version, granted, source)


async def history(conn: Connection, user_id: UUID) -> list[Answer]:
    """Every answer the person gave, oldest first."""
    return await store.list_answers(conn, user_id)


async def refused(conn: Connection, user_id: UUID, purpose: str) -> bool:
    """Whether the person's own newest answer to a purpose is no; for work that nobody's key or token stands behind."""
    state = await store.load_state(conn, user_id)
    return state is None or state.answers.get(purpose) is False


def require_chat(person: Person) -> None:
    """Raises AdultRequired or ConsentRequired unless this person may chat."""
    if not person.adult:
        raise AdultRequired(
            "Only adults may chat, and this person is not known to be one. "
            f"Send a signed assertion to POST /v1/users/{person.external_id}/age-assertions, "
            "or use a key that attests `adult`."
        )
    require(person, "chat")


def require(person: Person, purpose: str) -> None:
    """Raises ConsentRequired unless this person allowed `purpose`."""
    if purpose in person.consents:
        return
    said = "has said no to" if purpose in person.refused else "has not yet agreed to"
    raise ConsentRequired(
        f"This person {said} `{purpose}`. When they agree, record it with POST /v1/users/{person.external_id}/consents "
        f'{{"purpose": "{purpose}", "version": "1", "granted": true}}.',
        purpose=purpose,
    )
