"""What all contenders are configured with, each with an application id of its own."""

APPLICATION_IDS = {
    "tollkeeper": "bench-application-of-tollkeeper",
    "compiled": "bench-application-of-tollkeeper-compiled",
    "plain": "bench-application-of-the-plain-one",
}
BATCH_SIZE = 1000  # events
MASKED_HEADERS = ("x-tenant",)
MASKED_PARAMETERS = ("apikey", "token")


def configuration(application_id: str, *, collector_port: int) -> dict[str, object]:
    """Return the configuration of a moesif plugin."""
    return {
        "application_id": application_id,
        "api_endpoint": f"http://127.0.0.1:{collector_port}",
        "batch_size": BATCH_SIZE,
        "batch_max_wait": 200,
        "enable_compression": True,
        "request_header_masks": list(MASKED_HEADERS),
        "request_query_masks": list(MASKED_PARAMETERS),
    }
