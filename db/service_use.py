"""What services were used: counters that grow, in a row for each service, whichever process counts."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from sqlalchemy import insert, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from db.models import ServiceRow, ServiceUseRow


@dataclass(frozen=True, slots=True)
class ServiceUse:
    """What a service was used, or a part of it.

    Args:
        requests: answered, `cached` of them with kept pictures; refused: turned away by the gate.
        duration_s: that answering took, kept pictures left out.
        read_bytes: decoded from files, sent_bytes: of answers.
    """

    requests: int = 0
    cached: int = 0
    refused: int = 0
    duration_s: float = 0.0
    read_bytes: int = 0
    sent_bytes: int = 0

    def __add__(self, other: ServiceUse) -> ServiceUse:
        return ServiceUse(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))


def add_use(session: Session, service_id: str, use: ServiceUse) -> bool:
    """Count. Returns: False if the service is gone."""
    if _counted(session, service_id, use):
        return True
    if session.get(ServiceRow, service_id) is None:
        return False
    try:
        with session.begin_nested():
            session.execute(insert(ServiceUseRow).values(service_id=service_id, **asdict(use)))
    except IntegrityError:  # another process was first, or the service is gone by now
        return _counted(session, service_id, use)
    return True


def use_of(session: Session, service_id: str) -> ServiceUse:
    """All that was counted."""
    row = session.get(ServiceUseRow, service_id)
    return ServiceUse(*(getattr(row, name) for name in ServiceUse.__slots__)) if row else ServiceUse()


def _counted(session: Session, service_id: str, use: ServiceUse) -> bool:
    grown = {name: getattr(ServiceUseRow, name) + value for name, value in asdict(use).items()}
    found = session.execute(update(ServiceUseRow).where(ServiceUseRow.service_id == service_id).values(grown))
    return bool(found.rowcount)  # type: ignore[attr-defined]
