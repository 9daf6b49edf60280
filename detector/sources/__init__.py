"""Where pictures come from: recordings, folders of pictures, and live streams over RTSP."""

from detector.sources.frame import Frame, FrameSource, utc_now
from detector.sources.live_stream import LiveStream, open_stream
from detector.sources.picture_folder import PictureFolder, open_picture_folder
from detector.sources.recording import open_recording, recording_name
from detector.sources.video_file import VideoFile, open_video_file

__all__ = [
    "Frame",
    "FrameSource",
    "LiveStream",
    "PictureFolder",
    "VideoFile",
    "open_picture_folder",
    "open_recording",
    "open_stream",
    "open_video_file",
    "recording_name",
    "utc_now",
]
