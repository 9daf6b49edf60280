import json
from pathlib import Path

import numpy as np
import pytest

from detector.errors import TruthFileError
from detector.score import (
    ClipScore,
    Episode,
    Setting,
    Truth,
    Verdict,
    Watched,
    as_json,
    camera_document,
    finding_lines,
    judge,
    load_truth,
    totals,
)
from detector.score.truth import JUDGED_TYPES
from pipeline.events import CameraDocument, ViolationType

WIDTH, HEIGHT = 200, 100
KERB = [[0, 0], [100, 0], [100, 100], [0, 100]]
CAR = [20, 40, 60, 60]
ELSEWHERE = [120, 40, 160, 60]
PARKED = ("parked",)

Box = list[int]


def an_event(**changes: object) -> dict[str, object]:
    return {
        "id": "p1",
        "type": "parked",
        "start_s": 10,
        "end_s": 60,
        "box": CAR,
        "box_at_s": 30,
        "certainty": "certain",
    } | changes


def a_truth(**changes: object) -> Truth:
    return Truth.model_validate(
        {"image": {"width": WIDTH, "height": HEIGHT}, "events": [an_event()]} | changes
    )


def ratios(box: Box) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array(box) / [WIDTH, HEIGHT, WIDTH, HEIGHT]


def an_episode(
    at_s: float = 16,
    box: Box = CAR,
    *,
    kind: str = "parked",
    track: list[tuple[float, Box]] | None = None,
) -> Episode:
    return Episode(
        violation_type=kind,
        at_s=at_s,
        box=ratios(box),
        track=[(second, ratios(one)) for second, one in track or []],
        places=[(at_s, ratios(box))],
        basis="place",
        picture=b"",
    )


def judged(truth: Truth, *episodes: Episode, types: tuple[str, ...] = PARKED) -> ClipScore:
    watched = Watched(episodes=episodes, frames=300, analysed_fps=5, wall_s=1, cpu_s=1)
    return judge("clip", truth, watched, types)


def verdicts(score: ClipScore) -> list[Verdict]:
    return [one.verdict for one in score.findings]


def test_a_suspicion_at_the_time_and_place_of_a_true_event_finds_it() -> None:
    score = judged(a_truth(), an_episode(at_s=16))
    one = score.types["parked"]
    assert (one.truth, one.found, one.false, one.events_per_stay, one.delay_s) == (1, 1, 0, 1, 6)


@pytest.mark.parametrize(
    ("episode", "why"),
    [
        (an_episode(box=ELSEWHERE), "another place"),
        (an_episode(at_s=8), "before it"),
        (an_episode(at_s=62), "after it"),
        (an_episode(kind="blocked_junction"), "another type"),
    ],
)
def test_a_suspicion_of_something_else_is_false_and_the_event_is_missed(
    episode: Episode, why: str
) -> None:
    score = judged(a_truth(), episode, types=("parked", "blocked_junction"))
    assert sorted(verdicts(score)) == [Verdict.FALSE, Verdict.MISSED], why


def test_the_moment_a_vehicle_stops_is_known_to_a_second_and_a_half() -> None:
    assert verdicts(judged(a_truth(), an_episode(at_s=8.6))) == [Verdict.FOUND]


def test_a_second_suspicion_of_the_same_stay_raises_events_per_stay_and_is_not_false() -> None:
    score = judged(a_truth(), an_episode(at_s=16), an_episode(at_s=40))
    one = score.types["parked"]
    assert (one.found, one.false, one.events_per_stay, one.delay_s) == (1, 0, 2, 6)


def test_the_box_of_the_track_counts_at_the_second_the_truth_is_drawn_for() -> None:
    # It stood in the true place at 30 s and was suspected farther on.
    rolled_on = an_episode(at_s=16, box=ELSEWHERE, track=[(16, ELSEWHERE), (30.2, CAR)])
    assert verdicts(judged(a_truth(), rolled_on)) == [Verdict.FOUND]
    was_elsewhere = an_episode(at_s=16, box=CAR, track=[(16, CAR), (30.2, ELSEWHERE)])
    assert Verdict.FOUND not in verdicts(judged(a_truth(), was_elsewhere))


def test_a_track_that_broke_off_leaves_the_place_of_its_stay() -> None:
    broken = an_episode(at_s=16, box=CAR, track=[(12, ELSEWHERE), (16, CAR)])
    assert verdicts(judged(a_truth(), broken)) == [Verdict.FOUND]


def test_what_is_optional_counts_neither_way() -> None:
    truth = a_truth(events=[an_event(certainty="optional")])
    for episodes in ((), (an_episode(),)):
        one = judged(truth, *episodes).types["parked"]
        assert (one.truth, one.found, one.false, one.events) == (0, 0, 0, 0)


def silent(**changes: object) -> dict[str, object]:
    return {"id": "n1", "start_s": 0, "end_s": 60, "box": [100, 0, 200, 100]} | changes


def test_a_suspicion_where_silence_was_due_is_false_and_named() -> None:
    truth = a_truth(events=[], not_events=[silent()])
    score = judged(truth, an_episode(box=ELSEWHERE))
    assert list(finding_lines(score, is_verbose=False)) == [
        "clip: false parked, in n1, at 16.0 s, box 0.600, 0.400, 0.800, 0.600, basis place"
    ]


def test_a_suspicion_where_the_people_were_not_sure_counts_neither_way() -> None:
    unsure = silent(certainty="optional")
    truth = a_truth(events=[], not_events=[unsure])
    assert verdicts(judged(truth, an_episode(box=ELSEWHERE))) == [Verdict.UNCOUNTED]
    truth = a_truth(events=[], not_events=[unsure, silent(id="n2")])
    assert verdicts(judged(truth, an_episode(box=ELSEWHERE))) == [Verdict.FALSE]


