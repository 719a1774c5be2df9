"""Starts Python workers for TaskManagers: `python -m templates.flink.worker_pool`.

Beam's own pool (apache_beam.runners.worker.worker_pool_main) differs in what hurts here: it
listens on every interface; it runs whichever `python` is first in PATH; it never reads what its
workers print, so that one which prints 64 KiB stops for ever; it does not give them the
pipeline's options; and it is made for one TaskManager: with two, the end of a worker of one kills
a worker of the other. This one starts workers as Beam's container does, and one that ends before it
has reported is started again (worker_start.py).
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from concurrent import futures

import grpc
from apache_beam.portability.api import (
    beam_fn_api_pb2,
    beam_fn_api_pb2_grpc,
    beam_provision_api_pb2,
    beam_provision_api_pb2_grpc,
)
from google.protobuf import json_format, text_format

from templates.flink import pdeathsig
from templates.flink.loopback import HOST
from templates.flink.worker_start import Worker

_LOG = logging.getLogger("templates.flink.worker_pool")
_LOG_FORMAT = "%(asctime)s [%(process)d] %(levelname)s %(name)s: %(message)s"

# What a worker runs: Beam's own entry point, with a log on standard error besides the runner's.
_WORKER = (
    f"import logging; logging.basicConfig(format={_LOG_FORMAT!r}); "
    "from apache_beam.runners.worker import sdk_worker_main; sdk_worker_main.main([])"
)
_PROVISION_TIMEOUT_SEC = 20
_END_TIMEOUT_SEC = 10
# Calls are short, and a TaskManager makes one per worker.
_THREADS_MAX = 16
_LOOK_SEC = 0.2


class WorkerPool(beam_fn_api_pb2_grpc.BeamFnExternalWorkerPoolServicer):
    """Answers StartWorker and StopWorker with processes of this very Python.

    Both TaskManagers count their workers from 1-1, so an id alone names two processes. The
    connection over which a worker was asked for tells them apart; it is kept for stopping it.
    """

    def __init__(self, scratch: str) -> None:
        self._scratch = scratch
        self._workers: dict[tuple[str, str], Worker] = {}
        self._lock = threading.Lock()

    def StartWorker(  # the name is gRPC's
        self, request: beam_fn_api_pb2.StartWorkerRequest, context: grpc.ServicerContext
    ) -> beam_fn_api_pb2.StartWorkerResponse:
        """Starts a worker; an error travels to the TaskManager, which fails the job with it."""
        try:
            environment = self._environment(request)
            process = _start(environment)
        except (OSError, grpc.RpcError):
            return beam_fn_api_pb2.StartWorkerResponse(error=traceback.format_exc())
        with self._lock:
            self._reap()
            self._workers[context.peer(), request.worker_id] = Worker(request, environment, process)
        _LOG.info("worker %s for %s: process %d", request.worker_id, context.peer(), process.pid)
        return beam_fn_api_pb2.StartWorkerResponse()

    def StopWorker(
        self, request: beam_fn_api_pb2.StopWorkerRequest, context: grpc.ServicerContext
    ) -> beam_fn_api_pb2.StopWorkerResponse:
        """Ends a worker. One that is not found ends by itself, with its control stream."""
        with self._lock:
            worker = self._workers.pop((context.peer(), request.worker_id), None)
        if worker is not None:
            _LOG.info("stopping worker %s: process %d", request.worker_id, worker.process.pid)
            _end(worker.process)
        return beam_fn_api_pb2.StopWorkerResponse()

    def watch(self) -> None:
        """Looks after workers that start, without end.

        The kernel ties a worker to the thread that starts it: this one must never end.
        """
        while True:
            time.sleep(_LOOK_SEC)
            self.look()

    def look(self) -> None:
        """Starts again whoever ended before it reported, as soon as its pause is over."""
        with self._lock:
            starting = [each for each in self._workers.items() if each[1].starting]
        for (peer, name), worker in starting:
            if worker.look():
                _tell(peer, worker, worker.try_again())
            elif worker.is_due():
                self._start_again((peer, name), worker)

    def _start_again(self, key: tuple[str, str], worker: Worker) -> None:
        peer, name = key
        try:
            _provision(worker.request)
            with self._lock:
                if self._workers.get(key) is worker:  # not stopped meanwhile
                    worker.started_again(_start(worker.environment))
                    _LOG.info("worker %s for %s: process %d", name, peer, worker.process.pid)
        except grpc.RpcError:
            worker.starting = False
            _LOG.info("worker %s for %s: nobody waits for it any more", name, peer)
        except OSError as error:
            worker.ended += 1
            _LOG.warning("worker %s for %s: %s", name, peer, error)
            _tell(peer, worker, worker.try_again())

    def _environment(self, request: beam_fn_api_pb2.StartWorkerRequest) -> dict[str, str]:
        """Returns what sdk_worker_main reads, as Beam's container would set it."""
        info = _provision(request)
        return {
            "WORKER_ID": request.worker_id,
            "CONTROL_API_SERVICE_DESCRIPTOR": text_format.MessageToString(request.control_endpoint),
            "LOGGING_API_SERVICE_DESCRIPTOR": text_format.MessageToString(request.logging_endpoint),
            "PIPELINE_OPTIONS": json.dumps(json_format.MessageToDict(info.pipeline_options)),
            "RUNNER_CAPABILITIES": " ".join(info.runner_capabilities),
            "SEMI_PERSISTENT_DIRECTORY": self._scratch,
        }

    def _reap(self) -> None:
        """Collects workers that ended by themselves, as they do when their TaskManager dies."""
        for key, worker in list(self._workers.items()):
            if not worker.starting and worker.process.poll() is not None:
                self._workers.pop(key, None)


