"""What a client of the share is to its test: how it sends, and what must become of it."""

import dataclasses
import typing


@dataclasses.dataclass(frozen=True)
class Client:
    """A program, used in one way."""
    name: str
    send: typing.Callable
    # Seconds from the last byte to queued/ that are stated; not asserted.
    within: float
    # The code of the right refusal; None: it must be queued.
    refused: str | None = None
    # Seconds that it may take by design.
    patience: float = 0
    # Whether it is about a time that runs out: such ones have short times on a spool of their own.
    hurried: bool = False
    umasks: tuple = (0o022, 0o077)
    # What the suffix of its job's ID is, and of other jobs that it makes.
    suffix: str = ""
    others: tuple = ()
    # Whether the job is a row of a batch, whose request the service writes.
    is_row: bool = False

    def drop_name(self, umask):
        plain = "".join(letter if letter.isalnum() else "_" for letter in self.name)
        return f"{plain}-{umask:03o}"


def register(clients):
    """A decorator for the function that sends: adds it to the list as a client."""
    def client(name, within, **fields):
        def add(send):
            clients.append(Client(name, send, within, **fields))
            return send
        return add
    return client
