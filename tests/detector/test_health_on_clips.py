"""Real streets by day and night: no fault, and a bump is noticed on every one of them."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from detector.geometry import ImageArray
from detector.health import CameraHealth
from pipeline.events import CameraFault

pytestmark = [pytest.mark.real, pytest.mark.slow]

START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
STEADY = (
    "cn-boulevard-buses",
    "eu-junction-zebra",
    "highway-cctv-320",
    "it-webcam-a01-dusk",
    "it-webcam-a12-tunnel",
    "motorway-shoulder-stop",
    "uk-motorway-dense",
    "us-redlight-day",
    "us-redlight-night",
    "us-street-parked-cars",
    "vn-hanoi-junction-a",
    "vn-wrong-way-bicycle",
)
DRIFTS = "lot-person-bicycle-car"
"""Filmed by hand or from the air: its last picture lies 18 of 768 pixels beside its first."""


def pictures(path: Path) -> list[ImageArray]:
    """About five pictures a second."""
    with av.open(str(path)) as container:
        every = max(1, round(float(container.streams.video[0].average_rate or 25) / 5))
        frames = container.decode(video=0)
        kept = [one for k, one in enumerate(frames) if k % every == 0]
        return [one.to_ndarray(format="bgr24").astype(np.uint8) for one in kept]


def to_and_fro(images: list[ImageArray]) -> Iterator[ImageArray]:
    """A clip that never ends, and in which nothing jumps."""
    while True:
        yield from images[:-1]
        yield from images[:0:-1]


def faults_of(
    health: CameraHealth,
    images: Iterator[ImageArray],
    *,
    since_s: float,
    until_s: float,
    change: Callable[[ImageArray], ImageArray] = lambda image: image,
) -> set[CameraFault]:
    said: set[CameraFault] = set()
    for k in range(round(since_s * 5), round(until_s * 5)):
        at = START + timedelta(seconds=k / 5)
        said |= health.look(change(next(images)), at, boxes_px=np.zeros((0, 4)))
    return said


def bumped(image: ImageArray) -> ImageArray:
    height, width = image.shape[:2]
    move = np.array([[1.0, 0.0, 0.02 * width], [0.0, 1.0, 0.0]])
    border = cv2.BORDER_REFLECT
    return cv2.warpAffine(image, move, (width, height), borderMode=border).astype(np.uint8)


@pytest.mark.parametrize("name", STEADY)
def test_a_steady_camera_has_no_fault_until_it_is_bumped(real: Path, name: str) -> None:
    images = pictures(real / "video" / f"{name}.mp4")
    seen_s = max(30.0, len(images) / 5)
    health, endless = CameraHealth(), to_and_fro(images)
    assert faults_of(health, endless, since_s=0, until_s=seen_s) == set()
    said = faults_of(health, endless, since_s=seen_s, until_s=seen_s + 15, change=bumped)
    assert said == {CameraFault.VIEW_MOVED}


def test_a_drifting_camera_is_found_to_have_moved(real: Path) -> None:
    images = pictures(real / "video" / f"{DRIFTS}.mp4")
    said = faults_of(CameraHealth(), iter(images), since_s=0, until_s=len(images) / 5)
    assert said == {CameraFault.VIEW_MOVED}
