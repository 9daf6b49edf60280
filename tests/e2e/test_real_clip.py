"""The real clip from the command line to a decision on the page."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from pipeline.app import build_worker
from pipeline.case import Case, CaseStatus, Disposition
from pipeline.clock import SystemClock
from pipeline.evidence import open_evidence_store
from pipeline.settings import PipelineSettings
from pipeline.storage import open_storage
from remindfirst import app
from review_ui.app import create_app
from review_ui.auth import hash_password
from review_ui.dependencies import SESSION_COOKIE
from review_ui.settings import ReviewSettings
from tests.review_ui.desk import PASSWORD, Browser, text_of

pytestmark = [pytest.mark.real, pytest.mark.yolo, pytest.mark.slow]

CLIP = "motorway-shoulder-stop"


def _camera(real: Path) -> dict[str, object]:
    truth = json.loads((real / "video" / f"{CLIP}.truth.json").read_text(encoding="utf-8"))
    (shoulder,) = (zone for zone in truth["zones"] if zone["id"] == "left-shoulder")
    width, height = truth["image"]["width"], truth["image"]["height"]
    return {
        "camera_id": "shoulder",
        "name": {"zh": "路肩", "en": "Shoulder"},
        "place": {"road": {"zh": "高速公路", "en": "Motorway"}},
        "source": str(real / "video" / f"{CLIP}.mp4"),
        "zones": [
            {
                "zone_id": "shoulder",
                "name": {"zh": "路肩", "en": "Shoulder"},
                "place_class": "expressway",
                "dwell_s": 5,
                "sighting_every_s": 12,
                "polygon": [[x / width, y / height] for x, y in shoulder["polygon"]],
            }
        ],
    }


def _site(real: Path, folder: Path) -> Path:
    (folder / "contacts.csv").write_text("plate,phone,opted_out\n", encoding="utf-8")
    (folder / "camera.yaml").write_text(yaml.safe_dump(_camera(real)), encoding="utf-8")
    today = SystemClock().now().date()
    site = {
        "weights": str(real / "weights" / "yolo26n.pt"),
        "contacts": "contacts.csv",
        "agency_name": "x",
        "agency_phone": "1",
        "cameras": [
            {
                "file": "camera.yaml",
                "state": "active",
                "published_on": today.replace(year=today.year - 1, day=1),
                "calibrated_until": today.replace(year=today.year + 1, day=1),
            }
        ],
        "people": [
            {
                "id": "li",
                "name": "Li",
                "unit": "one",
                "roles": ["reviewer"],
                "password_hash": hash_password(PASSWORD),
                "qualification": {
                    "number": "Q",
                    "valid_from": today.replace(year=today.year - 1, day=1),
                    "valid_until": today.replace(year=today.year + 1, day=1),
                },
            }
        ],
    }
    file = folder / "site.yaml"
    file.write_text(yaml.safe_dump(site), encoding="utf-8")
    return file


def _the_case(settings: PipelineSettings) -> Case:
    storage = open_storage(settings.storage_url)
    with storage.read() as uow:
        (case,) = uow.cases.find()
    storage.close()
    return case


def test_the_car_on_the_shoulder_becomes_a_case_that_a_person_decides(
    real: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    site = _site(real, tmp_path)
    settings = PipelineSettings(contacts=tmp_path / "contacts.csv", rulebook="demo")
    assert CliRunner().invoke(app, ["register", "--config", str(site)]).exit_code == 0
    subprocess.run(  # noqa: S603
        [
            *(sys.executable, "-m", "remindfirst", "detect", "camera.yaml"),
            *("--weights", str(real / "weights" / "yolo26n.pt"), "--out", "events.jsonl"),
        ],
        check=True,
        env={**os.environ},  # noqa: TID251
    )
    events = [json.loads(line) for line in Path("events.jsonl").read_text().splitlines()]
    assert [one["type"] for one in events].count("ViolationSuspected") == 1

    worker = build_worker(settings)
    worker.run_once()
    worker.subscriber.close()
    worker.storage.close()
    case = _the_case(settings)
    assert case.status is CaseStatus.IN_REVIEW
    assert case.reasons[0].rule == "refer_if_strict"

    storage = open_storage(settings.storage_url)
    web = create_app(
        ReviewSettings(), storage=storage, evidence=open_evidence_store(settings.evidence_url)
    )
    browser = Browser(web, None)
    browser.get("/sign-in")
    browser.post("/sign-in", name="li", password=PASSWORD)
    browser.token = browser.http.cookies.get(SESSION_COOKIE)
    page = browser.get(f"/review/{case.id}")
    assert case.number in text_of(page)
    pictures = set(re.findall(rf"/evidence/{case.id}/[0-9a-f]{{64}}", page.text))
    assert len(pictures) >= 3
    assert all(browser.get(path).content[:3] == b"\xff\xd8\xff" for path in pictures)

    browser.post(f"/review/{case.id}/decision", version=case.version, outcome="education")
    storage.close()
    decided = _the_case(settings)
    assert decided.disposition is Disposition.EDUCATION
    assert CliRunner().invoke(app, ["verify-evidence", case.number]).exit_code == 0
