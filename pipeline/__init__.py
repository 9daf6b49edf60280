"""The pipeline: events in, reminders and review cases out."""
