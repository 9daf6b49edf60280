"""Settings of the web pages, from REMINDFIRST_* variables."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from review_ui.i18n import Language

__all__ = ["ReviewSettings"]


class ReviewSettings(BaseSettings):
    """What the pages need to know of their surroundings."""

    model_config = SettingsConfigDict(env_prefix="REMINDFIRST_", extra="forbid", frozen=True)

    storage_url: str = Field(default="sqlite:///var/state.db", description="The database.")
    evidence_url: str = Field(default="file:var/evidence", description="The evidence store.")
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8000, ge=1, le=65535, description="Port to listen on.")
    session_hours: float = Field(
        default=10, gt=0, le=24, description="Hours until a person signs in again."
    )
    detector_endpoints: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="Base URLs of the detectors' endpoints, separated by commas."
    )
    endpoint_token: SecretStr = Field(
        default=SecretStr(""), description="Bearer token of the detectors' endpoints."
    )
    default_language: Language = Field(
        default=Language.ZH, description="Language of a browser that has chosen none."
    )
    calendar: Path | None = Field(default=None, description="File of your own holidays.")
    demo: bool = Field(default=False, description="Mark every page as demonstration data.")
    demo_person: str = Field(default="", description="Sign-in shown on the demo's first page.")
    demo_password: str = Field(
        default="", description="Its password; no secret, drawn streets only."
    )
    metrics_host: str = Field(default="127.0.0.1", description="Where metrics are told.")
    metrics_port: int | None = Field(
        default=None, ge=1, le=65535, description="Port of the metrics; without one none is open."
    )

    @field_validator("calendar", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        # Compose makes an empty text of what is not set.
        return value or None

    @field_validator("detector_endpoints", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("detector_endpoints")
    @classmethod
    def _base_urls(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        if not all(url.startswith(("http://", "https://")) for url in urls):
            raise ValueError("not every one is a base URL; write http://HOST:PORT")
        return tuple(url.rstrip("/") for url in urls)
