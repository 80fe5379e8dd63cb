"""Copies files to a share as Windows' Explorer does: size, content, the old times, close.

usage: explorer.py PACKAGES PORT SHARE USER%PASSWORD|- ENDING SHARING IMAGE JSON

ENDING: `close`; `rename` (from a name that is never taken); `abort` (the connection breaks after
half of the image); `abort-then-close` (the same, and a second copy over it).
"""

import os
import pathlib
import sys
import uuid

sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])

from smbprotocol.connection import Connection
from smbprotocol.file_info import (
    FileBasicInformation, FileEndOfFileInformation, FileRenameInformation)
from smbprotocol.open import (
    CreateDisposition, CreateOptions, FileAttributes, FilePipePrinterAccessMask,
    ImpersonationLevel, Open, ShareAccess, SMB2SetInfoRequest)
from smbprotocol.session import Session
from smbprotocol.tree import TreeConnect

OLD = 126_500_000_000_000_000  # FILETIME of a day in 2001
PIECE = 65536


def connect(port, share, user):
    connection = Connection(uuid.uuid4(), "127.0.0.1", port)
    connection.connect(timeout=30)
    name, _, password = user.partition("%")
    session = Session(connection, name if name != "-" else "guest", password or "guest",
                      require_encryption=False)
    session.connect()
    tree = TreeConnect(session, rf"\\127.0.0.1\{share}")
    tree.connect(require_secure_negotiate=False)
    return connection, tree


def set_information(file, information):
    request = SMB2SetInfoRequest()
    request["info_type"] = information.INFO_TYPE
    request["file_info_class"] = information.INFO_CLASS
    request["file_id"] = file.file_id
    request["buffer"] = information
    connection = file.connection
    sent = connection.send(request, file.tree_connect.session.session_id,
                           file.tree_connect.tree_connect_id)
    connection.receive(sent)


def open_new(tree, name, sharing):
    every = (ShareAccess.FILE_SHARE_READ | ShareAccess.FILE_SHARE_WRITE
             | ShareAccess.FILE_SHARE_DELETE)
    file = Open(tree, name)
    file.create(
        ImpersonationLevel.Impersonation,
        FilePipePrinterAccessMask.GENERIC_WRITE | FilePipePrinterAccessMask.DELETE
        | FilePipePrinterAccessMask.FILE_READ_ATTRIBUTES,
        FileAttributes.FILE_ATTRIBUTE_NORMAL, every if sharing == "all" else 0,
        CreateDisposition.FILE_OVERWRITE_IF, CreateOptions.FILE_NON_DIRECTORY_FILE)
    return file


def copy(tree, path, sharing, name=None, part=1.0):
    """Copies a file; gives it open when only a part of it was to be copied."""
    data = path.read_bytes()
    file = open_new(tree, name or path.name, sharing)
    size = FileEndOfFileInformation()
    size["end_of_file"] = len(data)
    set_information(file, size)
    for place in range(0, int(len(data) * part), PIECE):
        file.write(data[place:place + PIECE], place)
    if part < 1:
        return file
    times = FileBasicInformation()
    times["last_write_time"] = OLD
    set_information(file, times)
    if name:
        target = FileRenameInformation()
        target["file_name"] = path.name
        set_information(file, target)
    file.close()
    return None


def main():
    port, share, user, ending, sharing = sys.argv[2:7]
    image, instruction = map(pathlib.Path, sys.argv[7:])
    connection, tree = connect(int(port), share, user)
    if ending.startswith("abort"):
        copy(tree, instruction, sharing)
        copy(tree, image, sharing, part=0.5)
        connection.transport.close()
        if ending == "abort":
            os._exit(0)
        connection, tree = connect(int(port), share, user)
        copy(tree, image, sharing)
        return
    for path in (image, instruction):
        copy(tree, path, sharing, name=path.name + ".tmp" if ending == "rename" else None)
    connection.disconnect(True)


if __name__ == "__main__":
    main()
    os._exit(0)
