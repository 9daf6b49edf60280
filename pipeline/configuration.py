"""The configuration file of one machine: cameras and their legal state, people, ports."""

import secrets
from datetime import date
from pathlib import Path
from typing import Self

import yaml
from argon2 import extract_parameters
from argon2.exceptions import InvalidHashError
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from pipeline.errors import PermanentError, findings
from pipeline.notify.registers import anchored
from pipeline.sites import SiteState
from pipeline.staff import Role

__all__ = ["CameraEntry", "PersonEntry", "QualificationEntry", "UpConfig", "load_config"]

_OPTIONAL_FILES = ("texts", "calendar", "permits", "staff_alerts_file")
"""Fields that name a file or folder, as the settings of the roles do too."""


class _Closed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CameraEntry(_Closed):
    """A camera file, and the legal state of the camera's site."""

    file: Path
    state: SiteState = SiteState.DRAFT
    published_on: date | None = None
    calibrated_until: date | None = None


class QualificationEntry(_Closed):
    """A law-enforcement qualification; `valid_until` is its last day."""

    number: str
    valid_from: date
    valid_until: date


class PersonEntry(_Closed):
    """A member of staff; `remindfirst hash-password` makes the hash."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$")
    name: str
    unit: str
    roles: tuple[Role, ...]
    password_hash: str
    qualification: QualificationEntry | None = None

    @field_validator("password_hash")
    @classmethod
    def _whole_hash(cls, value: str) -> str:
        try:
            extract_parameters(value)
        except InvalidHashError as exc:
            raise ValueError("not an Argon2 hash; remindfirst hash-password makes one") from exc
        return value


class UpConfig(_Closed):
    """What `remindfirst up` runs; relative paths start at the file's own folder."""

    data: Path = Path("var")
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65535)
    endpoint_port: int = Field(default=8011, ge=1, le=65535)
    metrics_port: int | None = Field(default=None, ge=1, le=65533)
    rulebook: str = "hubei"
    weights: str
    contacts: str
    contacts_key_file: Path | None = None
    texts: Path | None = None
    calendar: Path | None = None
    permits: Path | None = None
    staff_alerts_file: Path | None = None
    channels: tuple[str, ...] = ()
    delivered_after_s: float | None = Field(default=None, ge=0)
    agency_name: str
    agency_phone: str
    reminder_language: str = Field(default="zh-CN", pattern="^(zh-CN|en)$")
    cameras: tuple[CameraEntry, ...] = Field(min_length=1)
    people: tuple[PersonEntry, ...] = ()

    @model_validator(mode="after")
    def _ports_differ(self) -> Self:
        if self.port == self.endpoint_port:
            raise ValueError("port and endpoint_port must differ")
        if {self.port, self.endpoint_port}.intersection(self.metrics_ports.values()):
            raise ValueError("port and endpoint_port must not be among the three from metrics_port")
        return self

    @property
    def metrics_ports(self) -> dict[str, int | None]:
        """The port of each role's metrics: three in a row, or none."""
        first = self.metrics_port
        roles = ("detect", "work", "serve")
        return {role: None if first is None else first + n for n, role in enumerate(roles)}

    @property
    def storage_url(self) -> str:
        """The database in the data folder."""
        return f"sqlite:///{self.data}/state.db"

    def environment(self) -> dict[str, str]:
        """The REMINDFIRST_* variables of every role."""
        receipts = (
            "" if self.delivered_after_s is None else f"?delivered_after_s={self.delivered_after_s}"
        )
        settings = {
            "BUS_URL": f"sqlite:///{self.data}/bus.db",
            "STORAGE_URL": self.storage_url,
            "EVIDENCE_URL": f"file:{self.data}/evidence",
            "STATE_DIR": f"{self.data}/detector",
            "SIGNAL_DIR": f"{self.data}/signals",
            "WEIGHTS": self.weights,
            "ENDPOINT_PORT": str(self.endpoint_port),
            "ENDPOINT_TOKEN": secrets.token_urlsafe(32),
            "DETECTOR_ENDPOINTS": f"http://127.0.0.1:{self.endpoint_port}",
            "RULEBOOK": self.rulebook,
            "CONTACTS": self.contacts,
            "CONTACTS_KEY_FILE": str(self.contacts_key_file or ""),
            "CHANNEL_URL": " ".join(self.channels) or f"phones:{self.data}/phones{receipts}",
            "AGENCY_NAME": self.agency_name,
            "AGENCY_PHONE": self.agency_phone,
            "REMINDER_LANGUAGE": self.reminder_language,
            "HOST": self.host,
            "PORT": str(self.port),
        }
        # Where the file says nothing, what the environment says stands.
        given = {name: getattr(self, name) for name in _OPTIONAL_FILES}
        settings |= {name.upper(): str(file) for name, file in given.items() if file}
        return {f"REMINDFIRST_{name}": value for name, value in settings.items()}


def load_config(file: Path) -> UpConfig:
    """Read the file of `remindfirst up`; its relative paths become absolute.

    Raises:
        PermanentError: not there, no YAML, or a wrong value; names the place.
    """
    try:
        config = UpConfig.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
    except OSError as exc:
        raise PermanentError(f"{file}: {exc.strerror}; give the path of a configuration") from exc
    except (yaml.YAMLError, UnicodeDecodeError) as exc:
        raise PermanentError(f"{file}: not YAML in UTF-8: {exc}") from exc
    except ValidationError as exc:
        raise PermanentError(findings(exc, str(file))) from exc
    here = file.resolve().parent
    weights, key_file = here / config.weights, config.contacts_key_file
    given = {name: getattr(config, name) for name in _OPTIONAL_FILES}
    return config.model_copy(
        update={
            "data": here / config.data,
            "contacts": anchored(config.contacts, here),
            "contacts_key_file": key_file and here / key_file,
            "cameras": tuple(
                entry.model_copy(update={"file": here / entry.file}) for entry in config.cameras
            ),
            **{name: file and here / file for name, file in given.items()},
            "weights": str(weights) if weights.exists() else config.weights,
        }
    )
