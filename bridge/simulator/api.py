"""The simulated API over HTTP: routes, credentials, faults. Its facts: wbiztool-api.md and the vendor's client."""

from __future__ import annotations

import json
import random
import re
import threading
from collections import Counter
from email.parser import BytesParser
from email.policy import HTTP
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qsl

from bridge.clock import SystemClock
from bridge.model import CODES, Status
from bridge.simulator import faults
from bridge.simulator.account import Account, Number, parse_day, seconds_until
from bridge.simulator.http import Answer, Received, Server

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bridge.clock import Clock
    from bridge.simulator.faults import Fault

_BASE = "/api/v1"
_STATUS = re.compile(r"/message/status/([0-9]{1,19})/\Z")


class Simulator:
    """A stand-in for WbizTool with one account, on a loopback address.

    A POST without its trailing slash gets a 404: Django's redirect would lose the body, and with it the credentials.

    Args:
        account: The account; by default an empty one.
        port: 0 for one that the system gives.
        latency: Seconds that every answer takes.
        seed: Makes faults at random repeatable.
    """

    def __init__(
        self,
        account: Account | None = None,
        *,
        clock: Clock | None = None,
        port: int = 0,
        latency: float = 0,
        seed: int = 0,
    ) -> None:
        self.account = account or Account(clock or SystemClock())
        self.latency = latency
        self.calls: Counter[str] = Counter()
        """How often each call was made, by its path without an id."""
        self.polls: Counter[int] = Counter()
        """How often each message was polled."""
        self._faults: list[_Planned] = []
        self._chance = random.Random(seed)  # noqa: S311 -- no secret
        self._lock = threading.Lock()
        self._server = Server(self._respond, port)
        self._routes: dict[str, Callable[[Mapping[str, Any]], Answer]] = {
            "/me/": self._me,
            "/report/": self._report,
            "/whatsapp/accounts/": self._accounts,
            "/whatsapp-client/status/": self._number_status,
            "/whatsapp-client/list/": self._number_list,
            "/whatsapp-client/create/": self._number_create,
            "/whatsapp/connect/": self._number_create,
            "/send_msg/": self._send,
            "/send_msg/group/": self._send,
            "/send_msg/multi/": self._send_many,
            "/schedule_msg/": self._schedule,
            "/cancel_msg/": self._cancel,
        }

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.__exit__()

    @property
    def base_url(self) -> str:
        """What stands in place of ``https://wbiztool.com/api/v1``."""
        return f"{self._server.address}{_BASE}"

    @property
    def client_id(self) -> int:
        """The account's client id."""
        return self.account.client_id

    @property
    def api_key(self) -> str:
        """The account's API key."""
        return self.account.api_key

    def fault(
        self, fault: Fault, *, times: int | None = None, message_id: int | None = None, share: float = 1.0
    ) -> None:
        """Spoil answers from now on: the next ``times``, only those about one message, or a share of them at random."""
        with self._lock:
            self._faults.append(_Planned(fault, times, message_id, share))

    def mend(self) -> None:
        """Answer honestly again."""
        with self._lock:
            self._faults.clear()

    def _respond(self, request: Received) -> Answer:
        if self.latency:
            self._server.stopping.wait(self.latency)
        path = request.path.partition("?")[0].removeprefix(_BASE)
        if request.method == "GET":
            self.calls[path] += 1
            return _json({"status": 200, "data": {}}) if path == "/status/" else _not_found()
        found = _STATUS.match(path)
        message_id = int(found[1]) if found else None
        with self._lock:
            self.calls["/message/status/" if found else path] += 1
            if message_id is not None:
                self.polls[message_id] += 1
            planned = self._planned_for(message_id)
        honest = self._honest(path, message_id, request)
        return honest if planned is None else faults.answer(planned, honest, self.account.clock.now())

    def _honest(self, path: str, message_id: int | None, request: Received) -> Answer:
        route = self._routes.get(path)
        if message_id is None and route is None:
            return _not_found()
        fields = _fields(request)
        if not self._known(fields):
            return _json({"status": 0, "message": "Auth Error"}, 403 if "api_key" in fields else 400)
        if message_id is not None:
            return self._status(message_id)
        assert route is not None
        return route(fields)

    def _known(self, fields: Mapping[str, Any]) -> bool:
        return str(fields.get("client_id")) == str(self.client_id) and fields.get("api_key") == self.api_key

    def _planned_for(self, message_id: int | None) -> Fault | None:
        for planned in self._faults:
            if planned.message_id not in {None, message_id} or self._chance.random() >= planned.share:
                continue
            if planned.times is not None:
                planned.times -= 1
                if planned.times <= 0:
                    self._faults.remove(planned)
            return planned.fault
        return None

    def _status(self, message_id: int) -> Answer:
        status, error = self.account.status(message_id)
        if status is Status.UNKNOWN:
            return _json({"status": 0, "status_text": "", "message": "Unknown message id"})
        body: dict[str, Any] = {"status": CODES[status], "status_text": status.capitalize(), "message": "connected"}
        if status is Status.FAILED:
            body["error"] = error or "Failed"
        return _json(body)

    def _me(self, fields: Mapping[str, Any]) -> Answer:
        number = fields.get("whatsapp_client")
        if number is not None and self._number(number) is None:
            return _refuse("Invalid whatsapp_client")
        return _json({"status": 1, "message": "Okay", "name": self.account.name})

    def _report(self, fields: Mapping[str, Any]) -> Answer:
        start, end = parse_day(fields.get("start_date")), parse_day(fields.get("end_date"))
        if start is None or end is None:
            return _refuse("Invalid date format. Use DD-MM-YYYY")
        wanted = fields.get("whatsapp_client")
        number = self._number(wanted) if wanted is not None else None
        if wanted is not None and number is None:
            return _json({"status": 0, "message": "Success"})  # and no total: the vendor's client knows it as a refusal
        total, page = self.account.report(start, end, fields.get("page", 1), number.id if number else None)
        now = self.account.clock.now()
        history = [
            {
                "id": message.id,
                "message_status": message.at(now)[0].capitalize(),
                "phone": message.phone,
                "msg": message.text,
            }
            for message in page
        ]
        return _json({"status": 0, "message": "Success", "total": total, "history": history})

    def _accounts(self, _: Mapping[str, Any]) -> Answer:
        shown = [
            {
                "whatsapp_client_id": number.id,
                "whatsapp_number": number.number,
                "status": "connected" if number.connected else "not_connected",
            }
            for number in self.account.numbers.values()
        ]
        return _json({"status": 1, "whatsapp_clients": shown})

    def _number_status(self, fields: Mapping[str, Any]) -> Answer:
        number = self._number(fields.get("whatsapp_client"))
        if number is None:
            return _refuse("Invalid whatsapp_client")
        return _json(
            {"status": 1, "message": "Connected"} if number.connected else {"status": 0, "message": "Disconnected"}
        )

    def _number_list(self, _: Mapping[str, Any]) -> Answer:
        shown = [
            {
                "whatsapp_client_id": number.id,
                "whatsapp_client_number": number.number,
                "platform": "android",
                "is_connected": True,
            }
            for number in self.account.numbers.values()
            if number.connected
        ]
        return _json({"status": 1, "message": "Success", "whatsapp_clients": shown})

    def _number_create(self, fields: Mapping[str, Any]) -> Answer:
        id_ = max(self.account.numbers, default=0) + 1
        self.account.numbers[id_] = Number(id_, str(fields.get("whatsapp_number") or ""), connected=False)
        method = str(fields.get("login_method") or "qr")
        created = {"message": "Whatsapp Client Created", "whatsapp_client_id": id_, "login_method": method, "status": 1}
        return _json(created)

    def _send(self, fields: Mapping[str, Any]) -> Answer:
        to = fields.get("phone") or fields.get("group_name")
        if not to:
            return _refuse("Phone number is required")
        message_id = self.account.send(
            str(to),
            str(fields.get("msg") or ""),
            webhook=fields.get("webhook"),
            expire_after=float(fields["expire_after_seconds"]) if fields.get("expire_after_seconds") else None,
        )
        return _created(msg_id=message_id)

    def _send_many(self, fields: Mapping[str, Any]) -> Answer:
        phones = fields.get("phones") or fields.get("phone") or []
        phones = phones.split(",") if isinstance(phones, str) else phones
        if not phones:
            return _refuse("Phone numbers are required")
        return _created(msg_ids=[self.account.send(str(phone), str(fields.get("msg") or "")) for phone in phones])

    def _schedule(self, fields: Mapping[str, Any]) -> Answer:
        now = self.account.clock.now()
        delay = seconds_until(
            str(fields.get("date")), str(fields.get("time")), str(fields.get("timezone") or "UTC"), now
        )
        if delay is None:
            return _refuse("Invalid date, time or timezone")
        to = fields.get("phone") or fields.get("group_name")
        return _created(msg_id=self.account.send(str(to), str(fields.get("msg") or ""), delay=delay))

    def _cancel(self, fields: Mapping[str, Any]) -> Answer:
        given = str(fields.get("msg_id"))
        why = self.account.cancel(int(given)) if given.isdigit() else "No msg found for given msg_id"
        return _refuse(why) if why else _json({"message": "Cancelled", "status": 1})

    def _number(self, given: object) -> Number | None:
        return self.account.numbers.get(int(str(given))) if str(given).isdigit() else None


