"""What happens in the demo: a small business's messages, and what becomes of them."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.domain.model import Status


@dataclass(frozen=True, slots=True)
class Scene:
    """A message: its id and label, and what becomes of it after which share of the demo's time."""

    id: int
    label: str
    becomes: Status
    when: float
    error: str | None = None


SCENES = (
    Scene(5001, "Invoice 88 for Ada", Status.SENT, 0.10),
    Scene(5002, "One-time code 4711", Status.SENT, 0.18),
    Scene(5003, "Reminder for Grace", Status.FAILED, 0.28, "Invalid phone number"),
    Scene(5004, "Invoice 89 for Alan", Status.SENT, 0.40),
    Scene(5005, "Offer for Linus", Status.CANCELLED, 0.48),
    Scene(5006, "Invoice 90 for Barbara", Status.FAILED, 0.58, "Number is not on WhatsApp"),
    Scene(5007, "One-time code 4712", Status.EXPIRED, 0.70),
    Scene(5008, "Reminder for Donald", Status.SENT, 0.82),
)

NOT_SENT = 5999
"""An id that the simulated WbizTool does not know."""
