package org.dmtcp.akka.agent.engine;

import java.time.Duration;

/** The connection to one engine process. */
public interface EngineChannel extends AutoCloseable {
  /** Starts an engine process; may block for a moment. */
  interface Starter {
    EngineChannel start() throws EngineException;
  }

  /**
   * Hands over one message. Does not wait for the engine to work on it.
   *
   * @throws EngineException the engine has ended
   */
  void submit(byte[] json) throws EngineException;

  /**
   * The next message of the engine. Blocks; call it on one thread only, not on a dispatcher.
   *
   * @return {@code null} when {@code limit} passed without one
   * @throws EngineException the engine has ended; it stays so
   */
  byte[] next(Duration limit) throws EngineException;

  /**
   * Lets the engine end: it lets every process run on. Takes effect in the thread that reads, whose
   * {@link #next} then throws.
   */
  @Override
  void close();

  /**
   * Ends an engine that does not obey any more. What it held runs on, as the kernel lets go what a
   * dead tracer held.
   */
  void kill();
}
