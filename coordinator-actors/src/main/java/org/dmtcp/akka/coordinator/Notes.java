package org.dmtcp.akka.coordinator;

import org.dmtcp.akka.protocol.CoordinatorReply;

/** What a person should see. */
@FunctionalInterface
public interface Notes {
  /** One line; may be called by any thread. */
  void note(String line);

  /** How far a round is that takes long; may be called by any thread. */
  default void progress(CoordinatorReply.Progress progress) {}
}
