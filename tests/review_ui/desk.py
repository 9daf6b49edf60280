"""A review desk for tests: real storage and evidence, a manual clock, people and their cases."""

import hashlib
import re
import struct
import warnings
import zlib
from dataclasses import replace
from datetime import date, datetime
from functools import cache
from html import unescape
from itertools import count
from pathlib import Path
from uuid import uuid4

import httpx
from fastapi import FastAPI

from pipeline.case import Case, CaseStatus, Reason, Sighting, move
from pipeline.clock import ManualClock
from pipeline.events import EvidenceRef, PlaceClass, PlateReading, PlateStatus
from pipeline.evidence import EvidenceStore, open_evidence_store
from pipeline.reminder import DeliveryStatus, Reminder
from pipeline.staff import Qualification, Reviewer, Role
from pipeline.storage import Storage
from review_ui.app import create_app
from review_ui.auth import form_token, hash_password
from review_ui.dependencies import FORM_COOKIE, SESSION_COOKIE
from review_ui.detectors import Detectors
from review_ui.settings import ReviewSettings
from tests.builders import NOON, PLATE, a_case, a_reviewer, a_suspicion, seconds

with warnings.catch_warnings():
    # Starlette would rather have httpx2, which nothing else here needs.
    warnings.simplefilter("ignore")
    from fastapi.testclient import TestClient

PASSWORD = "right horse"
BOTH = frozenset({Role.OPERATOR, Role.REVIEWER})

_colours = count(1)


@cache
def password_hash() -> str:
    return hash_password(PASSWORD)


