"""A reference to stored evidence: the bus carries these, never pictures."""

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

__all__ = ["EvidenceRef", "Sha256"]

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class EvidenceRef(BaseModel):
    """One file of the evidence store, named by the SHA-256 of its bytes.

    `derived_from` is set on drawn or blurred copies and names their original. Width and height are
    the picture's, where the one who took it said so.
    """

    model_config = ConfigDict(frozen=True)

    sha256: Sha256
    media_type: str
    size_bytes: int
    captured_at: AwareDatetime
    derived_from: Sha256 | None = None
    width_px: int | None = Field(default=None, ge=1)
    height_px: int | None = Field(default=None, ge=1)
