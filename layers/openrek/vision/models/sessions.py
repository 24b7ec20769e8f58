"""onnxruntime sessions, set up for several workers on few cores, and those of one process, each opened once."""

from collections.abc import Callable
from pathlib import Path
from threading import Lock

import onnxruntime

from openrek.vision.models import zoo


class ModelSessions:
    """The sessions over the model files in a folder; safe for many threads.

    Each opens at its first use. Readers that share this share the sessions of models that they both use.
    """

    def __init__(
        self, weights_folder: Path, threads: int = 1, *, load: Callable[[Path, str], bytes] = zoo.load
    ) -> None:
        """Open nothing yet. `threads` work on one inference; `load` returns the graph of a name in the folder."""
        self.weights_folder = weights_folder
        self._threads = threads
        self._load = load
        self._lock = Lock()
        self._open: dict[str, onnxruntime.InferenceSession] = {}

    def session(self, name: str) -> onnxruntime.InferenceSession:
        """Return the only session for the model `name`. Raises WeightsError."""
        with self._lock:
            if name not in self._open:
                self._open[name] = open_session(self._load(self.weights_folder, name), self._threads)
            return self._open[name]


def open_session(graph: bytes, threads: int) -> onnxruntime.InferenceSession:
    """Open a CPU session that may be run from many threads at once; `threads` work on one run.

    Waiting threads sleep instead of spinning: spinning takes the core from another worker's run. The arena stays on
    (without it YuNet is 40 % slower: fresh pages for every run). Memory is not planned ahead for each shape of input:
    a plan is one block as large as a whole run, and pictures have ever new shapes. That saves 50 MB and costs no time.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.enable_mem_pattern = False
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
