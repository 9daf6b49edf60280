"""Runs any Ultralytics weights; needs the extra `yolo`, which is loaded only here."""

import os
import pickle
import shutil
import warnings
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from models.predictions import BoxPrediction, ImageArray
from models.registry import NetworkFile, NetworkFileError

__all__ = ["UltralyticsDetector"]

# Ultralytics reads these while it is imported: it must not go to the network, install packages or
# run code that a checkpoint carries.
_ENVIRONMENT = {
    "YOLO_OFFLINE": "true",
    "YOLO_AUTOINSTALL": "false",
    "YOLO_VERBOSE": "false",
    "ULTRALYTICS_SAFE_LOAD": "true",
}
_SIDE_PX = 640
_DOUBLE_IOU = 0.7


class UltralyticsDetector:
    """A detection checkpoint or export that Ultralytics 8 or later can run.

    Attributes:
        labels: Class names by class number.
    """

    labels: tuple[str, ...]

    def __init__(self, file: NetworkFile, *, min_confidence: float) -> None:
        """Load the network.

        Raises:
            NetworkFileError: the extra is missing, the file is damaged, or made for another task.
        """
        for name, value in _ENVIRONMENT.items():
            os.environ.setdefault(name, value)  # noqa: TID251 - the library has no other switch
        try:
            from ultralytics import YOLO
        except ImportError as exc:
            raise NetworkFileError(
                f"weights {file.path}: need the extra `yolo`; run: make yolo"
            ) from exc
        try:
            self._network = YOLO(str(file.path))
            # Some kinds of file are only opened by the first prediction.
            self._network.predict(np.zeros((32, 32, 3), np.uint8), imgsz=32, verbose=False)
        except (
            AttributeError,
            EOFError,
            KeyError,
            OSError,
            RuntimeError,
            TypeError,
            ValueError,
            ImportError,
            pickle.UnpicklingError,
        ) as exc:
            raise NetworkFileError(
                f"weights {file.path}: damaged or no Ultralytics network "
                f"({type(exc).__name__}); use a .pt file of Ultralytics 8 or later"
            ) from exc
        if self._network.task != "detect":
            raise NetworkFileError(
                f"weights {file.path}: made for the task {self._network.task!r}; use weights made "
                "for the task 'detect'"
            )
        self._path = file.path
        self._min_confidence = min_confidence
        self.labels = tuple(name for _, name in sorted(self._network.names.items()))

    def has_accelerator(self) -> bool:
        """Whether the library finds more than a CPU to run on."""
        import torch

        return bool(torch.cuda.is_available())

    def export_for_cpu(self, folder: Path) -> None:
        """Write the network into a new `folder` in the form that runs fastest on a CPU.

        Raises:
            NetworkFileError: this network cannot be exported, or the folder cannot be written.
        """
        folder.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder.parent) as draft, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # The library writes beside the weights, which may be where nobody may write.
            weights = Path(draft) / "network.pt"
            try:
                shutil.copyfile(self._path, weights)
                exported = type(self._network)(str(weights)).export(
                    format="openvino", dynamic=True, imgsz=_SIDE_PX, verbose=False
                )
                Path(exported).replace(folder)
            except (OSError, RuntimeError, TypeError, ValueError, ImportError) as exc:
                raise NetworkFileError(
                    f"weights {self._path}: cannot be exported for the CPU to {folder} "
                    f"({type(exc).__name__}: {exc})"
                ) from exc

    def predict(self, images: Sequence[ImageArray]) -> list[BoxPrediction]:
        """The boxes of each image, best first.

        Images of one size run together; in a mixed batch Ultralytics would pad all of them, and
        what is seen in one would depend on its company.
        """
        predictions: dict[int, BoxPrediction] = {}
        for size in {image.shape for image in images}:
            places = [place for place, image in enumerate(images) if image.shape == size]
            same = self._predict_alike([images[place] for place in places])
            predictions.update(zip(places, same, strict=True))
        return [predictions[place] for place in range(len(images))]

    def _predict_alike(self, images: list[ImageArray]) -> list[BoxPrediction]:
        results = self._network.predict(
            images,
            imgsz=_SIDE_PX,
            conf=self._min_confidence,
            iou=_DOUBLE_IOU,
            verbose=False,
        )
        return [
            BoxPrediction(
                xyxy_px=boxes.xyxy.cpu().numpy().astype(np.float64),
                confidence=boxes.conf.cpu().numpy().astype(np.float64),
                labels=tuple(self._network.names[int(number)] for number in boxes.cls.tolist()),
            )
            for boxes in (result.boxes for result in results)
        ]