def test_types_that_were_not_asked_for_are_left_out() -> None:
    truth = a_truth(events=[an_event(type="red_light")])
    assert judged(truth).types["parked"].truth == 0
    assert judged(truth, types=("red_light",)).types["red_light"].truth == 1


def test_the_numbers_of_all_clips_add_up() -> None:
    found, missed = judged(a_truth(), an_episode(at_s=20)), judged(a_truth())
    total = totals([found, missed])["parked"]
    assert (total.truth, total.found, total.delay_s) == (2, 1, 10)


def test_the_json_has_the_keys_that_were_promised() -> None:
    scores = [judged(a_truth(), an_episode()), judged(a_truth())]
    found = {"truth": 1, "found": 1, "false": 0, "events_per_stay": 1.0, "delay_s": 6.0}
    missed = {"truth": 1, "found": 0, "false": 0, "events_per_stay": None, "delay_s": None}
    assert as_json(scores) == {
        "clips": [
            {"clip": "clip", "analysed_fps": 5, "types": {"parked": found}},
            {"clip": "clip", "analysed_fps": 5, "types": {"parked": missed}},
        ],
        "total": {"parked": found | {"truth": 2}},
    }


def drawn(kind: str, **changes: object) -> dict[str, object]:
    return {"id": f"the {kind}", "kind": kind, "polygon": KERB} | changes


def the_camera(*zones: dict[str, object], **setting: bool) -> CameraDocument:
    return camera_document(a_truth(zones=zones), Path("x.truth.json"), Setting(**setting))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("no_stopping", ViolationType.PARKED),
        ("crosswalk", ViolationType.STOPPED_ON_CROSSING),
        ("yellow_box", ViolationType.BLOCKED_JUNCTION),
        ("junction_box", ViolationType.BLOCKED_JUNCTION),
        ("emergency_lane", ViolationType.EMERGENCY_LANE),
    ],
)
def test_what_people_drew_becomes_a_zone(kind: str, expected: ViolationType) -> None:
    (zone,) = the_camera(drawn(kind)).zones
    assert (zone.violation_type, zone.dwell_s) == (expected, 5)
    assert zone.polygon == ((0, 0), (0.5, 0), (0.5, 1), (0, 1))
    assert expected in JUDGED_TYPES


def test_lanes_get_an_arrow_within_the_picture_and_what_to_ignore_is_masked() -> None:
    corner = [[0, 0], [10, 0], [10, 10], [0, 10]]
    camera = the_camera(
        drawn("lane_direction", direction=[0, -1], polygon=corner),
        drawn("roadway", id="two ways"),
        drawn("queue"),
        drawn("stop_line", polygon=[]),
        drawn("ignore"),
    )
    (lane,) = camera.lanes
    (x1, y1), (x2, y2) = lane.direction
    assert x1 == pytest.approx(x2)
    assert y2 == pytest.approx(y1 - 0.1)
    assert y2 >= 0
    assert len(camera.masks) == 1
    assert not camera.zones


def test_everywhere_knows_nothing_but_the_masks() -> None:
    camera = the_camera(
        drawn("no_stopping"),
        drawn("queue"),
        drawn("lane_direction", direction=[1, 0]),
        drawn("ignore"),
        is_everywhere=True,
    )
    (zone,) = camera.zones
    assert zone.polygon == ((0, 0), (1, 0), (1, 1), (0, 1))
    assert (zone.is_roadway, zone.violation_type) == (True, ViolationType.PARKED)
    assert not camera.lanes
    assert len(camera.masks) == 1


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"image": None}, r"x\.truth\.json: image: "),
        ({"events": None}, r"x\.truth\.json: events: "),
        ({"events": [an_event(box_at_s=None)]}, r"events\.0\.box_at_s: "),
        ({"events": [an_event(), an_event()]}, r"events\.1\.id: 'p1' stands twice; give it its"),
        (
            {"zones": [drawn("crosswalk", polygon=[[0, 0], [300, 0], [9, 9]])]},
            r"zones\.0\.polygon\.1: \(300, 0\) lies outside .* 200 x 100 pixels; draw",
        ),
        (
            {"zones": [drawn("queue"), drawn("lane_direction")]},
            r"zones\.1\.direction: .*leads nowhere; give",
        ),
        ({"zones": [drawn("ignore"), drawn("ignore")]}, r"zones\.1\.id: 'the ignore' stands"),
    ],
)
def test_a_truth_file_that_cannot_be_is_refused_with_the_place_and_the_fix(
    tmp_path: Path, changes: dict[str, object], says: str
) -> None:
    path = tmp_path / "x.truth.json"
    (tmp_path / "x.mp4").write_bytes(b"")
    content = a_truth().model_dump(mode="json") | changes
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(TruthFileError, match=says):
        load_truth(path)


def test_a_zone_that_no_camera_can_have_is_refused_with_its_place() -> None:
    crossed = [[0, 0], [100, 100], [100, 0], [0, 100]]
    with pytest.raises(TruthFileError, match=r"x\.truth\.json: zones\.1: polygon: .*crosses"):
        the_camera(drawn("queue"), drawn("no_stopping", polygon=crossed))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "No such file or directory; give the path of a truth file"),
        ("no json", "Invalid JSON"),
        ('{"image": {"width": 9, "height": 9}, "events": []}', "no clip x.mp4 beside it; put it"),
        (
            '{"file": "y.mp4", "image": {"width": 9, "height": 9}, "events": []}',
            "no clip y.mp4 beside it",
        ),
    ],
)
def test_a_missing_file_is_one_clear_line(tmp_path: Path, content: str | None, says: str) -> None:
    path = tmp_path / "x.truth.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(TruthFileError, match=says):
        load_truth(path)
