package org.dmtcp.akka.config;

/**
 * How our commands end. Append only. Where a program runs under a command, its own status is the
 * command's.
 */
public enum ExitCode {
  DONE(0, "done"),
  USAGE_OR_TIMEOUT(1, "dmtcp_coordinator: bad option, or --timeout or --stale-timeout is over"),
  COMMAND_FAILED(2, "dmtcp_command: no coordinator, or it could not do what was asked"),
  FAILED(99, "dmtcp_coordinator, dmtcp_launch, dmtcp_restart: it could not be done"
      + " (DMTCP_FAIL_RC chooses another number)");

  private final int number;
  private final String meaning;

  ExitCode(int number, String meaning) {
    this.number = number;
    this.meaning = meaning;
  }

  /** For {@code exit(3)}; {@link #FAILED} obeys {@code DMTCP_FAIL_RC}. */
  public int number() {
    return this == FAILED ? failNumber(System.getenv("DMTCP_FAIL_RC")) : number;
  }

  /** The row of {@code exit_codes.tsv}. */
  int defaultNumber() {
    return number;
  }

  /** One line for the help text. */
  public String describe() {
    return number + "  " + meaning;
  }

  /** What does not name a status from 1 to 255 is as if it were not set. */
  static int failNumber(String chosen) {
    if (chosen == null || !chosen.matches("[0-9]{1,3}")) {
      return FAILED.number;
    }
    int status = Integer.parseInt(chosen);
    return status >= 1 && status <= 255 ? status : FAILED.number;
  }
}
