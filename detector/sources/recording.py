"""Opens whatever a recording is: a video file, or a folder of pictures."""

from datetime import datetime
from pathlib import Path

from detector.sources.picture_folder import PictureFolder, open_picture_folder
from detector.sources.video_file import VideoFile, open_video_file
from pipeline.events import CameraDocument

__all__ = ["open_recording", "recording_name"]


def open_recording(
    path: Path, document: CameraDocument, *, started_at: datetime | None = None
) -> VideoFile | PictureFolder:
    """Open a video file or a folder of pictures of `document`'s camera.

    Args:
        path: The file or the folder.
        document: Its `recorded_at` dates the recording.
        started_at: Overrules every other date; used to go on with a recording after a restart.

    Raises:
        SourceError: there is no picture that can be read.
    """
    if path.is_dir():
        return open_picture_folder(path, document, started_at=started_at)
    return open_video_file(path, document, started_at=started_at)


def recording_name(path: Path) -> str:
    """What tells this recording from another one at the same place."""
    if path.is_dir():
        return f"{path.name}/:{sum(1 for _ in path.iterdir())}"
    return f"{path.name}:{path.stat().st_size if path.is_file() else 0}"
