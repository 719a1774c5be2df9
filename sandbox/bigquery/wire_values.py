"""Values as the Storage Write API's Java client encodes them, which bqemulator cannot all read.

NUMERIC and BIGNUMERIC come as the unscaled number in little-endian bytes, DATETIME and TIME as
packed integers, and RECORD columns have fields of their own. Without this patch the first amount
of money that arrives fails its append.
"""

from __future__ import annotations

import datetime
from decimal import Context, Decimal
from typing import Any

# The packed form of a TIME: hour, minute, second and microsecond in 5, 6, 6 and 20 bits.
_MICROSECOND_BITS = 20
_SECOND_BITS = 6
_MINUTE_BITS = 6
_HOUR_BITS = 5
_TIME_BITS = _HOUR_BITS + _MINUTE_BITS + _SECOND_BITS + _MICROSECOND_BITS
# A DATETIME has the date above it: year, month and day in 14, 4 and 5 bits.
_DAY_BITS = 5
_MONTH_BITS = 4

# BIGNUMERIC has up to 77 digits; the default context would round to 28 and lose money silently.
_EXACT = Context(prec=80)


def numeric(encoded: bytes, scale: int) -> Decimal:
    """Returns the number whose unscaled value is `encoded`, least significant byte first."""
    unscaled = int.from_bytes(encoded, "little", signed=True)
    return Decimal(unscaled).scaleb(-scale, _EXACT)


def civil_time(packed: int) -> datetime.time:
    """Returns the time of day that BigQuery's CivilTimeEncoder packed into an integer."""
    rest, microsecond = _split(packed, _MICROSECOND_BITS)
    rest, second = _split(rest, _SECOND_BITS)
    hour, minute = _split(rest, _MINUTE_BITS)
    return datetime.time(hour, minute, second, microsecond)


def civil_datetime(packed: int) -> datetime.datetime:
    """Returns the date and time that CivilTimeEncoder packed into an integer."""
    packed_date, packed_time = _split(packed, _TIME_BITS)
    rest, day = _split(packed_date, _DAY_BITS)
    year, month = _split(rest, _MONTH_BITS)
    return datetime.datetime.combine(datetime.date(year, month, day), civil_time(packed_time))


def _split(packed: int, low_bits: int) -> tuple[int, int]:
    return packed >> low_bits, packed & ((1 << low_bits) - 1)


def decode(value: object, arrow_type: Any) -> object:
    """Returns the value if it is encoded in one of these ways, else the value unchanged."""
    import pyarrow

    if isinstance(value, (bytes, bytearray)) and pyarrow.types.is_decimal(arrow_type):
        return numeric(bytes(value), arrow_type.scale)
    if isinstance(value, int) and not isinstance(value, bool):
        if pyarrow.types.is_timestamp(arrow_type) and arrow_type.tz is None:
            return civil_datetime(value)
        if pyarrow.types.is_time(arrow_type):
            return civil_time(value)
    return value


def apply() -> None:
    """Decodes before the emulator does, and tells it of nested fields."""
    from bqemulator.api.routes import tabledata
    from bqemulator.grpc_api import write_servicer
    from bqemulator.storage import arrow_bridge
    from google.cloud.bigquery_storage_v1 import types

    original = arrow_bridge._coerce_to_arrow_value

    def coerce(value: object, arrow_type: Any, *, field: Any = None) -> object:
        return original(decode(value, arrow_type), arrow_type, field=field)

    def arrow_schema(table: Any) -> Any:
        return tabledata._build_arrow_schema(
            tabledata._fields_raw_from_schema(table.schema_.fields)
        )

    def proto_schema(table: Any) -> Any:
        return types.TableSchema(fields=[_proto_field(field) for field in table.schema_.fields])

    arrow_bridge._coerce_to_arrow_value = coerce
    write_servicer._table_arrow_schema = arrow_schema
    write_servicer._table_meta_to_proto_schema = proto_schema


def _proto_field(field: Any) -> Any:
    from bqemulator.grpc_api import write_servicer
    from google.cloud.bigquery_storage_v1 import types

    nested = field.type.upper() in {"RECORD", "STRUCT"}
    scalar = write_servicer._bq_type_to_storage_type(field.type)
    return types.TableFieldSchema(
        name=field.name,
        mode=write_servicer._bq_mode_to_storage_mode(field.mode),
        type_=types.TableFieldSchema.Type.STRUCT if nested else scalar,
        fields=[_proto_field(child) for child in field.fields or ()],
    )
