"""What each call of the API answers. The facts are those of wbiztool-api.md and of the vendor's client.

The words of a refusal are the vendor's where its client names them, and made up where nobody does; callers see them as
HTTP 200 with ``status`` 0.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from bridge.domain.model import CODES, Status
from bridge.simulator.account import parse_day, seconds_until, seconds_until_iso
from bridge.simulator.faulty_server import Answer
from bridge.simulator.request_body import whole_number

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bridge.simulator.account import Account, Number

_STATUS = re.compile(r"/message/status/([0-9]{1,19})/\Z")
_BAD_NUMBER = "Invalid whatsapp_client"


def message_id_of(path: str) -> int | None:
    """Tell which message's status a path asks for; None where it asks for something else."""
    found = _STATUS.match(path)
    return int(found[1]) if found else None


def reply(body: object, code: int = 200) -> Answer:
    """Answer JSON."""
    return Answer(code, json.dumps(body).encode())


def not_found() -> Answer:
    """Answer as Django does where there is no such path: a page."""
    return Answer(404, b"<h1>Not Found</h1>", {"Content-Type": "text/html; charset=utf-8"})


class Calls:
    """The calls of one account's API, apart from sockets and faults."""

    def __init__(self, account: Account) -> None:
        self._account = account
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

    def post(self, path: str, fields: Mapping[str, Any]) -> Answer:
        """Answer a POST; ``path`` is what follows ``/api/v1``."""
        message_id = message_id_of(path)
        route = self._routes.get(path)
        if message_id is None and route is None:
            return not_found()
        if not self._known(fields):
            return reply({"status": 0, "message": "Auth Error"}, 403 if "api_key" in fields else 400)
        if message_id is not None:
            return self._status(message_id)
        assert route is not None
        return route(fields)

    def get(self, path: str) -> Answer:
        """Answer a GET: only the health call, which takes no credentials, is one."""
        return reply({"status": 200, "data": {}}) if path == "/status/" else not_found()

    def _known(self, fields: Mapping[str, Any]) -> bool:
        client_id = whole_number(fields.get("client_id"))
        return client_id == self._account.client_id and fields.get("api_key") == self._account.api_key

    def _status(self, message_id: int) -> Answer:
        status, error = self._account.status(message_id)
        if status is Status.UNKNOWN:
            return reply({"status": 0, "status_text": "", "message": "Unknown message id"})
        body: dict[str, Any] = {"status": CODES[status], "status_text": status.capitalize(), "message": "connected"}
        if status is Status.FAILED:
            body["error"] = error or "Failed"
        return reply(body)

    def _me(self, fields: Mapping[str, Any]) -> Answer:
        if "whatsapp_client" in fields and self._number(fields["whatsapp_client"]) is None:
            return _refuse(_BAD_NUMBER)
        return reply({"status": 1, "message": "Okay", "name": self._account.name})

    def _report(self, fields: Mapping[str, Any]) -> Answer:
        start, end = parse_day(fields.get("start_date")), parse_day(fields.get("end_date"))
        if start is None or end is None:
            return _refuse("Invalid date format. Use DD-MM-YYYY")
        number = self._number(fields.get("whatsapp_client"))
        if "whatsapp_client" in fields and number is None:
            return _refuse("Success")  # and no total: the vendor's client knows it as a refusal
        total, page = self._account.report(start, end, fields.get("page", 1), number.id if number else None)
        now = self._account.clock.now()
        history = [
            {
                "id": message.id,
                "message_status": self._account.shown(message, now),
                "phone": message.phone,
                "msg": message.text,
            }
            for message in page
        ]
        return reply({"status": 0, "message": "Success", "total": total, "history": history})

    def _accounts(self, _: Mapping[str, Any]) -> Answer:
        shown = [
            {
                "whatsapp_client_id": number.id,
                "whatsapp_number": number.number,
                "status": "connected" if number.connected else "not_connected",
            }
            for number in list(self._account.numbers.values())
        ]
        return reply({"status": 1, "whatsapp_clients": shown})

    def _number_status(self, fields: Mapping[str, Any]) -> Answer:
        number = self._number(fields.get("whatsapp_client"))
        if number is None:
            return _refuse(_BAD_NUMBER)
        return reply({"status": 1, "message": "Connected"}) if number.connected else _refuse("Disconnected")

    def _number_list(self, _: Mapping[str, Any]) -> Answer:
        shown = [
            {
                "whatsapp_client_id": number.id,
                "whatsapp_client_number": number.number,
                "platform": "android",
                "is_connected": True,
            }
            for number in list(self._account.numbers.values())
            if number.connected
        ]
        return reply({"status": 1, "message": "Success", "whatsapp_clients": shown})

    def _number_create(self, fields: Mapping[str, Any]) -> Answer:
        phone, method = str(fields.get("whatsapp_number") or ""), str(fields.get("login_method") or "qr")
        if method not in {"qr", "phone"} or (method == "phone" and not phone):
            return _refuse("Invalid login_method, or whatsapp_number is missing")
        known = self._number(fields.get("whatsapp_client_id"))
        if "whatsapp_client_id" in fields and known is None:
            return _refuse("Invalid whatsapp_client_id")
        # Nobody scans the code here: connected it is once Account.connect says so.
        number = self._account.connect(known.id if known else None, phone, connected=False)
        return reply(
            {"message": "Whatsapp Client Created", "whatsapp_client_id": number.id, "login_method": method, "status": 1}
        )

    def _send(self, fields: Mapping[str, Any]) -> Answer:
        to = fields.get("phone") or fields.get("group_name")
        if not to:
            return _refuse("Phone number is required")
        number = self._number(fields.get("whatsapp_client", next(iter(self._account.numbers), None)))
        if number is None:
            return _refuse(_BAD_NUMBER)
        seconds = whole_number(fields.get("expire_after_seconds"))
        if "expire_after_seconds" in fields and not seconds:
            return _refuse("Invalid expire_after_seconds")
        text, webhook = str(fields.get("msg") or ""), fields.get("webhook")
        message_id = self._account.send(str(to), text, number=number.id, webhook=webhook, expire_after=seconds)
        return _created(message_id)

    def _send_many(self, fields: Mapping[str, Any]) -> Answer:
        phones = [phone.strip() for phone in str(fields.get("phone") or "").split(",") if phone.strip()]
        if not phones:
            return _refuse("Phone numbers are required")
        number = self._number(fields.get("whatsapp_client"))
        if number is None:  # here it is not optional, says the vendor's client
            return _refuse(_BAD_NUMBER)
        text, webhook = str(fields.get("msg") or ""), fields.get("webhook")
        ids = [self._account.send(phone, text, number=number.id, webhook=webhook) for phone in phones]
        messages = [{"msg_id": id_, "phone": phone} for id_, phone in zip(ids, phones, strict=True)]
        said = f"Successfully created {len(ids)} messages"
        return reply({"msg_ids": ids, "messages": messages, "message": said, "status": 1})

    def _schedule(self, fields: Mapping[str, Any]) -> Answer:
        to = fields.get("phone") or fields.get("group_name")
        if not to:
            return _refuse("Phone number is required")
        now = self._account.clock.now()
        if "schedule_time" in fields:  # the vendor's Node client: one ISO 8601 text
            delay = seconds_until_iso(str(fields["schedule_time"]), now)
        else:
            day, time, zone = (str(fields.get(name) or "") for name in ("date", "time", "timezone"))
            delay = seconds_until(day, time, zone or "UTC", now)
        if delay is None:
            return _refuse("Invalid date, time or timezone")
        number = self._number(fields.get("whatsapp_client"))
        if number is None:  # as above
            return _refuse(_BAD_NUMBER)
        text, webhook = str(fields.get("msg") or ""), fields.get("webhook")
        return _created(self._account.send(str(to), text, number=number.id, webhook=webhook, delay=delay))

    def _cancel(self, fields: Mapping[str, Any]) -> Answer:
        message_id = whole_number(fields.get("msg_id"))
        why = "No msg found for given msg_id" if message_id is None else self._account.cancel(message_id)
        return _refuse(why) if why else reply({"message": "Cancelled", "status": 1})

    def _number(self, given: object) -> Number | None:
        number_id = whole_number(given)
        return None if number_id is None else self._account.numbers.get(number_id)


def _refuse(message: str) -> Answer:
    """Refuse as most of the API's calls do: with HTTP 200 and status 0."""
    return reply({"status": 0, "message": message})


def _created(message_id: int) -> Answer:
    return reply({"msg_id": message_id, "message": "Created", "status": 1})
