"""A payment to a record of the shape that a contract reads: the contract's words, backwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from simulator.contracts import amounts, texts, times
from simulator.contracts.forms import Form, Inner, Leaf
from simulator.contracts.meaning import Meaning, Meant
from simulator.contracts.places import HEADER, KAFKA, KEY, Draft, Place, Places
from simulator.contracts.protobuf_form import Protobuf
from simulator.generate import Payment
from transforms.codecs.contract.language import Contract, Field, Keep, Path

_IDS = ("account_id", "merchant_id")
_TEXTS = ("account_id", "merchant_id", "payment_type", "currency", "country", "device_id")
Headers = tuple[tuple[str, bytes], ...]


class Written(NamedTuple):
    """A record as Kafka gets it; a key of None is the router's."""

    payload: bytes
    headers: Headers
    key: bytes | None


class Sample(NamedTuple):
    """A record to fill in: what no field maps stays as it is here."""

    payload: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    key: bytes | None = None


class Encoder:
    """Writes payments as a contract reads them.

    Args:
        contract: a checked one.
        sample: a record that is a payment by it.
        form: of the payload.
        inner_forms: of the layers inside, the outermost first.
    """

    def __init__(
        self, contract: Contract, sample: Sample, form: Form, inner_forms: Sequence[Form] = ()
    ) -> None:
        self.contract = contract
        self.form = form
        self.places = Places(contract)
        self._is_protobuf = isinstance(form, Protobuf) or "protobuf" in contract.format
        self._keep_states = {each.at.text: each.keep for each in contract.keep if each.keep}
        self.inners: list[Inner] = []
        self._template = self._template_of(sample, inner_forms)
        self.keeps = [(each, self.places.of(each.at)) for each in contract.keep]
        for keep, place in self.keeps:
            self.put_state(self._template, keep, place)
        fields = contract.fields
        self.leaves = {name: self._leaf_of(field) for name, field in fields.items()}
        moment = fields["event_time"]
        now = self._template.get(self.places.of(moment.paths[0])) if moment.paths else None
        if len(moment.paths) > 1:
            parts = [self._template.get(self.places.of(path)) for path in moment.paths]
            now = moment.separator.join(map(str, parts)) if all(parts) else None
        self.time = times.form_of(moment, self.leaves["event_time"], now, self._is_protobuf)
        binary = contract.format.startswith(("avro", "protobuf"))
        self._amount = amounts.writer(fields["amount"], self.leaves["amount"], binary)
        self.meaning = Meaning(
            contract, self.leaves, self._id_parts(), self.time, self._keep_states
        )
        self.put_text: Mapping[str, Callable[[Draft, str], None]] = {
            name: self._text_writer(fields[name])
            for name in _TEXTS
            if name in fields and fields[name].paths
        }

    @property
    def time_is_arrival(self) -> bool:
        """Returns whether the event time is what the broker says."""
        return self.place("event_time").tree == KAFKA

    @property
    def draft_root(self) -> Any:
        """Returns the outermost tree of a record."""
        return self._template.trees[0]

    @property
    def key_is_said(self) -> bool:
        """Returns whether the key is part of the payment."""
        return any(path.origin == KEY for path in self.contract.paths())

    def place(self, name: str) -> Place:
        """Returns the first place of a field, of one that has any."""
        paths = self.contract.fields[name].paths
        return self.places.of(paths[0]) if paths else Place(-1, ())

    def encode(self, payment: Payment, event_time_us: int) -> tuple[Meant, Written]:
        """Returns what the record of a payment means, and the record."""
        meant = self.meaning.of(payment, event_time_us)
        return meant, self.finish(self.draft(meant))

    def draft(self, meant: Meant) -> Draft:
        """Returns the record of a payment, still open to changes."""
        draft, fields = self._template.copy(), self.contract.fields
        for path, part in zip(fields["transaction_id"].paths, meant.id_parts, strict=True):
            self._put_id(draft, path, part)
        sign = -1 if meant.negative else 1
        unscaled, scale = amounts.written(fields["amount"], meant.amount_minor, meant.currency)
        self.put_amount(draft, sign * unscaled, scale)
        for name, put in self.put_text.items():
            value = getattr(meant, name)
            if value is not None and value != fields[name].absent:
                put(draft, value)
            elif fields[name].optional:
                self._leave_out(draft, fields[name])
        self._put_time(draft, self.time.write(meant.event_time_us))
        return draft

    def put_amount(self, draft: Draft, unscaled: int, scale: int) -> None:
        """Puts an amount, whatever it is, into a record."""
        field, place = self.contract.fields["amount"], self.place("amount")
        now = draft.get(place)
        value = self._amount(unscaled, scale, now)
        if isinstance(value, str) and (field.before is not None or field.after is not None):
            value = texts.written(field, value, Leaf(), now, "x")
        draft.put(place, value)
        if field.amount.digits_at is not None:
            at = self.places.of(field.amount.digits_at)
            draft.put(at, str(scale) if isinstance(draft.get(at), str) else scale)

    def put_state(self, draft: Draft, keep: Keep, place: Place) -> None:
        """Puts a state of a payment where a rule asks for it, unless there is one."""
        now = draft.get(place)
        if keep.keep and not any(type(now) is type(each) and now == each for each in keep.keep):
            draft.put(place, keep.keep[0])

    def finish(self, draft: Draft) -> Written:
        """Returns a record as Kafka gets it."""
        for at in reversed(range(len(self.inners))):
            layer = self.places.layers[at]
            draft.put(layer.at, self.inners[at].write(draft.trees[at + 1]))
        return self.outside(draft)

    def outside(self, draft: Draft) -> Written:
        """Returns a record whose inner layers are written."""
        key = draft.key
        if key is not None:
            key = key.encode() if isinstance(key, str) else orjson.dumps(key)
        headers = tuple((name, value.encode()) for name, value in draft.headers.items())
        return Written(self.form.write(draft.trees[0]), headers, key)

    def _template_of(self, sample: Sample, inner_forms: Sequence[Form]) -> Draft:
        root = self.form.blank() if sample.payload is None else self.form.read(sample.payload)
        headers = {name: (value or b"").decode() for name, value in sample.headers}
        draft = Draft([root], headers, _key_of(self.contract, sample.key))
        for layer, form in zip(self.places.layers, inner_forms, strict=True):
            now = draft.get(layer.at)
            of = self.form.leaf(layer.at.names, now) if layer.at.tree == 0 else Leaf()
            inner = Inner(layer.kind, form, now, of.binary or isinstance(now, bytes))
            self.inners.append(inner)
            draft.trees.append(inner.read(now) if now else form.blank())
        for place in self.places.singles:
            items = draft.get(place)
            draft.put(place, items[:1] if isinstance(items, list) and items else [{}])
        return draft

    def leaf(self, place: Place) -> Leaf:
        """Returns how the value of a place is written."""
        if place.tree in (HEADER, KAFKA, KEY, -1):
            return Leaf(number=place.tree == KEY and type(self._template.get(place)) is int)
        form = self.form if place.tree == 0 else self.inners[int(place.tree) - 1].form
        return form.leaf(place.names, self._template.get(place))

    def _leaf_of(self, field: Field) -> Leaf:
        if not field.paths:
            return Leaf()
        # Of an id that is joined: that of the part which is ours.
        at = self._own_part() if field.name == "transaction_id" else 0
        leaf = self.leaf(self.places.of(field.paths[at]))
        strict = field.kind == "text" and field.name not in ("currency", "payment_type")
        return leaf._replace(number=False) if strict else leaf

    def _own_part(self) -> int:
        """Returns which part of a joined id nothing else says."""
        paths = self.contract.fields["transaction_id"].paths
        taken = {
            path.text
            for name, field in self.contract.fields.items()
            if name != "transaction_id"
            for path in field.paths
        } | set(self._keep_states)
        free = [at for at, path in enumerate(paths) if path.text not in taken]
        return free[-1] if free else len(paths) - 1

    def _id_parts(self) -> tuple[tuple[str, str] | None, ...]:
        own, parts = self._own_part(), []
        for at, path in enumerate(self.contract.fields["transaction_id"].paths):
            now = self._template.get(self.places.of(path))
            parts.append(None if at == own else (self._said_by(path), str(now or "1")))
        return tuple(parts)

    def _said_by(self, path: Path) -> str:
        fields = self.contract.fields
        names = (*_IDS, "currency", "event_time")
        return next((n for n in names if [p.text for p in fields[n].paths] == [path.text]), "")

    def _put_id(self, draft: Draft, path: Path, part: str) -> None:
        place = self.places.of(path)
        if len(self.contract.fields["transaction_id"].paths) > 1:
            draft.put(place, int(part) if self.leaf(place).number else part)
            return
        field = self.contract.fields["transaction_id"]
        now = draft.get(place)
        draft.put(place, texts.written(field, part, self.leaves["transaction_id"], now, "x"))

    def _text_writer(self, field: Field) -> Callable[[Draft, str], None]:
        places = [self.places.of(path) for path in field.paths]
        place, leaf = places[0], self.leaves[field.name]
        spelled = self._spelled(field)

        def put(draft: Draft, text: str) -> None:
            if len(places) > 1:
                parts = text.split(field.separator, len(places) - 1)
                for at, part in zip(places, parts, strict=False):
                    draft.put(at, part)
                return
            beside = "x"
            if field.name == "currency":
                beside = texts.beside_currency(self.contract, text)
            text = spelled.get(text, text)
            draft.put(place, texts.written(field, text, leaf, draft.get(place), beside))

        return put

    def _spelled(self, field: Field) -> Mapping[str, str]:
        """Returns which text of the record means what, of a field that maps texts."""
        if field.names is None:
            return {}
        allowed = self._keep_states.get(field.paths[0].text)
        pairs = [(m, t) for t, m in field.names.items() if allowed is None or t in allowed]
        return dict(reversed(pairs))

    def _leave_out(self, draft: Draft, field: Field) -> None:
        for path in field.paths:
            place = self.places.of(path)
            if self.contract.format.startswith("avro") and place.tree == 0:
                draft.put(place, None)
            else:
                draft.drop(place)

    def _put_time(self, draft: Draft, value: Any) -> None:
        field = self.contract.fields["event_time"]
        if len(field.paths) == 1:
            draft.put(self.place("event_time"), value)
            return
        parts = str(value).split(field.separator or "T", len(field.paths) - 1)
        for path, part in zip(field.paths, parts, strict=False):
            draft.put(self.places.of(path), part)


def _key_of(contract: Contract, key: bytes | None) -> Any:
    origins = [path for path in contract.paths() if path.origin == KEY]
    if not origins:
        return None
    if any(path.segments for path in origins):
        return orjson.loads(key) if key else {}
    return key.decode() if key else ""
