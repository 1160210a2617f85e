package org.dmtcp.akka.agent.engine;

import com.fasterxml.jackson.databind.node.ObjectNode;

/**
 * The one answer to a request.
 *
 * @param request what was asked
 * @param body the answer's fields; {@code null} when it failed
 * @param failure {@code null} when it succeeded
 */
public record EngineAnswer(EngineRequest request, ObjectNode body, EngineFailure failure) {
  public boolean ok() {
    return failure == null;
  }

  static EngineAnswer failed(EngineRequest request, String id, String text) {
    return new EngineAnswer(request, null, new EngineFailure(id, text));
  }
}
