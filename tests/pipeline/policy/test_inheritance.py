"""A region on another: the nearest region that speaks of a day has the word on it."""

from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.policy.parameters import Rulebook, RulebookError, load_rulebook
from tests.pipeline.policy.drafts import entry, extending, graces, minutes_on, on_its_own

DAY = timedelta(days=1)


class TestARegionOnAnother:
    """Own entries stand on their own days, those of the region above on all others."""

    @pytest.fixture
    def county(self, tmp_path: Path) -> Rulebook:
        extending(tmp_path, "province", "generic", grace_period=graces("2026-01-01"))
        city = graces("2025-01-01", "2026-03-01 2026-03-31")[1:]
        extending(tmp_path, "city", "province.yaml", grace_period=city)
        own = graces("2025-01-01", "2025-01-02", "2026-03-10 2026-03-20")[2:]
        return load_rulebook(extending(tmp_path, "county", "city.yaml", grace_period=own))

    @pytest.mark.parametrize(
        ("day", "minutes", "region"),
        [
            ("2025-12-31", 10, "generic"),
            ("2026-01-01", 1, "province"),
            ("2026-02-28", 1, "province"),
            ("2026-03-01", 2, "city"),
            ("2026-03-09", 2, "city"),
            ("2026-03-10", 3, "county"),
            ("2026-03-20", 3, "county"),
            ("2026-03-21", 2, "city"),
            ("2026-03-31", 2, "city"),
            ("2026-04-01", 1, "province"),
        ],
    )
    def test_each_day_has_the_value_of_the_nearest_region_that_speaks(
        self, county: Rulebook, day: str, minutes: int, region: str
    ) -> None:
        known = county.in_force(county.grace_period, date.fromisoformat(day))

        assert (minutes_on(county, day), known.region) == (minutes, region)

    def test_the_region_is_that_of_the_file_itself(self, county: Rulebook) -> None:
        assert county.region == "county"
        assert county.edition.startswith("county 1 ")

    def test_what_no_region_says_is_that_of_the_last_one(self, county: Rulebook) -> None:
        assert {one.region for one in county.retention} == {"generic"}

    def test_an_entry_without_an_end_hides_all_that_comes_above(self, tmp_path: Path) -> None:
        name = extending(tmp_path, "city", "hubei", grace_period=graces("2020-01-01"))
        book = load_rulebook(name)

        assert [one.region for one in book.grace_period] == ["city"]

    def test_a_gap_in_ones_own_dates_is_filled_from_above(self, tmp_path: Path) -> None:
        own = graces("2026-01-01 2026-01-31", "2026-03-01 2026-03-31")
        book = load_rulebook(extending(tmp_path, "city", "generic", grace_period=own))
        days = ("2026-01-31", "2026-02-01", "2026-02-28", "2026-03-01", "2026-04-01")

        assert [minutes_on(book, day) for day in days] == [1, 10, 10, 2, 10]

    def test_a_file_cannot_say_whose_an_entry_is(self, tmp_path: Path) -> None:
        own = [entry(1, "min", region="hubei")]
        book = load_rulebook(extending(tmp_path, "city", "generic", grace_period=own))

        assert book.grace_period[-1].region == "city"

    def test_a_name_that_is_shipped_is_the_shipped_one(self, tmp_path: Path) -> None:
        on_its_own(tmp_path, "generic", region="generic", version="0", name={"zh": "0", "en": "0"})
        book = load_rulebook(extending(tmp_path, "city", "generic"))

        assert {one.region for one in book.grace_period} == {"generic"}

    def test_a_circle_is_refused(self, tmp_path: Path) -> None:
        extending(tmp_path, "city", "county.yaml")

        with pytest.raises(RulebookError, match=r"county\.yaml: more than 5 levels; in a circle\?"):
            load_rulebook(extending(tmp_path, "county", "city.yaml"))

    def test_a_rulebook_on_itself_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(RulebookError, match=r"county\.yaml: more than 5 levels; in a circle\?"):
            load_rulebook(extending(tmp_path, "county", "county.yaml"))

    def test_five_regions_may_stand_on_one_another(self, tmp_path: Path) -> None:
        above = "generic"
        for name in ("country", "province", "city", "county"):
            path = extending(tmp_path, name, above)
            above = f"{name}.yaml"

        assert load_rulebook(path).region == "county"

    def test_a_region_that_is_not_there_is_refused_with_the_shipped_ones(
        self, tmp_path: Path
    ) -> None:
        with pytest.raises(RulebookError, match=r"atlantis\.yaml: .*give a file or one of demo"):
            load_rulebook(extending(tmp_path, "city", "atlantis.yaml"))

    def test_a_slip_in_the_region_above_names_that_file(self, tmp_path: Path) -> None:
        extending(tmp_path, "province", "generic", grace_period=graces("2026-01-01", "2026-01-01"))

        with pytest.raises(RulebookError, match=r"province\.yaml: grace_period: two entries start"):
            load_rulebook(extending(tmp_path, "city", "province.yaml"))

    def test_a_region_above_is_looked_for_beside_its_own_file(self, tmp_path: Path) -> None:
        (tmp_path / "counties").mkdir()
        extending(tmp_path, "province", "generic")
        extending(tmp_path, "city", "province.yaml")
        county = extending(tmp_path / "counties", "county", "../city.yaml")

        assert load_rulebook(county).region == "county"


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 60), st.none() | st.integers(0, 20)),
        min_size=1,
        max_size=4,
        unique_by=lambda one: one[0],
    ),
    st.integers(0, 90),
)
def test_on_every_day_a_region_speaks_for_itself_or_the_one_above_does(
    tmp_path_factory: pytest.TempPathFactory, spans: list[tuple[int, int | None]], offset: int
) -> None:
    spans = sorted(spans)
    follows = [begins for begins, _ in spans[1:]] + [10_000]
    own = [
        (begins, after - 1 if length is None else min(begins + length, after - 1))
        for (begins, length), after in zip(spans, follows, strict=True)
    ]
    first = date(2026, 1, 1)
    entries = [
        entry(number, "min", **{"from": first + begins * DAY, "until": first + ends * DAY})
        for number, (begins, ends) in enumerate(own, start=100)
    ]
    folder = tmp_path_factory.mktemp("books")
    book = load_rulebook(extending(folder, "city", "generic", grace_period=entries))
    speaking = [number for number, one in enumerate(own, start=100) if one[0] <= offset <= one[1]]

    assert minutes_on(book, str(first + offset * DAY)) == (speaking or [10])[0]
