"""One person over HTTP: who they are to us, how they are read, what they allowed, all that is held, and its end.

`{user}` is the platform's id for the person, or `me` for whoever is signed in. Knows no room's tables: what is held is
what the rooms registered with `people.privacy`.
"""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from undertone.db import transaction
from undertone.errors import NotFound, Unprocessable
from undertone.people import Person, Principal, age, consent, privacy, standing
from undertone.people.identity import describe_user, find_user
from undertone.people.store import Answer
from undertone.resources import Connection
from undertone.server.auth import disbelieve, own_id, principal, resources_of, sign_out
from undertone.signals import load_profile
from undertone.signals.store import correct_profile, forget_profile

router = APIRouter(prefix="/v1/users/{user}", tags=["people"])

ForProfile = Annotated[Principal, Depends(principal("profile"))]
ForPeople = Annotated[Principal, Depends(principal("people"))]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Standing(BaseModel):
    """A person and what holds for them now."""

    user: str
    country: str | None
    language: str | None
    adult: bool
    consents: dict[str, Literal["granted", "refused", "not asked"]]
    """By purpose; granted by the person or attested by the platform, refused only by the person."""


class ProfileShown(BaseModel):
    """How a person is read: a guess that they can see, correct and delete. docs/signals.md explains each field."""

    user_type: str
    corrected: str | None
    """The person's own word, which goes before `user_type` until they clear it."""
    mood: float
    """The usual valence of their messages, in [-1, 1]."""
    engagement: str
    messages: int
    updated_at: datetime
    fields: dict[str, Any]
    """All of it: the types' probabilities and how they came about, habits, language, what they asked for."""


class PersonShown(Standing):
    """A person, what holds for them, and how they are read; no profile without consent to `typing`."""

    profile: ProfileShown | None


class Correction(_Body):
    """The person's own word for who they are, one of the taxonomy's labels; null clears it."""

    user_type: str | None


class Description(_Body):
    """Where the person is and what they speak: chooses help lines and words. Null or absent: unknown."""

    country: str | None = Field(None, pattern="^[A-Z]{2}$", description="ISO 3166-1, two capital letters.")
    language: str | None = Field(
        None, pattern="^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$", max_length=35, description="A BCP 47 tag such as en-GB."
    )


class ConsentAnswer(_Body):
    """A person's yes or no to one purpose."""

    purpose: Literal["chat", "memory", "typing", "training", "sharing", "offers", "reminders"]
    version: str = Field(min_length=1, max_length=64, description="Names the words the person was shown.")
    granted: bool


class ConsentRecorded(ConsentAnswer):
    """An answer as it was kept."""

    source: str
    at: datetime


class SignedAssertion(_Body):
    """What an age-assurance provider signed: a JSON Web Token, described in docs/privacy.md."""

    assertion: str = Field(min_length=1, max_length=8192)


class Export(BaseModel):
    """Everything held about a person, by table."""

    user: str
    exported_at: datetime
    tables: dict[str, list[dict[str, Any]]]


class Erased(BaseModel):
    """How many rows were deleted, by table."""

    user: str
    erased: dict[str, int]


@router.get("")
async def show(user: str, request: Request, who: ForProfile) -> PersonShown:
    """A person, what holds for them, and how they are read. 404 for someone never seen."""
    external_id = own_id(who, user)
    async with resources_of(request).db.connection() as conn:
        await find_user(conn, external_id)
        person = await standing(conn, who, external_id)
        profile = await _profile(conn, person)
    return PersonShown(**_standing(person).model_dump(), profile=profile)


@router.patch("/profile")
async def correct(user: str, wanted: Correction, request: Request, who: ForProfile) -> ProfileShown:
    """Correct how a person is read, or take the correction back. 404 when nothing was read yet."""
    if wanted.user_type is not None and wanted.user_type not in (labels := request.app.state.types.model.labels):
        raise Unprocessable(f"Unknown user type; choose from: {', '.join(labels)}, or null to clear it.")
    async with transaction(resources_of(request).db) as conn:
        person = await standing(conn, who, own_id(who, user))
        await correct_profile(conn, person.user_id, wanted.user_type)
        profile = await _profile(conn, person)
    if profile is None:
        raise NotFound("Nothing was read of this person yet, so there is nothing to correct.")
    return profile


