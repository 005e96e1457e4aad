"""The demo: database, simulated providers, service and worker on this machine, and stories played through the API."""

from yuanlu.demo.show import play

__all__ = ["play"]
