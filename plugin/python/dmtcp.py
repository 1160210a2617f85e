"""dmtcp.h for Python: without checkpoint control everything says so, and does nothing."""
import ctypes

AFTER_CHECKPOINT, AFTER_RESTART, NOT_PRESENT, IS_PRESENT = 1, 2, 3, 4

_process = ctypes.CDLL(None)


def _call(name, *arguments, absent=NOT_PRESENT):
    function = getattr(_process, name, None)
    return absent if function is None else function(*arguments)


def is_enabled():
    return _call("dmtcp_is_enabled", absent=0) == 1


def checkpoint():
    """AFTER_CHECKPOINT, AFTER_RESTART, NOT_PRESENT, or 0 when the checkpoint failed."""
    return _call("dmtcp_checkpoint")


def disable_checkpoints():
    return _call("dmtcp_disable_ckpt")


def enable_checkpoints():
    return _call("dmtcp_enable_ckpt")


def counts():
    """How often this process was checkpointed and restarted; None without checkpoint control."""
    checkpoints, restarts = ctypes.c_int(), ctypes.c_int()
    ret = _call("dmtcp_get_local_status", ctypes.byref(checkpoints), ctypes.byref(restarts))
    return (checkpoints.value, restarts.value) if ret == IS_PRESENT else None
