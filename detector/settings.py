"""What one detector process is told from outside, by REMINDFIRST_* variables."""

from enum import StrEnum
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

__all__ = ["AnalysedStream", "DetectorSettings"]


class AnalysedStream(StrEnum):
    """Which stream of a camera is looked at."""

    MAIN = "main"
    SUB = "sub"


class DetectorSettings(BaseSettings):
    """Settings of one detector; an impossible value stops the start and says which."""

    model_config = SettingsConfigDict(env_prefix="REMINDFIRST_", frozen=True, extra="ignore")

    detector_name: str = Field(
        default="detector",
        pattern=r"^[a-z0-9][a-z0-9_-]*$",
        description="Source of this detector's event ids; one name per running detector.",
    )
    bus_url: str = Field(default="sqlite:///var/bus.db", description="The bus, by URL.")
    evidence_url: str = Field(default="file:var/evidence", description="Evidence store, by URL.")
    state_dir: Path = Field(
        default=Path("var/detector"), description="Folder of the open stays, one file per camera."
    )
    signal_dir: Path = Field(
        default=Path("var/signals"),
        description="A file named like a simulated camera tells its driver to leave.",
    )
    weights: str | None = Field(
        default=None, description="Network: a file, a name of models/manifest.toml, or background."
    )
    analysed_stream: AnalysedStream = Field(
        default=AnalysedStream.MAIN,
        description="sub: the cameras' smaller streams, where they have one; few plates then.",
    )
    least_fps: float = Field(
        default=2.0, gt=0, description="A live camera that gets fewer frames a second is told of."
    )
    endpoint_host: str = Field(default="127.0.0.1", description="Where the endpoint listens.")
    endpoint_port: int = Field(default=8011, ge=0, le=65535, description="0 takes a free port.")
    endpoint_token: SecretStr | None = Field(
        default=None, description="Bearer token of the endpoint; without one there is no endpoint."
    )
    metrics_host: str = Field(default="127.0.0.1", description="Where metrics are told.")
    metrics_port: int | None = Field(
        default=None, ge=1, le=65535, description="Port of the metrics; without one none is open."
    )
