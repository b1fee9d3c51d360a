"""The durable table of trials and epoch records, one SQLite file per study: the source of truth."""

from fitscape.study.ledger.identity import INCOMPLETE, RUNNING, lacks_its_log, settle_in
from fitscape.study.ledger.ledger import Ledger
from fitscape.study.ledger.lock import Holder, StudyLock, holder
from fitscape.study.ledger.notes import (
    DECIDED,
    EXPECTED,
    GUESSING,
    LABELLED_BY,
    LOOK_ALIKES,
    PORTRAITS,
    READ,
    REPLAY,
    SETTINGS,
    SUSPECTED,
    TEST_ERRORS,
    TEST_OPENED,
    Note,
)
from fitscape.study.ledger.outbox import Event, EventKind
from fitscape.study.ledger.recovery import restore

__all__ = [
    "DECIDED",
    "EXPECTED",
    "GUESSING",
    "INCOMPLETE",
    "LABELLED_BY",
    "LOOK_ALIKES",
    "PORTRAITS",
    "READ",
    "REPLAY",
    "RUNNING",
    "SETTINGS",
    "SUSPECTED",
    "TEST_ERRORS",
    "TEST_OPENED",
    "Event",
    "EventKind",
    "Holder",
    "Ledger",
    "Note",
    "StudyLock",
    "holder",
    "lacks_its_log",
    "restore",
    "settle_in",
]
