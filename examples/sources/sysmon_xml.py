"""A script for the ``python`` filter: Sysmon's XML in a record's text, as JSON beside it.

Sysmon for Linux writes each event to the syslog, as one line of XML. The record gains ``System``
and ``EventData``, objects of texts; its text stays.
"""

import re
from xml.etree import ElementTree

KEEP, RECORD_CHANGED = 0, 2
TEXTS = ("message", "MESSAGE", "log")
EVENT = re.compile(r"<Event>.*</Event>", re.DOTALL)


def to_json(tag, timestamp, record):
    text = next((record[name] for name in TEXTS if isinstance(record.get(name), str)), "")
    found = EVENT.search(text)
    if found is None or "<!" in found[0]:
        return KEEP, timestamp, record
    try:
        event = ElementTree.fromstring(found[0])
    except ElementTree.ParseError:
        return KEEP, timestamp, record
    system = {item.tag: item.text for item in event.iterfind("System/*") if item.text}
    data = {item.get("Name"): item.text for item in event.iterfind("EventData/Data")}
    return RECORD_CHANGED, timestamp, {**record, "System": system, "EventData": data}