def a_png(colour: int) -> bytes:
    """A picture that a browser can show; another colour, another hash."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        whole = kind + body
        return struct.pack(">I", len(body)) + whole + struct.pack(">I", zlib.crc32(whole))

    header = struct.pack(">IIBBBBB", 16, 9, 8, 2, 0, 0, 0)
    row = b"\0" + (colour % 0xFFFFFF).to_bytes(3, "big") * 16
    image = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(row * 9)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + image


class Browser:
    """A signed-in browser without scripts."""

    def __init__(self, app: FastAPI, token: str | None) -> None:
        self.http = TestClient(app, follow_redirects=False, raise_server_exceptions=False)
        self.token = token
        if token is not None:
            self.http.cookies.set(SESSION_COOKIE, token)

    def get(self, path: str) -> httpx.Response:
        answer: httpx.Response = self.http.get(path)
        return answer

    def post(self, path: str, **fields: object) -> httpx.Response:
        """Send a form as the page would: with the token of this browser."""
        secret = self.token or self.http.cookies.get(FORM_COOKIE) or ""
        data = {"csrf_token": form_token(secret), **{k: str(v) for k, v in fields.items()}}
        answer: httpx.Response = self.http.post(path, data=data)
        return answer


def text_of(answer: httpx.Response) -> str:
    """What a person reads on the page, white space made plain."""
    body = re.sub(r"<(script|style|dialog)\b.*?</\1>", "", answer.text, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


class Desk:
    """The application over real storage, and hands to fill it."""

    def __init__(self, storage: Storage, clock: ManualClock, folder: Path) -> None:
        self.storage = storage
        self.clock = clock
        self.folder = folder / "evidence"
        self.evidence: EvidenceStore = open_evidence_store(f"file:{self.folder}")
        self.detector_answers: dict[str, httpx.Response] = {}
        self.app = self.make_app(ReviewSettings(detector_endpoints=("http://detector",)))
        self.add_person("li")
        self.add_person("wang")

    def make_app(self, settings: ReviewSettings) -> FastAPI:
        client = httpx.Client(transport=httpx.MockTransport(self._ask_detector))
        detectors = Detectors(settings.detector_endpoints, client, seconds=lambda: 0.0)
        return create_app(
            settings,
            storage=self.storage,
            evidence=self.evidence,
            detectors=detectors,
            clock=self.clock,
        )

    def _ask_detector(self, request: httpx.Request) -> httpx.Response:
        answer = self.detector_answers.get(request.url.path)
        if answer is None:
            raise httpx.ConnectError("refused", request=request)
        return answer

    def add_person(
        self, person_id: str, *, roles: frozenset[Role] = BOTH, valid_until: date | None = None
    ) -> Reviewer:
        person = a_reviewer(person_id, roles)
        if valid_until is not None:
            qualification = Qualification(
                number="Q-1", valid_from=date(2020, 1, 1), valid_until=valid_until
            )
            person = replace(person, qualification=qualification)
        with self.storage.begin() as uow:
            uow.registry.save_person(person, password_hash())
            uow.commit()
        return person

    def browser(self, person_id: str | None = "li", *, app: FastAPI | None = None) -> Browser:
        if person_id is None:
            return Browser(app or self.app, None)
        token = f"token of {person_id}"
        digest = hashlib.sha256(token.encode()).hexdigest()
        with self.storage.begin() as uow:
            uow.registry.close_session(digest)
            uow.registry.open_session(digest, person_id, self.clock.now() + seconds(36000))
            uow.commit()
        return Browser(app or self.app, token)

    def _picture(self, at: datetime) -> EvidenceRef:
        return self.evidence.put(
            a_png(next(_colours) * 997), media_type="image/png", captured_at=at
        )

    def _sighting(self, at: datetime) -> Sighting:
        return Sighting(
            captured_at=at,
            observed_s=(at - NOON).total_seconds() + 60,
            moved_ratio=0.034,
            box=(0.2, 0.3, 0.5, 0.6),
            panorama=self._picture(at),
            drawn=self._picture(at),
        )

    def a_case(self, *, sightings: int = 1, plate: PlateReading | None = None) -> Case:
        """A case with stored pictures, one sighting each 300 s from noon on; not in storage yet."""
        suspicion = a_suspicion(episode_id=uuid4(), plate=plate)
        return replace(
            a_case(suspicion),
            sightings=tuple(self._sighting(NOON + seconds(300 * i)) for i in range(sightings)),
            crop=self._picture(NOON),
        )

    def store(self, case: Case) -> Case:
        with self.storage.begin() as uow:
            uow.cases.add(case)
            uow.commit()
        return case

    def case(self, case: Case) -> Case:
        """The case as it stands in storage now."""
        with self.storage.begin() as uow:
            found = uow.cases.get(case.id)
        assert found is not None
        return found

    def case_in_review(self, *, due_in_s: float = 86400, sightings: int = 4) -> Case:
        case = move(self.a_case(sightings=sightings), CaseStatus.REMINDER_DUE)
        reminded = replace(
            move(case, CaseStatus.GRACE),
            reminder_accepted_at=NOON + seconds(5),
            reminder_delivered_at=NOON + seconds(10),
            grace_ends_at=NOON + seconds(610),
        )
        return self.store(
            replace(move(reminded, CaseStatus.IN_REVIEW), review_due_at=NOON + seconds(due_in_s))
        )

    def strict_case(self, *, sightings: int = 4) -> Case:
        """A case in review from a place that knows no reminder."""
        case = replace(
            self.a_case(sightings=sightings),
            place_class=PlaceClass.FIRE_LANE,
            reasons=(Reason(rule="refer_if_strict", entry="strict_places", source="a source"),),
        )
        due_at = NOON + seconds(86400)
        return self.store(replace(move(case, CaseStatus.IN_REVIEW), review_due_at=due_at))

    def case_for_operator(self) -> Case:
        unreadable = PlateReading(status=PlateStatus.UNREADABLE)
        return self.store(
            replace(
                self.a_case(plate=unreadable),
                asks_operator=True,
                no_reminder_cause="plate_unreadable",
                no_reminder_at=NOON,
            )
        )

    def reminder(self, case: Case, status: DeliveryStatus) -> Reminder:
        reminder = Reminder(
            key=case.reminder_key,
            case_id=case.id,
            plate=PLATE,
            channel="sms",
            sent_by="phones",
            contact_masked="138******01",
            text=f"Please move {PLATE}.",
            status=status,
            created_at=NOON,
            accepted_at=NOON + seconds(5),
            delivered_at=NOON + seconds(10) if status is DeliveryStatus.DELIVERED else None,
            provider_ref=str(case.id),
        )
        with self.storage.begin() as uow:
            uow.outbox.add(reminder, due_at=NOON)
            uow.commit()
        return reminder

    def hold(self, case: Case, person_id: str) -> None:
        """Let this person open the case."""
        assert self.browser(person_id).get(f"/review/{case.id}").status_code == 200

    def spoil(self, ref: EvidenceRef) -> None:
        """Change one byte of a stored file."""
        path = self.folder / ref.sha256[:2] / ref.sha256
        content = bytearray(path.read_bytes())
        content[20] ^= 1
        path.chmod(0o644)
        path.write_bytes(bytes(content))
