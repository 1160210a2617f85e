package org.dmtcp.akka.protocol;

/** What a process does, in the words of the listing. Append only: the ordinal travels. */
public enum WorkerState {
  UNKNOWN,
  RUNNING,
  PRESUSPEND,
  SUSPENDED,
  CHECKPOINTING,
  CHECKPOINTED,
  RESTARTING
}
