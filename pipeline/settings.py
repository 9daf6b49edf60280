"""Settings of the worker, read once from REMINDFIRST_* variables."""

from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

__all__ = ["PipelineSettings"]


def _text(told: object) -> object:
    """A path as text; an empty text, which Compose makes of what is not set, is none."""
    return str(told) if isinstance(told, Path) else told or None


class PipelineSettings(BaseSettings):
    """Where the worker finds bus, database, evidence, rulebook, contacts and channel."""

    model_config = SettingsConfigDict(env_prefix="REMINDFIRST_", frozen=True)

    bus_url: str = Field(default="sqlite:///var/bus.db", description="Bus of the events.")
    storage_url: str = Field(default="sqlite:///var/state.db", description="Database of the cases.")
    evidence_url: str = Field(default="file:var/evidence", description="Store of the pictures.")
    rulebook: str = Field(default="hubei", description="Name of a shipped rulebook, or a file.")
    contacts: Annotated[str | None, BeforeValidator(_text)] = Field(
        default=None, description="Register of vehicle contacts: a CSV file, or a URL."
    )
    contacts_key_file: Annotated[Path | None, BeforeValidator(_text)] = Field(
        default=None, description="Keys of the contacts, opt-outs and doubts in the database."
    )
    texts: Annotated[Path | None, BeforeValidator(_text)] = Field(
        default=None, description="Folder of your own wordings."
    )
    calendar: Annotated[Path | None, BeforeValidator(_text)] = Field(
        default=None, description="File of your own holidays."
    )
    events_kept_days: int = Field(
        default=9, ge=3, description="Days for which handled events are known; see `purge`."
    )
    permits: Annotated[Path | None, BeforeValidator(_text)] = Field(
        default=None, description="CSV file of permits to stand."
    )
    channel_url: str = Field(
        default="phones:var/phones", description="Channels to the drivers, with blanks between."
    )
    agency_name: str = Field(default="交警大队", min_length=1, description="Who reminds.")
    agency_phone: str = Field(default="12123", min_length=1, description="Whom drivers may call.")
    reminder_language: str = Field(default="zh-CN", pattern="^(zh-CN|en)$")
    staff_alerts_file: Annotated[Path | None, BeforeValidator(_text)] = Field(
        default=None, description="File of addresses at which staff are told; else the log."
    )
    alert_again_h: float = Field(
        default=4, gt=0, description="Hours after which a trouble that lasts is told again."
    )
    alert_failures: int = Field(
        default=5, ge=1, description="Failures of a channel or the register that are a trouble,"
    )
    alert_failures_min: float = Field(default=10, gt=0, description="in so many minutes.")
    alert_lag_events: int = Field(
        default=1000, ge=1, description="Events that wait that are a trouble,"
    )
    alert_lag_min: float = Field(default=5, gt=0, description="for so many minutes.")
    alert_operator_min: float = Field(
        default=15, gt=0, description="Minutes after which a task of the operator is late."
    )
    metrics_host: str = Field(default="127.0.0.1", description="Where metrics are told.")
    metrics_port: int | None = Field(
        default=None, ge=1, le=65535, description="Port of the metrics; without one none is open."
    )