class _Planned:
    """A fault that is to come."""

    def __init__(self, fault: Fault, times: int | None, message_id: int | None, share: float) -> None:
        self.fault = fault
        self.times = times
        self.message_id = message_id
        self.share = share


def _fields(request: Received) -> dict[str, Any]:
    """Read a body as the API does: JSON, a form, or a form with files."""
    kind = request.headers.get("content-type", "")
    if kind.startswith("multipart/form-data"):
        head = f"Content-Type: {kind}\r\n\r\n".encode()
        parts = BytesParser(policy=HTTP).parsebytes(head + request.body).iter_parts()
        return {str(part.get_param("name", header="content-disposition")): part.get_payload() for part in parts}
    if kind.startswith("application/x-www-form-urlencoded"):
        return dict(parse_qsl(request.body.decode("utf-8", "replace")))
    try:
        value = json.loads(request.body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _json(body: object, code: int = 200) -> Answer:
    return Answer(code, json.dumps(body).encode())


def _refuse(message: str) -> Answer:
    """Refuse as most of the API's calls do: with HTTP 200 and status 0."""
    return _json({"status": 0, "message": message})


def _created(**ids: object) -> Answer:
    return _json({**ids, "message": "Created", "status": 1})


def _not_found() -> Answer:
    return Answer(404, b"<h1>Not Found</h1>", {"Content-Type": "text/html; charset=utf-8"})
