"""Runs an exported detection network, ONNX or OpenVINO, on the CPU with the OpenVINO runtime."""

import ast
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import openvino
from numpy.typing import NDArray
from openvino.preprocess import ColorFormat, PrePostProcessor

from models.predictions import BoxPrediction, ImageArray
from models.registry import NetworkFileError

__all__ = ["COCO_LABELS", "OpenVinoDetector"]

# fmt: off
COCO_LABELS = (
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat",
    "traffic light", "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog",
    "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe", "backpack", "umbrella",
    "handbag", "tie", "suitcase", "frisbee", "skis", "snowboard", "sports ball", "kite",
    "baseball bat", "baseball glove", "skateboard", "surfboard", "tennis racket", "bottle",
    "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple", "sandwich", "orange",
    "broccoli", "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch", "potted plant",
    "bed", "dining table", "toilet", "tv", "laptop", "mouse", "remote", "keyboard", "cell phone",
    "microwave", "oven", "toaster", "sink", "refrigerator", "book", "clock", "vase", "scissors",
    "teddy bear", "hair drier", "toothbrush",
)
# fmt: on

_PAD = 114
_YOLOX_STRIDES = (8, 16, 32)
# Where a network takes pictures of any form: the longer side, and what both sides are multiples of.
_FREE_SIDE_PX = 640
_STRIDE_PX = 32
_FORMS_KEPT = 4
_DOUBLE_IOU = 0.7

Floats = NDArray[np.float64]
Side = tuple[int, int]


