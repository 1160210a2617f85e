package org.dmtcp.akka.coordinator;

/** Where the coordinator tells the person at its terminal what has happened. */
@FunctionalInterface
public interface Notes {
  /** One line; may be called by any thread. */
  void note(String line);
}
