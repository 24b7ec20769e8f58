"""onnxruntime sessions, set up for several workers on few cores."""

import onnxruntime


def open_session(graph: bytes, threads: int) -> onnxruntime.InferenceSession:
    """Open a CPU session that may be run from many threads at once; `threads` work on one run.

    Waiting threads sleep instead of spinning: spinning takes the core from another worker's run. The arena stays on
    (without it YuNet is 40 % slower: fresh pages for every run).
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