class OpenVinoDetector:
    """A detection network exported by Ultralytics (raw or end-to-end) or by YOLOX.

    The form of its one output says which: (1, n, 6) is end-to-end; (1, 4 + c, n) is raw
    Ultralytics; (1, n, 5 + c), with n the number of cells of YOLOX's strides, is YOLOX, whose
    boxes count in cells. Boxes of one class that overlap are thinned; images are letterboxed, and
    a network that takes pictures of any form sees no more of the box than it must. Each picture
    is run by one core, so that pictures that come together run side by side.

    Attributes:
        labels: Class names by class number.
    """

    labels: tuple[str, ...]

    def __init__(self, path: Path, *, min_confidence: float) -> None:
        """Load the network of a file, or of the folder of an export.

        Raises:
            NetworkFileError: the file is damaged or no detection network of a known form.
        """
        self._path = _network_file(path)
        self._min_confidence = min_confidence
        model = self._read()
        self._side_px = _input_side_px(model)
        self._compiled: dict[Side, openvino.CompiledModel] = {}
        side = self._side_px or (_FREE_SIDE_PX, _FREE_SIDE_PX)
        model.reshape([1, 3, *side])
        self._layout, classes = self._layout_of(model, side)
        self.labels = self._labels_of(model, classes)

    def predict(self, images: Sequence[ImageArray]) -> list[BoxPrediction]:
        """The boxes of each image, best first."""
        boxed = [
            _letterbox(image, self._side_for(image), is_centred=self._layout != "yolox")
            for image in images
        ]
        requests = [self._start(canvas) for canvas, _, _ in boxed]
        predictions = []
        for image, (canvas, zoom, offset), request in zip(images, boxed, requests, strict=True):
            request.wait()
            output = np.array(request.get_output_tensor(0).data[0], dtype=np.float64)
            side = (canvas.shape[0], canvas.shape[1])
            boxes, scores, class_id = self._kept(*self._decode(output, side))
            size = np.array([image.shape[1], image.shape[0]] * 2, dtype=np.float64)
            predictions.append(
                BoxPrediction(
                    xyxy_px=np.clip((boxes - np.tile(offset, 2)) / zoom, 0, size),
                    confidence=scores,
                    labels=tuple(self._label(number) for number in class_id),
                )
            )
        return predictions

    def _read(self) -> openvino.Model:
        try:
            return openvino.Core().read_model(self._path)
        except RuntimeError as exc:
            raise NetworkFileError(
                f"weights {self._path}: damaged or no network that OpenVINO reads; export or copy "
                "it again"
            ) from exc

    def _side_for(self, image: ImageArray) -> Side:
        """Height and width of the canvas for an image."""
        if self._side_px is not None:
            return self._side_px
        zoom = _FREE_SIDE_PX / max(image.shape[:2])
        height, width = (
            max(1, round(side * zoom / _STRIDE_PX + 0.499)) * _STRIDE_PX for side in image.shape[:2]
        )
        return height, width

    def _start(self, canvas: ImageArray) -> openvino.InferRequest:
        side = (canvas.shape[0], canvas.shape[1])
        if side not in self._compiled:
            if len(self._compiled) == _FORMS_KEPT:
                self._compiled.pop(next(iter(self._compiled)))
            self._compiled[side] = self._compile(side)
        request = self._compiled[side].create_infer_request()
        request.start_async([canvas[None]])
        return request

    def _compile(self, side: Side) -> openvino.CompiledModel:
        """The network for canvases of one form, which it takes as they are: bytes, BGR."""
        model = self._read()
        model.reshape([1, 3, *side])
        steps = PrePostProcessor(model)
        taken = steps.input()
        taken.tensor().set_element_type(openvino.Type.u8).set_layout(openvino.Layout("NHWC"))
        taken.model().set_layout(openvino.Layout("NCHW"))
        if self._layout == "yolox":
            taken.preprocess().convert_element_type(openvino.Type.f32)
        else:
            taken.tensor().set_color_format(ColorFormat.BGR)
            into = taken.preprocess().convert_element_type(openvino.Type.f32)
            into.convert_color(ColorFormat.RGB).scale(255.0)
        settings = {"PERFORMANCE_HINT": "THROUGHPUT"}
        return openvino.Core().compile_model(steps.build(), "CPU", settings)

    def _kept(
        self, boxes: Floats, scores: Floats, class_id: NDArray[np.int64]
    ) -> tuple[Floats, Floats, NDArray[np.int64]]:
        """The sure ones, each once, best first."""
        good = scores >= self._min_confidence
        boxes, scores, class_id = boxes[good], scores[good], class_id[good]
        if self._layout == "end_to_end":
            order = np.argsort(-scores, kind="stable")
        else:
            order = _thin(boxes, scores, class_id)
        return boxes[order], scores[order], class_id[order]

    def _layout_of(self, model: openvino.Model, side: Side) -> tuple[str, int]:
        """Which form the output has and how many classes; 0 where the form does not say."""
        shapes = [output.partial_shape for output in model.outputs]
        if len(shapes) == 1 and shapes[0].is_static and len(shapes[0]) == 3:
            _, rows, columns = shapes[0].to_shape()
            height, width = side
            cells = sum((height // s) * (width // s) for s in _YOLOX_STRIDES)
            if rows == cells and columns > 5:
                return "yolox", columns - 5
            if columns == cells and rows > 4:
                return "raw", rows - 4
            if columns == 6:
                return "end_to_end", 0
        raise NetworkFileError(
            f"weights {self._path}: outputs {[str(shape) for shape in shapes]} are those of no "
            "detection network this version knows; export it as ONNX for the task detect"
        )

    def _labels_of(self, model: openvino.Model, classes: int) -> tuple[str, ...]:
        if model.has_rt_info(["framework", "names"]):
            names = ast.literal_eval(model.get_rt_info(["framework", "names"]).astype(str))
            return tuple(str(names[number]) for number in sorted(names))
        if model.has_rt_info(["model_info", "labels"]):
            words = model.get_rt_info(["model_info", "labels"]).astype(str).split()
            return tuple(word.replace("_", " ") for word in words)
        if classes in {0, len(COCO_LABELS)}:
            return COCO_LABELS
        raise NetworkFileError(
            f"weights {self._path}: {classes} classes without names; export it with its metadata"
        )

    def _label(self, number: int) -> str:
        return self.labels[number] if 0 <= number < len(self.labels) else f"class {number}"

    def _decode(self, output: Floats, side: Side) -> tuple[Floats, Floats, NDArray[np.int64]]:
        """Boxes (n, 4) as corners on the canvas, scores (n,), class numbers (n,)."""
        if self._layout == "end_to_end":
            return output[:, :4], output[:, 4], output[:, 5].astype(np.int64)
        if self._layout == "raw":
            rows = output.T
            by_class = rows[:, 4:]
            centres, sizes = rows[:, :2], rows[:, 2:4]
        else:
            cells, strides = _yolox_grid(side)
            by_class = output[:, 5:] * output[:, 4:5]
            centres = (output[:, :2] + cells) * strides
            sizes = np.exp(output[:, 2:4]) * strides
        boxes = np.hstack([centres - sizes / 2, centres + sizes / 2])
        return boxes, by_class.max(axis=1), by_class.argmax(axis=1).astype(np.int64)


def _network_file(path: Path) -> Path:
    """The file that OpenVINO reads: the folder of an export holds it."""
    return next(iter(sorted(path.glob("*.xml"))), path) if path.is_dir() else path


def _input_side_px(model: openvino.Model) -> Side | None:
    """Height and width of the input; None where they are free."""
    shape = model.inputs[0].partial_shape
    if len(shape) != 4 or shape[2].is_dynamic or shape[3].is_dynamic:
        return None
    return shape[2].get_length(), shape[3].get_length()


def _letterbox(
    image: ImageArray, side_px: tuple[int, int], *, is_centred: bool
) -> tuple[ImageArray, float, Floats]:
    """The image on a grey canvas, with its zoom and its offset as x and y."""
    height, width = side_px
    zoom = min(height / image.shape[0], width / image.shape[1])
    inner = (max(1, round(image.shape[1] * zoom)), max(1, round(image.shape[0] * zoom)))
    left, top = ((width - inner[0]) // 2, (height - inner[1]) // 2) if is_centred else (0, 0)
    canvas = np.full((height, width, 3), _PAD, dtype=np.uint8)
    canvas[top : top + inner[1], left : left + inner[0]] = cv2.resize(image, inner)
    return canvas, zoom, np.array([left, top], dtype=np.float64)


def _yolox_grid(side_px: tuple[int, int]) -> tuple[Floats, Floats]:
    """Cell positions (n, 2) and strides (n, 1) in the order of YOLOX's output."""
    cells, strides = [], []
    for stride in _YOLOX_STRIDES:
        rows, columns = side_px[0] // stride, side_px[1] // stride
        y, x = np.mgrid[:rows, :columns]
        cells.append(np.stack([x.ravel(), y.ravel()], axis=1))
        strides.append(np.full((rows * columns, 1), stride))
    return np.concatenate(cells).astype(np.float64), np.concatenate(strides).astype(np.float64)


def _thin(boxes: Floats, scores: Floats, class_id: NDArray[np.int64]) -> NDArray[np.int64]:
    """Positions of the best box of each heap of one class."""
    if not len(boxes):
        return np.empty(0, dtype=np.int64)
    corner_and_size = np.hstack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]])
    kept = cv2.dnn.NMSBoxesBatched(
        corner_and_size.tolist(), scores.tolist(), class_id.tolist(), 0.0, _DOUBLE_IOU
    )
    return np.asarray(kept, dtype=np.int64).reshape(-1)
