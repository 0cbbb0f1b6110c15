"""The four scenarios by MLPerf's own LoadGen (extra ``loadgen``): its queries, its clock, its rules."""

import json
import queue
import tempfile
import threading
import time
from importlib import metadata
from pathlib import Path
from typing import Any

from xstilts.errors import UserError
from xstilts.serving.scenarios import PERCENTILES, PROBE, SEEDS, Load, Measured, System, offline

MARK = ":::MLLOG "


def is_there() -> bool:
    """Say whether LoadGen is installed."""
    try:
        import mlperf_loadgen  # noqa: F401
    except ModuleNotFoundError:
        return False
    return True


def measure(system: System, there: int, load: Load, most: int = 64) -> Measured:
    """Put a load on a system; see ``twin.measure``.

    Raises:
        UserError: LoadGen is not installed, or had errors.
        Exception: what the system itself raised.
    """
    if not is_there():
        raise UserError("LoadGen is not installed: pip install '.[loadgen]', or take the twin")
    import mlperf_loadgen as lg

    if load.scenario == "Offline" and load.seconds:
        first, began = [place % there for place in range(min(PROBE, load.queries))], time.perf_counter()
        system(first)
        load = offline(load, len(first), time.perf_counter() - began)
    worker = _Worker(system, most if load.scenario == "Server" else there + load.queries + load.samples)
    library = lg.ConstructQSL(there, there, _nothing, _nothing)
    under_test = lg.ConstructSUT(worker.issue, _nothing_at_all)
    with tempfile.TemporaryDirectory() as folder:
        log = lg.LogSettings()
        log.log_output.outdir = folder
        log.log_output.copy_summary_to_stdout = False
        log.enable_trace = False
        worker.start()
        try:
            lg.StartTestWithLogSettings(under_test, library, _settings(lg, load), log, "audit.config")
        finally:
            worker.stop()
            lg.DestroyQSL(library)
            lg.DestroySUT(under_test)
        if worker.error is not None:
            raise worker.error
        found = read_log(Path(folder) / "mlperf_log_detail.txt")
    return _measured(load, found, worker.samples)


def _settings(lg: Any, load: Load) -> Any:
    settings = lg.TestSettings()
    settings.scenario = getattr(lg.TestScenario, load.scenario)
    settings.mode = lg.TestMode.PerformanceOnly
    settings.min_duration_ms = round(1000 * load.seconds)
    settings.min_query_count = load.queries
    settings.qsl_rng_seed, settings.sample_index_rng_seed, settings.schedule_rng_seed = SEEDS
    if load.scenario == "SingleStream":
        settings.single_stream_target_latency_percentile = load.percentile
    elif load.scenario == "MultiStream":
        settings.multi_stream_target_latency_percentile = load.percentile
        settings.multi_stream_samples_per_query = load.samples
    elif load.scenario == "Server":
        settings.server_target_qps = load.rate
        settings.server_target_latency_ns = round(1e9 * load.limit)
        settings.server_target_latency_percentile = load.percentile
    else:  # one query of so many samples: LoadGen asks for a tenth more than rate and duration need
        settings.min_query_count = 1
        settings.min_duration_ms = 1000
        settings.offline_expected_qps = load.queries / 1.1
    return settings


class _Worker:
    """Answers LoadGen's queries on a thread of its own: its callbacks come from threads that may not be held up."""

    def __init__(self, system: System, most: int) -> None:
        self.system = system
        self.most = most
        self.waiting: queue.Queue[list[Any] | None] = queue.Queue()
        self.thread = threading.Thread(target=self._work, daemon=True)
        self.samples = 0
        self.error: BaseException | None = None

    def issue(self, samples: list[Any]) -> None:
        """Take the samples of a query."""
        self.waiting.put(list(samples))

    def start(self) -> None:
        """Begin to answer."""
        self.thread.start()

    def stop(self) -> None:
        """Answer nothing more."""
        self.waiting.put(None)
        self.thread.join()

    def _work(self) -> None:
        import mlperf_loadgen as lg

        while (asked := self.waiting.get()) is not None:
            ended = False
            while len(asked) < self.most and not self.waiting.empty():
                more = self.waiting.get()
                if more is None:
                    ended = True
                    break
                asked += more
            if self.error is None:
                try:
                    self.system([one.index for one in asked])
                except BaseException as error:  # nothing may be raised across LoadGen: the caller raises it
                    self.error = error
            self.samples += len(asked)
            lg.QuerySamplesComplete([lg.QuerySampleResponse(one.id, 0, 0) for one in asked])
            if ended:
                return


def _nothing(_: Any) -> None:
    """All samples are in memory."""


def _nothing_at_all() -> None:
    """Nothing waits to be flushed."""


def read_log(path: Path) -> dict[str, Any]:
    """Return what LoadGen wrote of a run, by key."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    entries = []
    for line in lines:
        if line.startswith(MARK):
            try:
                entries.append(json.loads(line.removeprefix(MARK)))
            except ValueError:  # some values are no JSON, none of those that are read here
                continue
    errors = [str(entry["value"]) for entry in entries if entry["key"] == "error_runtime"]
    if errors:
        raise UserError(f"LoadGen: {errors[0]}")
    return {entry["key"]: entry["value"] for entry in entries}


def _measured(load: Load, found: dict[str, Any], samples: int) -> Measured:
    nanoseconds = 1e-9
    per_query = "_per_query" if load.scenario == "MultiStream" else ""
    latency = {
        f"{p:g}": nanoseconds * found[f"result_{100 * p:.2f}_percentile{per_query}_latency_ns"] for p in PERCENTILES
    }
    queries = int(found["result_query_count"])
    estimate, reasons = None, []
    if load.scenario == "Offline":
        rate = float(found["result_samples_per_second"])
        seconds = samples / rate
        if seconds < load.seconds:
            reasons.append(f"took {seconds:.1f} s of {load.seconds:g}")
    elif load.scenario == "Server":
        rate = float(found["result_completed_samples_per_sec"])
        seconds = samples / rate
        if not (found["early_stopping_met"] and found["result_perf_constraints_met"]):
            reasons.append(f"the limit of {1000 * load.limit:g} ms does not hold for {100 * load.percentile:g} %")
    else:
        own = "early_stopping_latency_ss" if load.scenario == "SingleStream" else "early_stopping_latency_ms"
        estimate = nanoseconds * found[own] if found["early_stopping_met"] else None
        mean = found["result_mean_query_latency_ns" if load.scenario == "MultiStream" else "result_mean_latency_ns"]
        seconds = nanoseconds * mean * queries
        rate = samples / seconds
        if estimate is None:
            reasons.append(f"too few queries for an estimate of {100 * load.percentile:g} %")
    if load.scenario != "Offline":
        if not found["result_min_duration_met"]:
            reasons.append(f"shorter than {load.seconds:g} s")
        if not found["result_min_queries_met"]:
            reasons.append(f"{queries} queries of {load.queries}")
    tool = f"LoadGen {metadata.version('mlcommons-loadgen')}"
    return Measured(load, tool, queries, samples, seconds, rate, latency, estimate, tuple(reasons))