def _start(environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        # A worker whose TaskManager and pool are killed at once can hang at its end. The
        # kernel ties it to the thread that starts it, and the pool's threads never end.
        pdeathsig.command([sys.executable, "-c", _WORKER]),
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
    )


def _tell(peer: str, worker: Worker, pause_sec: float | None) -> None:
    told = (worker.request.worker_id, peer, worker.process.pid, worker.process.returncode)
    if pause_sec is None:
        _LOG.error(
            "worker %s for %s: process %d ended with %d before it reported, as the %d before it;"
            " not started again: its TaskManager waits until the watchdog ends it",
            *told,
            worker.ended - 1,
        )
        return
    _LOG.warning(
        "worker %s for %s: process %d ended with %d before it reported; again in %.1f s",
        *told,
        pause_sec,
    )


def _end(worker: subprocess.Popen[bytes]) -> None:
    worker.terminate()
    try:
        worker.wait(_END_TIMEOUT_SEC)
    except subprocess.TimeoutExpired:
        worker.kill()
        worker.wait()


def _provision(
    request: beam_fn_api_pb2.StartWorkerRequest,
) -> beam_provision_api_pb2.ProvisionInfo:
    """Asks the TaskManager for the pipeline's options and the runner's capabilities."""
    metadata = (("worker_id", request.worker_id),)
    with grpc.insecure_channel(request.provision_endpoint.url) as channel:
        stub = beam_provision_api_pb2_grpc.ProvisionServiceStub(channel)
        return stub.GetProvisionInfo(
            beam_provision_api_pb2.GetProvisionInfoRequest(),
            metadata=metadata,
            timeout=_PROVISION_TIMEOUT_SEC,
        ).info


def main() -> None:
    """Serves until terminated."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--scratch", required=True, help="a folder for the workers")
    arguments = parser.parse_args()
    # By force: importing Beam has set it up already, without times and for warnings alone.
    logging.basicConfig(level=logging.INFO, format=_LOG_FORMAT, force=True)
    server = grpc.server(futures.ThreadPoolExecutor(_THREADS_MAX))
    pool = WorkerPool(arguments.scratch)
    beam_fn_api_pb2_grpc.add_BeamFnExternalWorkerPoolServicer_to_server(pool, server)
    server.add_insecure_port(f"{HOST}:{arguments.port}")
    server.start()
    threading.Thread(target=pool.watch, daemon=True).start()
    _LOG.info("listening on %s:%d", HOST, arguments.port)
    # The supervisor signals the whole process group, workers included: nothing to clean up.
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    os._exit(0)


if __name__ == "__main__":
    main()
