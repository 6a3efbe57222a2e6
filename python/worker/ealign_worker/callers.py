"""Who may ask a worker that has no key: programs of this machine, but not the web pages that its browser shows.

They can post plain forms to any address, and reach this one under a name of their own (DNS rebinding).
"""

import ipaddress
import re

from aiohttp import web

from .errors import UserError

FORMS = ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data")
"""What a page may send to any address without asking first."""


def is_local(host: str) -> bool:
    """Whether nobody but this machine reaches an address."""
    name = host.strip("[]").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def require_guarded(host: str, keyed: bool) -> None:
    """@raise UserError where others than this machine would reach a worker that asks for no key"""
    if not keyed and not is_local(host):
        raise UserError(
            f"--host {host}: whoever reaches it could train models and write files; "
            "give --api-key-env NAME with a key in that variable, or listen on 127.0.0.1"
        )


def require_program(request: web.Request) -> None:
    """@raise UserError for what a page of another server may have sent"""
    host, origin = request.headers.get("Host", ""), request.headers.get("Origin")
    if not is_local(_name(host)):
        raise UserError(f"Host {host[:100]!r}: is not known here; ask for localhost, or start the worker with a key", 403)
    if origin is not None and not is_local(_name(re.sub(r"^\w+://", "", origin))):
        raise UserError(f"Origin {origin[:100]!r}: pages of others may not ask a worker without a key", 403)
    if request.can_read_body and request.content_type in FORMS:
        raise UserError(f"Content-Type {request.content_type}: send application/json or application/x-protobuf", 415)


def _name(host: str) -> str:
    """A host without its port; empty where it is none."""
    found = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[^:/\s]+)(:\d+)?", host)
    return found[1] if found else ""
