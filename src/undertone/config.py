"""Settings, one flat list: read from `UNDERTONE_*` variables (and `DATABASE_URL`), one sentence a field.

Only `app.py` and the command line import this; rooms get what they need as arguments.
`docs/operations.md` lists every field, by test.
"""

import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AliasChoices, Field, IPvAnyNetwork, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


class Settings(BaseSettings):
    """How one installation runs. Every default is safe on a laptop."""

    model_config = SettingsConfigDict(env_prefix="UNDERTONE_", env_file=".env", extra="ignore", frozen=True)

    database_url: str | None = Field(
        default=None,
        validation_alias=AliasChoices("DATABASE_URL", "UNDERTONE_DATABASE_URL", "database_url"),
        description="A PostgreSQL server with pgvector; without it one is run under the data folder.",
    )
    data_dir: Path = Field(
        default=Path("var"), description="Folder for the embedded database and the converted embedder."
    )
    db_pool_size: int = Field(default=16, ge=2, description="Most connections a server process opens.")
    db_prepare: bool = Field(default=True, description="False behind a pooler that cannot keep prepared statements.")

    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port to listen on.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severe line logged."
    )
    log_json: bool = Field(default=False, description="One JSON object a log line, for machines.")

    model: str = Field(
        default="offline", description="The chat model's name; `offline` composes replies without a model."
    )
    model_base_url: str = Field(default="https://api.x.ai/v1", description="An OpenAI-compatible endpoint.")
    model_api_key: SecretStr = Field(default=SecretStr(""), description="The key for that endpoint.")
    fallback_model: str | None = Field(
        default=None, description="A second model, asked when the first cannot start a reply."
    )
    fallback_base_url: str | None = Field(
        default=None, description="The fallback's endpoint; the first one's when unset."
    )
    fallback_api_key: SecretStr = Field(default=SecretStr(""), description="The key for the fallback's endpoint.")
    first_token_s: float = Field(default=20.0, gt=0, description="Seconds to wait for a model's first piece.")
    idle_token_s: float = Field(default=20.0, gt=0, description="Seconds to wait between two pieces.")
    turn_s: float = Field(default=180.0, gt=0, description="Seconds a whole reply may take.")
    offline_delay_ms: float = Field(default=25.0, ge=0, description="Pause between words of the offline composer.")

    embedder_threads: int = Field(default=1, ge=1, description="Threads the built-in embedder computes with.")
    recall_embedder: str = Field(default="builtin", description="`builtin`, or a model name at the endpoint below.")
    recall_base_url: str | None = Field(
        default=None, description="An OpenAI-compatible embeddings endpoint for recall."
    )
    recall_api_key: SecretStr = Field(default=SecretStr(""), description="The key for that endpoint.")
    recall_dimension: int = Field(
        default=384, ge=8, description="Recall's vector size; fixed when the database is made."
    )

    context_tokens: int = Field(default=16_000, ge=4_000, description="Tokens one request may hold, reply included.")
    context_over_step: bool = Field(
        default=False, description="Let a request grow past the size from which its model bills the whole at more."
    )
    memory_tokens: int = Field(default=900, ge=0, description="Tokens of recalled memories in one request.")

    background_model: str = Field(
        default="same", description="Who extracts and sums up: `same` as in the chat, another model there, or `none`."
    )
    background_s: float = Field(default=30.0, gt=0, description="Seconds that model has for one answer.")
    background_tokens_per_day: int = Field(
        default=50_000, ge=0, description="Tokens it may cost for one person and persona in a day; then rules do it."
    )

    second_look_model: str = Field(
        default="same",
        description="Who looks again where a crisis may be near: `same` as in the chat, another model, or `none`.",
    )
    second_look_s: float = Field(
        default=1.5, gt=0, le=10, description="Seconds that model has; after that the careful reading stands."
    )

    time_zone: str = Field(default="UTC", description="In which time zone a day of the reports begins.")

    visit_sites: Annotated[list[str], NoDecode] = Field(
        default=[], description="Hosts whose pages may send visits; only this server's own when empty."
    )
    visit_days: int = Field(default=400, ge=1, le=3650, description="Days that visits are kept.")
    address_days: int = Field(default=30, ge=0, le=3650, description="Days that a visitor's whole address is kept.")
    address_whole: bool = Field(default=True, description="False cuts visitors' addresses before they are stored.")
    trusted_proxies: Annotated[list[IPvAnyNetwork], NoDecode] = Field(
        default=[], description="Networks of proxies that may say whose address a request came from."
    )
    countries: Path | None = Field(default=None, description="An mmdb file that says which country an address is in.")
    beacons_per_minute: int = Field(default=600, ge=1, description="Beacons taken from one address in a minute.")

    messages_per_minute: int = Field(default=20, ge=1, description="Messages one person may send in a minute.")
    messages_per_day: int = Field(default=1500, ge=1, description="Messages one person may send in a day.")
    minutes_per_day: int | None = Field(
        default=None, ge=1, le=1440, description="Minutes a day one person may talk; each may set fewer for themselves."
    )
    break_minutes: int = Field(
        default=60, ge=0, le=720, description="Minutes without a pause after which a break is suggested; 0 never."
    )
    handover: bool = Field(
        default=False, description="Whether people of yours answer when somebody asks for one instead of the AI."
    )
    safety_contact: str | None = Field(
        default=None, max_length=200, description="Where people may write about a reply: an address shown on /safety."
    )
    notice_hours: float = Field(default=2.0, gt=0, le=3.0, description="Hours between reminders that this is an AI.")
    idle_hours: float = Field(default=6.0, gt=0, description="Hours of silence after which a new conversation begins.")
    running_turns: int = Field(
        default=4000, ge=1, description="Replies one process writes at once; more are asked to wait."
    )

    explore: float = Field(
        default=0.0, ge=0.0, le=0.5, description="Share of ordinary turns whose strategy is drawn by lot, for learning."
    )

    offers_per_week: int = Field(
        default=2, ge=0, le=7, description="Offers one person may be shown in seven days; 0 shows none to anybody."
    )
    user_type_model: Path | None = Field(
        default=None, description="A folder that `train user_type` wrote; the shipped model and taxonomy else."
    )
    user_type_priors: dict[str, float] | None = Field(
        default=None,
        description="How common each user type is, as JSON; equal when unset. Never a share of revenue.",
    )

    webhook_url: str | None = Field(
        default=None, description="An address of yours that hears of incidents at once; https, signed."
    )
    webhook_secret: SecretStr = Field(
        default=SecretStr(""), description="What signs it: base64 of at least 24 bytes, `whsec_` before it or not."
    )

    age_issuer: str | None = Field(default=None, description="Who signs age assertions; none are accepted when unset.")
    age_key: SecretStr = Field(
        default=SecretStr(""), description="The public key (PEM) or shared secret they sign with."
    )
    age_algorithm: Literal["ES256", "RS256", "EdDSA", "HS256"] = Field(default="ES256", description="How they sign.")

    @field_validator("visit_sites", "trusted_proxies", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        """A list as people write one in an environment: with commas, or as JSON."""
        if not isinstance(value, str):
            return value
        if value.lstrip().startswith("["):
            return json.loads(value)
        return [part.strip() for part in value.split(",") if part.strip()]
