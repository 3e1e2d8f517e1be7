#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""uspawn from Python, by ctypes. A binding declares as much of a sized struct as it uses: what is missing is zero."""

from ctypes import CDLL, POINTER, Structure, byref, c_char_p, c_int32, c_int64, c_uint32, c_uint64, c_void_p, sizeof
import os


class Request(Structure):
    """The beginning of struct uspawn_request. `size` says where it ends."""
    _fields_ = [("size", c_uint32), ("rung", c_uint32), ("flags", c_uint64), ("path", c_char_p), ("file", c_char_p),
                ("search", c_char_p), ("argv", POINTER(c_char_p))]


class Child(Structure):
    """The whole of struct uspawn_child, which never changes."""
    _fields_ = [("pidfd", c_int32), ("pid", c_int32), ("state", c_uint32), ("rung", c_uint32), ("data", c_void_p),
                ("code", c_int32), ("status", c_int32), ("usage", c_uint64 * 10),
                ("errnum", c_int32), ("step", c_uint32), ("index", c_uint32), ("reserved", c_uint32),
                ("opaque", c_uint64 * 16)]


lib = CDLL(os.environ.get("USPAWN_LIBRARY", "libuspawn.so.0"))
lib.uspawn.argtypes = POINTER(Child), POINTER(Request), c_void_p
lib.uspawn_wait.argtypes = POINTER(Child), c_int64
lib.uspawn_strstep.argtypes = c_uint32,
lib.uspawn_strstep.restype = c_char_p
EXITED, FAILED = 1, -1


def run(*args):
    """Runs a program; returns its exit code, or raises what kept it from running."""
    argv = (c_char_p * (len(args) + 1))(*(os.fsencode(arg) for arg in args), None)
    child = Child()
    lib.uspawn(byref(child), byref(Request(size=sizeof(Request), argv=argv)), None)
    lib.uspawn_wait(byref(child), -1)
    if child.code == FAILED:
        raise OSError(child.errnum, f"{lib.uspawn_strstep(child.step).decode()}: {os.strerror(child.errnum)}", args[0])
    return child.status if child.code == EXITED else -child.status


if __name__ == "__main__":
    print(run("sh", "-c", "exit 5"), run("sh", "-c", "kill -9 $$"))
    assert run("sh", "-c", "exit 5") == 5
    assert run("sh", "-c", "kill -9 $$") == -9
    try:
        run("/no/such")
        raise AssertionError("it ran")
    except FileNotFoundError as error:
        print(error)
