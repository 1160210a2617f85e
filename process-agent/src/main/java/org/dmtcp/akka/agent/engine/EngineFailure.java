package org.dmtcp.akka.agent.engine;

/**
 * Why the engine did not do it.
 *
 * @param id one of errors.tsv
 * @param text names process, object and reason
 */
public record EngineFailure(String id, String text) {
  /** The engine process ended, or did not answer in time and was ended. */
  public static final String ENGINE_LOST = "engine-lost";
}
