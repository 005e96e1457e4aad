"""What others call over HTTP: the API under `/v1`, the providers' callbacks, health and metrics."""
