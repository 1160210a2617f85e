package org.dmtcp.akka.protocol;

/**
 * The steps of a round, in the order of an ordinary one; {@link RoundPlan#phases()} has the order
 * of each kind. Append only: the ordinal travels.
 */
public enum Phase {
  /** Threads run. Members are found, what cannot be captured is refused, directories are tried. */
  PREPARE,
  /** All members of the node stand still. */
  FREEZE,
  /** All are frozen, so nothing new is sent: the kernel's socket buffers become quiet. */
  DRAIN,
  /** The content of every member is taken. */
  SNAPSHOT,
  /** What was taken out of the kernel's buffers is back in them. */
  REFILL,
  /** Members run again; in a round that kills, they end instead, and the phase is the last one. */
  RESUME,
  /** The images of the node are durable under their names of this generation. */
  WRITE,
  /** The manifest of the node is durable under its temporary name. */
  COMMIT,
  /**
   * After {@link #FREEZE}: nodes report the TCP endpoints whose peers they do not have, and are
   * told which of them belong together.
   */
  MATCH,
  /** After {@link #FREEZE}, where processes have plugins: their PRECHECKPOINT hooks have run. */
  PRECHECKPOINT,
  /** After {@link #REFILL}, where processes have plugins: their RESUME hooks have run. */
  POSTCHECKPOINT
}