@router.delete("/profile", status_code=204)
async def forget_reading(user: str, request: Request, who: ForProfile) -> None:
    """Delete how a person is read. To stop reading them, record a no to `typing`."""
    async with transaction(resources_of(request).db) as conn:
        person = await standing(conn, who, own_id(who, user))
        await forget_profile(conn, person.user_id)


@router.patch("")
async def describe(user: str, wanted: Description, request: Request, who: ForProfile) -> Standing:
    """Say where a person is and what they speak. Only the fields sent change."""
    async with transaction(resources_of(request).db) as conn:
        person = await standing(conn, who, own_id(who, user))
        values = {"country": person.country, "language": person.language} | wanted.model_dump(exclude_unset=True)
        await describe_user(conn, person.user_id, **values)
        return _standing(await standing(conn, who, person.external_id))


@router.get("/consents")
async def list_consents(user: str, request: Request, who: ForPeople) -> list[ConsentRecorded]:
    """Every yes and no the person gave, oldest first."""
    async with resources_of(request).db.connection() as conn:
        found = await find_user(conn, own_id(who, user))
        return [_recorded(answer) for answer in await consent.history(conn, found.user_id)]


@router.post("/consents", status_code=201)
async def record_consent(user: str, given: ConsentAnswer, request: Request, who: ForPeople) -> ConsentRecorded:
    """Keep a person's yes or no. The newest answer to a purpose counts, and goes before what a key attests."""
    source = "person" if who.kind == "person" else f"key {who.key_id}"
    async with transaction(resources_of(request).db) as conn:
        person = await standing(conn, who, own_id(who, user))
        kept = await consent.answer(conn, person.user_id, given.purpose, given.version, given.granted, source)
    return _recorded(kept)


@router.post("/age-assertions", status_code=201)
async def assert_age(user: str, sent: SignedAssertion, request: Request, who: ForPeople) -> Standing:
    """Take a signed age assertion. One that says "not an adult" counts as well, and stands."""
    issuer: age.AgeIssuer | None = request.app.state.age_issuer
    if issuer is None:
        raise Unprocessable(
            "No age-assurance provider is configured. Set UNDERTONE_AGE_ISSUER and UNDERTONE_AGE_KEY, "
            "or use a key that attests `adult`."
        )
    async with transaction(resources_of(request).db) as conn:
        person = await standing(conn, who, own_id(who, user))
        assertion = age.read_assertion(issuer, sent.assertion, subject=person.external_id)
        await age.record(conn, person.user_id, sent.assertion, assertion)
        return _standing(await standing(conn, who, person.external_id))


@router.get("/export")
async def export(user: str, request: Request, response: Response, who: ForPeople) -> Export:
    """Everything held about a person, as one JSON document to keep."""
    async with resources_of(request).db.connection() as conn:
        found = await find_user(conn, own_id(who, user))
        tables = await privacy.export_person(conn, found.user_id)
    response.headers["Content-Disposition"] = 'attachment; filename="undertone-export.json"'
    response.headers["Cache-Control"] = "no-store"
    return Export(user=found.external_id, exported_at=datetime.now(UTC), tables=tables)


@router.delete("")
async def erase(user: str, request: Request, response: Response, who: ForPeople) -> Erased:
    """Delete a person and everything held about them, in one transaction. It cannot be undone."""
    async with transaction(resources_of(request).db) as conn:
        found = await find_user(conn, own_id(who, user))
        erased = await privacy.erase_person(conn, found.user_id)
    disbelieve(request, found.user_id)
    if who.kind == "person":
        sign_out(request, response)
    return Erased(user=found.external_id, erased=erased)


def _standing(person: Person) -> Standing:
    def word(purpose: str) -> Literal["granted", "refused", "not asked"]:
        if purpose in person.refused:
            return "refused"
        return "granted" if purpose in person.consents else "not asked"

    return Standing(
        user=person.external_id,
        country=person.country,
        language=person.language,
        adult=person.adult,
        consents={purpose: word(purpose) for purpose in consent.PURPOSES},
    )


async def _profile(conn: Connection, person: Person) -> ProfileShown | None:
    found = await load_profile(conn, person.user_id)
    if found is None:
        return None
    shown = {name: getattr(found, name) for name in ProfileShown.model_fields if name != "fields"}
    return ProfileShown(**shown, fields=found.fields())


def _recorded(answer: Answer) -> ConsentRecorded:
    return ConsentRecorded.model_validate(answer, from_attributes=True)
