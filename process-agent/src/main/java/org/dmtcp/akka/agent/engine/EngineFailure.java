package org.dmtcp.akka.agent.engine;

/**
 * Why the engine did not do it.
 *
 * @param id one of errors.tsv
 * @param text names process, object and reason
 * @param phase in which it failed, of a request that goes through several; else empty
 */
public record EngineFailure(String id, String text, String phase) {
  /** The engine process ended, or did not answer in time and was ended. */
  public static final String ENGINE_LOST = "engine-lost";

  public EngineFailure(String id, String text) {
    this(id, text, "");
  }
}
