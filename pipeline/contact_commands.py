"""The commands `remindfirst contacts`: the keys, the product's own register, opt-outs, doubts."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from pipeline.app import open_book
from pipeline.command_line import read_settings, telling
from pipeline.errors import PermanentError
from pipeline.events.plate import PlateNumber
from pipeline.notify.contact_keys import ContactKeys, add_key
from pipeline.notify.contacts import Contact
from pipeline.notify.registers import read_contacts
from pipeline.own_contacts import OwnContacts
from pipeline.storage import Storage, UnitOfWork, open_storage

__all__ = ["contacts"]

REASON_LENGTH = 500
_NO_KEY_FILE = (
    "opt-outs, doubts and contacts in the database need a file of keys: set "
    "REMINDFIRST_CONTACTS_KEY_FILE, and make the file with: remindfirst contacts new-key"
)

contacts = typer.Typer(
    help="Whom to remind: opt-outs and doubts, and contacts kept in the database, whose keys are "
    "in the file REMINDFIRST_CONTACTS_KEY_FILE."
)
Plate = Annotated[str, typer.Argument(help="The plate, in any spelling.")]


@contacts.command("new-key")
def new_key() -> None:
    """Put a new key before the others in the file of keys; make the file if there is none."""
    with telling("contacts new-key"):
        file = _key_file()
        count = add_key(file)
        typer.echo(f"{file}: {count} {'key' if count == 1 else 'keys'}, the new one first")
    if count == 1:
        typer.echo("Keep a copy where the database's backup is not: nothing is read without it.")
    else:
        typer.echo(
            "Copy it to every machine with a worker and restart the workers; then: "
            "remindfirst contacts rotate-keys"
        )


@contacts.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="CSV with at least the columns plate and phone.")],
) -> None:
    """Load a CSV file into the database; nothing of it when a row is broken.

    Loading a file again, or one that was cut off, does no harm. Opt-outs given by command stay.
    """
    with telling("contacts import"), _own() as (own, _):
        total = _counted(read_contacts(file))
        with _progress("contacts", total) as told:
            count = own.load(read_contacts(file), told)
        typer.echo(f"loaded {count}: {_counts(own)}")


@contacts.command("rotate-keys")
def rotate_keys() -> None:
    """Seal everything with the newest key; may be cut off and run again."""
    with telling("contacts rotate-keys"), _own() as (own, _):
        with _progress("contacts", own.count().sealed_by_others) as told:
            count = own.rotate_keys(told)
        typer.echo(f"sealed {count} with the newest key")
        if not own.count().sealed_by_others:
            typer.echo("The older keys open nothing any more and may be taken out of the file.")


@contacts.command("opt-out")
def opt_out(plate: Plate) -> None:
    """Never remind about this vehicle, whichever register knows its contact."""
    with telling("contacts opt-out"):
        _change(plate, lambda own, uow, text: own.opt_out(uow, text), "opted out")


@contacts.command("opt-in")
def opt_in(plate: Plate) -> None:
    """Take an opt-out back; one that the register itself tells of stays."""
    with telling("contacts opt-in"):
        _change(plate, lambda own, uow, text: own.opt_in(uow, text), "opted in")


@contacts.command("doubt")
def doubt(
    plate: Plate,
    reason: Annotated[str, typer.Option(help="Who said so, and when; it is kept sealed.")],
) -> None:
    """Keep that whoever was reminded says the vehicle is not theirs."""
    with telling("contacts doubt"):
        if not 0 < len(reason.strip()) <= REASON_LENGTH:
            raise PermanentError(f"the reason must have 1 to {REASON_LENGTH} characters")
        said = reason.strip()
        _change(plate, lambda own, uow, text: own.doubt(uow, text, reason=said), "in doubt")


@contacts.command("trust")
def trust(plate: Plate) -> None:
    """Take a doubt back: the register was corrected, or was right."""
    with telling("contacts trust"):
        _change(plate, lambda own, uow, text: own.trust(uow, text), "trusted")


@contacts.command("count")
def count() -> None:
    """Say how many contacts, opt-outs and doubts the database has."""
    with telling("contacts count"), _own() as (own, _):
        typer.echo(_counts(own))


@contacts.command("check")
def check(plate: Plate) -> None:
    """Ask the register of REMINDFIRST_CONTACTS as the worker does, and show what it knows."""
    with telling("contacts check"):
        settings, text = read_settings(), _parsed(plate).text
        key_file, storage = settings.contacts_key_file, open_storage(settings.storage_url)
        try:
            book = open_book(settings.contacts, key_file=key_file, storage=storage)
            contact, reason = book.find(text), None
            if key_file is not None:
                reason = OwnContacts(storage, ContactKeys.read(key_file)).doubt_of(text)
        finally:
            storage.close()
    for line in ["no contact"] if contact is None else _lines(contact):
        typer.echo(line)
    if reason:
        typer.echo(f"why in doubt: {reason}")


def _key_file() -> Path:
    file = read_settings().contacts_key_file
    if file is None:
        raise PermanentError(_NO_KEY_FILE)
    return file


@contextmanager
def _own() -> Iterator[tuple[OwnContacts, Storage]]:
    key_file = _key_file()
    storage = open_storage(read_settings().storage_url)
    try:
        yield OwnContacts(storage, ContactKeys.read(key_file)), storage
    finally:
        storage.close()


def _change(plate: str, do: Callable[[OwnContacts, UnitOfWork, str], None], told: str) -> None:
    number = _parsed(plate)
    with _own() as (own, storage), storage.begin() as uow:
        do(own, uow, number.text)
        uow.commit()
    typer.echo(f"{told}: {number.masked()}")


def _parsed(plate: str) -> PlateNumber:
    try:
        return PlateNumber.parse(plate)
    except ValueError as exc:
        raise PermanentError(str(exc)) from exc


def _counted(rows: Iterator[object]) -> int:
    last = deque(enumerate(rows, start=1), maxlen=1)
    return last[0][0] if last else 0


@contextmanager
def _progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    with typer.progressbar(length=total, label=f"{total} {what}") as bar:
        yield bar.update


def _counts(own: OwnContacts) -> str:
    counts = own.count()
    told = (
        f"{counts.contacts} contacts in the database, {counts.opted_out} opted out, "
        f"{counts.doubtful} in doubt"
    )
    others = counts.sealed_by_others
    return f"{told}; {others} sealed by an older key" if others else told


def _lines(contact: Contact) -> list[str]:
    told = {
        "phone": contact.masked,
        "opted out": "yes" if contact.is_opted_out else "no",
        "in doubt": "yes" if contact.is_doubtful else "no",
        "vehicle class": contact.vehicle_class or "not said",
        "colour": contact.colour or "not said",
        "push": "yes" if contact.push else "no",
    }
    return [f"{name}: {value}" for name, value in told.items()]
