"""Camera feed in, events out; knows nothing of cases or reminders."""

__all__: list[str] = []
