"""What a camera notices of its own limits, on a street drawn with the sensor's noise."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import cv2
import numpy as np
import pytest

from detector.geometry import FloatArray, ImageArray
from detector.health import CameraHealth, Reference, blinds, forbids_suspicion
from pipeline.events import CameraFault

START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
WIDTH, HEIGHT = 320, 180
NOISE = np.random.default_rng(1).integers(-4, 5, (11, HEIGHT, WIDTH, 3)).astype(np.int16)
LEARNING_S = 8.0
Change = Callable[[ImageArray, float], ImageArray]


def a_street(seed: int = 7) -> ImageArray:
    rng = np.random.default_rng(seed)
    street = np.full((HEIGHT, WIDTH, 3), 120, dtype=np.uint8)
    for _ in range(160):
        x, y = int(rng.integers(WIDTH)), int(rng.integers(HEIGHT))
        size = (x + int(rng.integers(4, 30)), y + int(rng.integers(4, 20)))
        tone = [int(rng.integers(40, 200))] * 3
        cv2.rectangle(street, (x, y), size, tone, -1)
    return street


def noisy(picture: ImageArray, at_s: float) -> ImageArray:
    noise = NOISE[round(at_s * 100) % len(NOISE)][: len(picture)]
    return np.asarray(np.clip(picture + noise, 0, 255), dtype=np.uint8)


def moved(dx_ratio: float = 0.0, turn_deg: float = 0.0, zoom: float = 1.0) -> Change:
    move = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), turn_deg, zoom)
    move[0, 2] += dx_ratio * WIDTH

    def change(picture: ImageArray, _at_s: float) -> ImageArray:
        border = cv2.BORDER_REFLECT
        turned = cv2.warpAffine(picture, move, (WIDTH, HEIGHT), borderMode=border)
        return turned.astype(np.uint8)

    return change


def swaying(picture: ImageArray, at_s: float) -> ImageArray:
    return moved(dx_ratio=0.006 * float(np.sin(7 * at_s)))(picture, at_s)


def smeared(picture: ImageArray, _at_s: float) -> ImageArray:
    soft = cv2.GaussianBlur(picture, (0, 0), 7)
    smear = picture.copy()
    smear[30:150, 60:210] = soft[30:150, 60:210]
    return smear


def covered(picture: ImageArray, at_s: float) -> ImageArray:
    return noisy(np.full_like(picture, 90), at_s)


def in_the_sun(picture: ImageArray, _at_s: float) -> ImageArray:
    dazzled = picture.copy()
    cv2.circle(dazzled, (160, 50), 65, (255, 255, 255), -1)
    return dazzled


def passed_by_a_lorry(picture: ImageArray, at_s: float) -> ImageArray:
    front = int((at_s % 12) / 12 * 3 * WIDTH) - WIDTH
    filled = picture.copy()
    cv2.rectangle(filled, (front, 10), (front + 190, 170), (230, 230, 230), -1)
    return filled


def blinked_at(picture: ImageArray, at_s: float) -> ImageArray:
    return in_the_sun(picture, at_s) if at_s % 4 < 1 else picture


def darker(ratio: float) -> Change:
    return lambda picture, _at_s: (picture * ratio).astype(np.uint8)


def raining(picture: ImageArray, at_s: float) -> ImageArray:
    rng = np.random.default_rng(round(at_s * 1000) + 1)
    wet = (picture * 0.7 + 35).astype(np.uint8)
    for x, y in zip(rng.integers(WIDTH, size=100), rng.integers(HEIGHT, size=100), strict=True):
        cv2.line(wet, (int(x), int(y)), (int(x) + 1, int(y) + 7), (190, 190, 190), 1)
    return wet


def as_it_is(picture: ImageArray, _at_s: float) -> ImageArray:
    return picture


class Watched:
    """A camera over the street that looks at it for a while, again and again."""

    def __init__(self, *, fps: float = 5, reference: Reference | None = None) -> None:
        self.health = CameraHealth(reference)
        self.fps = fps
        self.at_s = 0.0
        self.said: set[CameraFault] = set()
        self.street = a_street()

    def see(self, for_s: float, change: Change = as_it_is) -> "Watched":
        for _ in range(round(for_s * self.fps)):
            self.see_one(noisy(change(self.street, self.at_s), self.at_s))
        return self

    def see_one(
        self,
        image: ImageArray,
        *,
        boxes_px: FloatArray | None = None,
        late_s: float | None = None,
        plate_px: float | None = None,
    ) -> frozenset[CameraFault]:
        at = START + timedelta(seconds=self.at_s)
        faults = self.health.look(
            image,
            at,
            boxes_px=np.zeros((0, 4)) if boxes_px is None else boxes_px,
            received_at=None if late_s is None else at + timedelta(seconds=late_s),
            plate_widths_px=() if plate_px is None else (plate_px,),
        )
        self.said |= faults
        self.at_s += 1 / self.fps
        return faults


@pytest.mark.parametrize("fps", [1, 5])
@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (moved(dx_ratio=0.02), CameraFault.VIEW_MOVED),
        (moved(turn_deg=2), CameraFault.VIEW_MOVED),
        (moved(zoom=1.04), CameraFault.VIEW_MOVED),
        (moved(dx_ratio=0.4, turn_deg=8), CameraFault.VIEW_MOVED),
        (smeared, CameraFault.LENS_DIRTY),
        (covered, CameraFault.LENS_DIRTY),
        (in_the_sun, CameraFault.DAZZLED),
        (darker(0.05), CameraFault.TOO_DARK),
    ],
    ids=["bumped", "tilted", "zoomed", "turned away", "smeared", "covered", "dazzled", "dark"],
)
def test_a_lasting_fault_is_said_and_taken_back_when_it_is_over(
    change: Change, fault: CameraFault, fps: float
) -> None:
    camera = Watched(fps=fps).see(LEARNING_S)
    assert not camera.said
    camera.see(16, change)
    assert camera.health.faults == {fault}
    camera.see(20)
    assert not camera.health.faults


@pytest.mark.parametrize("fps", [2, 12, 25])
def test_a_bump_is_said_at_any_rate_of_pictures(fps: float) -> None:
    camera = Watched(fps=fps).see(LEARNING_S).see(3, moved(dx_ratio=0.03))
    assert not camera.said
    camera.see(8, moved(dx_ratio=0.03))
    assert camera.health.faults == {CameraFault.VIEW_MOVED}


@pytest.mark.parametrize(
    "change",
    [as_it_is, passed_by_a_lorry, swaying, darker(0.4), raining, blinked_at],
    ids=["nothing", "lorries", "wind", "dusk", "rain", "headlights"],
)
def test_ordinary_weather_and_traffic_are_no_fault(change: Change) -> None:
    camera = Watched().see(LEARNING_S).see(40, change)
    assert not camera.said


def test_the_same_picture_again_and_again_is_frozen_until_a_new_one_comes() -> None:
    camera = Watched().see(3)
    picture = noisy(camera.street, 1)
    for _ in range(12):
        camera.see_one(picture)
    assert camera.health.faults == {CameraFault.FROZEN}
    camera.see(2)
    assert not camera.health.faults


def test_a_picture_delivered_twice_is_not_frozen_but_does_not_count_as_seen() -> None:
    camera = Watched().see(3)
    camera.see_one(noisy(camera.street, 1))
    assert not camera.health.is_doubtful
    camera.see_one(noisy(camera.street, 1))
    assert camera.health.is_doubtful
    assert not camera.said


def test_doubt_comes_with_the_first_sign_and_the_fault_later() -> None:
    camera = Watched().see(LEARNING_S)
    camera.see(0.4, in_the_sun)
    assert camera.health.is_doubtful
    assert not camera.health.faults


def test_a_gap_in_the_stream_does_not_make_a_sign_last() -> None:
    camera = Watched().see(LEARNING_S)
    camera.see(0.6, darker(0.05))
    camera.at_s += 3600
    camera.see(0.2, darker(0.05))
    assert not camera.health.faults


def test_what_vehicles_cover_tells_nothing_of_the_lens() -> None:
    camera = Watched().see(LEARNING_S)
    box_px = np.array([[50.0, 20.0, 220.0, 160.0]])
    for _ in range(200):
        camera.see_one(noisy(smeared(camera.street, 0), camera.at_s), boxes_px=box_px)
    assert not camera.said


def test_a_reference_survives_a_restart_as_a_file() -> None:
    reference = Watched().see(LEARNING_S).health.reference
    assert reference is not None
    kept = Reference.from_png(reference.as_png())
    camera = Watched(reference=kept).see(12, moved(dx_ratio=0.03))
    assert camera.health.faults == {CameraFault.VIEW_MOVED}


def test_what_is_no_picture_is_refused_as_a_reference() -> None:
    with pytest.raises(ValueError, match="learn a new one"):
        Reference.from_png(b"no picture")


def test_the_reference_follows_the_light_while_the_view_is_unmoved() -> None:
    camera = Watched(fps=1).see(LEARNING_S)
    before = camera.health.reference
    camera.see(90, darker(0.8))
    after = camera.health.reference
    assert before is not None
    assert after is not None
    assert 0.8 * before.grey.mean() < after.grey.mean() < before.grey.mean()


def test_a_moved_view_never_becomes_the_reference() -> None:
    camera = Watched(fps=1).see(LEARNING_S)
    before = camera.health.reference
    camera.see(200, moved(dx_ratio=0.03))
    assert camera.health.reference is before


def test_pictures_of_another_shape_are_learned_anew() -> None:
    camera = Watched().see(LEARNING_S)
    camera.street = np.ascontiguousarray(a_street()[:120])
    camera.see(12)
    assert not camera.said
    assert camera.health.reference is not None
    assert camera.health.reference.grey.shape == (120, 320)


def test_a_street_without_any_corner_is_never_said_to_have_moved() -> None:
    camera = Watched()
    camera.street = np.full_like(camera.street, 120)
    camera.see(20)
    assert not camera.said


@pytest.mark.parametrize(("late_s", "is_wrong"), [(0.9, False), (1.2, True), (-1.2, True)])
def test_a_clock_more_than_a_second_off_is_wrong(late_s: float, *, is_wrong: bool) -> None:
    camera = Watched()
    for _ in range(30):
        camera.see_one(noisy(camera.street, camera.at_s), late_s=late_s)
    assert (CameraFault.CLOCK_WRONG in camera.health.faults) is is_wrong


def test_one_late_picture_says_nothing_of_the_clock() -> None:
    camera = Watched()
    for k in range(60):
        camera.see_one(noisy(camera.street, camera.at_s), late_s=3.0 if k % 10 == 0 else 0.2)
    assert not camera.said


@pytest.mark.parametrize(("plate_px", "is_small"), [(40.0, True), (90.0, False)])
def test_plates_too_narrow_to_read_are_told(plate_px: float, *, is_small: bool) -> None:
    camera = Watched()
    for _ in range(60):
        camera.see_one(noisy(camera.street, camera.at_s), plate_px=plate_px)
    assert (CameraFault.PLATE_TOO_SMALL in camera.health.faults) is is_small


def test_small_plates_hinder_reading_only_and_a_wrong_clock_hinders_suspicion() -> None:
    assert not blinds({CameraFault.PLATE_TOO_SMALL, CameraFault.CLOCK_WRONG})
    assert not forbids_suspicion({CameraFault.PLATE_TOO_SMALL})
    assert forbids_suspicion({CameraFault.CLOCK_WRONG})
    assert blinds({CameraFault.FROZEN})
    assert forbids_suspicion({CameraFault.FROZEN})
