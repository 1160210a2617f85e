package org.dmtcp.akka.it;

/**
 * A command that has ended.
 *
 * @param status exit status, 128 + N after signal N
 */
record Outcome(int status, String out, String err) {
  String text() {
    return "status " + status + "\n" + out + err;
  }
}
