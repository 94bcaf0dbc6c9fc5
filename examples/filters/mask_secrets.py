"""A script for the ``python`` filter: drops health checks and masks secrets.

mask_secrets.yaml beside it is a configuration that runs it.
"""

SECRETS = {"password", "token", "authorization"}
MASK = "***"

DROP, KEEP, RECORD_CHANGED = -1, 0, 2


def mask(tag, timestamp, record):
    if record.get("path") == "/healthz":
        return DROP, timestamp, record
    masked = without_secrets(record)
    if masked == record:
        return KEEP, timestamp, record
    return RECORD_CHANGED, timestamp, masked


def without_secrets(value):
    if isinstance(value, dict):
        return {
            key: MASK if str(key).lower() in SECRETS else without_secrets(item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [without_secrets(item) for item in value]
    return value
