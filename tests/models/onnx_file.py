"""Writes tiny ONNX files whose output is fixed, without the package `onnx`."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FLOAT = 1


def write_onnx(
    path: Path, output: NDArray[np.float32], *, side_px: int = 64, names: str | None = None
) -> Path:
    """A network with the input (1, 3, side, side) that always answers `output`."""
    tensor = (
        b"".join(_number(1, size) for size in output.shape)
        + _number(2, FLOAT)
        + _bytes(8, b"answer")
        + _bytes(9, output.astype("<f4").tobytes())
    )
    node = _bytes(1, b"answer") + _bytes(2, b"output0") + _bytes(4, b"Identity")
    graph = (
        _bytes(1, node)
        + _bytes(2, b"graph")
        + _bytes(5, tensor)
        + _bytes(11, _value(b"images", (1, 3, side_px, side_px)))
        + _bytes(12, _value(b"output0", output.shape))
    )
    model = _number(1, 8) + _bytes(7, graph) + _bytes(8, _bytes(1, b"") + _number(2, 17))
    if names is not None:
        model += _bytes(14, _bytes(1, b"names") + _bytes(2, names.encode()))
    path.write_bytes(model)
    return path


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _value(name: bytes, shape: tuple[int, ...]) -> bytes:
    dims = b"".join(_bytes(1, _number(1, size)) for size in shape)
    tensor_type = _number(1, FLOAT) + _bytes(2, dims)
    return _bytes(1, name) + _bytes(2, _bytes(1, tensor_type))
