"""Generators of other programs, as ONNX graphs, drawn by a process of their own.

A graph comes with a run folder, which may come from anybody. So it is never unpickled, may refer to no other file, and
is run where its memory and its time are limited: what breaks the process costs that answer and nothing else.

The process is `python -m gan_core.inference.graph_process`. It reads requests from standard input and writes answers to
standard output. Each is a line of JSON, then the bytes that the line announces.
"""

import json
import threading
import weakref
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np

from gan_core import limited_processes, optional_dependencies
from gan_core.errors import UserError, first_line, printable

MOST_BYTES = 512 * 1024**2  # of a graph
MEMORY = 6 * 1024**3  # bytes of address space of the process; the runtime itself takes one of them
LOAD_SECONDS, DRAW_SECONDS = 60.0, 60.0  # of a batch
LARGEST = 1024  # pixels per side
MOST_LATENT = 65_536  # numbers of a latent vector
_LINE = 65_536  # largest length of an answer's JSON line
_NEEDS = ("a generator of another program", "onnx", "onnx", "onnxruntime")


class GraphProcess:
    """A process that draws with one graph; threads take turns. It starts with the first use, and anew after a crash."""

    def __init__(self, graph: bytes, name: str, seconds: float = DRAW_SECONDS, memory: int = MEMORY) -> None:
        """name: of the run, for errors."""
        optional_dependencies.need(*_NEEDS)
        self._graph, self._name, self._seconds, self._memory = graph, name, seconds, memory
        self._lock = threading.Lock()
        self._process: limited_processes.Process | None = None
        self._ending: weakref.finalize | None = None
        with self._lock:
            self._start()

    def draw(self, latents: np.ndarray) -> np.ndarray:
        """Return pictures float32 (N, C, S, S) from latent vectors float32 (N, latent_size).

        Raises:
            UserError: the graph cannot draw them, took too long, or crashed its process.
        """
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._start()
            request = {"shape": latents.shape}
            answer, content = self._ask(request, np.ascontiguousarray(latents, np.float32).tobytes(), self._seconds)
        shape = tuple(answer["shape"])
        return np.frombuffer(content, np.float32).reshape(shape)

    def close(self) -> None:
        with self._lock:
            self._end()

    def _start(self) -> None:
        self._end()
        self._process = limited_processes.start("gan_core.inference.graph_process", self._memory)
        # Not `__del__`: where a script ends, the modules that it needs may be gone before it is called.
        self._ending = weakref.finalize(self, limited_processes.end, self._process)
        self._ask({"graph": len(self._graph)}, self._graph, LOAD_SECONDS)

    def _ask(self, request: dict[str, Any], data: bytes, seconds: float) -> tuple[dict[str, Any], bytes]:
        """Send a request and return the answer, whose content is checked; end a process in trouble."""
        process = self._process
        assert process is not None
        watch = threading.Timer(seconds, process.kill)
        watch.daemon = True
        watch.start()
        try:
            questions, answers = limited_processes.pipes(process)
            questions.write(json.dumps(request).encode() + b"\n" + data)
            questions.flush()
            answer = json.loads(answers.readline(_LINE))
            if "error" in answer:
                raise UserError(f"run '{self._name}': its generator {printable(str(answer['error']), 300)}")
            size = _checked(answer, request)
            content = answers.read(size)
            if len(content) != size:
                raise ValueError
        except (OSError, ValueError, KeyError, TypeError) as error:
            if isinstance(error, UserError):
                raise
            self._end()
            raise UserError(
                f"run '{self._name}': its generator took more than {seconds:g} s, more memory than allowed, or crashed"
            ) from None
        finally:
            watch.cancel()
        return answer, content

    def _end(self) -> None:
        self._process = None
        if self._ending is not None:
            self._ending()


def _checked(answer: dict[str, Any], request: dict[str, Any]) -> int:
    """Return how many bytes follow an answer. Raises ValueError, KeyError, TypeError: it is no answer of ours."""
    if "shape" not in request:
        return 0
    count, channels, height, width = (int(side) for side in answer["shape"])
    if count != request["shape"][0] or channels not in (1, 3) or not 1 <= height == width <= LARGEST:
        raise ValueError
    return 4 * count * channels * height * width


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer requests until the input ends; runs in the process of its own."""
    session: Any = None
    while line := requests.readline():
        request = json.loads(line)
        content = b""
        answer: dict[str, Any]
        try:
            if "graph" in request:
                session, answer = open_graph(requests.read(request["graph"])), {}
            else:
                latents = np.frombuffer(requests.read(4 * int(np.prod(request["shape"]))), np.float32)
                pictures = draw(session, latents.reshape(request["shape"]))
                answer, content = {"shape": pictures.shape}, pictures.tobytes()
        except UserError as error:
            answer = {"error": str(error)}
        except MemoryError:
            answer = {"error": "needs more memory than it may use"}
        answers.write(json.dumps(answer).encode() + b"\n" + content)
        answers.flush()


def open_graph(graph: bytes) -> Any:
    """Open a graph in ONNX Runtime.

    Raises:
        UserError: it is no graph, refers to other files, or is no generator.
    """
    onnx, runtime = optional_dependencies.need(*_NEEDS)
    try:
        model = onnx.load_model_from_string(graph)
    except Exception as error:  # protobuf has errors of its own
        raise UserError("is damaged: it is no ONNX graph") from error
    if any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in _tensors(model.graph)):
        raise UserError("refers to weights in another file: export it as one file")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        session = runtime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime has many of its own, all of them without a common class
        raise UserError(f"cannot be opened ({first_line(error)})") from error
    latent_size(session)
    return session


def latent_size(session: Any) -> int:
    """Return how many numbers a latent vector of the graph has. Raises UserError: it takes something else."""
    inputs = session.get_inputs()
    shape = inputs[0].shape if len(inputs) == 1 else []
    if len(shape) != 2 or not isinstance(shape[1], int) or inputs[0].type != "tensor(float)":
        raise UserError("must have one input, latent vectors float32 (N, latent_size)")
    if not 1 <= shape[1] <= MOST_LATENT:
        raise UserError(f"takes latent vectors of {shape[1]} numbers")
    return int(shape[1])


def draw(session: Any, latents: np.ndarray) -> np.ndarray:
    """Return what the graph draws, float32 (N, C, S, S). Raises UserError: it draws something else."""
    try:
        (pictures,) = session.run(None, {session.get_inputs()[0].name: latents})
    except Exception as error:  # as above
        raise UserError(f"cannot draw ({first_line(error)})") from error
    pictures = np.ascontiguousarray(pictures, np.float32)
    shape = pictures.shape
    if (
        len(shape) != 4
        or shape[0] != len(latents)
        or shape[1] not in (1, 3)
        or not 1 <= shape[2] == shape[3] <= LARGEST
    ):
        raise UserError(f"draws {shape}, not square pictures (N, 1 or 3, S, S)")
    return pictures


def _tensors(graph: Any) -> Iterator[Any]:
    """Yield every tensor of a graph, those of its inner graphs as well."""
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for node in graph.node:
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
            for inner in (attribute.g, *attribute.graphs):
                if inner.node or inner.initializer:
                    yield from _tensors(inner)


def main() -> None:
    """Run the process: limit its memory, then answer requests."""
    serve(*limited_processes.limited())


if __name__ == "__main__":
    main()
