"""Addresses of live streams: which ones are read, and what of them may be shown."""

from urllib.parse import urlsplit

from detector.errors import SourceError

__all__ = ["is_stream", "require_stream", "shown_address"]

_SCHEMES = ("rtsp", "rtsps")
_FORM = (
    "rtsp://USER:PASSWORD@HOST:PORT/PATH, with @ : / ? # % in user and password as %40 and so on"
)


def is_stream(source: str) -> bool:
    """Whether `source` names a stream of any kind, not a file or a folder."""
    return "://" in source


def require_stream(address: str) -> None:
    """Refuse what is no address of a stream that can be read; the address is not quoted.

    Raises:
        SourceError: another scheme than RTSP, no host, an impossible port, or a user or password
            that cannot be told from the rest.
    """
    scheme = address.partition("://")[0].lower()
    if scheme not in _SCHEMES:
        raise SourceError(
            f"streams by {scheme}:// are not read; give rtsp:// or rtsps://, a video file or a "
            "folder of pictures"
        )
    if not _is_whole(address):
        raise SourceError(f"no address of a stream; write it as {_FORM}")


def shown_address(address: str) -> str:
    """Scheme, host and port: cameras take passwords before the host, in the path or the query."""
    if not _is_whole(address):
        return "a stream"
    parts = urlsplit(address)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port else "")


def _is_whole(address: str) -> bool:
    try:
        parts = urlsplit(address)
        has_place = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    # A password with a bare / ? or # ends the host's part early and leaves its @ behind.
    return has_place and not ("@" not in parts.netloc and "@" in address)
