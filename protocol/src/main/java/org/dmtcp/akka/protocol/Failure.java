package org.dmtcp.akka.protocol;

/**
 * Why something could not be done, in words for the user.
 *
 * @param errorId stable id of {@code config}'s error table
 * @param text names the process, the object and the reason; one line
 */
public record Failure(String errorId, String text) {
  public Failure {
    Checks.notEmpty(errorId, "errorId");
  }

  @Override
  public String toString() {
    return text + " [" + errorId + "]";
  }
}
