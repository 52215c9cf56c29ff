"""How much of something one address and all together may have: token buckets as plain values, the clock handed in.

A bucket holds `amount` and fills again within `seconds` (the "token bucket" of ITU-T I.371, used as in RFC 2697).
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

_KEYS = 10_000  # addresses remembered at most
Whose = Literal["address", "all"]


@dataclass(frozen=True, slots=True)
class Rate:
    """`amount` at once, and as much again every `seconds`."""

    amount: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Bucket:
    """What was taken and has not come back yet, as of `at`, in seconds of some clock."""

    taken: float = 0.0
    at: float = 0.0

    def at_time(self, rate: Rate, now: float) -> Bucket:
        back = max(0.0, now - self.at) * rate.amount / rate.seconds
        return Bucket(max(0.0, self.taken - back), now)

    def more(self, amount: float) -> Bucket:
        """With so much more taken, however much that is; a negative amount gives back."""
        return Bucket(max(0.0, self.taken + amount), self.at)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Whose share is used up, and in how many seconds there is enough again."""

    whose: Whose
    seconds: float


@dataclass(slots=True)
class Ration:
    """What addresses take of one thing. An address is forgotten when its bucket is full again, and the one that was
    quiet longest when there are too many: the bucket of all goes on counting what it took."""

    each: Rate
    all: Rate
    clock: Callable[[], float]
    _whole: Bucket = field(default_factory=Bucket)
    _buckets: OrderedDict[str, Bucket] = field(default_factory=OrderedDict)

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, address: str, amount: float = 1.0) -> Refusal | None:
        """None when it may; then it is noted. More than a whole bucket may be taken of a full one."""
        now = self.clock()
        own = self._buckets.get(address, Bucket()).at_time(self.each, now)
        whole = self._whole.at_time(self.all, now)
        if refusal := _refusal("address", self.each, own, amount) or _refusal("all", self.all, whole, amount):
            return refusal
        self._keep(address, own.more(amount), whole.more(amount), now)
        return None

    def give_back(self, address: str, amount: float) -> None:
        """What was taken and not used; a negative amount takes more, though nothing is left."""
        now = self.clock()
        own = self._buckets.get(address, Bucket()).at_time(self.each, now)
        self._keep(address, own.more(-amount), self._whole.at_time(self.all, now).more(-amount), now)

    def _keep(self, address: str, own: Bucket, whole: Bucket, now: float) -> None:
        self._whole = whole
        self._buckets[address] = own
        self._buckets.move_to_end(address)
        while self._buckets:
            oldest, bucket = next(iter(self._buckets.items()))
            if len(self._buckets) <= _KEYS and bucket.at_time(self.each, now).taken:
                return
            del self._buckets[oldest]


def _refusal(whose: Whose, rate: Rate, bucket: Bucket, amount: float) -> Refusal | None:
    over = bucket.taken + min(amount, rate.amount) - rate.amount
    return Refusal(whose, over * rate.seconds / rate.amount) if over > 1e-9 else None


def address_of(client: object) -> str:
    """Who counts as one: an IPv4 address, or the /64 network of an IPv6 address, which one customer has whole.
    `client` is ASGI's (host, port) or None."""
    host = client[0] if isinstance(client, list | tuple) and client else None
    try:
        found = ipaddress.ip_address(str(host).partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)
