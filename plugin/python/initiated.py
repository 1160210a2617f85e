"""A program that asks for its own checkpoint."""
import dmtcp

how = dmtcp.checkpoint()
print({dmtcp.AFTER_CHECKPOINT: "after the checkpoint", dmtcp.AFTER_RESTART: "after the restart",
       dmtcp.NOT_PRESENT: "not under checkpoint control"}.get(how, "no checkpoint"), flush=True)
print(dmtcp.counts(), flush=True)
