"""Whether a worker works (spec 09 section 7.1)."""

from __future__ import annotations

from enum import Enum

from littlehorse.model.service_pb2 import RegisterTaskWorkerResponse


class TaskWorkerHealthReason(Enum):
    """Why a worker is healthy or not."""

    HEALTHY = "HEALTHY"
    UNHEALTHY = "UNHEALTHY"
    SERVER_REBALANCING = "SERVER_REBALANCING"


class LHTaskWorkerHealth:
    """Health of a worker; equal by value."""

    def __init__(self, healthy: bool, reason: TaskWorkerHealthReason) -> None:
        self.healthy = healthy
        self.reason = reason

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, LHTaskWorkerHealth):
            return NotImplemented
        return self.healthy == other.healthy and self.reason is other.reason

    def __hash__(self) -> int:
        return hash((self.healthy, self.reason))

    def __repr__(self) -> str:
        return f"LHTaskWorkerHealth(healthy={self.healthy}, reason={self.reason.value})"


class LHLivenessController:
    """What the heartbeats of a worker told about it and about the cluster."""

    def __init__(self) -> None:
        self._is_worker_healthy = True
        self._is_cluster_healthy = True
        self._keep_running = True

    def notify_worker_failure(self) -> None:
        """A heartbeat failed."""
        self._is_worker_healthy = False

    def notify_success_call(self, reply: RegisterTaskWorkerResponse) -> None:
        """A heartbeat was answered; an answer that says nothing about the cluster means that it is healthy."""
        self._is_worker_healthy = True
        self._is_cluster_healthy = reply.is_cluster_healthy if reply.HasField("is_cluster_healthy") else True

    @property
    def is_worker_healthy(self) -> bool:
        """Whether the last heartbeat was answered."""
        return self._is_worker_healthy

    @property
    def is_cluster_healthy(self) -> bool:
        """Whether the cluster said that it is healthy."""
        return self._is_cluster_healthy

    @property
    def keep_worker_running(self) -> bool:
        """Whether the worker was not stopped."""
        return self._keep_running

    def stop(self) -> None:
        """Stops the worker."""
        self._keep_running = False

    def health(self) -> LHTaskWorkerHealth:
        """Health of the worker; trouble of the cluster goes first."""
        if not self._is_cluster_healthy:
            return LHTaskWorkerHealth(False, TaskWorkerHealthReason.SERVER_REBALANCING)
        if not self._is_worker_healthy:
            return LHTaskWorkerHealth(False, TaskWorkerHealthReason.UNHEALTHY)
        return LHTaskWorkerHealth(True, TaskWorkerHealthReason.HEALTHY)
