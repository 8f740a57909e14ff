"""Plain values: exact ones never get here (capture keeps them as they are), their kin do."""

import datetime
import decimal
import enum
import fractions
import logging
import pathlib
import re
import uuid
from collections.abc import Callable
from typing import Any

import numpy as np

from ..kind import Kind
from .arrays import packed
from .objects import attributes
from .reading import Child, Reader, Reading

_FIXED = frozenset({type(None), bool, int, float, complex, str, bytes, type(...)})
# the machinery of `enum`; `_inverted_` is an answer that a flag remembers
_MEMBER = frozenset(
    {"_name_", "_value_", "__objclass__", "_sort_order_", "_inverted_", "_hashable_values_"}
)
_LOGGER = frozenset(vars(logging.Logger("")))


def _plain(cls: type) -> Reader:
    # cls.__float__ and the like, not float(obj): a subclass's own conversion is user code
    conversions: dict[type, Callable[[Any], object]] = {
        int: int.__int__,
        float: float.__float__,
        str: str.__str__,
        bytes: lambda obj: memoryview(obj).tobytes(),
        complex: lambda obj: complex.__pos__(obj),
    }
    convert = conversions[cls]

    def read(obj: Any) -> Reading:
        return ("scalar", cls.__name__, convert(obj)), (), None

    return read


def _bytearray(obj: bytearray) -> Reading:
    if not obj:
        return ("bytearray",), (), None
    # arrays and tensors may be views of it
    start = np.frombuffer(obj, np.uint8).__array_interface__["data"][0]
    return ("bytearray",), (), (memoryview(obj).tobytes(), (start, len(obj), start, "cpu"))


def _range(obj: range) -> Reading:
    return ("range", obj.start, obj.stop, obj.step), (), None


def _slice(obj: slice) -> Reading:
    return ("range",), (("start", obj.start), ("stop", obj.stop), ("step", obj.step)), None


def _enum(obj: enum.Enum) -> Reading:
    """Its name; a value that can change and attributes, which all of the process share, too."""
    fields = object.__getattribute__(obj, "__dict__")
    value = fields["_value_"]
    children: list[Child] = [] if type(value) in _FIXED else [("_value_", value)]
    children += [part for part in attributes(fields) if part[0] not in _MEMBER]
    # a combination of flags may have no name
    return ("enum", fields.get("_name_") or repr(value)), children, None


def _decimal(obj: decimal.Decimal) -> Reading:
    sign, digits, exponent = decimal.Decimal.as_tuple(obj)
    return ("number", sign, digits, exponent), (), None


def _fraction(obj: fractions.Fraction) -> Reading:
    return ("number", obj.numerator, obj.denominator), (), None


def _date(obj: datetime.date) -> Reading:
    return ("moment", obj.year, obj.month, obj.day), (), None


def _time(obj: datetime.time) -> Reading:
    facts = ("moment", obj.hour, obj.minute, obj.second, obj.microsecond, obj.fold)
    return facts, (("tzinfo", obj.tzinfo),), None


def _datetime(obj: datetime.datetime) -> Reading:
    day = (obj.year, obj.month, obj.day)
    clock = (obj.hour, obj.minute, obj.second, obj.microsecond, obj.fold)
    return ("moment", *day, *clock), (("tzinfo", obj.tzinfo),), None


def _timedelta(obj: datetime.timedelta) -> Reading:
    return ("moment", obj.days, obj.seconds, obj.microseconds), (), None


def _timezone(obj: datetime.timezone) -> Reading:
    return ("moment", datetime.timezone.__repr__(obj)), (), None


def _path(obj: pathlib.PurePath) -> Reading:
    return ("path", pathlib.PurePath.__str__(obj)), (), None


def _uuid(obj: uuid.UUID) -> Reading:
    return ("number", obj.int, obj.is_safe.value), (), None


def _pattern(obj: re.Pattern[Any]) -> Reading:
    return ("pattern", obj.pattern, obj.flags), (), None


def _numpy_scalar(obj: np.generic) -> Reading:
    data = packed(np.asarray(obj))
    return ("scalar", obj.dtype.str, data), (), None


def _numpy_object(obj: np.generic) -> Reading:
    # a record holds named fields and, unlike other numpy scalars, can be a view of an array
    return ("record",), ((("fields",), np.asarray(obj)),), None


def _logger(obj: logging.Logger) -> Reading:
    """Its name: what it passes on, and where to, is output. What else was set on it is not."""
    added = [part for part in attributes(obj.__dict__) if part[0] not in _LOGGER]
    return ("logger", obj.name), added, None


OWN_KINDS = (
    *(
        Kind(name=name, identity=False)
        for name in ("scalar", "range", "enum", "number", "moment", "path", "pattern", "logger")
    ),
    Kind(name="bytearray"),
    Kind(name="record"),
)

READERS: dict[type, Reader] = {
    **{cls: _plain(cls) for cls in (int, float, complex, str, bytes)},
    bytearray: _bytearray,
    range: _range,
    slice: _slice,
    enum.Enum: _enum,
    decimal.Decimal: _decimal,
    fractions.Fraction: _fraction,
    datetime.date: _date,
    datetime.time: _time,
    datetime.datetime: _datetime,
    datetime.timedelta: _timedelta,
    datetime.timezone: _timezone,
    pathlib.PurePath: _path,
    uuid.UUID: _uuid,
    re.Pattern: _pattern,
    np.generic: _numpy_scalar,
    np.void: _numpy_object,
    logging.Logger: _logger,
}
