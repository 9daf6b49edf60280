"""Instants of a live stream's pictures: the stream's own clock, held against the host's."""

from datetime import datetime, timedelta

__all__ = ["StreamClock"]

# Quartz clocks differ by a tenth of this at most.
_DRIFT = 1e-3
_STARTS_OVER_S = 1.0
_BEHIND = timedelta(seconds=3)
_BEHIND_FOR = timedelta(seconds=10)
_SETTLES_WITHIN = timedelta(seconds=2)


class StreamClock:
    """The clock of one connection.

    A network adds delay to a packet and never takes any away, so the least delay seen says how the
    stream's clock stands to the host's, and jitter of the network is no jitter of time. The least
    delay is forgotten by 1 ms each second, so that a clock that runs slow is followed too.
    """

    def __init__(self) -> None:
        """Know nothing before the first packet."""
        self._zero_at: datetime | None = None
        self._stream_s = 0.0
        self._first_at: datetime | None = None
        self._received_at: datetime | None = None
        self._late_since_at: datetime | None = None
        self.is_settled = False

    def receive(self, stream_s: float, received_at: datetime) -> None:
        """Take note of a packet.

        Args:
            stream_s: Its time by the stream's clock, from any zero; one that steps back by a second
                or more has started over.
            received_at: When it arrived, by the host's clock.
        """
        zero_at = received_at - timedelta(seconds=stream_s)
        if self._zero_at is None or stream_s < self._stream_s - _STARTS_OVER_S:
            self._zero_at = zero_at
        elif self._received_at is not None:
            forgotten = (received_at - self._received_at) * _DRIFT
            self._zero_at = min(zero_at, self._zero_at + forgotten)
        self._settle(stream_s, received_at)
        if zero_at - self._zero_at <= _BEHIND:
            self._late_since_at = None
        elif self._late_since_at is None:
            self._late_since_at = received_at
        self._stream_s, self._received_at = stream_s, received_at

    def captured_at(self, stream_s: float) -> datetime:
        """The instant of a picture; `receive` was called before.

        Right to the connection's least delay, commonly some hundredths of a second.
        """
        if self._zero_at is None:
            raise ValueError("no packet was received before the first picture")
        return self._zero_at + timedelta(seconds=stream_s)

    @property
    def is_behind(self) -> bool:
        """Whether every packet of the last 10 s came more than 3 s late.

        Either the way is too narrow for the stream, or the host's clock was put forward.
        """
        since_at, now = self._late_since_at, self._received_at
        return since_at is not None and now is not None and now - since_at >= _BEHIND_FOR

    def _settle(self, stream_s: float, received_at: datetime) -> None:
        """A connection begins with a burst of older pictures; after it the delays are true."""
        if self._received_at is None or self._first_at is None:
            self._first_at = received_at
            return
        waited_s = (received_at - self._received_at).total_seconds()
        if waited_s >= (stream_s - self._stream_s) / 2 or (
            received_at - self._first_at >= _SETTLES_WITHIN
        ):
            self.is_settled = True
