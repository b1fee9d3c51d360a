"""Where one trial runs on a card: a stream of its own, and a pool of memory that its captured steps share."""

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache

import torch

_REGISTERED_BY_HAND = tuple(map(int, torch.__version__.split(".")[:2])) < (2, 12)  # later torch sees to it itself


class CardPool:
    """One trial's pool, and the stream that it runs in.

    What a captured step needs in between lies in the pool, and is free from one replay to the next. Evaluations
    borrow it there: a trial takes as much of the card as the larger of the two, not as both. All of it runs in one
    stream, as the allocator gives a block back to the stream that it was taken in.
    """

    def __init__(self) -> None:
        self._stream = _stream()
        self._pool = torch.cuda.MemPool()
        self._graphs: list[torch.cuda.CUDAGraph] = []

    @contextmanager
    def running(self) -> Iterator[None]:
        """Inside, work goes to the trial's stream; what follows outside waits for it on the card."""
        outside = torch.cuda.current_stream()
        self._stream.wait_stream(outside)
        try:
            with torch.cuda.stream(self._stream):
                yield
        finally:
            outside.wait_stream(self._stream)

    @contextmanager
    def borrowing(self) -> Iterator[None]:
        """Inside, memory comes from the pool. The next replay overwrites it: nothing may be kept on the card."""
        with torch.cuda.use_mem_pool(self._pool):
            yield

    def capture(self, work: Callable[[], None], generators: Sequence[torch.Generator]) -> Callable[[], None]:
        """``work`` as one launch. It is not run now; tensors that it leaves behind keep their places in the pool.

        Args:
            work: launches only; all that it reads and changes lies on the card.
            generators: of the card, that it draws from beside the default one.

        Raises:
            RuntimeError: it does something that a graph cannot hold, such as waiting for a result.
            torch.OutOfMemoryError: it does not fit.
        """
        graph = torch.cuda.CUDAGraph()
        for generator in generators:
            if _REGISTERED_BY_HAND:
                graph.register_generator_state(generator)
        self._graphs.append(graph)
        failure: RuntimeError | None = None
        collecting = gc.isenabled()
        gc.disable()  # the pool of an earlier trial, were it collected while a graph is captured, would end the process
        try:
            # Another thread's calls, say of a profiler, must not spoil the capture.
            with torch.cuda.graph(
                graph,
                pool=self._pool.id,  # type: ignore[arg-type]
                stream=self._stream,
                capture_error_mode="thread_local",
            ):
                try:
                    work()
                except RuntimeError as error:
                    failure = error
                    raise
        except RuntimeError as error:
            for generator in (*generators, torch.cuda.default_generators[self._stream.device_index]):
                generator.graphsafe_set_state(generator.clone_state())  # it still takes itself to be captured
            raise failure or error from None
        finally:
            if collecting:
                gc.enable()
            failure = None  # its traceback leads here: a circle that would keep the step's activations alive
        return graph.replay

    def forget(self) -> None:
        """Drop what was captured, and give its memory back."""
        self._graphs.clear()
        self._pool = torch.cuda.MemPool()
        torch.cuda.empty_cache()

    def __del__(self) -> None:
        self._graphs.clear()  # before the pool that they lie in


@cache
def _stream() -> torch.cuda.Stream:
    """One for all trials of a process: cuBLAS keeps a workspace of up to 32 MiB for every stream that it has seen."""
    return torch.cuda.Stream()
