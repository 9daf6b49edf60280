"""Whether a vehicle that is not seen in its place has left it: only what was seen counts.

It was followed out of its place, or the place looks different, stands still and is covered by
nothing, in an unchanged view.
"""

from datetime import timedelta

import numpy as np

from detector.appearance import Look
from detector.stays.place import COVERED_RATIO, SAME_VEHICLE
from detector.stays.sight import Absence, Attention, Sight
from detector.stays.stay import Stay
from detector.stays.street import Street
from detector.stays.tracks import Tracks
from pipeline.events import DepartureKind

__all__ = ["Leaving"]

# A vehicle seen elsewhere, followed from its place: it turns and comes nearer as it leaves.
_SAME_TRACK = 0.6

_LIKE = 0.5
_SAME_VIEW = 0.4
_UNREST_LEVELS = 10.0
_EMPTY_AFTER = timedelta(seconds=4)
# Where it is not known what the street looks like, something unseen may stand before the place.
_EMPTY_AFTER_UNKNOWN = timedelta(seconds=60)
_EMPTY_AFTER_DRIVING_OFF = timedelta(seconds=1)


class Leaving:
    """Judges those who are not seen in their place, frame by frame."""

    def __init__(self, tracks: Tracks, street: Street) -> None:
        """Go by where the tracks lead and what the street looks like without vehicles."""
        self._tracks = tracks
        self._street = street

    def judge(self, stay: Stay, attention: Attention, sight: Sight) -> DepartureKind | None:
        """How it was seen to leave, once that is sure; keeps what is known in its attention."""
        if self._tracks.has_jumped(attention.track_id):
            attention.track_id = -1
        attention.has_driven_off |= self._is_driving_off(stay, attention, sight)
        attention.absence = self._absence(stay, attention, sight)
        if attention.absence is None:
            return None
        if sight.now - attention.absence.since < self._empty_after(stay, attention, sight):
            return None
        return DepartureKind.DROVE_OFF if attention.has_driven_off else DepartureKind.PLACE_EMPTY

    def _is_driving_off(self, stay: Stay, attention: Attention, sight: Sight) -> bool:
        """Whether its track is elsewhere now, with it: a track may slip to one that passes by."""
        box = self._tracks.box_away(attention.track_id, stay.place_px, sight.now)
        look = None if box is None else sight.view.look_at(box)
        if look is None or stay.look is None:
            return False
        return stay.vehicle_likeness(look) >= _SAME_TRACK

    def _absence(self, stay: Stay, attention: Attention, sight: Sight) -> Absence | None:
        """The place without its vehicle, since when it was so; None when that is not sure."""
        # What costs least is asked first: in a jam many are hidden at once.
        if sight.is_after_gap or (sight.is_covered(stay) and not attention.has_driven_off):
            return None
        look = sight.view.look_at(stay.place_px)
        if look is None or stay.look is None or look.surroundings_likeness(stay.look) < _SAME_VIEW:
            return None
        known = attention.absence
        if attention.has_driven_off:
            is_same, is_steady = not self._is_other(stay, look, sight), known is not None
        else:
            is_same = stay.likeness(look) >= _LIKE
            is_steady = known is not None and look.unrest_levels(known.look) <= _UNREST_LEVELS
        if is_same:
            return None
        return known if is_steady else Absence(since=sight.now, look=look)

    def _is_other(self, stay: Stay, look: Look, sight: Sight) -> bool:
        """Whether what stands or moves where one drove off is not the same after all."""
        covering = np.flatnonzero(sight.covered[stay.episode_id] >= COVERED_RATIO)
        return stay.vehicle_likeness(look) < SAME_VEHICLE or any(
            self._tracks.came_from_elsewhere(sight.tracks[row], stay.place_px)
            for row in covering.tolist()
        )

    def _empty_after(self, stay: Stay, attention: Attention, sight: Sight) -> timedelta:
        """How long a place must look empty until its vehicle is held to have left."""
        if attention.has_driven_off:
            return _EMPTY_AFTER_DRIVING_OFF
        if self._street.shows_at(sight.view.image, stay.place_px):
            return _EMPTY_AFTER
        return _EMPTY_AFTER_UNKNOWN
